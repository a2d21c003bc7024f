"""Contracts between rooms: each of them notices the import that it forbids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("importlinter.cli", reason="import-linter is in the group `lint`")

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
NAMES = [contract["name"] for contract in CONTRACTS]

PLANTS = {
    "Floors": ("text/english.py", "import assay_nb.engine.call"),
    "Pure": ("connections/values.py", "import socket"),
    "Hub kernel": ("engine/portal.py", "import assay_nb.vault.secret"),
    "Faces": ("magics/cells.py", "import assay_nb.store.database"),
    "Homes: cryptography": ("store/database.py", "import cryptography"),
    "Homes: the SDKs": ("engine/call.py", "import anthropic"),
    "Homes: sqlalchemy": ("vault/vault.py", "import sqlalchemy"),
    "Homes: IPython": ("render/__init__.py", "import IPython"),
    "Homes: httptools": ("gateway/http/app.py", "import httptools"),
    "Inside the gateway": ("gateway/calls/limits.py", "import assay_nb.gateway.http.app"),
    "Egress": ("engine/local/credentials.py", "import assay_nb.egress.key_header"),
}
"""By the beginning of a contract's name: a file, and the line that the contract forbids there."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources and their contracts."""
    copy = tmp_path_factory.mktemp("contracts")
    for path in (ROOT / "src").rglob("*.py"):
        (copy / path.relative_to(ROOT).parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy / path.relative_to(ROOT))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def broken_in(tree: Path) -> set[str]:
    """Return the names of the contracts that do not hold."""
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))"
    done = subprocess.run(
        [sys.executable, "-c", lint],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    verdicts = {
        name: line[len(name) :].split()[0]
        for line in done.stdout.splitlines()
        for name in NAMES
        if line.startswith(f"{name} ")
    }
    assert set(verdicts) == set(NAMES), done.stdout
    return {name for name, verdict in verdicts.items() if verdict == "BROKEN"}


def test_control_the_copied_tree_keeps_every_contract(tree: Path) -> None:
    assert broken_in(tree) == set()


@pytest.mark.parametrize("name", NAMES)
def test_planted_import_breaks_its_contract(name: str, tree: Path) -> None:
    [(file, line)] = [plant for beginning, plant in PLANTS.items() if name.startswith(beginning)]
    path = tree / "src" / "assay_nb" / file
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    try:
        assert name in broken_in(tree)
    finally:
        path.write_text(text, encoding="utf-8")


def test_new_room_without_a_floor_breaks_the_floors(tree: Path) -> None:
    room = tree / "src" / "assay_nb" / "attic"
    room.mkdir()
    (room / "__init__.py").write_text("", encoding="utf-8")
    try:
        assert broken_in(tree) == {NAMES[0]}
    finally:
        shutil.rmtree(room)
