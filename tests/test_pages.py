"""The examples on the pages are run, so that they cannot rot."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from assay_nb import cli
from assay_nb.commands import tree
from assay_nb.commands.outcome import Outcome
from assay_nb.magics.line_magic import assay_parser
from assay_nb.render.document import Document

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def _blocks(page: Path, *languages: str) -> list[str]:
    fence = rf"^```(?:{'|'.join(languages)})\n(.*?)^```"
    return re.findall(fence, page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def _typed(page: Path) -> list[str]:
    lines = "".join(_blocks(page, "console")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def _run_cells(cells: list[str], directory: Path) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(directory)}})
    return client.execute()


COMMANDS = [line for page in PAGES for line in _typed(page) if "assay-nb" in line]
NAMED = [
    named
    for path in (ROOT / "src").rglob("*.py")
    for named in re.findall(
        r"`(?:assay-nb|%assay) ([^`\nX][^`\n]*)`", path.read_text(encoding="utf-8")
    )
]
BOOTSTRAP = [line for page in PAGES for line in _typed(page) if line.startswith("python3 run.py")]


@pytest.mark.parametrize("line", sorted(set(COMMANDS)))
def test_a_command_on_a_page_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "run", lambda *_: Outcome(Document([]), {}))
    words = shlex.split(line.rpartition("| ")[2])

    assert cli.main(words[1:]) == 0


@pytest.mark.parametrize("line", sorted(set(NAMED)))
def test_a_command_that_a_message_names_exists(line: str) -> None:
    # Some commands are a terminal's alone.
    parser = assay_parser() if line.split()[0] in assay_parser().children else cli._parser()

    for word in line.split():
        if not parser.children or "{" in word or word.startswith("--"):
            break
        assert word in {"-h", *parser.children}
        parser = parser.children.get(word, parser)


@pytest.mark.parametrize("line", sorted(set(BOOTSTRAP)))
def test_a_way_to_start_on_a_page_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(line)[1:])
    run = runpy.run_path(str(ROOT / "run.py"))

    options, rest = run["parse_arguments"]()

    assert options.command in {"try", "test"}
    assert rest == []


@pytest.mark.slow
def test_the_guide_runs_from_top_to_bottom_on_the_practice_provider(tmp_path: Path) -> None:
    notebook = _run_cells(_blocks(ROOT / "docs" / "user.md", "ipython", "python"), tmp_path)

    assert all(cell.execution_count for cell in notebook.cells)


@pytest.mark.slow
def test_the_readme_runs_from_top_to_bottom_on_the_practice_provider(tmp_path: Path) -> None:
    first, *others = _blocks(ROOT / "README.md", "ipython", "python")

    notebook = _run_cells([first, "%assay try", *others], tmp_path)

    assert all(cell.execution_count for cell in notebook.cells)
