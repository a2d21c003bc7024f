"""The way from a fresh clone to a running command, where it is easy to get wrong."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import run

ROOT = Path(run.__file__).parent


def _stamp(directory: Path, **changes: object) -> None:
    read = (ROOT / "pyproject.toml").read_bytes() + run.CHECKS_LOCK.read_bytes()
    digest = hashlib.sha256(read).hexdigest()
    made = {"python": run.version_of(sys.executable), "pyproject": digest, "groups": ["test"]}
    directory.mkdir()
    (directory / run.STAMP).write_text(json.dumps({**made, **changes}))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What pip would have been asked for."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(run, "pip_install", lambda _, *what: asked.append(what))
    return asked


def test_an_old_python_can_read_the_file_and_say_that_it_is_too_old() -> None:
    source = Path(run.__file__).read_text(encoding="utf-8")

    ast.parse(source, feature_version=(3, 7))


def test_an_interpreter_that_does_not_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(run.Trouble, match=r"not Python 3\.11 or later"):
        run.find_python(str(tmp_path / "python"))


def test_an_environment_that_somebody_else_made_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / ".venv"
    theirs.mkdir()
    (theirs / "work").write_text("precious")

    with pytest.raises(run.Trouble, match="left alone"):
        run.prepare(theirs, sys.executable, groups=())

    assert (theirs / "work").read_text() == "precious"


def test_a_finished_environment_is_used_as_it_is(
    tmp_path: Path, installed: list[tuple[str, ...]]
) -> None:
    _stamp(tmp_path / ".venv")

    run.prepare(tmp_path / ".venv", sys.executable, groups=("test",))

    assert installed == []


@pytest.mark.parametrize("change", [{"pyproject": "another"}, {"groups": []}])
def test_what_the_environment_lacks_is_installed(
    change: dict[str, object], tmp_path: Path, installed: list[tuple[str, ...]]
) -> None:
    _stamp(tmp_path / ".venv", **change)

    run.prepare(tmp_path / ".venv", sys.executable, groups=("test",))

    assert [what[0] for what in installed] == ["--upgrade", "--editable"]
    assert f"{ROOT}/pyproject.toml:test" in installed[1]
    assert installed[1][-2:] == ("--constraint", str(run.CHECKS_LOCK))


# --- real servers -----------------------------------------------------------------------------------


@pytest.fixture
def beside(
    tmp_path: Path, installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An environment, with a compiler on the PATH; the servers' would be made, and stay empty."""

    def make(directory: Path, python: str) -> None:
        directory.mkdir(exist_ok=True)

    def install(_: Path, *what: str, **variables: str) -> None:
        installed.append((*what, *sorted(variables)))

    monkeypatch.setattr(run.shutil, "which", lambda _: "/usr/bin/c++")
    monkeypatch.setattr(run, "make_environment", make)
    monkeypatch.setattr(run, "pip_install", install)
    return tmp_path / ".venv"


def test_servers_are_installed_beside_the_environment_and_only_once(
    beside: Path, installed: list[tuple[str, ...]]
) -> None:
    assert run.install_servers(beside, sys.executable)
    assert run.install_servers(beside, sys.executable)

    assert [what[:2] for what in installed] == [("--no-deps", "--requirement")]
    assert str(run.SERVERS_LOCK) in installed[0]
    assert json.loads((run.servers_of(beside) / run.STAMP).read_text()).keys() == {
        "python",
        "servers",
    }


