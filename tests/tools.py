"""Programs that some tests need and a developer may not have, ports, waiting, and a bound on time."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

# Below what systems hand out by themselves (Linux from 32768 on, macOS from 49152 on).
_ports = itertools.cycle(range(20_000, 32_000))
for _ in range(os.getpid() * 37 % 12_000):  # processes begin at places of their own
    next(_ports)

# Debian keeps PostgreSQL's server programs off the PATH, one folder per major version.
_POSTGRESQL = Path("/usr/lib/postgresql")


def require_tool(name: str) -> str:
    """Return the path of a program, or end the test: skipped on a desk, failed in CI.

    A missing browser on somebody's laptop is no failure. In CI it would be a test that silently no
    longer runs.
    """
    path = shutil.which(name) or _newest(_POSTGRESQL.glob(f"*/bin/{name}"))
    if path is None:
        lacking(f"This test needs the program {name!r}, which is not installed.")
    return path


def lacking(sentence: str) -> NoReturn:
    """End a test that lacks what is not installed: skipped on a desk, failed in CI."""
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def wait_until(done: Callable[[], bool], seconds: float, explain: Callable[[], str]) -> None:
    """Wait for a condition; if it does not come in time, fail with the end of an explanation."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, explain()[-4000:]
        time.sleep(0.05)


async def until(
    done: Callable[[], bool], seconds: float = 60, explain: Callable[[], str] = lambda: "not yet"
) -> None:
    """Do what `wait_until` does, while the loop goes on."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, explain()[-4000:]
        await asyncio.sleep(0.01)


def unused_port() -> int:
    """Return a port on which nothing listens, and which is nobody else's as long as this process lives.

    A server that is started with it finds it free, and one that asks the system for any port does not get
    it. A UDP socket on the same number keeps other test processes off, and stays open for that.
    """
    for port in _ports:
        keeper = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if _takes(keeper, port) and _is_free(port):
            keeper.detach()
            return port
        keeper.close()
    raise AssertionError("no port is free")


def _takes(one: socket.socket, port: int) -> bool:
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        return _takes(one, port)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail a block that takes more of the processor's time.

    What other processes take does not count, nor what the collector takes to look at everything that
    earlier tests have left in this one.
    """
    gc.disable()
    try:
        began = time.process_time()
        yield
        took = time.process_time() - began
    finally:
        gc.enable()
    assert took < seconds


def _newest(paths: Iterable[Path]) -> str | None:
    return max(map(str, paths), default=None)
