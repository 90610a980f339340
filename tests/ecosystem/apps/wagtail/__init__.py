"""An application of Wagtail."""
