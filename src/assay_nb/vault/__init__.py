"""The keys at rest: sealed, bound to where they may go, opened for one request at a time."""
