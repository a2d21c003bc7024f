"""What holds for every test: no network beyond this machine, and a surrounding that says nothing."""

from __future__ import annotations

import gc
import ipaddress
import itertools
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.canaries import make_canary
from tests.fakes.postgres import postgres_server, postgres_url
from tests.tools import require_tool

if TYPE_CHECKING:
    from assay_nb.providers.exchange import Limits
    from assay_nb.providers.transport import Egress
    from tests.fakes.providers import FakeProviders

__all__ = ["postgres_server", "postgres_url", "require_tool"]

_LONGEST_IN_A_NAME = 200
"""How many characters of a parameter stand in a test's name."""

_SCRUBBED_PREFIXES = (
    "ANTHROPIC_", "ASSAY_", "AWS_", "AZURE_", "CLAUDE_", "GEMINI_", "GOOGLE_", "IPYTHON",
    "JPY_", "JUPYTER", "KEYRING_", "OPENAI_", "PYTHON_KEYRING", "VERTEX_", "XDG_",
)  # fmt: skip
_SCRUBBED = {
    "ALL_PROXY", "CURL_CA_BUNDLE", "DBUS_SESSION_BUS_ADDRESS", "DEFER_PYDANTIC_BUILD",
    "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NETRC", "NO_COLOR", "NO_PROXY", "PYTHONSTARTUP",
    "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE",
}  # fmt: skip

NIGHTLY = bool(os.environ.get("NIGHTLY"))
_QUICK = 5.0
"""Seconds of processor time that a test without the mark `slow` may take. What is marked takes .3 s or more on a
quiet machine; beside other work, small tests that start a program were seen to take 2.5."""


# --- examples ---------------------------------------------------------------------------------------

# How long one example takes says how busy the machine is. CI draws the same ones each time (Hypothesis sees
# to that by itself), so that a change fails for what it changed; the nightly run looks for new ones.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "nightly",
    settings.get_profile("house"),
    derandomize=False,
    max_examples=2_000,
    database=DirectoryBasedExampleDatabase(".hypothesis/nightly"),  # tries again what has failed
)
settings.load_profile("nightly" if NIGHTLY else "house")


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


_started: list[str] = []
"""The programs that this process has started."""


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"subprocess.Popen", "os.fork", "os.posix_spawn"}:
        _started.append(event)
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


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The paths of homes. `mktemp` would list all earlier ones for the number of the next."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / f"home{number}" for number in itertools.count())


@pytest.fixture(autouse=True)
def home(_scrubbed_session: None, _homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory of this test's own, in an environment that names no provider."""
    path = next(_homes)
    path.mkdir(mode=0o700)
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


# --- providers --------------------------------------------------------------------------------------
# What the fixtures need is imported by them: most tests need none of it.


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What asynchronous tests and fixtures run on, of every scope."""
    return "asyncio"


@pytest.fixture
def fake() -> Iterator[FakeProviders]:
    """Scripted providers on loopback."""
    from tests.fakes.providers import FakeProviders

    with FakeProviders() as server:
        yield server


@pytest.fixture
def evil() -> Iterator[FakeProviders]:
    """A server of the attacker's, which must never hear from us."""
    from tests.fakes.providers import FakeProviders

    with FakeProviders() as server:
        yield server


@pytest.fixture
def limits() -> Limits:
    """How long `egress` waits, and for how much. A module that cannot wait so long has its own."""
    from assay_nb.providers.exchange import Limits

    return Limits()


@pytest.fixture
async def egress(limits: Limits) -> AsyncIterator[Egress]:
    """The way to the providers, with this module's `limits`."""
    from assay_nb.providers.transport import Egress

    async with Egress(limits=limits) as shared:
        yield shared


# --- where tests run --------------------------------------------------------------------------------


_SHARED = (
    "hub", "kernel", "labserver", "attacks/test_notebook_artifacts.py", "attacks/test_panels.py",
    "panels/test_in_kernels.py",
)  # fmt: skip
"""Folders and modules that share a hub, a server or a kernel, which takes seconds to start."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its beginning: a name goes into the environment, the log and the report."""
    if not isinstance(val, str | bytes) or len(val) <= _LONGEST_IN_A_NAME:
        return None
    text = val if isinstance(val, str) else val.decode("latin-1")
    return f"{argname}={ascii(text[:_LONGEST_IN_A_NAME])[1:-1]}... ({len(val)})"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser in Lab or a real server, and keep on one worker what shares something that runs."""
    for item in items:
        if item.path.parent.name == "lab" or item.path.name == "test_lab.py":
            item.add_marker("lab")
        if item.path.parent.name in ("servers", "clients"):
            item.add_marker(item.path.parent.name)
        for place in _SHARED:
            if item.path.is_relative_to(Path(__file__).parent / place):
                item.add_marker(pytest.mark.xdist_group(place))
        # xdist makes one group of two names, which is then neither.
        assert len(list(item.iter_markers("xdist_group"))) <= 1, f"{item.nodeid} is in two groups"


# --- the garbage collector --------------------------------------------------------------------------

_FREEZE_EVERY = 300
"""Tests after which what is alive is left out of further collections: a million objects stay alive until the end, and
looking through them took seconds for whichever test a whole collection fell on."""

_finished = itertools.count(1)


def pytest_collection_finish() -> None:
    _freeze()


def pytest_runtest_logfinish() -> None:
    if next(_finished) % _FREEZE_EVERY == 0:
        _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that keeps the processors busy for long and is not marked: every Python runs those.

    It is processor time, so a busy machine fails nothing: its own, and that of children which have ended if it
    has started any. Another test's may end at any time. The nightly run has twenty times the examples.
    """
    began, before = os.times(), len(_started)
    outcome = yield
    spent = [now - then for now, then in zip(os.times()[:4], began[:4], strict=True)]
    took = sum(spent if len(_started) > before else spent[:2])
    if took >= _QUICK and not NIGHTLY and item.get_closest_marker("slow") is None:
        pytest.fail(f"It took {took:.1f} s of processor time: mark it `slow`.", pytrace=False)
    return outcome
