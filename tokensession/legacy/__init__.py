"""Readers of other libraries' cookies, so that users stay signed in when you change over.

There is one module for each library. A reader works only if you pass it to a `SessionManager`, and
only until the day that you set.
"""
