"""MongoDB by pymongo."""