def test_servers_that_were_compiled_otherwise_are_made_again(
    beside: Path, installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run.install_servers(beside, sys.executable)
    (tmp_path / "other.cmake").write_text("set(GGML_NATIVE ON)")
    monkeypatch.setattr(run, "LLAMA_CPP", tmp_path / "other.cmake")

    run.install_servers(beside, sys.executable)

    assert len(installed) == 2


def test_servers_need_a_compiler_and_nothing_is_tried_without_one(
    beside: Path, installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.shutil, "which", lambda _: None)

    assert run.install_servers(beside, sys.executable)

    assert installed == []
    assert not run.servers_of(beside).exists()


def test_servers_that_cannot_be_installed_fail_the_check_and_not_the_run(
    beside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise run.Trouble("the package index cannot be reached.")

    monkeypatch.setattr(run, "pip_install", fail)

    assert not run.install_servers(beside, sys.executable)

    assert "index cannot be reached" in capsys.readouterr().out
    assert not (run.servers_of(beside) / run.STAMP).exists()


# --- other people's clients ---------------------------------------------------------------------------


@pytest.fixture
def with_npm(
    beside: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[int], list[tuple[str, ...]]]:
    """A factory: npm on the PATH, which ends with this status; returns what it will have been asked."""

    def make(status: int) -> list[tuple[str, ...]]:
        asked: list[tuple[str, ...]] = []

        def call(command: tuple[str, ...], **_: object) -> int:
            asked.append(command)
            return status

        def make_environment(directory: Path, python: str) -> None:
            directory.mkdir(parents=True)

        monkeypatch.setattr(run, "make_environment", make_environment)
        monkeypatch.setattr(run.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(run.subprocess, "call", call)
        return asked

    return make


def test_clients_are_installed_beside_the_environment_and_only_once(
    beside: Path, with_npm: Callable[[int], list[tuple[str, ...]]], installed: list[tuple[str, ...]]
) -> None:
    asked = with_npm(0)

    assert run.install_clients(beside, sys.executable)
    assert run.install_clients(beside, sys.executable)

    assert {Path(what[-1]).name for what in installed} == {"sdks.lock", "aider.lock"}
    assert [command[:2] for command in asked] == [("/usr/bin/npm", "install")]
    assert (run.clients_of(beside) / "npm" / "package.json").exists()


def test_agents_that_cannot_be_installed_fail_the_check_and_not_the_run(
    beside: Path,
    with_npm: Callable[[int], list[tuple[str, ...]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_npm(1)

    assert not run.install_clients(beside, sys.executable)

    assert "npm could not install" in capsys.readouterr().out
    assert run.read_stamp(run.clients_of(beside)) == {}


# --- environments -----------------------------------------------------------------------------------


def test_another_python_makes_another_environment(
    tmp_path: Path, installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    _stamp(tmp_path / ".venv", python="3.9.1")

    def make(directory: Path, python: str) -> None:
        made.append(directory)

    monkeypatch.setattr(run, "make_environment", make)
    run.prepare(tmp_path / ".venv", sys.executable, groups=())

    assert made == [tmp_path / ".venv"]


def test_the_next_way_is_taken_when_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def way(name: str, works: bool) -> None:
        monkeypatch.setattr(run, name, lambda *_: taken.append(name) or works)

    way("venv_with_pip", False)
    way("venv_and_another_pip", False)
    way("virtualenv_package", True)
    way("venv_from_apt", True)

    run.make_environment(tmp_path / "new", "python3")

    assert taken == ["venv_with_pip", "venv_and_another_pip", "virtualenv_package"]


def test_when_no_way_works_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("venv_with_pip", "venv_and_another_pip", "virtualenv_package", "venv_from_apt"):
        monkeypatch.setattr(run, name, lambda *_: False)

    with pytest.raises(run.Trouble, match="apt-get install python3-venv"):
        run.make_environment(tmp_path / "new", "python3")

    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_without_a_network_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    nowhere = ("--index-url", "http://127.0.0.1:9/simple", "--no-cache-dir")

    with pytest.raises(run.Trouble, match="the package index cannot be reached"):
        run.pip_output(sys.executable, "-m", "pip", "install", *nowhere, "assay-nb-of-nowhere")


def test_a_failed_check_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "test", "--only", "lint", "--only", "imports"])
    monkeypatch.setattr(run, "install_system_tools", lambda **_: None)
    monkeypatch.setattr(run, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(run, "run", lambda _, command, **__: int(command[0] == "ruff"))

    assert run.main() == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()[-2:]] == [
        ["lint", "0", "s", "FAILED"],
        ["imports", "0", "s", "ok"],
    ]


BESIDE = """
import json, sys
from pathlib import Path
assert sys.argv[1:4] == ["test", "--also", "python3.99"], sys.argv
print("what lint said")
with Path(sys.argv[-1]).open("a") as table:
    print(json.dumps(["lint", True, "ok", 1.0]), file=table)
    print(json.dumps(["node", False, "FAILED", 2.0]), file=table)
{end}
"""


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], run.Lane]:
    """A factory of lanes: another program in the place of run.py, which ends as told."""
    monkeypatch.setattr(run, "ROOT", tmp_path)

    def make(end: str = "") -> run.Lane:
        (tmp_path / "run.py").write_text(BESIDE.format(end=end))
        return run.Lane(argparse.Namespace(also=["python3.99"], python=None))

    return make


def test_what_a_lane_says_is_kept_until_it_ends(
    lane: Callable[[str], run.Lane], capsys: pytest.CaptureFixture[str]
) -> None:
    with lane("") as beside:
        beside.wait_for("node")
        before = capsys.readouterr().out
        rows = beside.finish()

    assert "what lint said" not in before
    assert capsys.readouterr().out == "what lint said\n"
    assert [(row.name, row.passed) for row in rows] == [("lint", True), ("node", False)]


def test_a_lane_that_stopped_before_its_end_fails_the_run(
    lane: Callable[[str], run.Lane],
) -> None:
    with lane("sys.exit(3)") as beside:
        rows = beside.finish()

    assert [row.name for row in rows if not row.passed] == ["node", "beside"]


def test_leaving_a_lane_early_ends_it(lane: Callable[[str], run.Lane]) -> None:
    with lane("import time; time.sleep(3600)") as beside:
        beside.wait_for("node")

    assert beside.process.returncode == -signal.SIGTERM


def test_a_whole_run_does_every_check_once_and_the_quick_ones_on_the_other_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both lanes in this process: what each of them would have run, and in which environment."""
    done: list[tuple[str, str]] = []
    options = argparse.Namespace(also=[sys.executable], python=None, lane=None)
    there = run.environment_of(sys.executable)

    def check(name: str, directory: Path, *_: object) -> bool:
        done.append((name, directory.name))
        return True

    class Beside(run.Lane):
        def __enter__(self) -> run.Lane:
            options.lane = str(self.table)
            run.run_beside(ROOT / ".venv", sys.executable, options)
            self.process = subprocess.Popen([sys.executable, "-c", ""])
            self.output.touch()
            return self

    monkeypatch.setattr(run, "check", check)
    monkeypatch.setattr(run, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(run.os, "nice", lambda _: None)
    monkeypatch.setattr(run, "Lane", Beside)

    rows = run.run_in_front(ROOT / ".venv", sys.executable, options)

    everything = sorted(set(run.CHECKS) - {"quick"})
    assert sorted(name for name, place in done if place == ".venv") == everything
    assert [name for name, place in done if place == there.name] == ["types", "quick"]
    assert len(rows) == len(done)


@pytest.mark.slow
def test_the_closing_table_says_what_was_skipped_and_for_want_of_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A real run of pytest: two tests lack a program, one lacks root, and one lacks something else."""
    (tmp_path / "test_it.py").write_text(
        """
import pytest
from tests.tools import require_tool


@pytest.mark.parametrize("number", [1, 2])
def test_a_browser(number):
    require_tool("no-such-browser")


@pytest.mark.skipif(True, reason="only root can give a file away")
def test_root(): ...


@pytest.mark.skipif(True, reason="this system has no fork")
def test_fork(): ...


def test_that_passes(): ...
"""
    )
    report = tmp_path / "report.xml"
    monkeypatch.delenv("CI", raising=False)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    subprocess.run(
        [*command, f"--rootdir={ROOT}", f"--junit-xml={report}"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )

    assert run.describe_skipped(report) == ", 4 skipped: no-such-browser, root, see above"


@pytest.mark.slow
def test_a_test_that_failed_anywhere_is_named(tmp_path: Path) -> None:
    """A real run of pytest: of four tests one fails, one is not set up and one not taken down."""
    (tmp_path / "test_it.py").write_text(
        """
import pytest


@pytest.fixture
def broken():
    raise OSError


@pytest.fixture
def breaks_later():
    yield
    raise OSError


def test_passes(): ...
def test_fails(): assert 0
def test_not_set_up(broken): ...
def test_not_taken_down(breaks_later): ...
"""
    )
    report = tmp_path / "report.xml"
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    subprocess.run(
        [*command, f"--rootdir={ROOT}", f"--junit-xml={report}"],
        cwd=ROOT,
        check=False,
        stdout=subprocess.DEVNULL,
    )

    failed = {name.rpartition("::")[2] for name in run.failed_tests(report)}
    assert failed == {"test_fails", "test_not_set_up", "test_not_taken_down"}


def test_the_closing_table_names_what_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The end of a log is all that some people see of it."""

    def check(name: str, directory: Path, python: str, report: Path) -> bool:
        case = f'<testcase classname="tests.{name}" name="test_it"><failure/></testcase>'
        report.write_text(f"<testsuite>{case if name == 'quick' else ''}</testsuite>")
        return name != "quick"

    monkeypatch.setattr(run, "check", check)
    monkeypatch.setattr(run, "prepare", lambda *_, **__: None)
    options = argparse.Namespace(
        also=[], quick=True, only=None, no_system_tools=False, lane=None, python=None
    )

    status = run.run_tests(Path(), sys.executable, options)

    assert status == 1
    table = capsys.readouterr().out.rpartition("\n\n")[2].splitlines()
    assert [line.split() for line in table] == [
        ["types", "0", "s", "ok"],
        ["quick", "0", "s", "FAILED"],
        ["tests.quick::test_it"],
    ]


def test_a_check_that_runs_no_tests_has_nothing_to_say_of_skipped_ones(tmp_path: Path) -> None:
    assert run.describe_skipped(tmp_path / "report.xml") == ""


@pytest.mark.parametrize(
    ("large", "installed", "left"),
    [(False, ["dbus"], ["chromium"]), (True, ["dbus", "chromium"], [])],
)
def test_large_programs_are_installed_only_when_asked_for(
    large: bool,
    installed: list[str],
    left: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []
    there = {*run.SMALL_TOOLS, *run.LARGE_TOOLS} - {"dbus-run-session", "chromium"}
    monkeypatch.setattr(run, "has_tool", there.__contains__)
    monkeypatch.setattr(run, "apt_install", lambda *packages: asked.extend(packages) or True)
    monkeypatch.setattr(run, "apt_prefix", lambda: ())

    run.install_system_tools(large=large)

    assert asked == installed
    said = capsys.readouterr().out
    assert [name for name in ("chromium", "dbus") if name in said] == left
    assert ("--all-system-tools" in said) is bool(left)


def test_what_an_installation_takes_is_said_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a program in the place of apt-get that writes down what it is asked, and answers as it does."""
    log = tmp_path / "asked"
    apt = tmp_path / "apt-get"
    apt.write_text(
        f"""#!/bin/sh
echo "$*" >> {log}
echo "0 upgraded, 155 newly installed, 0 to remove and 0 not upgraded."
echo "Need to get 209 MB of archives."
echo "After this operation, 759 MB of additional disk space will be used."
"""
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(run, "apt_prefix", lambda: ("env",))

    assert run.apt_install("chromium")

    said = capsys.readouterr().out
    assert "chromium" in said
    assert "Need to get 209 MB" in said
    assert "759 MB of additional disk space" in said
    update, ask, install = log.read_text().splitlines()
    assert update == "update"
    assert "--assume-no" in ask
    assert "--yes" not in ask
    assert "--yes" in install


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]


@pytest.mark.parametrize(
    ("lock", "wanted", "least"),
    [
        (
            run.CHECKS_LOCK,
            [
                *PROJECT["project"]["dependencies"],
                *PROJECT["project"]["optional-dependencies"]["hub"],
                *GROUPS["test"],
                *GROUPS["lint"],
            ],
            100,
        ),
        (run.SERVERS_LOCK, GROUPS["servers"], 30),
        (run.CLIENT_LOCKS["sdks"], GROUPS["clients"], 100),
        (run.CLIENT_LOCKS["aider"], GROUPS["aider"], 90),
    ],
    ids=["checks", "servers", "clients", "aider"],
)
def test_what_is_installed_is_locked_for_this_python(
    lock: Path, wanted: list[str], least: int
) -> None:
    """A dependency that the lock file lacks, or has in a version that does not fit, is named here."""
    pins = [Requirement(line) for line in lock.read_text().splitlines() if line[0] != "#"]
    here = {pin.name: pin.specifier for pin in pins if not pin.marker or pin.marker.evaluate()}
    asked = [one for one in map(Requirement, wanted) if not one.marker or one.marker.evaluate()]

    unfit = []
    for one in asked:
        (pin,) = here.get(canonicalize_name(one.name), ["==0"])
        if not one.specifier.contains(str(pin).removeprefix("=="), prereleases=True):
            unfit.append(str(one))

    assert len(here) > (least if asked else -1)
    assert unfit == []
