"""Applications of aiohttp's packages."""
