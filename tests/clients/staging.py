"""Clients of other people as programs, with the settings that `env --for` prints and nothing else.

They run in an environment beside the one of the tests, which `run.py` makes: `python3 run.py test --only clients`. A
client that leaves the gateway goes by a proxy whose every tunnel ends at a second server, which answers for the
providers' own hosts and keeps what it is shown; a Python client that goes past the proxy is stopped and noted.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import run
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_tls import Authority, FakeProxy
from tests.gateway.threaded import Hub
from tests.tools import lacking

WORKSPACE = "research"
MODELS = {"anthropic": "claude-sonnet-4-6", "openai": "gpt-6-luna", "google": "gemini-3.8-flash"}
TEXT = "Better said."
HOSTS = ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com")

_GUARD = """
import ipaddress, os, sys
def guard(event, arguments):
    if event not in ("socket.connect", "socket.getaddrinfo"):
        return
    host = arguments[1][0] if event == "socket.connect" and isinstance(arguments[1], tuple) else arguments[0]
    if not isinstance(host, (str, bytes)):
        return
    host = host.decode() if isinstance(host, bytes) else host
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host in ("", "localhost")
    if not local:
        with open(os.environ["LEFT_FILE"], "a") as file:
            print(host, file=file)
        raise OSError("not from here")
sys.addaudithook(guard)
"""


@dataclass
class Place:
    """A hub's terminal, and the world around it.

    Attributes:
        hub: The gateway, with a workspace that has a key for each provider.
        keys: Those keys, by provider.
        elsewhere: Who answers for the providers' own hosts.
        proxy: The way there.
        home: The home directory of the person at the terminal.
        settings: What `env --for` has printed for the client that was set up last.
    """

    hub: Hub
    keys: Mapping[str, str]
    elsewhere: FakeProviders
    proxy: FakeProxy
    authority: Authority
    home: Path
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def fake(self) -> FakeProviders:
        return self.hub.stage.fake

    def set_up(self, client: str) -> dict[str, str]:
        """Do what `assay-nb env --for CLIENT` says, and return the environment of what is started then."""
        told = run_program(
            [
                sys.executable,
                "-m",
                "assay_nb.cli",
                "env",
                "-w",
                WORKSPACE,
                "--for",
                client,
                "--json",
            ],
            {**os.environ, **dict(self.hub.surroundings())},
        )
        assert told.returncode == 0, told.stderr
        self.settings = json.loads(told.stdout)
        for path, text in self.settings.get("files", {}).items():
            file = self.home / path.removeprefix("~/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return {
            **self._surroundings(),
            **{
                name: value
                for name, value in self.settings.items()
                if isinstance(value, str) and name.isupper()
            },
        }

    def _surroundings(self) -> dict[str, str]:
        guard = self.home / "guard"
        guard.mkdir(exist_ok=True)
        (guard / "sitecustomize.py").write_text(_GUARD)
        ca = str(self.authority.file)
        return {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "CI": "1", "TERM": "dumb",
            "HTTPS_PROXY": self.proxy.url, "https_proxy": self.proxy.url,
            "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
            "SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca, "REQUESTS_CA_BUNDLE": ca,
            "PYTHONPATH": str(guard), "LEFT_FILE": str(self.home / "left"),
        }  # fmt: skip

    def tried(self) -> set[str]:
        """Return which of the providers' own hosts a client has tried to reach, whichever way."""
        heads = b"\n".join(self.proxy.heads).decode(errors="replace")
        left = self.home / "left"
        seen = {
            *re.findall(r"CONNECT ([^:\s]+)", heads),
            *(left.read_text().split() if left.exists() else ()),
        }
        return seen & set(HOSTS)

    def leaked(self) -> list[str]:
        """Return which tokens were shown anywhere but at the gateway."""
        calls = [*self.elsewhere.calls, *self.fake.calls]
        told = "\n".join(f"{one.path} {one.query} {one.headers} {one.text}" for one in calls)
        told += b"\n".join(self.proxy.heads).decode(errors="replace")
        return [one for one in (self.settings["ASSAY_TOKEN"], self.hub.token) if one in told]


def run_program(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without a terminal."""
    return subprocess.run(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def find(part: str) -> Path:
    """Return where a part of the clients is: `sdks`, `aider` or `npm`. Else the test ends: skipped, failed in CI."""
    there = run.clients_of(Path(sys.prefix))
    if not run.read_stamp(there):
        lacking("This test needs clients. Install them: `python3 run.py test --only clients`.")
    return there / part
