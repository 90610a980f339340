"""The test vectors of the format: how they are read and run (vectors/README.md)."""
