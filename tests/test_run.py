"""The way from a fresh clone to a running command, where it is easy to get wrong."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from pathlib import Path

import pytest

import run

ROOT = Path(run.__file__).parent


def _stamp(directory: Path, **changes: object) -> None:
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
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
    with pytest.raises(run.Trouble, match=r"no Python 3\.10 or later"):
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

    assert [what[-1] for what in installed] == [run.PIP, f"{ROOT}/pyproject.toml:test"]


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


def test_without_a_network_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    nowhere = ("--index-url", "http://127.0.0.1:9/simple", "--no-cache-dir")

    with pytest.raises(run.Trouble, match="the package index cannot be reached"):
        run.pip_output(sys.executable, "-m", "pip", "install", *nowhere, "assay-nb-of-nowhere")


def test_a_failed_check_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "test", "--only", "lint", "--only", "imports"])
    monkeypatch.setattr(run, "install_system_tools", lambda: None)
    monkeypatch.setattr(run, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(run, "run", lambda _, command, **__: int(command[0] == "ruff"))

    assert run.main() == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        ["lint", "FAILED"],
        ["imports", "ok"],
    ]
