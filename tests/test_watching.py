"""A killed test run leaves nothing running, however it was started and under whichever user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import wait_until

ROOT = Path(__file__).parents[1]
TEST = """
import subprocess, sys, time
from pathlib import Path
from tests.watching import end_with_us

CHILD = "import subprocess, time; print(subprocess.Popen(['sleep', '3600'], start_new_session=True).pid, flush=True); time.sleep(3600)"


def test_that_never_ends():
    apart = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
    server = subprocess.Popen([sys.executable, "-c", CHILD], **apart)
    KEEP(server)
    grandchild = int(server.stdout.readline())
    Path("started").write_text(f"{server.pid} {grandchild}")
    time.sleep(3600)
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="this system has no /proc"
)


def run_killed(folder: Path, keep: str) -> list[int]:
    """Kill a run of pytest in the middle of a test, and return what that test had started."""
    (folder / "test_it.py").write_text(TEST.replace("KEEP", keep))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pytest_run = subprocess.Popen(
        [*command, str(folder)], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    started = folder / "started"
    try:
        wait_until(lambda: started.exists() and started.read_text() != "", 60, lambda: "no start")
    finally:
        pytest_run.kill()
        pytest_run.wait()
    return [int(pid) for pid in started.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_what_a_killed_run_had_started_ends_with_its_descendants(tmp_path: Path) -> None:
    started = run_killed(tmp_path, "end_with_us")

    wait_until(lambda: not any(map(is_running, started)), 30, lambda: f"still there: {started}")


@pytest.mark.slow
def test_what_the_watcher_is_not_told_of_goes_on(tmp_path: Path) -> None:
    """The control: what has a session of its own outlives the run unless somebody ends it."""
    started = run_killed(tmp_path, "id")

    assert all(map(is_running, started))
    for pid in started:
        os.kill(pid, signal.SIGKILL)
