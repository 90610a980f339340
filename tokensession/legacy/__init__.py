"""Readers of the cookies of other libraries, so that users stay signed in when you change it.

One module for each library. They are off unless a `SessionManager` is given them, and end on a day
that has to be named.
"""
