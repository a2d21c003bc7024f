"""No key in what is published: the tree, the sdist, the wheel."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canaries import make_canary

ROOT = Path(__file__).resolve().parent.parent.parent

SHAPES = re.compile(
    rb"""
    sk-ant-(?:api|admin)\d\d-[\w-]{40,}
  | sk-ant-(?:oat|ort)\d\d-[\w-]{40,}
  | sk-(?:proj|svcacct|admin|or-v1)-[\w-]{40,}
  | \bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}
  | \bsk-[A-Za-z0-9]{48}\b
  | \bAIza[\w-]{35}
  | \bAQ\.[\w-]{30,}
  | \banbmk1\.[\w-]{43}\.[0-9a-f]{8}
  | -----BEGIN[ ](?:[A-Z]+[ ])*PRIVATE[ ]KEY-----(?:\s|\\n)*[A-Za-z0-9+/]{40,}
    """,
    re.VERBOSE,
)

ALLOWED: frozenset[bytes] = frozenset()
"""Fakes that have to stand in a file, word for word, each with its reason. Canaries are made at run time."""

BUILT = shutil.ignore_patterns(
    ".git", ".venv*", ".nox", "node_modules", "__pycache__", ".*_cache", ".hypothesis", "dist"
)


def _keys_in(data: bytes) -> set[bytes]:
    return set(SHAPES.findall(data)) - ALLOWED


def _members(artefact: Path) -> Iterator[tuple[str, bytes]]:
    if artefact.suffix == ".whl":
        with zipfile.ZipFile(artefact) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist())
    else:
        with tarfile.open(artefact) as archive:
            for member in archive:
                content = archive.extractfile(member) or io.BytesIO()
                yield member.name, content.read()


def _files(tree: Path) -> Iterator[tuple[str, bytes]]:
    yield from ((str(path), path.read_bytes()) for path in tree.rglob("*") if path.is_file())


def _found(contents: Iterator[tuple[str, bytes]]) -> dict[str, set[bytes]]:
    return {name: keys for name, data in contents if (keys := _keys_in(data))}


def _copy(target: Path) -> Path:
    return Path(shutil.copytree(ROOT, target, ignore=BUILT, symlinks=True))


def _build(tree: Path, out: Path) -> list[Path]:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(out)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=100)
    return sorted(out.iterdir(), key=lambda path: path.suffix)


def test_a054_the_tree_holds_nothing_shaped_like_a_key(tmp_path: Path) -> None:
    """A key left in a fixture, a page, a screenshot or a recorded reply → none is there."""
    assert _found(_files(_copy(tmp_path / "tree"))) == {}


@pytest.mark.slow
def test_a054_neither_artefact_holds_anything_shaped_like_a_key(tmp_path: Path) -> None:
    """A key that reached the wheel or the sdist alone → none is there."""
    artefacts = _build(_copy(tmp_path / "tree"), tmp_path / "out")

    assert [path.suffix for path in artefacts] == [".gz", ".whl"]
    assert [_found(_members(path)) for path in artefacts] == [{}, {}]


@pytest.mark.slow
def test_a054_a_planted_key_is_found_in_the_tree_and_in_both_artefacts(tmp_path: Path) -> None:
    """Positive control: a key in a source file → found three times."""
    key = make_canary("anthropic")
    tree = _copy(tmp_path / "tree")
    with (tree / "src" / "assay_nb" / "config.py").open("a") as source:
        source.write(f"# {key}\n")

    artefacts = _build(tree, tmp_path / "out")

    hits = [_found(_files(tree)), *(_found(_members(path)) for path in artefacts)]
    assert [list(found.values()) for found in hits] == [[{key.encode()}]] * 3


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_a054_the_scan_knows_the_shapes_of_every_provider(provider: str) -> None:
    """Positive control: one canary per provider → its shape is known."""
    key = make_canary(provider).encode()

    assert _keys_in(b"x = '" + key + b"'") == {key}


@pytest.mark.slow
def test_a054_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    """A stray folder at the top of a wheel lands in everybody's site-packages → there is none."""
    wheel = next(
        path for path in _build(_copy(tmp_path / "tree"), tmp_path / "out") if path.suffix == ".whl"
    )

    tops = {name.partition("/")[0] for name, _ in _members(wheel)}

    assert {top for top in tops if not top.startswith("assay_nb-")} == {"assay_nb"}
    assert not [name for name, _ in _members(wheel) if name.endswith(".pth")]
