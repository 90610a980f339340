"""An application of NiceGUI."""
