"""The open connections of clients: how many there may be, and how long one may wait.

Anybody who reaches the port can open connections and say nothing, before any token is asked for. So a connection
that waits, for a head, a body or the next request, is closed after a while, and earlier where there are too many: the one
that has waited longest. A connection whose request is being served is never closed for another's sake.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import time
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

HEAD = 10.0
"""Seconds from the first byte of a head, or from connecting, until it has to be complete."""

BODY = 60.0
"""Seconds in which the body of a request has to come that is not passed through: 4 MiB at 0.6 megabits a second.
What is passed through holds one of its member's few slots, and the watchdog looks after it."""

IDLE = 75.0
"""Seconds from an answer to the next request; and for a client to read the end of an answer."""

LINGER = 10.0
"""Seconds in which what comes after a refusal is read and thrown away, so that the refusal can be read."""

SWEEP = 0.5
PER_PEER = 1_024
"""Connections of one address that may wait. A proxy before the gateway is one address."""

_KEPT = 192
"""File descriptors for the database, the hub, threads, and what aiohttp has open."""

_LEAST = 64
_TELL = 60.0

Wait: TypeAlias = Literal["head", "body", "idle", "linger"]
_SECONDS: dict[Wait, float] = {"head": HEAD, "body": BODY, "idle": IDLE, "linger": LINGER}


class Waiting(Protocol):
    """A connection that waits."""

    peer: str

    def waited_too_long(self, what: Wait) -> None:
        """Close: nothing has come, or not enough."""
        ...

    def make_room(self) -> None:
        """Close at once, for another one."""
        ...


class Connections:
    """All open connections of clients.

    Args:
        most: Connections that may be open at a time.
        per_peer: Connections of one address that may wait at a time.
        tell: Receives how many connections were refused or closed for others since it was last told.
    """

    def __init__(
        self, most: int, per_peer: int = PER_PEER, tell: Callable[[int], None] = lambda count: None
    ) -> None:
        self.most = most
        self._per_peer = min(per_peer, most)
        self._tell = tell
        self._open: set[Waiting] = set()
        self._waiting: dict[Wait, dict[Waiting, float]] = {what: {} for what in _SECONDS}
        self._waits_for: dict[Waiting, Wait] = {}
        self._peers: dict[str, dict[Waiting, None]] = {}
        self.is_closing = False
        self._turned_away = 0
        self._told_at = -_TELL

    def __len__(self) -> int:
        return len(self._open)

    @property
    def waiting(self) -> int:
        """How many connections wait."""
        return len(self._waits_for)

    def admit(self, connection: Waiting) -> bool:
        """Take a new connection in, and wait for its first head; False if there is no room for it."""
        if len(self._open) >= self.most and not self._make_room():
            self._turn_away()
            return False
        self._open.add(connection)
        self.wait(connection, "head")
        return True

    def wait(self, connection: Waiting, what: Wait) -> None:
        """Note that a connection waits from now on, and for what."""
        self.stop_waiting(connection)
        self._waits_for[connection] = what
        self._waiting[what][connection] = time.monotonic() + _SECONDS[what]
        mine = self._peers.setdefault(connection.peer, {})
        mine[connection] = None
        if len(mine) > self._per_peer:
            self._close_for_another(next(iter(mine)))

    def stop_waiting(self, connection: Waiting) -> None:
        """Note that a connection's request is being served."""
        what = self._waits_for.pop(connection, None)
        if what is not None:
            del self._waiting[what][connection]
            mine = self._peers[connection.peer]
            del mine[connection]
            if not mine:
                del self._peers[connection.peer]

    def forget(self, connection: Waiting) -> None:
        """Forget a connection that is closed."""
        self.stop_waiting(connection)
        self._open.discard(connection)

    def close(self) -> None:
        """Close every connection, whatever it does, and keep none from now on."""
        self.is_closing = True
        for connection in list(self._open):
            connection.make_room()

    def sweep(self) -> None:
        """Close the connections that have waited too long. What waits the same time is in its order."""
        now = time.monotonic()
        for what, waiting in self._waiting.items():
            late: list[Waiting] = []
            for connection, end in waiting.items():
                if end > now:
                    break
                late.append(connection)
            for connection in late:
                connection.waited_too_long(what)
        self._tell_some()

    def _make_room(self) -> bool:
        """Close the connection that has waited longest; False if each is being served."""
        oldest: list[tuple[float, Waiting]] = []
        for what, waiting in self._waiting.items():
            for connection, end in waiting.items():
                oldest.append((end - _SECONDS[what], connection))
                break
        if not oldest:
            return False
        self._close_for_another(min(oldest, key=lambda pair: pair[0])[1])
        return True

    def _close_for_another(self, connection: Waiting) -> None:
        self.forget(connection)
        self._turn_away()
        connection.make_room()

    def _turn_away(self) -> None:
        self._turned_away += 1
        self._tell_some()

    def _tell_some(self) -> None:
        now = time.monotonic()
        if self._turned_away and now - self._told_at >= _TELL:
            count, self._turned_away = self._turned_away, 0
            self._told_at = now
            self._tell(count)


class FileTable:
    """Notices that no further file can be opened.

    The event loop closes what connects then, and tells nobody.

    Args:
        tell: Receives how many files the process may have, once a minute while it can open none.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._told_at = -_TELL

    def sweep(self) -> None:
        """Look whether a file can be opened."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            now = time.monotonic()
            if error.errno in (errno.EMFILE, errno.ENFILE) and now - self._told_at >= _TELL:
                self._told_at = now
                self._tell(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def raise_file_limit() -> int:
    """Have as many file descriptors as this process may; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


def share_files(files: int, wanted: int, upstream: int) -> int:
    """Return how many clients may be connected, so that the table of files never fills up.

    Args:
        files: File descriptors that this process may have.
        wanted: Connections that the operator allows.
        upstream: Connections to providers that may be open at the same time.
    """
    free = max(_LEAST, files - _KEPT)
    return max(_LEAST, min(wanted, free - min(upstream, free // 2)))


async def sweep_again_and_again(*sweeps: Callable[[], None]) -> None:
    """Sweep twice a second, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP)
        for sweep in sweeps:
            sweep()
