"""End what a killed test process has left behind.

`end_with_us(process)` tells a watcher, a process of its own that waits for the end of this one. A test run
that comes to its end stops by itself what it has started. Of one that was killed the watcher is left: it ends
what is on its list, with all that descends from it, under whichever user and in whichever session.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, TypeVar

_PROC = Path("/proc")
Started = TypeVar("Started", bound="subprocess.Popen[bytes]")


def end_with_us(process: Started) -> Started:
    """Have a process and its descendants killed if this process is; return it."""
    watch(process.pid)
    return process


def watch(pid: int) -> None:
    """Put a process on the watcher's list, by its number."""
    if _PROC.exists():  # elsewhere there is no way to ask who descends from whom
        _watcher(os.getpid()).write(b"%d\n" % pid)


@cache
def _watcher(_: int) -> IO[bytes]:
    """Start the watcher of this process: its list is a pipe, which ends when the process does."""
    process = subprocess.Popen(
        [sys.executable, "-IS", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,  # no Ctrl-C and no signal to the group of the tests reaches it
    )
    assert process.stdin is not None
    process.returncode = 0  # it ends after us, so nobody waits for it
    return process.stdin


def main() -> None:
    """Read the list until its writer is gone, then end what is on it."""
    listed = {}
    for line in sys.stdin:
        listed[int(line)] = _begun(int(line))
    roots = [pid for pid, begun in listed.items() if begun and _begun(pid) == begun]
    for pid in [each for root in roots for each in (root, *_descendants(root))]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> Iterator[int]:
    for child in _children().get(pid, ()):
        yield child
        yield from _descendants(child)


@cache
def _children() -> dict[int, list[int]]:
    """Return everybody's children, as they are when the first question comes: before anybody is killed."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        if fields := _fields(int(folder.name)):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    return children


def _begun(pid: int) -> str:
    """Return when a process began, which tells it from a later one with its number; `""` for none."""
    fields = _fields(pid)
    return fields[19] if fields else ""


def _fields(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` after the name, from the state on."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


if __name__ == "__main__":
    main()
