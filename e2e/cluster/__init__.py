"""A Kubernetes for the demo and the tests: `python -m e2e.cluster --help`.

`local` makes a real single node of its own on a bare machine, `kind` one in Docker, `current` takes the user's.
`controlplane` is a Kubernetes without a node, for tests of the API alone.
"""
