"""What `conftest.py` sees to: real runs of pytest on tests of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).parents[1]


def failed(folder: Path, conftest: str, tests: str) -> set[str]:
    """Return the names of the tests that fail in a run of these."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_it.py").write_text(tests)
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    subprocess.run(
        [*command, f"--rootdir={ROOT}", f"--junit-xml={report}", "--import-mode=importlib"],
        cwd=ROOT,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    assert report.exists()
    return {name.rpartition("::")[2] for name in run.failed_tests(report)}


@pytest.mark.slow
def test_a_busy_test_without_the_mark_fails_and_one_that_waits_does_not(tmp_path: Path) -> None:
    conftest = """
import tests.conftest
from tests.conftest import pytest_runtest_call
tests.conftest._QUICK = 0.2
"""
    tests = """
import subprocess, sys, time
import pytest

BUSY = "while time.process_time() < end: pass"
CHILD = [sys.executable, "-c", "import time; end = 0.3\\n" + BUSY]


def test_own(): exec(BUSY, {"time": time, "end": time.process_time() + 0.3})
def test_of_a_child(): subprocess.run(CHILD, check=True)
def test_waits(): time.sleep(0.5)
@pytest.mark.slow
def test_marked(): subprocess.run(CHILD, check=True)
"""

    assert failed(tmp_path, conftest, tests) == {"test_own", "test_of_a_child"}
