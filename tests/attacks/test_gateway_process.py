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
from tests.fakes.providers import FakeProviders
from tests.gateway.processes import GATEWAY_UID, Place, Process, place, threaded_hub
from tests.hub.peeking import peek_at
from tests.hub.stage import as_user, find_python
from tests.kernel.replies import PROMPT, critique
from tests.tools import wait_until

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
        wait_until_it_is(kernel, find_python())
        assert "runs as the same user" in start().wait_refused()
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
@pytest.mark.parametrize(
    "uid", [GATEWAY_UID, GATEWAY_UID + 900], ids=["its own user", "another user"]
)
def test_a040_nobody_reads_the_gateways_memory(
    where: Place, start: Callable[[], Process], uid: int
) -> None:
    """/proc/PID/mem, environ, maps and fds, process_vm_readv, ptrace → refused, also to its own user."""
    gateway = start().wait_ready()
    control = subprocess.Popen([*as_user(uid), "sleep", "60"])
    try:
        wait_until_it_is(control, "sleep")
        opened = _peek(uid, gateway.process.pid)
        assert set(opened.values()) <= {"EACCES", "EPERM"}, opened
        assert _peek(uid, control.pid)["environ"] == "read"  # the control: it can look at its own
    finally:
        control.kill()
        control.wait()


def wait_until_it_is(process: subprocess.Popen[bytes], program: str) -> None:
    """Wait until a process has become another user's program: `setpriv` starts as itself, as root."""
    words = Path(f"/proc/{process.pid}/cmdline")
    wait_until(
        lambda: words.read_bytes().split(b"\0")[0] == program.encode(),
        60,
        lambda: str(words.read_bytes()),
    )


