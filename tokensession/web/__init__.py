"""Sessions over HTTP: cookies, the session of a request, opening and saving it."""
