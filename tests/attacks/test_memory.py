"""How many copies of a key a process still holds, some seconds after it was used.

Nobody can promise none: the HTTP library needs the key as `bytes`, and Python and the allocator reuse
memory when they like. The number is measured, written down and held: if it grows, something has begun
to keep keys.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay_nb.messages import PROVIDERS
from tests.canaries import core_of
from tests.kernel.kernels import open_kernel
from tests.kernel.replies import critique
from tests.kernel.stage import Stage, open_stage

COPIES_AFTER_CALLS = 3
"""Of one key, five seconds after thirty calls. Measured: 2 for Anthropic, 1 for OpenAI, 0 for Google, the
same after three calls as after thirty: blocks that were freed with the header in them and not used
again. One more is room for another allocator, none for a copy per call."""

COPIES_AFTER_ENTRY = 4
"""Of one key, five seconds after it was typed at a kernel's hidden prompt. Measured: 1. It arrives there
as a Python string within a message of the front end's, which nobody can overwrite."""

SETTLING = 5.0

CALLS = """
import sys, time
from assay_nb import critique
for _ in range(30):
    for model in sys.argv[2:]:
        critique("Summarise {{ticket}} briefly.", model=model)
time.sleep(float(sys.argv[1]))
print("done", flush=True)
sys.stdin.read()
"""
KEEPS = """
import os, sys, time
key = bytes.fromhex(sys.argv[1])
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    with open_stage(home / "vault") as stage:
        stage.fake.answers(critique())
        yield stage


@contextmanager
def running(script: str, *arguments: str) -> Iterator[int]:
    """Run a script until it says that it is done, and have its process for as long as the block lasts."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "done\n"
        yield child.pid
        child.kill()


def copies_of(key: str, pid: int) -> int:
    """Count how often the key's core stands in the memory of one of our child processes."""
    needle = core_of(key).encode()
    maps = Path(f"/proc/{pid}/maps").read_text()
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return sum(
            b"".join(pieces_of(memory, int(start, 16), int(end, 16))).count(needle)
            for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", maps, re.MULTILINE)
        )
    finally:
        os.close(memory)


def pieces_of(memory: int, start: int, end: int) -> Iterator[bytes]:
    """Yield what can be read of a mapping; the kernel's own pages cannot."""
    while start < end:
        try:
            piece = os.pread(memory, min(end - start, 1 << 24), start)
        except OSError:
            return
        yield piece
        start += len(piece) or end


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="only Linux shows a process's memory as a file"
)


@pytest.mark.slow
@needs_proc
def test_a053_no_more_copies_of_a_key_stay_after_calls_than_are_known(stage: Stage) -> None:
    """A core dump or a debugger, five seconds after thirty calls → at most the number written down."""
    models = [f"{provider}/some-model" for provider in PROVIDERS]

    with running(CALLS, str(SETTLING), *models) as pid:
        copies = {name: copies_of(key, pid) for name, key in stage.keys.items()}

    print(copies)
    assert {call.key for call in stage.fake.calls} == set(stage.keys.values())
    assert max(copies.values()) <= COPIES_AFTER_CALLS


@pytest.mark.slow
@needs_proc
def test_a053_keys_that_were_not_used_are_not_in_memory(stage: Stage) -> None:
    """The other keys of the workspace, whose rows were read and not opened → not there at all."""
    with running(CALLS, "0", "anthropic/some-model") as pid:
        others = {name: copies_of(stage.keys[name], pid) for name in ("openai", "google")}

    assert others == {"openai": 0, "google": 0}


@pytest.mark.slow
@needs_proc
def test_a053_no_more_copies_of_a_typed_key_stay_in_a_kernel_than_are_known(
    stage: Stage, tmp_path: Path
) -> None:
    """The same for a key that was typed at a kernel's hidden prompt → at most the number written down."""
    key = stage.keys["google"]
    with open_kernel(tmp_path) as kernel:
        entered = kernel.run(
            f"%assay keys set google --endpoint {stage.fake.endpoint('google')}", answer=key
        )
        time.sleep(SETTLING)
        copies = copies_of(key, kernel.manager.provisioner.pid)

    print(copies)
    assert entered.error is None
    assert copies <= COPIES_AFTER_ENTRY


@needs_proc
def test_a053_control_a_key_that_a_process_keeps_is_counted(stage: Stage) -> None:
    """Positive control: a variable holds the key → counted."""
    key = stage.keys["openai"]

    with running(KEEPS, key.encode().hex()) as pid:
        assert copies_of(key, pid) >= 1
