"""What holds for every test: no network beyond this machine, and a surrounding that says nothing."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.canaries import make_canary
from tests.tools import require_tool

__all__ = ["require_tool"]

_SCRUBBED_PREFIXES = (
    "ANTHROPIC_", "ASSAY_", "AWS_", "AZURE_", "CLAUDE_", "GEMINI_", "GOOGLE_", "IPYTHON",
    "JPY_", "JUPYTER", "KEYRING_", "OPENAI_", "PYTHON_KEYRING", "VERTEX_", "XDG_",
)  # fmt: skip
_SCRUBBED = {
    "ALL_PROXY", "CURL_CA_BUNDLE", "DBUS_SESSION_BUS_ADDRESS", "DEFER_PYDANTIC_BUILD",
    "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NETRC", "NO_COLOR", "NO_PROXY", "PYTHONSTARTUP",
    "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE",
}  # fmt: skip


# --- the network ------------------------------------------------------------------------------------


class NetworkBlocked(OSError):
    """A test tried to reach a machine other than this one."""


_blocked: list[str] = []


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or host in {"", "localhost", socket.gethostname()}:
        return True
    if host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def _destination(event: str, arguments: tuple[Any, ...]) -> object:
    """Return the host that an audited socket operation is about; None for any other event."""
    if event == "socket.getaddrinfo":
        return arguments[0]
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        sock, address = arguments[0], arguments[1]
        if sock.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
            return address[0]
    return None


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith("socket."):
        host = _destination(event, arguments)
        if not _is_local(host):
            _blocked.append(f"{event} {host!r}")
            raise NetworkBlocked(f"Tests may reach this machine only, not {host!r}.")


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Fail the test that tried to leave the machine, even if it caught the refusal."""
    _blocked.clear()
    yield
    tried, _blocked[:] = list(_blocked), []
    assert not tried, f"tried to reach another machine: {tried}"


@pytest.fixture
def blocked_calls() -> list[str]:
    """What the guard refused during this test. A test that *means* to be refused clears it."""
    return _blocked


# --- signals ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Have Ctrl-C reach what we start, also where a shell began us in the background and ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# --- the environment --------------------------------------------------------------------------------


def _leftovers() -> list[str]:
    return [
        name
        for name in os.environ
        if name.upper().startswith(_SCRUBBED_PREFIXES) or name.upper() in _SCRUBBED
    ]


def _places(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_DATA_DIR": str(home / ".local" / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / ".run"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


@pytest.fixture(scope="session", autouse=True)
def _scrubbed_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Scrub the environment before any fixture of a wider scope can start a program with it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _leftovers():
            patch.delenv(name)
        for name, value in _places(tmp_path_factory.mktemp("session-home")).items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def home(
    _scrubbed_session: None,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """An empty home directory of this test's own, in an environment that names no provider."""
    path = tmp_path_factory.mktemp("home")
    for name in _leftovers():
        monkeypatch.delenv(name)
    for name, value in _places(path).items():
        monkeypatch.setenv(name, value)
    return path


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Take back what the gateway does to its process: no file of it is for others."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


# --- canaries ---------------------------------------------------------------------------------------


@pytest.fixture
def make_key() -> Callable[[str], str]:
    """A factory of fake keys: `make_key("anthropic")`, each time another one."""
    return make_canary


@pytest.fixture
def canary() -> dict[str, str]:
    """One fake key per provider: `canary["openai"]`."""
    return {provider: make_canary(provider) for provider in ("anthropic", "openai", "google")}


# --- where tests run --------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser in Lab, and keep on one worker what shares a hub or a system user.

    A gateway refuses to start where a kernel runs as its own user, also when that kernel is another
    worker's test.
    """
    for item in items:
        if item.path.parent.name == "lab" or item.path.name == "test_lab.py":
            item.add_marker("lab")
        elif item.path.parent.name == "hub" or "tests.gateway.process" in _imports(item):
            item.add_marker(pytest.mark.xdist_group("users"))


def _imports(item: pytest.Item) -> set[str]:
    module = getattr(item, "module", None)
    return (
        {getattr(value, "__module__", "") for value in vars(module).values()} if module else set()
    )
