"""What a forked child must not use of its parent's: open connections, and locks that a lost thread may hold."""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol


class Holder(Protocol):
    """Holds something that belongs to the process that opened it."""

    def leave_to_parent(self) -> None:
        """Begin anew, without closing what the parent still uses."""
        ...


_holders: weakref.WeakSet[Holder] = weakref.WeakSet()
_left: list[Any] = []


def watch_forks(holder: Holder) -> None:
    """Have a holder told in every forked child, for as long as it lives."""
    _holders.add(holder)


def keep_open(connection: Any) -> None:
    """Keep a parent's connection from being closed here when nothing refers to it any more.

    SQLite forbids it: https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
    """
    _left.append(connection)


def _tell_all() -> None:
    for holder in list(_holders):
        holder.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_tell_all)
