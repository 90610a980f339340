"""Applications of packages for Starlette and FastAPI."""
