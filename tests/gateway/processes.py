"""The gateway as a process of its own, as an operator starts it, with a fake hub before it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from assay_nb.messages import ProviderId
from tests.canaries import make_canary
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.hub.stage import GATEWAY_UID, as_user, find_python, import_path
from tests.tools import unused_port, wait_until
from tests.watching import end_with_us

PREFIX = "/services/assay/"
TOKEN = "service-secret-of-the-hub"
_OURS = "api/openapi.json"
_BESIDE_KERNELS = """
import runpy
from assay_nb.gateway import startup
startup._find_single_user = lambda uid: None
runpy.run_module("assay_nb.cli", run_name="__main__", alter_sys=True)
"""
"""The gateway where the tests are not root: it shares their user with the kernels of other tests, and with
whatever notebook that person has open. That it refuses to is tested as root."""


@contextmanager
def threaded_hub() -> Iterator[FakeHub]:
    """Run a fake hub in a thread, for tests whose own code waits."""
    hub, loop = FakeHub(secret=TOKEN), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(hub.start(), loop).result(10)
        yield hub
    finally:
        asyncio.run_coroutine_threadsafe(hub.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Place:
    """Where a gateway keeps its files, and what it is started with."""

    home: Path
    hub: FakeHub
    fake: FakeProviders
    database_url: str | None = None
    toml: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def vault(self) -> Path:
        return self.home / "vault"

    def prepare(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "hub.token").write_text(TOKEN)
        (self.home / "hub.token").chmod(0o600)
        self.own()

    def own(self) -> None:
        """Give all files to the gateway's user, where the tests are root and so it needs another."""
        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, GATEWAY_UID, GATEWAY_UID, follow_symlinks=False)

    def write_config(self, port: int) -> Path:
        database = f'database_url = "{self.database_url}"' if self.database_url else ""
        path = self.home / f"gateway-{port}.toml"
        path.write_text(
            f"""
listen = "127.0.0.1:{port}"
home = "{self.vault}"
master_key_file = "{self.vault}/master.key"
allow_origins = ["{self.fake.origin}"]
{database}
{self.toml}
[hub]
api_url = "{self.hub.api_url}"
api_token_file = "{self.home}/hub.token"
"""
        )
        self.own()
        return path

    def start(self) -> Process:
        """Start a gateway; it may refuse."""
        port = unused_port()
        log = self.home.with_name(f"{self.home.name}-{port}.log")
        config = str(self.write_config(port))
        if os.geteuid() == 0:
            python = [*as_user(GATEWAY_UID), find_python(), "-m", "assay_nb.cli"]
        else:
            python = [find_python(), "-c", _BESIDE_KERNELS]
        command = [*python, "gateway", "--config", config]
        plain = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(import_path()),
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd="/", env=plain | self.environment, stdout=out, stderr=out
            )
        return Process(end_with_us(process), port, log)

    def store_key(
        self,
        workspace_id: bytes,
        provider: ProviderId = "anthropic",
        *,
        mode: Any = "byok",
        key: str | None = None,
    ) -> str:
        """Put a key that leads to the fake provider into the vault, as its operator could."""
        from assay_nb.gateway.resources import GatewayResources
        from assay_nb.gateway.settings import Settings
        from assay_nb.vault.secret import SecretBytes

        key = key or make_canary(provider)
        resources = GatewayResources(
            Settings(
                home=self.vault,
                master_key_file=self.vault / "master.key",
                database_url=self.database_url,
            )
        )
        with _as(GATEWAY_UID), SecretBytes(key.encode()) as secret:
            destination = self.fake.destination(provider)
            resources.vault.save_key(
                workspace_id, destination, secret, added_by="operator", verified=True, mode=mode
            )
            resources.database.close()
        return key


@dataclass
class Process:
    """A started gateway."""

    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    @property
    def log(self) -> str:
        """What it has logged by now.

        Lines are written a little late, yet in their order: a request of ours is waited for, and left out.
        """
        if self.process.poll() is None:
            before = self._read().count(_OURS)
            httpx2.get(self.url + "api/openapi.json", trust_env=False, timeout=60)
            wait_until(lambda: self._read().count(_OURS) > before, 60, self._read)
        return "".join(line for line in self._read().splitlines(True) if _OURS not in line)

    def _read(self) -> str:
        return self.log_file.read_text(errors="replace")

    def wait_ready(self) -> Process:
        wait_until(lambda: self.process.poll() is not None or self._is_up(), 60, self._read)
        assert self.process.poll() is None, self._read()
        return self

    def _is_up(self) -> bool:
        try:
            return httpx2.get(self.url + "health", trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False

    def wait_refused(self) -> str:
        """Return what it says when it does not start."""
        assert self.process.wait(60) in (1, 2), self._read()
        return self._read()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it, and wait until it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)


@contextmanager
def place(hub: FakeHub, fake: FakeProviders, **about: Any) -> Iterator[Place]:
    # Not under pytest's directory, which only the user that runs the tests may enter.
    outside = Path(tempfile.mkdtemp(prefix="gateway"))
    outside.chmod(0o755)
    where = Place(outside / "home", hub, fake, **about)
    try:
        where.prepare()
        yield where
    finally:
        shutil.rmtree(outside, ignore_errors=True)


@contextmanager
def _as(uid: int) -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
