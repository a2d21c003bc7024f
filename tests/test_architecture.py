"""The architecture page tells where things are: what it names has to be there, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "src" / "assay_nb"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def _named() -> set[str]:
    """Return the files and folders that the page names in backticks."""
    return set(re.findall(r"`((?:[a-z_]+/)*(?:[a-z_]+\.py|[a-z_]+/))`", PAGE))


def _is_there(name: str) -> bool:
    return any((start / name).exists() for start in (HOUSE, ROOT))


def test_every_file_that_the_page_names_is_there() -> None:
    named = _named()

    assert len(named) > 40
    assert sorted(name for name in named if not _is_there(name)) == []


def test_ten_questions_lead_to_a_file_each() -> None:
    table = PAGE.split("## Ten questions")[1].split("\n## ")[0]
    files = re.findall(r"^\| [^|]+\? \| `([a-z_/]+\.py)` \|$", table, re.MULTILINE)

    assert len(files) >= 10
    assert [name for name in files if not (HOUSE / name).is_file()] == []


def test_every_room_is_on_the_page() -> None:
    rooms = {path.parent.relative_to(HOUSE) for path in HOUSE.rglob("__init__.py")}
    inner = {str(room) for room in rooms if len(room.parts) == 1}

    assert {room for room in inner if not re.search(rf"\b{room}/", PAGE)} == set()


def test_every_name_in_the_tree_is_a_module_or_a_room() -> None:
    tree = PAGE.split("## The tree")[1].split("```")[1]
    known = {path.stem for path in HOUSE.rglob("*.py")} | {path.name for path in HOUSE.rglob("*")}
    first = [line.split("  ")[0].strip().rstrip("/") for line in tree.splitlines() if line.strip()]
    named = re.findall(r"(?<![\w'])([a-z]+_[a-z_]+)", tree)

    assert len(named) > 10
    assert [name for name in named if name not in known] == []
    assert [name for name in first if name and " " not in name and name not in known] == []


def test_every_inner_room_is_in_the_tree() -> None:
    tree = PAGE.split("## The tree")[1].split("```")[1]
    walled = ("engine", "experiments", "gateway", "evaluation", "instruments/exchange")
    inner = {
        path.parent.name
        for path in HOUSE.rglob("__init__.py")
        if path.parent.relative_to(HOUSE).as_posix().startswith(walled)
        and len(path.parent.relative_to(HOUSE).parts) == 2
    }

    assert {room for room in inner if not re.search(rf"^\s+{room}/", tree, re.MULTILINE)} == set()
