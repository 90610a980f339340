"""What the benchmark program is made of."""
