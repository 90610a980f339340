"""Framework glue: one module per framework, imported only by those who use it."""
