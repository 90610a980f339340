"""The applications, a folder for each group and a module for each package."""
