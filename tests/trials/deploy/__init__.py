"""A fleet of real servers over one key source, rotated under load."""
