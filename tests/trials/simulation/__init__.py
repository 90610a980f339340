"""A fleet that rotates its keys for years, in seconds.

`python -m tests.trials.simulation --help` says how to run a long one.
"""
