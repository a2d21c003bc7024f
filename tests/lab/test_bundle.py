"""The built extension in the tree: made from these sources, whole, and small."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "labextension"
BUILT = ROOT / "src" / "assay_nb" / "labextension"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def run(*command: str, cwd: Path) -> None:
    place = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "PATH": place}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture
def packages() -> Path:
    """The development packages, which `npm ci` puts there."""
    require_tool("npm")
    place = SOURCES / "node_modules"
    if not place.exists():
        sentence = "The extension's packages are not installed: run `npm ci` in labextension."
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    return place


@pytest.mark.slow
def test_bundle_in_the_tree_is_what_its_sources_build(packages: Path, tmp_path: Path) -> None:
    """Byte for byte: the build is deterministic."""
    copy = tmp_path / "labextension"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules", "lib"))
    # The packages' names are within the bundle, so they stand beside the copy as they do in the tree.
    shutil.copytree(packages, copy / "node_modules", symlinks=True, copy_function=link_or_copy)
    (tmp_path / "src" / "assay_nb").mkdir(parents=True)

    run("npm", "run", "build", cwd=copy)

    built = files_of(tmp_path / "src" / "assay_nb" / "labextension")
    kept = files_of(BUILT)
    assert sorted(built) == sorted(kept), "rebuild it: `npm run build` in labextension"
    assert [name for name in kept if kept[name] != built[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("script", ["test", "lint", "types"])
def test_typescript_passes_its_own_checks(packages: Path, script: str) -> None:
    run("npm", "run", script, cwd=SOURCES)


def test_bundle_has_what_lab_loads_it_by() -> None:
    facts = json.loads((BUILT / "package.json").read_text())["jupyterlab"]

    assert (BUILT / facts["_build"]["load"]).is_file()
    assert (BUILT / "schemas" / "assay-nb" / "plugin.json").is_file()
    assert not list(BUILT.rglob("*.map"))


def test_bundle_stays_small() -> None:
    """JupyterLab loads it at each start."""
    size = sum(path.stat().st_size for path in (BUILT / "static").iterdir())

    assert size < 120_000


def test_bundle_names_no_address_to_load_from() -> None:
    """Nothing comes from elsewhere: no font, no script, no picture."""
    texts = [path.read_text() for path in (BUILT / "static").glob("*.js")]

    named = {found for text in texts for found in re.findall(r"https?://[\w.]+", text)}
    assert named <= {"http://www.w3.org"}, "but for the namespace of the icon"


def test_no_setting_is_a_secret() -> None:
    schema = json.loads((SOURCES / "schema" / "plugin.json").read_text())

    assert {fact["type"] for fact in schema["properties"].values()} == {"boolean"}


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())

    assert not any("resolved" in package for package in lock["packages"].values())


def test_one_file_makes_requests() -> None:
    users = [
        path.name
        for path in (SOURCES / "src").rglob("*.ts")
        if "ServerConnection" in path.read_text() or "fetch(" in path.read_text()
    ]

    assert users == ["request.ts"]
