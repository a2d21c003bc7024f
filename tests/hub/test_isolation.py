"""The key is not there: what a hub kernel holds, what it may look at, and what went over its wires."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.canaries import core_of, find_canary, find_in_tree, make_canary
from tests.hub.peeking import peek_at
from tests.hub.stage import UIDS, Browser, Hub, Kernel
from tests.kernel.replies import PROMPT

pytestmark = [pytest.mark.slow]

CALLS = (
    f"%%critique -w physics-lab -o review\n{PROMPT}",
    "%assay keys list -w physics-lab",
    "%assay",
)


@pytest.fixture(scope="module")
def used(alice: Kernel) -> Kernel:
    """A kernel that has made calls with the key, successfully and not."""
    for cell in CALLS:
        alice.run(cell)
    return alice


def processes_of(user: str) -> list[int]:
    """Return the notebook server and the kernels of a person."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if entry.stat().st_uid == UIDS[user]:
                found.append(int(entry.name))
    return found


def find_in_memory(pid: int, key: str) -> list[str]:
    """Return the forms of a key in all that a process may read or write of its own memory."""
    forms: set[str] = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - Path knows no unbuffered read
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            if not rights.startswith("r") or line.endswith(
                ("[vvar]", "[vsyscall]", "[vvar_vclock]")
            ):
                continue
            start, end = (int(number, 16) for number in place.split("-"))
            for piece in range(start, end, 2**24):
                with suppress(OSError):  # a page that is there no more, or never was
                    memory.seek(piece)
                    forms.update(find_canary(memory.read(min(2**24, end - piece)), key))
    return sorted(forms)


WALK = """
import gc
def parts():
    for one in gc.get_objects():
        for part in [one, *gc.get_referents(one)]:
            if isinstance(part, (str, bytes, bytearray)):
                yield part if isinstance(part, str) else bytes(part).decode("latin-1")
seen = "\\n".join(set(parts()))
def is_seen(shifted):
    return "".join(chr(ord(c) - 1) for c in shifted) in seen
print(len(seen))
"""


def shift(text: str) -> str:
    """Return a text by which a kernel can be asked for another without being told it."""
    return "".join(chr(ord(c) + 1) for c in text)


def test_a038_no_object_of_the_kernel_holds_the_key(hub: Hub, used: Kernel, key: str) -> None:
    """A walk over everything that the kernel's collector knows → no part of the key."""
    with hub.kernel("alice") as kernel:  # one of its own, that ends with the test
        kernel.run("%load_ext assay_nb")
        for cell in CALLS:
            kernel.run(cell)
        kernel.run(f"planted = [{'the ' + 'control'!r}]")

        assert int(kernel.run(WALK).text) > 100_000
        for part in (core_of(key), core_of(key)[:12], core_of(key)[12:]):
            assert kernel.run(f"print(is_seen({shift(part)!r}))").text == "False\n"
        assert (
            kernel.run(f"print(is_seen({shift('the control')!r}))").text == "True\n"
        )  # the control


IMPORTED = """
import subprocess, sys
code = '''
import assay_nb, sys
assay_nb.critique("Summarise this briefly.", workspace="physics-lab")
print(sorted({name.split(".")[0] for name in sys.modules}))
'''
ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
print(ran.stdout, ran.stderr[-2000:])
"""


def test_a105_no_sdk_and_nothing_of_the_vault_is_imported_for_a_call(used: Kernel) -> None:
    """A call from a fresh process on the hub → no provider SDK, no database, no cryptography, no vault."""
    shown = used.run(IMPORTED).text

    assert "assay_nb" in shown
    for name in (
        "anthropic",
        "openai",
        "google",
        "sqlalchemy",
        "cryptography",
        "keyring",
        "aiohttp",
    ):
        assert f"'{name}'" not in shown


def test_a039_neither_memory_nor_environment_nor_files_hold_the_key(
    hub: Hub, used: Kernel, key: str
) -> None:
    """/proc/PID/mem, environ, cmdline of server and kernels, and all files → no form; a planted one is found."""
    pids = processes_of("alice")
    assert used.pid in pids
    assert len(pids) >= 2

    for pid in pids:
        assert find_in_memory(pid, key) == []
        for name in ("environ", "cmdline"):
            assert not find_canary(Path(f"/proc/{pid}/{name}").read_bytes(), key)
    assert find_in_tree(hub.directory / "homes" / "alice", key) == {}

    control = make_canary("anthropic")
    used.run(f"planted = {control!r}")
    assert "raw" in find_in_memory(used.pid, control)


def test_a043_no_frame_to_a_browser_holds_the_key(used: Kernel, key: str) -> None:
    """Every frame of the kernel's websocket → no form of the key; a planted one is found."""
    assert len(used.frames) > 10
    assert not find_canary("".join(used.frames), key)
    assert find_canary("".join([*used.frames, json.dumps(key)]), key)


def test_a039_what_the_gateway_keeps_on_disk_is_sealed(hub: Hub, used: Kernel, key: str) -> None:
    """The gateway's files and every log of hub and gateway → no form of the key."""
    assert find_in_tree(hub.gateway_home, key) == {}
    assert not find_canary(hub.log("gateway") + hub.log("hub"), key)


def test_a040_a_kernel_cannot_look_into_the_gateway(hub: Hub, used: Kernel) -> None:
    """The kernel's user opens the gateway's memory, environment, files → refused; its own → read."""
    gateway = hub.gateway_pid
    look = peek_at(gateway, hub.gateway_home)
    own = peek_at(used.pid, hub.directory / "homes" / "alice")

    found = json.loads(used.run(look).text)

    assert set(found.values()) <= {"EACCES", "EPERM"}, found
    assert json.loads(used.run(own).text)["environ"] == "read"  # the control
    assert Path(f"/proc/{gateway}").exists()


def test_a015_a_kernel_cannot_read_another_persons_token(
    hub: Hub, alice: Kernel, carol: Kernel
) -> None:
    """One person's kernel opens another's environment → refused: what says who one is stays one's own."""
    found = json.loads(alice.run(peek_at(carol.pid, hub.directory / "homes" / "carol")).text)

    assert found["environ"] in {"EACCES", "EPERM"}
    assert found["files"] in {"EACCES", "EPERM"}


def test_a041_the_hubs_process_list_shows_no_key(used: Kernel, key: str) -> None:
    """Arguments and environment of every process of the machine → no form of the key."""
    told = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue  # the test itself holds it
        with suppress(OSError):
            told += [(entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()]

    assert len(told) > 10
    assert not find_canary(b"\n".join(told), key)


def test_a046_what_anybody_may_ask_of_the_gateway_holds_no_key(
    hub: Hub, used: Kernel, dora: Browser, key: str
) -> None:
    """Health, OpenAPI, static files through the real proxy, metrics as an admin → no form of the key."""
    paths = ("health", "api/openapi.json", "static/page.css", "debug", "version")
    told = {path: hub.admin.get(f"/services/assay/{path}") for path in paths}
    told["metrics"] = dora.ask("GET", "metrics")

    assert {path: answer.status_code for path, answer in told.items()} == {
        "health": 200, "api/openapi.json": 200, "static/page.css": 200, "metrics": 200,
        "debug": 404, "version": 404,
    }  # fmt: skip
    assert "assay_calls" in told["metrics"].text
    assert not find_canary("".join(answer.text for answer in told.values()), key)


def test_a047_the_gateway_dumps_no_core(hub: Hub) -> None:
    """The limits of the running gateway → core files have no bytes."""
    limits = Path(f"/proc/{hub.gateway_pid}/limits").read_text()

    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
