"""The peers' own test suites, run over sessions of this library.

Usage: `python -m tests.trials.suites [NAME ...] [--own] [--source FOLDER]`

Each module beside this one names a peer: the source archive that holds its tests, what they need,
the configuration that puts our sessions in place of the peer's, and which failures are explained.
`--own` runs the same tests on the peer's own sessions. `--source` takes the tests from a folder,
where no source archive holds them. The exit code is 1 when a test fails without
an explanation, or an explained one passes.
"""
