"""The demonstrations, and the session that they show."""
