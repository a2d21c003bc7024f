"""Clients of other people as programs, with the settings that `env --for` prints and nothing else.

They run in an environment beside the one of the tests, which `run.py` makes: `python3 run.py test --only clients`. A
client that leaves the gateway goes by a proxy whose every tunnel ends at a second server, which answers for the
providers' own hosts and keeps what it is shown; a client on Python or Node that goes past the proxy is stopped and
noted.
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
from tests.tools import lacking, require_tool

WORKSPACE = "research"
MODELS = {"anthropic": "claude-sonnet-4-6", "openai": "gpt-6-luna", "google": "gemini-3.8-flash"}
TEXT = "Better said."
HOSTS = ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com")
_PRICES = frozenset({"raw.githubusercontent.com"})  # of models, as LiteLLM has them
ASIDE: Mapping[str, frozenset[str]] = {
    "aider": _PRICES | {"us.i.posthog.com"},  # events, of one in ten people
    "claude": frozenset({"api.anthropic.com"}),  # events, and a list of MCP servers
    # experiments and plugins
    "codex": frozenset({"ab.chatgpt.com", "api.github.com", "chatgpt.com", "github.com"}),
    "dspy": _PRICES,
    "gemini": frozenset({"play.googleapis.com"}),  # events
    "litellm": _PRICES,
    "opencode": frozenset({"models.opencode.ai", "packages.test"}),  # models, and its plugins
}
"""Where clients go beside their work, without the token: what they send there is read, as all else is."""

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

_NODE_GUARD = """
const net = require("net"), fs = require("fs");
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const first = Array.isArray(given[0]) ? given[0][0] : given[0];
  const host = typeof first === "object" && first !== null ? first.host : given[1];
  if (typeof host !== "string" || /^(127\\..*|::1|localhost|)$/.test(host)) return connect.apply(this, given);
  fs.appendFileSync(process.env.LEFT_FILE, host + "\\n");
  return this.destroy(new Error("not from here"));
};
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
        (guard / "guard.cjs").write_text(_NODE_GUARD)
        ca = str(self.authority.file)
        return {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "CI": "1", "TERM": "dumb",
            "HTTPS_PROXY": self.proxy.url, "https_proxy": self.proxy.url,
            "HTTP_PROXY": self.proxy.url, "http_proxy": self.proxy.url,
            "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
            "SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca, "REQUESTS_CA_BUNDLE": ca,
            "PYTHONPATH": str(guard), "NODE_OPTIONS": f"--require={guard / 'guard.cjs'}",
            "LEFT_FILE": str(self.home / "left"),
            # None looks for a newer version of itself; plugins come from no real index.
            "AIDER_CHECK_UPDATE": "false", "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "npm_config_registry": "https://packages.test/",
        }  # fmt: skip

    def tried(self) -> set[str]:
        """Return which hosts other than this one a client has tried to reach, whichever way."""
        heads = b"\n".join(self.proxy.heads).decode(errors="replace")
        left = self.home / "left"
        return {
            *re.findall(r"^[A-Z]+ (?:https?://)?([^:/\s]+)", heads, re.MULTILINE),
            *(left.read_text().split() if left.exists() else ()),
        }

    def check_home(self, client: str) -> None:
        """Fail if a client that was set up has shown a key, or has tried to go where it is not known to go."""
        assert {call.key for call in self.fake.calls} <= set(self.keys.values())
        assert self.tried() - ASIDE.get(client, frozenset()) == set()
        assert {call.key for call in self.elsewhere.calls} <= {None}
        assert self.leaked() == []

    def leaked(self) -> list[str]:
        """Return which tokens were shown anywhere but at the gateway."""
        calls = [*self.elsewhere.calls, *self.elsewhere.strangers, *self.fake.calls]
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
    if part == "npm":
        require_tool("npm")
    there = run.clients_of(Path(sys.prefix))
    if not run.read_stamp(there):
        lacking("This test needs clients. Install them: `python3 run.py test --only clients`.")
    return there / part
