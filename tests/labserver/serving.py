"""Jupyter Server and JupyterLab as a person starts them: programs of their own, on this machine only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.tools import unused_port
from tests.watching import end_with_us

TOKEN = "for-these-tests-only"
API = "assay-nb/api/v1"
_START = 90.0


@dataclass(frozen=True)
class Answer:
    """An answer as a browser gets it."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return self.data["error"]["code"]

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The server-sent events in it."""
        parts = [
            part.split("\n", 1) for part in self.text.split("\n\n") if part.startswith("event:")
        ]
        return [(head[7:], json.loads(data[6:])) for head, data in parts]


@dataclass(frozen=True)
class Server:
    """A running Jupyter Server.

    Attributes:
        url: Its address, with a slash at the end.
        log_file: Where it logs, at the level of debug.
        pid: The process's.
    """

    url: str
    log_file: Path
    pid: int

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask the extension as a signed-in browser would; `Authorization=""` asks as nobody."""
        sent = {"Authorization": f"token {TOKEN}", **headers}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body)
        with httpx2.Client(trust_env=False, timeout=60) as client:
            response = client.request(
                method,
                f"{self.url}{API}/{path}",
                headers={name: value for name, value in sent.items() if value},
                content=content,
            )
        return Answer(response.status_code, dict(response.headers), response.text)


@contextmanager
def serve(
    program: str, folder: Path, *flags: str, environment: Sequence[tuple[str, str]] = ()
) -> Generator[Server]:
    """Start `jupyter_server`, `jupyterlab` or `notebook` on a folder, with the extension switched on.

    Args:
        program: The module that is started.
        folder: What it serves.
        flags: More of its flags.
        environment: More of its environment.
    """
    port = unused_port()
    folder.mkdir(exist_ok=True)
    log = folder.parent / f"{program}-{port}.log"
    command = [
        sys.executable, "-m", program, "--no-browser", "--allow-root", "--debug",
        f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.jpserver_extensions={'assay_nb.labserver': True}", *flags,
    ]  # fmt: skip
    with log.open("wb") as out:
        process = end_with_us(
            subprocess.Popen(
                command,
                env={**os.environ, **dict(environment)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        )
    try:
        _wait(f"http://127.0.0.1:{port}/api", process, log)
        yield Server(f"http://127.0.0.1:{port}/", log, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end and process.poll() is None:
        if _is_up(url):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
