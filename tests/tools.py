"""Programs that some tests need and a developer may not have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
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


def _newest(paths: Iterable[Path]) -> str | None:
    return max(map(str, paths), default=None)
