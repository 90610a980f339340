"""Makes the vector files: an implementation of the format that shares no code with the library."""
