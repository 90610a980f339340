"""Log-out by an OpenID provider: its token, the provider's keys, and the endpoint."""
