"""The product as its user has it: the command `assay-nb` on a vault of its own, and the functions in Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.running import MODEL, Server

CONNECTION = "local"
NAME = f"{CONNECTION}/{MODEL}"
"""What a call names to reach the server that was connected last."""


@dataclass(frozen=True)
class Done:
    """One command that ended."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


def assay(*words: str, typed: str = "") -> Done:
    """Run `assay-nb` as a program, with a pipe as its standard input."""
    program = Path(sys.executable).with_name("assay-nb")
    done = subprocess.run(
        [str(program), *words],
        input=typed,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        timeout=100,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def connect(server: Server, *more: str, key: str | None = None) -> Done:
    """Connect to a server with its key, or with another one.

    Every test goes through here, so that the way to connect is written once.
    """
    given = server.key if key is None else key
    words = ("connect", "llamacpp", CONNECTION, "--endpoint", server.endpoint)
    return assay(*words, *more, typed=given)
