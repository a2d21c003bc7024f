"""Tests of the parts: what each set of packages is enough for, and what is said where it is not."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.fakes.practice import Practice
from tests.gateway.losing import Member
from tests.gateway.threaded import open_hub

TOP = Path(__file__).parents[1]
CORE = TOP / "packages" / "core" / "pyproject.toml"


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))["project"]


FULL, PARTS = _read(TOP / "pyproject.toml"), _read(CORE)
EXTRAS: dict[str, list[str]] = PARTS["optional-dependencies"]


def _without_itself(names: list[str]) -> set[str]:
    return {each for each in names if not each.startswith("assay-nb")}


def test_the_parts_together_are_the_whole() -> None:
    """One floor stands in two files: they are the same, and none is in one file alone."""
    solo = {
        *PARTS["dependencies"],
        *(each for one in ("kernel", "lab", "sdk", "vault") for each in EXTRAS[one]),
    }
    assert solo == set(FULL["dependencies"])
    beyond = _without_itself(EXTRAS["hub"]) - set(FULL["dependencies"])
    assert beyond == set(FULL["optional-dependencies"]["hub"])


@pytest.mark.parametrize("field", ["version", "requires-python", "license", "scripts"])
def test_what_is_said_of_both_is_the_same(field: str) -> None:
    """One release has one version, whichever of the two is installed."""
    assert PARTS[field] == FULL[field]


# --- what each is enough for: all other packages are out of reach


def _closure(wanted: list[str]) -> set[str]:
    """Return the distributions that these requirements bring with them, by their normal names."""
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [Requirement(each) for each in wanted]
    while left:
        one = left.pop()
        name, extras = re.sub(r"[-_.]+", "-", one.name).lower(), frozenset(one.extras)
        if one.marker is not None and not any(
            one.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            continue
        if name == "assay-nb-core":
            left += [Requirement(each) for extra in extras for each in EXTRAS[extra]]
            continue
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found = [Requirement(each) for each in requires(name) or ()]
        except PackageNotFoundError:
            continue  # for another system
        for each in found:
            if each.marker is None or any(
                each.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                each.marker = None
                left.append(each)
    return {name for name, _ in seen}


@cache
def _out_of_reach(*extras: str) -> list[str]:
    wanted = [*PARTS["dependencies"], *(each for extra in extras for each in EXTRAS[extra])]
    there = _closure(wanted) | {"assay-nb", "assay-nb-core"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not there & {re.sub(r"[-_.]+", "-", each).lower() for each in owners}
    )


_PREFACE = """
    import sys
    refused = set({refused!r})
    class OutOfReach:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in refused:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, OutOfReach())
"""


def _run(
    code: str, *extras: str, home: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    preface = textwrap.dedent(_PREFACE).format(refused=_out_of_reach(*extras))
    return subprocess.run(
        [sys.executable, "-c", preface + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=home,
        env={
            "HOME": str(home),
            "ASSAY_HOME": str(home / "assay"),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(TOP / "src"),
            **(env or {}),
        },
    )


def test_a_module_out_of_reach_is_out_of_reach(tmp_path: Path) -> None:
    """The control: a package that an environment does not have cannot be imported in these tests."""
    for name, extras in (("sqlalchemy", ("kernel",)), ("IPython", ()), ("jupyterlab", ("hub",))):
        assert f"No module named '{name}" in _run(f"import {name}", *extras, home=tmp_path).stderr


@pytest.mark.slow
def test_the_hub_s_own_environment_needs_nothing_more(tmp_path: Path) -> None:
    """`configure_hub` runs in JupyterHub's own process, whose packages are not ours to choose."""
    code = """
        from types import SimpleNamespace
        from assay_nb.gateway import configure_hub
        print(callable(configure_hub))
    """
    ran = _run(code, home=tmp_path)
    assert (ran.stdout, ran.stderr) == ("True\n", "")


def test_lint_needs_nothing_more(tmp_path: Path) -> None:
    """A check before a commit takes two small packages, and says what it says elsewhere."""
    (tmp_path / "prompt.txt").write_text("Be brief. Answer {{question}}.\n")
    code = """
        from assay_nb.cli import main
        sys.exit(main(["lint", "prompt.txt", "--format", "json"]))
    """
    ran = _run(code, home=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert '"schema"' in ran.stdout


@pytest.mark.slow
def test_a_kernel_on_a_hub_needs_neither_lab_nor_sdks_nor_a_vault(tmp_path: Path) -> None:
    """Status, lint, critique, improve, a playground over rows and the panel work with the part for kernels."""
    code = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        def run(cell):
            assert shell.run_cell(cell).success, cell
        run("%load_ext assay_nb")
        run("%assay workspace use TEAM")
        for line in ("%assay", "%assay models", "%assay calls", "%assay doctor", "%assay panel"):
            run(line)
        prompt = "Answer the question of {{name}} briefly and in detail."
        run("%%lint\\n" + prompt)
        run("%%critique -o review\\n" + prompt)
        run("%%improve -o better\\n" + prompt)
        run("rows = [{'name': 'Ada'}, {'name': 'Bob'}]")
        run("%%playground --data rows -o runs\\n" + prompt)
        print("FINDINGS", len(shell.user_ns["review"].findings), "RUNS", len(shell.user_ns["runs"].outputs))
        loaded = {name.partition(".")[0] for name in sys.modules}
        print("LOADED", loaded & {"sqlalchemy", "cryptography", "anthropic", "openai", "google", "jupyterlab"})
    """
    with Practice() as practice, open_hub(tmp_path, practice) as hub:
        member = Member(hub.stage, "ada", hub.token)
        _, name = hub.wait(member.make(practice.key))
        ran = _run(
            code.replace("TEAM", name), "kernel", home=tmp_path, env=dict(hub.surroundings())
        )
    assert ran.returncode == 0, ran.stdout[-1500:] + ran.stderr[-1500:]
    assert "RUNS 2" in ran.stdout
    assert "LOADED set()" in ran.stdout


@pytest.mark.parametrize(
    ("extras", "part", "package"),
    [((), "vault", "sqlalchemy"), (("kernel",), "vault", "sqlalchemy")],
)
def test_a_missing_vault_is_named(
    extras: tuple[str, ...], part: str, package: str, tmp_path: Path
) -> None:
    """What is missing is said in one line, with what to install; nothing is drawn of the inside."""
    code = """
        from assay_nb.cli import main
        sys.exit(main(["keys", "list"]))
    """
    ran = _run(code, *extras, home=tmp_path)
    assert ran.returncode == 2
    assert f"needs the package {package}" in ran.stderr
    assert f"assay-nb-core[{part}]" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_missing_gateway_is_named(tmp_path: Path) -> None:
    """A gateway without its packages says which extra has them."""
    code = """
        from assay_nb.extras import needing, PartMissing
        try:
            with needing("hub"):
                import aiohttp
        except PartMissing as error:
            print(error.message, error.hint)
    """
    ran = _run(code, "kernel", home=tmp_path)
    assert "The gateway needs the package aiohttp" in ran.stdout
    assert "assay-nb[hub]" in ran.stdout


def test_a_fault_of_our_own_is_not_taken_for_a_missing_package(tmp_path: Path) -> None:
    """A module of this package that is missing is a broken installation, and shows itself as one."""
    code = """
        from assay_nb.extras import needing
        with needing("hub"):
            import assay_nb.nothing_of_the_kind
    """
    assert "ModuleNotFoundError" in _run(code, home=tmp_path).stderr
