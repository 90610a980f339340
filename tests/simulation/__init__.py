"""A fleet that rotates its keys for years, in seconds: `python -m tests.simulation --help`."""
