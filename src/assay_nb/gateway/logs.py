"""The gateway's log: one JSON line for each of a closed set of events.

There is no way to log a text. Each event is a dataclass whose fields are names, numbers and codes, so no
prompt, key, token or error text of somebody else's can come into the log by way of a careless f-string.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Write = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class GatewayStarted:
    """It listens."""

    version: str
    listen: str
    database: str


@dataclass(frozen=True, slots=True)
class GatewayStopped:
    """It has ended."""

    seconds: float
    calls_ended: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A request was answered. `route` is the pattern of the table, never the path that was asked for."""

    route: str
    method: str
    status: int
    milliseconds: float
    user: str = ""
    via: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody changed a workspace, its members or its keys."""

    what: str
    user: str
    workspace: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CallsEnded:
    """Calls were ended from outside, and why."""

    user: str
    workspace: str
    calls: int
    reason: str


@dataclass(frozen=True, slots=True)
class TokensRefused:
    """So many requests were refused for their token since the last such line."""

    count: int


@dataclass(frozen=True, slots=True)
class WentWrong:
    """An error of our own: its kind and where it was raised, and the number that the caller was told."""

    number: str
    kind: str
    where: str


LogEvent: TypeAlias = (
    GatewayStarted | GatewayStopped | Answered | Changed | CallsEnded | TokensRefused | WentWrong
)

_REFUSALS_EVERY = 60.0


class Log:
    """Writes events to standard error, where the service manager takes them.

    Requests with a bad token are counted and told of once a minute: anybody can send them, and none
    may fill the disk.
    """

    def __init__(self, write: Write | None = None) -> None:
        self._write = write or _to_stderr
        self._refused = 0
        self._told = -_REFUSALS_EVERY

    def __call__(self, event: LogEvent) -> None:
        fields: dict[str, Any] = {"at": round(time.time(), 3), "event": type(event).__name__}
        for name in event.__slots__:
            fields[name] = getattr(event, name)
        self._write(json.dumps(fields, ensure_ascii=True))

    def count_refusal(self) -> None:
        """Note a request whose token the hub does not know."""
        self._refused += 1
        if time.monotonic() - self._told >= _REFUSALS_EVERY:
            self._told = time.monotonic()
            self(TokensRefused(self._refused))
            self._refused = 0


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
