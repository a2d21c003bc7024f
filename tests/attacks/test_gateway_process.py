"""Attacks on the gateway as a process: how it starts, how it ends, and money across processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.canaries import find_canary
from tests.fakes.hub import FakeHub
from tests.fakes.postgres import postgres_server, postgres_url
from tests.fakes.providers import FakeProviders
from tests.gateway.process import GATEWAY_UID, Place, Process, place, threaded_hub
from tests.hub.stage import as_user, find_python
from tests.kernel.replies import PROMPT, critique

__all__ = ["postgres_server", "postgres_url"]

pytestmark = [pytest.mark.slow]

PLATFORM = bytes(16)
RUN = "api/v1/workspaces/-/instruments/critique"

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="It takes root to be two users."
)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with threaded_hub() as hub:
        yield hub


@pytest.fixture
def fake() -> Iterator[FakeProviders]:
    with FakeProviders() as fake:
        yield fake


@pytest.fixture
def where(hub: FakeHub, fake: FakeProviders) -> Iterator[Place]:
    with place(hub, fake) as where:
        yield where


@pytest.fixture
def start(where: Place) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def start() -> Process:
        started.append(where.start())
        return started[-1]

    yield start
    for one in started:
        one.stop(signal.SIGKILL)


def call(gateway: Process, token: str, **more: Any) -> httpx2.Response:
    return httpx2.post(
        gateway.url + RUN,
        json={"prompt": PROMPT, **more},
        headers={"Authorization": f"token {token}"},
        timeout=60,
        trust_env=False,
    )


# --- starting


@needs_root
def test_a106_root_is_refused() -> None:
    """Started as root → one line, status 1."""
    command = [
        sys.executable,
        "-m",
        "assay_nb.cli",
        "gateway",
        "--hub-api-url",
        "http://127.0.0.1:9/",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "does not run as root" in ran.stderr


def make_readable(where: Place) -> None:
    (where.home / "hub.token").chmod(0o644)


def make_group_readable(where: Place) -> None:
    where.vault.mkdir(mode=0o700)
    (where.vault / "master.key").touch()
    (where.vault / "master.key").chmod(0o640)


def make_database_readable(where: Place) -> None:
    where.vault.mkdir(mode=0o700)
    (where.vault / "vault.sqlite").touch()
    (where.vault / "vault.sqlite").chmod(0o644)


def make_linked_database(where: Place) -> None:
    where.vault.mkdir(mode=0o700)
    (where.vault / "vault.sqlite").symlink_to(where.home / "elsewhere.sqlite")


def make_linked_home(where: Place) -> None:
    (where.home / "elsewhere").mkdir(mode=0o700)
    where.vault.symlink_to(where.home / "elsewhere")


def make_open_home(where: Place) -> None:
    where.vault.mkdir()
    where.vault.chmod(0o755)


def put_master_key_into_environment(where: Place) -> None:
    where.environment["ASSAY_MASTER_KEY"] = "anything"


def put_master_key_under_another_name(where: Place) -> None:
    where.environment["MY_SECRET"] = "anbmk1." + "A" * 43 + ".00000000"


def misspell_a_setting(where: Place) -> None:
    where.toml = 'allow_origin = ["https://llm.example.org"]'


def misspell_a_limit(where: Place) -> None:
    where.toml = "[limits]\ncall_per_minute = 3"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (make_readable, "hub.token is open to other users"),
        (make_group_readable, "master.key is open to other users"),
        (make_database_readable, "vault.sqlite is open to other users"),
        (make_linked_database, "vault.sqlite is not a plain file"),
        (make_linked_home, "vault is not a directory"),
        (make_open_home, "vault is open to other users"),
        (put_master_key_into_environment, "A master key is in the environment"),
        (put_master_key_under_another_name, "A master key is in the environment, in MY_SECRET"),
        (misspell_a_setting, "There is no setting 'allow_origin'"),
        (misspell_a_limit, "There is no setting 'limits.call_per_minute'"),
    ],
)
def test_a106_unsafe_surroundings_are_refused_in_one_line(
    where: Place, start: Callable[[], Process], spoil: Callable[[Place], None], said: str
) -> None:
    """A file that others may read, a link, a key in the environment, a misspelt setting → it does not start."""
    spoil(where)

    text = start().wait_refused()

    assert said in text
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) <= 2


@needs_root
def test_a106_a_kernel_under_the_same_user_is_refused(
    where: Place, start: Callable[[], Process]
) -> None:
    """A notebook server runs as the gateway's user → it does not start."""
    sleeping = "import time; time.sleep(60)"
    command = [*as_user(GATEWAY_UID), find_python(), "-c", sleeping, "ipykernel_launcher"]
    kernel = subprocess.Popen(command, cwd="/")
    try:
        time.sleep(0.5)
        assert "runs as this very user" in start().wait_refused()
    finally:
        kernel.kill()
        kernel.wait()


