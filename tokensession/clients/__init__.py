"""Connections to servers, one module for each client library; what stores say to them is theirs."""
