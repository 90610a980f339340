"""Applications of real packages over real HTTP: sign in, use it, sign out, replay the cookie.

Each group of packages has an environment of its own, pinned in `requirements/GROUP.txt`.
Applications run there, in a process of their own. Tests talk to them over HTTP, as browsers do.

`python -m tests.ecosystem.environments` makes the environments of the quick groups.
Every run of the tests needs these. `.ci/ecosystem` makes all and runs every story.
"""
