"""What the differential fuzzing is made of."""
