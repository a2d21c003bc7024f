"""Each test on each of two real servers, which a worker starts once; its log is shown where one fails."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from assay_nb.engine.session import set_session
from tests.servers.product import connect
from tests.servers.running import KINDS, Server, serve

_SHOWN = 6_000
"""Characters of a server's log, from its end."""


@pytest.fixture(
    scope="session", params=[pytest.param(k, marks=pytest.mark.xdist_group(k)) for k in KINDS]
)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def open_server(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for no key, for all tests."""
    with serve(kind, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def closed_server(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key, for all tests."""
    with serve(kind, tmp_path_factory.mktemp("server"), key="local-Zq7Rt2Kd9Lm4Xv8Bn3Wc") as server:
        yield server


@pytest.fixture
def doomed_server(kind: str, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's own, which it may kill."""
    with serve(kind, tmp_path) as server:
        yield server


@pytest.fixture
def hasty_server(tmp_path: Path) -> Iterator[Server]:
    """A server that breaks off a reply when the next request comes, as `llama_cpp.server` does by itself."""
    with serve("llama_cpp.server", tmp_path, breaks_off=True) as server:
        yield server


@pytest.fixture(autouse=True)
def vault(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty vault, for programs and for this process."""
    use_vault(home, monkeypatch)
    set_session(None)
    yield home / "vault"
    set_session(None)


def use_vault(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Keep vault and master key in a home directory."""
    patch.setenv("ASSAY_HOME", str(home / "vault"))
    patch.setenv("ASSAY_MASTER_KEY_FILE", str(home / "master.key"))


@pytest.fixture(scope="session")
def connected_home(
    open_server: Server, _scrubbed_session: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home whose vault leads to the open server, for copies: to connect is a program's start."""
    home = tmp_path_factory.mktemp("connected")
    with pytest.MonkeyPatch.context() as patch:
        use_vault(home, patch)
        done = connect(open_server)
    assert done.status == 0, done.err
    return home


@pytest.fixture
def connected(connected_home: Path, open_server: Server, vault: Path) -> Server:
    """The open server, connected."""
    shutil.copytree(connected_home, vault.parent, dirs_exist_ok=True)
    return open_server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Show the log of a server that a failed test has used."""
    report = yield
    if report.failed:
        for value in item.funcargs.values():  # type: ignore[attr-defined]
            if isinstance(value, Server):
                report.sections.append((f"log of {value.kind}", value.log[-_SHOWN:]))
    return report
