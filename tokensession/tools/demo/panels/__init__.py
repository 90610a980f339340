"""The panels of the demonstration page, one module each."""
