"""The page on measuring is run from top to bottom, so that it cannot rot."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from assay_nb.experiments.suites.file import read_suite

PAGE = Path(__file__).resolve().parents[2] / "docs" / "measuring.md"


def _blocks(*languages: str) -> list[str]:
    fence = rf"^```(?:{'|'.join(languages)})\n(.*?)^```"
    return re.findall(fence, PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom_on_the_practice_provider(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(cell) for cell in _blocks("ipython", "python")]
    cells.append(nbformat.v4.new_code_cell("assert measured.verdict == 'improved'"))
    notebook = nbformat.v4.new_notebook(cells=cells)

    done = NotebookClient(
        notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    assert all(cell.execution_count for cell in done.cells)


def test_the_suite_on_the_page_can_be_read(tmp_path: Path) -> None:
    (suite,) = _blocks("yaml")
    (tmp_path / "prompt.txt").write_text("Sort {{ticket}}.")
    (tmp_path / "suite.yaml").write_text(suite)

    assert len(read_suite(tmp_path / "suite.yaml").cases) == 2