def _peek(uid: int, pid: int) -> dict[str, str]:
    command = [*as_user(uid), find_python(), "-c", peek_at(pid)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return json.loads(ran.stdout)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a047_a_crash_leaves_no_core(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders, number: int
) -> None:
    """Killed by a fault in the middle of a call → no core file anywhere it could be."""
    gateway = start().wait_ready()
    before = cores(where)
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
    assert cores(where) == before


def cores(where: Place) -> set[Path]:
    """Return the core files where one of the gateway's could be; `/` may have some of others."""
    return {
        path for folder in (where.home, where.vault, Path("/")) for path in folder.glob("core*")
    }


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
    fake.answers(whole[:50], whole[50:], hold=True)
    answers: list[str] = []
    calling = threading.Thread(target=lambda: answers.append(call(gateway, hub.add("ada")).text))
    calling.start()
    assert fake.arrived.wait(20)

    gateway.process.send_signal(signal.SIGTERM)
    fake.release()
    gateway.process.wait(60)
    calling.join()

    assert "event: finished" in answers[0]
    assert gateway.process.returncode == 0


def test_a104_a_stream_that_would_go_on_is_ended_and_settled(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """SIGTERM while a reply streams that never ends → the client is told why, the call is settled."""
    gateway = start().wait_ready()
    where.store_key(PLATFORM, mode="demo")
    fake.answers("a", "b", fault="stall")
    answers: list[str] = []
    calling = threading.Thread(target=lambda: answers.append(call(gateway, hub.add("ada")).text))
    calling.start()
    assert fake.arrived.wait(20)

    gateway.stop()
    calling.join()

    assert "event: error" in answers[0]
    assert "restarting" in answers[0]
    assert gateway.process.returncode == 0
    with closing(sqlite3.connect(where.vault / "vault.sqlite")) as connection:
        assert connection.execute("SELECT state FROM reservations").fetchall() == [("spent",)]
        assert connection.execute("SELECT status FROM calls").fetchall() == [("stopped",)]


def test_a104_a_stream_of_another_sdk_ends_with_a_reason(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """SIGTERM while another SDK's stream goes on → its last event says why, and the call is logged."""
    gateway = start().wait_ready()
    token = hub.add("ada")
    where.store_key(personal(gateway, token), "openai")
    fake.answers("a", "b", fault="stall")
    heard: list[str] = []
    begun = threading.Event()
    calling = threading.Thread(target=listen, args=(gateway, token, heard, begun))
    calling.start()
    assert begun.wait(60)

    gateway.stop()
    calling.join()

    assert "restarting" in "".join(heard)
    assert gateway.process.returncode == 0
    assert fake.calls[0].closed.wait(60)
    with closing(sqlite3.connect(where.vault / "vault.sqlite")) as connection:
        assert connection.execute("SELECT instrument FROM calls").fetchall() == [("pass-through",)]


def personal(gateway: Process, token: str) -> bytes:
    """Return the id of a person's own workspace."""
    headers = {"Authorization": f"token {token}"}
    me = httpx2.get(gateway.url + "api/v1/me", headers=headers, timeout=30).json()
    return bytes.fromhex(me["workspaces"][0]["id"])


def listen(gateway: Process, token: str, heard: list[str], begun: threading.Event) -> None:
    """Make a streaming call, keep what comes, and say when the first of it has come."""
    with httpx2.stream("POST", **passed_through(gateway, token, stream=True)) as response:
        for text in response.iter_text():
            heard.append(text)
            begun.set()


def passed_through(gateway: Process, token: str, **body: Any) -> dict[str, Any]:
    """Return what a client of a provider's sends."""
    return {
        "url": gateway.url + "providers/personal/openai/chat/completions",
        "json": {"model": "m", "messages": [], **body},
        "headers": {"Authorization": f"Bearer {token}"},
        "timeout": 60,
        "trust_env": False,
    }


# --- much


def test_a080_large_bodies_leave_the_memory_flat(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """40 × 10 MiB, with a length and without, to instruments and through → memory grows by less than one."""
    where.toml = _FAST
    gateway = start().wait_ready()
    token = hub.add("ada")
    where.store_key(personal(gateway, token), "openai")
    fake.answers("x")
    big, piece = 10 * 2**20, b" " * 65_536
    routes = {RUN: {400, 413}, "providers/personal/openai/files": {200}}

    def body() -> Iterator[bytes]:
        for _ in range(big // len(piece)):
            yield piece

    def send(path: str, content: Any, kind: str = "application/json") -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        with suppress(httpx2.NetworkError):  # it may hang up before all was sent
            answer = httpx2.post(gateway.url + path, content=content, headers=headers, timeout=60)
            assert answer.status_code in routes[path], answer.text

    for path in routes:
        send(path, b"{}")
    before = memory(gateway)
    for path in routes:
        for _ in range(10):
            send(path, bytes(big))
            send(path, body())

    assert fake.calls[-1].raw == piece * (big // len(piece))  # the control: it did come through
    assert memory(gateway) - before < 10 * 1024


def memory(gateway: Process) -> int:
    """Return the most memory that a gateway has had, in KiB."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a082_others_wait_no_longer_while_one_person_floods(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """One person keeps 500 calls open or refused → another's 95th percentile stays what it was."""
    where.toml = "[limits]\ncalls_at_once = 8\ncalls_per_minute = 2000\n"
    gateway = start().wait_ready()
    mallory, ada = hub.add("mallory"), hub.add("ada")
    for token in (mallory, ada):
        where.store_key(personal(gateway, token), "openai")
    fake.answers("x")

    async def run() -> tuple[float, float, list[int]]:
        limits = httpx2.Limits(max_connections=600)
        async with httpx2.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:

            async def call(token: str) -> int:
                answer = await client.post(
                    gateway.url + "providers/personal/openai/chat/completions",
                    json={"model": "m", "messages": []},
                    headers={"Authorization": f"Bearer {token}"},
                )
                return answer.status_code

            async def slowest() -> float:
                times: list[float] = []
                for _ in range(60):
                    began = time.perf_counter()
                    assert await call(ada) == 200
                    times.append(time.perf_counter() - began)
                return sorted(times)[56]

            alone = await slowest()
            fake.answer_by(lambda seen: "x")
            flood = [asyncio.create_task(call(mallory)) for _ in range(500)]
            beside = await slowest()
            return alone, beside, list(await asyncio.gather(*flood))

    alone, beside, statuses = asyncio.run(run())

    assert set(statuses) <= {200, 429}
    assert statuses.count(429) > 400
    # The flood's own client and the fake share this process, so most of what is added is the test's.
    assert beside < 10 * alone + 0.5


def test_a084_a_flood_of_bad_tokens_fills_no_disk_and_hides_no_call(
    where: Place, start: Callable[[], Process], hub: FakeHub, fake: FakeProviders
) -> None:
    """2,000 made-up tokens → a line or two of log, and the calls beside them are all in the calls log."""
    gateway = start().wait_ready()
    token = hub.add("ada")
    where.store_key(personal(gateway, token), "openai")
    size = gateway.log_file.stat().st_size

    async def run() -> list[int]:
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:

            async def guess(number: int) -> int:
                headers = {"Authorization": f"token guess-{number}"}
                return (await client.get(gateway.url + "api/v1/me", headers=headers)).status_code

            found: list[int] = []
            for start in range(0, 2000, 100):
                found += await asyncio.gather(*(guess(start + n) for n in range(100)))
            return found

    flood = threading.Thread(target=lambda: statuses.extend(asyncio.run(run())))
    statuses: list[int] = []
    flood.start()
    answers = [httpx2.post(**passed_through(gateway, token)).status_code for _ in range(5)]
    flood.join()
    gateway.stop()

    assert set(statuses) == {401}
    assert answers == [200] * 5
    assert gateway.log_file.stat().st_size - size < 4096
    assert "guess" not in gateway.log
    with closing(sqlite3.connect(where.vault / "vault.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (5,)


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

    assert 7 - left(gateway, token) >= len(fake.calls) >= 2


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

    token = hub.add("ada")
    statuses = race(gateways, token, 100)

    assert sorted(statuses) == [200] * 7 + [402] * 93
    assert len(fake.calls) == 7
    assert {left(gateway, token) for gateway in gateways} == {0}
    assert not any("locked" in gateway.log or "WentWrong" in gateway.log for gateway in gateways)
    with closing(sqlite3.connect(where.vault / "vault.sqlite")) as connection:
        found = connection.execute("SELECT state, count(*) FROM reservations GROUP BY 1").fetchall()
        assert found == [("spent", 7)]
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (7,)


def left(gateway: Process, token: str) -> int:
    """Return how many demo calls a gateway says are left."""
    headers = {"Authorization": f"token {token}"}
    return httpx2.get(gateway.url + "api/v1/me", headers=headers).json()["budget"]["left"]


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

            token = hub.add("ada")
            statuses = race(gateways, token, 100)

            assert sorted(statuses) == [200] * 7 + [402] * 93
            assert len(fake.calls) == 7
            assert {left(gateway, token) for gateway in gateways} == {0}
            assert not any("WentWrong" in gateway.log for gateway in gateways)
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


# --- PostgreSQL


def test_a015_frozen_vectors_open_alike_from_sqlite_and_postgresql(
    tmp_path: Path, postgres_url: str
) -> None:
    """Each vector through both databases → the same bytes, which open or fail as the file says."""
    from assay_nb.store.database import Database
    from assay_nb.store.tables import provider_keys
    from assay_nb.vault.keystores.key_file import KeyFile
    from assay_nb.vault.vault import Vault
    from tests.attacks.test_vault import VECTORS, CannotOpen, _open_vector
    from tests.vault.builders import ANTHROPIC, RESEARCH, secret

    vectors = json.loads((VECTORS / "envelope.json").read_text())
    came: dict[str, list[bytes]] = {}
    for name, url in (("sqlite", f"sqlite:///{tmp_path}/v/vault.sqlite"), ("pg", postgres_url)):
        database = Database.open(url)
        vault = Vault.open(database, KeyFile(tmp_path / f"{name}.key"))
        vault.save_key(RESEARCH, ANTHROPIC, secret("k" * 40), added_by="ada", verified=True)
        for vector in [*vectors["positive"], *vectors["negative"]]:
            with database.write() as connection:
                envelope = bytes.fromhex(vector["envelope"])
                connection.execute(provider_keys.update().values(envelope=envelope))
            with database.read(workspace=RESEARCH) as connection:
                row = connection.execute(provider_keys.select()).one()
            came.setdefault(name, []).append(bytes(row.envelope))
        database.close()

    assert came["sqlite"] == came["pg"]
    stored = iter(came["pg"])
    for vector in vectors["positive"]:
        opened = _open_vector({**vector, "envelope": next(stored).hex()})
        assert opened == bytes.fromhex(vector["plaintext"])
    for vector in vectors["negative"]:
        with pytest.raises(CannotOpen):
            _open_vector({**vector, "envelope": next(stored).hex()})


def test_a048_neither_a_dump_nor_the_servers_log_holds_a_key(
    tmp_path: Path, postgres_server: Path, postgres_url: str
) -> None:
    """`pg_dump` and a log of all statements, after save, update, rotation, removal → no form of a key."""
    import psycopg

    from assay_nb.store.database import Database
    from assay_nb.vault.keystores.key_file import KeyFile
    from assay_nb.vault.vault import Vault
    from tests.canaries import make_canary
    from tests.tools import require_tool
    from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, secret

    programs = Path(require_tool("initdb")).resolve().parent
    keys = [make_canary("anthropic"), make_canary("anthropic"), make_canary("openai")]
    about = f"host={postgres_server} user=test dbname=postgres"

    def dump() -> bytes:
        command = [str(programs / "pg_dump"), "-h", str(postgres_server), "-U", "test", "postgres"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    with psycopg.connect(about, autocommit=True) as operator:
        operator.execute("ALTER ROLE test SET log_statement = 'all'")
        try:
            database = Database.open(postgres_url)
            vault = Vault.open(database, KeyFile(tmp_path / "master.key"))
            dumps = []
            for destination, key in ((ANTHROPIC, keys[0]), (ANTHROPIC, keys[1]), (OPENAI, keys[2])):
                vault.save_key(RESEARCH, destination, secret(key), added_by="ada", verified=True)
                dumps.append(dump())
            vault.rotate_master()
            vault.rekey_workspace(RESEARCH)
            dumps.append(dump())
            vault.remove_key(RESEARCH, "openai", actor="ada")
            dumps.append(dump())
            database.close()
            told = (postgres_server / "log").read_bytes()
            control = make_canary("openai")
            with psycopg.connect(about) as careless:
                careless.execute("CREATE TEMP TABLE careless (key text)")
                careless.execute("INSERT INTO careless VALUES (%s)", [control])
                assert find_canary((postgres_server / "log").read_bytes(), control)
        finally:
            operator.execute("ALTER ROLE test RESET log_statement")

    assert b"INSERT INTO provider_keys" in told
    assert all(b"provider_keys" in one for one in dumps)
    for key in keys:
        assert not find_canary(b"".join([told, *dumps]), key)
