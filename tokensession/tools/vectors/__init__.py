"""Read and run the test vectors of the format (vectors/README.md)."""
