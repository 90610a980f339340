"""Applications of Django's packages: each is a settings file and its URLs in one module."""
