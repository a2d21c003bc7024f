"""Failpoints: the points at which a change can be cut off, named so that tests can cut it off there.

`failpoint` does nothing. A test replaces `reached` in a process of its own and kills that process at
one point after the other; what is left must open, and a second attempt must succeed.
"""

from __future__ import annotations

from collections.abc import Callable


def _continue(name: str) -> None:
    pass


reached: Callable[[str], None] = _continue


def failpoint(name: str) -> None:
    """Say that this point was reached."""
    reached(name)