def test_a103_a_database_of_a_newer_release_is_left_alone(
    where: Place, start: Callable[[], Process]
) -> None:
    """A release before the database's → refused, and not a byte of it changed."""
    start().wait_ready().stop()
    database = where.vault / "vault.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    where.own()
    before = database.read_bytes()

    text = start().wait_refused()

    assert "made by a newer assay_nb" in text
    assert database.read_bytes() == before


def test_a052_what_steers_other_software_steers_no_gateway(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """Proxies, base URLs, SDK logs, a TLS key log in its environment → no effect, and gone from it."""
    key_log = where.home / "tls.log"
    evil = "http://127.0.0.1:9"
    where.environment |= {
        "HTTPS_PROXY": evil, "HTTP_PROXY": evil, "ALL_PROXY": evil,
        "ANTHROPIC_BASE_URL": evil, "OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug",
        "SSLKEYLOGFILE": str(key_log), "ANTHROPIC_API_KEY": "from-the-environment",
    }  # fmt: skip
    gateway = start().wait_ready()
    where.store_key(PLATFORM, mode="demo")
    fake.answers(critique())

    answer = call(gateway, hub.add("ada"))

    assert "event: finished" in answer.text
    assert fake.calls[0].key != "from-the-environment"
    assert not key_log.exists()


# --- what it leaves open


@needs_root
def test_a041_no_process_list_shows_a_key(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """Arguments and environment of every process, during a call → no form of the key."""
    gateway = start().wait_ready()
    key = where.store_key(PLATFORM, mode="demo")
    fake.answers(critique(), delay=1)
    calling = threading.Thread(target=call, args=(gateway, hub.add("ada")))
    calling.start()
    assert fake.arrived.wait(20)

    listed = subprocess.run(["ps", "auxewww"], capture_output=True, check=True).stdout

    calling.join()
    assert not find_canary(listed, key)
    assert b"assay_nb.cli" in listed  # the control: the gateway is in the list


@needs_root
@pytest.mark.parametrize("uid", [GATEWAY_UID, 61_009], ids=["its own user", "another user"])
def test_a040_nobody_reads_the_gateways_memory(
    where: Place, start: Callable[[], Process], uid: int
) -> None:
    """/proc/PID/mem, environ, maps and fds, process_vm_readv, ptrace → refused, also to its own user."""
    gateway = start().wait_ready()
    control = subprocess.Popen([*as_user(uid), "sleep", "60"])
    try:
        time.sleep(0.3)
        opened = _peek(uid, gateway.process.pid)
        assert set(opened.values()) <= {"EACCES", "EPERM"}, opened
        assert _peek(uid, control.pid)["environ"] == "read"  # the control: it can look at its own
    finally:
        control.kill()
        control.wait()


def _peek(uid: int, pid: int) -> dict[str, str]:
    script = """
import ctypes, errno, json, os, sys
pid = int(sys.argv[1])
def attempt(do):
    try:
        do()
        return "read"
    except OSError as error:
        return errno.errorcode.get(error.errno, "?")
libc = ctypes.CDLL(None, use_errno=True)
def syscall(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
class IOVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
def read_memory():
    here = ctypes.create_string_buffer(8)
    local, remote = IOVec(ctypes.addressof(here), 8), IOVec(0x400000, 8)
    syscall(libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
found = {name: attempt(lambda: open(f"/proc/{pid}/{name}", "rb").read(1)) for name in ("environ", "maps", "mem")}
found["fd"] = attempt(lambda: os.listdir(f"/proc/{pid}/fd"))
found["process_vm_readv"] = attempt(read_memory)
found["ptrace"] = attempt(lambda: syscall(libc.ptrace(16, pid, None, None)))
print(json.dumps(found))
"""
    command = [*as_user(uid), find_python(), "-c", script, str(pid)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return json.loads(ran.stdout)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a047_a_crash_leaves_no_core(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders, number: int
) -> None:
    """Killed by a fault in the middle of a call → no core file anywhere it could be."""
    gateway = start().wait_ready()
    where.store_key(PLATFORM, mode="demo")
    fake.answers("a", "b", pause=5)
    limits = Path(f"/proc/{gateway.process.pid}/limits").read_text()
    calling = threading.Thread(target=_quietly, args=(call, gateway, hub.add("ada")))
    calling.start()
    assert fake.arrived.wait(20)

    gateway.stop(number)
    calling.join()

    assert gateway.process.returncode == -number
    assert re.search(r"Max core file size\s+0\s+0\s", limits)
    assert not [
        path for path in (where.home, where.vault, Path("/")) for path in path.glob("core*")
    ]


def _quietly(run: Callable[..., Any], *args: Any) -> None:
    with suppress(httpx2.HTTPError):
        run(*args)


# --- ending


def test_a104_a_stream_that_ends_soon_is_finished_before_the_end(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """SIGTERM while a short reply streams → the client has all of it, and then the gateway ends."""
    gateway = start().wait_ready()
    where.store_key(PLATFORM, mode="demo")
    whole = critique()
    fake.answers(whole[:50], whole[50:], pause=1)
    answers: list[str] = []
    calling = threading.Thread(target=lambda: answers.append(call(gateway, hub.add("ada")).text))
    calling.start()
    assert fake.arrived.wait(20)

    seconds = gateway.stop()
    calling.join()

    assert "event: finished" in answers[0]
    assert seconds < 10
    assert gateway.process.returncode == 0


def test_a104_a_stream_that_would_go_on_is_ended_and_settled(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """SIGTERM while a long reply streams → the client is told why, the call is settled, < 10 s in all."""
    gateway = start().wait_ready()
    where.store_key(PLATFORM, mode="demo")
    fake.answers(*"abcdefghij", pause=4)
    answers: list[str] = []
    calling = threading.Thread(target=lambda: answers.append(call(gateway, hub.add("ada")).text))
    calling.start()
    assert fake.arrived.wait(20)

    seconds = gateway.stop()
    calling.join()

    assert "event: error" in answers[0]
    assert "restarted" in answers[0]
    assert seconds < 10
    with closing(sqlite3.connect(where.vault / "vault.sqlite")) as connection:
        assert connection.execute("SELECT state FROM reservations").fetchall() == [("spent",)]
        assert connection.execute("SELECT status FROM calls").fetchall() == [("stopped",)]


# --- money


def test_a091_a_killed_gateway_has_never_made_a_call_free(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """SIGKILL before and after the reservation, the sending and the first word → spent ≥ hits at the provider, each time."""
    gateway = start().wait_ready()
    where.store_key(PLATFORM, mode="demo")
    token = hub.add("ada")
    fake.answers("a", "b", pause=5)
    for before, after in ((0.05, 0), (0.5, 0), (20, 0), (20, 0.2)):
        fake.arrived.clear()
        calling = threading.Thread(target=_quietly, args=(call, gateway, token))
        calling.start()
        fake.arrived.wait(before)
        time.sleep(after)
        gateway.stop(signal.SIGKILL)
        calling.join()
        gateway = start().wait_ready()

    headers = {"Authorization": f"token {token}"}
    left = httpx2.get(gateway.url + "api/v1/me", headers=headers).json()["budget"]["left"]

    assert 7 - left >= len(fake.calls) >= 2


def race(gateways: list[Process], token: str, callers: int) -> list[int]:
    """Let so many callers call at the same moment, and return the statuses."""

    async def run() -> list[int]:
        limits = httpx2.Limits(max_connections=callers)
        async with httpx2.AsyncClient(timeout=90, trust_env=False, limits=limits) as client:

            async def one(number: int) -> int:
                gateway = gateways[number % len(gateways)]
                headers = {"Authorization": f"token {token}"}
                async with client.stream(
                    "POST", gateway.url + RUN, json={"prompt": PROMPT}, headers=headers
                ) as response:
                    text = (await response.aread()).decode()
                    assert "locked" not in text
                    return 200 if "event: finished" in text else response.status_code

            return list(await asyncio.gather(*(one(number) for number in range(callers))))

    return asyncio.run(run())


_FAST = "[limits]\ncalls_at_once = 1000\ncalls_per_minute = 100000\n"


@pytest.mark.parametrize("processes", [1, 2])
def test_a086_a_hundred_callers_on_seven_demo_calls_hit_the_provider_seven_times(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders, processes: int
) -> None:
    """100 callers at once, SQLite, one gateway and two → exactly 7 hits, 93 clean refusals, spent 7."""
    where.toml = _FAST
    gateways = [start().wait_ready() for _ in range(processes)]
    where.store_key(PLATFORM, mode="demo")
    fake.answers(critique())

    statuses = race(gateways, hub.add("ada"), 100)

    assert sorted(statuses) == [200] * 7 + [402] * 93
    assert len(fake.calls) == 7


def test_a086_two_replicas_on_postgresql_share_one_budget(
    hub: FakeHub, fake: FakeProviders, postgres_url: str
) -> None:
    """100 callers at once, PostgreSQL, two replicas → exactly 7 hits, 93 clean refusals."""
    with place(hub, fake, database_url=postgres_url, toml=_FAST) as where:
        gateways = [where.start(), where.start()]
        try:
            for gateway in gateways:
                gateway.wait_ready()
            where.store_key(PLATFORM, mode="demo")
            fake.answers(critique())

            statuses = race(gateways, hub.add("ada"), 100)

            assert sorted(statuses) == [200] * 7 + [402] * 93
            assert len(fake.calls) == 7
        finally:
            for gateway in gateways:
                gateway.stop(signal.SIGKILL)


def test_a060_a_killed_replica_leaves_the_other_to_serve(
    hub: FakeHub, fake: FakeProviders, postgres_url: str
) -> None:
    """One of two replicas is killed in the middle of a call → the other serves the next, same state."""
    with place(hub, fake, database_url=postgres_url) as where:
        first, second = where.start(), where.start()
        try:
            for gateway in (first, second):
                gateway.wait_ready()
            where.store_key(PLATFORM, mode="demo")
            token = hub.add("ada")
            fake.answers("a", "b", pause=5)
            calling = threading.Thread(target=_quietly, args=(call, first, token))
            calling.start()
            assert fake.arrived.wait(20)
            first.stop(signal.SIGKILL)
            calling.join()
            fake.answers(critique())

            answer = call(second, token)

            assert "demo call 2 of 7" in answer.text
        finally:
            for gateway in (first, second):
                gateway.stop(signal.SIGKILL)


def test_files_that_the_gateway_makes_are_its_own(
    where: Place, start: Callable[[], Process]
) -> None:
    start().wait_ready().stop()

    made = [path for path in where.vault.rglob("*") if path.is_file()]

    assert made
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in made)
