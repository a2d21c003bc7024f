"""Programs that some tests need and a developer may not have; and a bound on time."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Debian keeps PostgreSQL's server programs off the PATH, one folder per major version.
_POSTGRESQL = Path("/usr/lib/postgresql")


def require_tool(name: str) -> str:
    """Return the path of a program, or end the test: skipped on a desk, failed in CI.

    A missing browser on somebody's laptop is no failure. In CI it would be a test that silently no
    longer runs.
    """
    path = shutil.which(name) or _newest(_POSTGRESQL.glob(f"*/bin/{name}"))
    if path is not None:
        return path
    sentence = f"This test needs the program {name!r}, which is not installed."
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def wait_until(done: Callable[[], bool], seconds: float, explain: Callable[[], str]) -> None:
    """Wait for a condition; if it does not come in time, fail with the end of an explanation."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, explain()[-4000:]
        time.sleep(0.05)


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
