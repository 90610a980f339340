"""Applications of Flask's packages."""
