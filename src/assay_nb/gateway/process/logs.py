"""The gateway's log: one JSON line for each of a closed set of events.

No text can be logged. Each event is a dataclass whose fields are names, numbers and codes, so no prompt, key,
token or foreign error text can get into the log through a careless f-string.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

Write = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class GatewayStarted:
    """The gateway is listening."""

    version: str
    listen: str
    database: str


@dataclass(frozen=True, slots=True)
class DependencyOld:
    """An installed package is older than this release asks for, and has known faults."""

    package: str
    installed: str
    floor: str


@dataclass(frozen=True, slots=True)
class GatewayStopped:
    """The gateway has stopped."""

    seconds: float
    calls_ended: int


@dataclass(frozen=True, slots=True)
class TeamTaken:
    """A hub group has no workspace, since one that was made by hand, or another group's, has the name."""

    group: str
    workspace: str


@dataclass(frozen=True, slots=True)
class HubChecked:
    """Whether the hub answers and knows the service's token: at the start, and whenever that changes."""

    state: str
    api_url: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A request was answered. `route` is the pattern in the table, never the requested path."""

    route: str
    method: str
    status: int
    milliseconds: float
    user: str = ""
    via: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A person changed a workspace, its members or its keys."""

    what: str
    user: str
    workspace: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CallsEnded:
    """Calls were ended before they finished, with the reason."""

    user: str
    workspace: str
    calls: int
    reason: str


@dataclass(frozen=True, slots=True)
class TokensRefused:
    """The number of requests refused for their token since the last such line."""

    count: int


@dataclass(frozen=True, slots=True)
class ConnectionsClosed:
    """The number of connections that were closed since the last such line, since there were too many."""

    count: int


@dataclass(frozen=True, slots=True)
class FilesUsedUp:
    """No further file could be opened of so many that the process may have: new connections are closed unseen.

    Told once a minute while it lasts. Raise the limit (`LimitNOFILE`), or lower `limits.connections`.
    """

    limit: int


@dataclass(frozen=True, slots=True)
class CallsUnwritten:
    """The call log could not be written: the number of waiting records. No call starts meanwhile."""

    count: int


@dataclass(frozen=True, slots=True)
class LinesDropped:
    """The number of lines that were dropped because they came faster than they could be written."""

    count: int


@dataclass(frozen=True, slots=True)
class WentWrong:
    """An internal error: its kind, where it was raised, and the number that the caller was given."""

    number: str
    kind: str
    where: str


LogEvent: TypeAlias = (
    GatewayStarted
    | DependencyOld
    | GatewayStopped
    | TeamTaken
    | HubChecked
    | Answered
    | Changed
    | CallsEnded
    | TokensRefused
    | ConnectionsClosed
    | FilesUsedUp
    | CallsUnwritten
    | LinesDropped
    | WentWrong
)

_REFUSALS_EVERY = 60.0
_WAITING = 10_000
_GATHERED = 0.05
_PATIENCE = 2.0


class Log:
    """Writes events to standard error, where the service manager collects them.

    Requests with a bad token are counted and logged once a minute: anybody can send them, and they must not
    fill the disk.
    """

    def __init__(self, write: Write | None = None) -> None:
        self._stderr = _Stderr() if write is None else None
        self._write: Write = self._stderr.put if self._stderr else cast("Write", write)
        self._refused = 0
        self._told = -_REFUSALS_EVERY

    def __call__(self, event: LogEvent) -> None:
        self._write(_encode(event))

    def close(self) -> None:
        """Write the lines that are still waiting."""
        if self._stderr is not None:
            self._stderr.close()

    def count_refusal(self) -> None:
        """Count a request whose token the hub does not know."""
        self._refused += 1
        if time.monotonic() - self._told >= _REFUSALS_EVERY:
            self._told = time.monotonic()
            self(TokensRefused(self._refused))
            self._refused = 0


class _Stderr:
    """Writes lines from a separate thread, so that a slow reader does not hold up a stream.

    Lines that come within a twentieth of a second are written together. Waking the thread for each line cost
    a busy gateway as much as opening the key does.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._due = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay_nb log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Queue a line, unless too many are waiting already."""
        if len(self._lines) >= _WAITING:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._due.is_set():
            self._due.set()

    def close(self) -> None:
        """Wait until the queue is written, but no longer than two seconds."""
        self._closing.set()
        self._due.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._due.wait()
            self._closing.wait(_GATHERED)
            self._due.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            lines.append(_encode(LinesDropped(dropped)))
        data = "".join(f"{line}\n" for line in lines).encode()
        # Past Python's own buffer: data left in it makes the exit fail once nobody reads any more.
        with suppress(OSError, ValueError):
            while data:
                data = data[os.write(sys.stderr.fileno(), data) :]


def _encode(event: LogEvent) -> str:
    fields: dict[str, Any] = {"at": round(time.time(), 3), "event": type(event).__name__}
    for name in event.__slots__:
        fields[name] = getattr(event, name)
    return json.dumps(fields, ensure_ascii=True)
