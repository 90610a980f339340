"""Framework glue: one module per framework. Only users of a framework import its module."""
