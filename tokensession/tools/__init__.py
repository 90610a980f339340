"""Tools beside the library: the command line, the demonstrations, the runner of vectors."""
