"""The project's checks one by one: `nox -l` lists them, `nox -s lint` runs one.

`python3 run.py test` runs the same commands without nox.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))
from run import CHECKS, PYTEST, failed_tests

nox.options.sessions = ["lint", "types", "imports", "tests", "notebooks", "wheel"]
nox.options.reuse_existing_virtualenvs = True
PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def install(session: nox.Session, *groups: str) -> None:
    wanted = [line for group in groups for line in nox.project.dependency_groups(PROJECT, group)]
    session.install("--editable", ".[hub]", *wanted)


def run_check(session: nox.Session, name: str, *arguments: str) -> None:
    for command in CHECKS[name]:
        session.run(*command, *arguments)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    install(session, "lint")
    run_check(session, "lint")


@nox.session
def types(session: nox.Session) -> None:
    """Pyright, strict on the source."""
    install(session, "test", "lint")
    run_check(session, "types")


@nox.session
def imports(session: nox.Session) -> None:
    """Import-linter: every room on its floor."""
    install(session, "lint")
    run_check(session, "imports")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Pytest on each Python; further arguments go to it: `nox -s tests-3.13 -- tests/vault -x`."""
    install(session, "test")
    run_check(session, "tests", *session.posargs)


@nox.session
def attacks(session: nox.Session) -> None:
    """The numbered attacks alone."""
    install(session, "test")
    session.run(*PYTEST, "tests/attacks", *session.posargs)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Execute the notebooks and compare what they show."""
    install(session, "test")
    home = session.create_tmp()
    for command in CHECKS["notebooks"]:
        session.run(*command, env={"HOME": home, "ASSAY_HOME": f"{home}/vault"})


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the sdist and the wheel from it, and use the wheel far from the source."""
    session.run("python", "run.py", "test", "--only", "wheel", "--no-system-tools", external=True)


@nox.session
def lab(session: nox.Session) -> None:
    """The tests in a real browser; they need Chromium."""
    install(session, "test")
    run_check(session, "lab", *session.posargs)


@nox.session
def servers(session: nox.Session) -> None:
    """The tests on two real servers, which are compiled at the first time."""
    session.run("python", "run.py", "test", "--only", "servers", "--no-system-tools", external=True)


@nox.session(python=PYTHONS)
def nightly(session: nox.Session) -> None:
    """Everything with 2,000 new examples of each kind, as it is and beside two busy loops.

    A test that failed is tried again. One that passes then is named as flaky, and fails the night too.
    """
    install(session, "test")
    bad = repeat_failed(session, "tests")
    with two_busy_loops():
        bad += repeat_failed(session, "tests") + repeat_failed(session, "lab")
    if bad:
        session.error("\n".join(bad))


def repeat_failed(session: nox.Session, name: str) -> list[str]:
    """Run a check's tests, those that failed once more, and return a line on each that is bad."""
    reports = [Path(session.create_tmp(), f"{name}-{number}.xml") for number in (1, 2)]
    more: tuple[str, ...] = ()
    for report in reports:
        report.unlink(missing_ok=True)
    for report in reports:
        session.run(
            *CHECKS[name][0], "--timeout=900", f"--junit-xml={report}", *more, *session.posargs,
            env={"CI": "1", "NIGHTLY": "1"}, success_codes=[0, 1],
        )  # fmt: skip
        more = ("--last-failed", "--last-failed-no-failures=none")
        if not failed_tests(report):
            break
    first, second = map(failed_tests, reports)
    return [f"{'failed' if one in second else 'flaky'}: {one}" for one in sorted(first)]


@contextmanager
def two_busy_loops() -> Iterator[None]:
    """Keep two processors busy: what rests on a quiet machine fails beside them."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print what was measured; `-- NAME` runs one of the benchmarks."""
    install(session, "test")
    for path in sorted(Path("benchmarks").glob("*.py")):
        if not session.posargs or path.stem in session.posargs:
            session.run("python", str(path))
