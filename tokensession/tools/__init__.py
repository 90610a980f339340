"""Tools around the library: the command line, the demonstrations, the vector runner."""
