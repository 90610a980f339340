"""MongoDB by PyMongo."""

from tokensession.stores.arguments import check_client

check_client("pymongo", "MongoDB needs PyMongo", "mongodb")
