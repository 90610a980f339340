"""An application of Flask-AppBuilder."""
