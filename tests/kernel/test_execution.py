"""Notebooks that run without a person: they fail loudly when a cell fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.kernel.replies import PROMPT, critique
from tests.kernel.stage import Stage

CELLS = ("%load_ext assay_nb", f"%%critique -o review\n{PROMPT}", "print('after', review.score)")


def nbconvert(source: Path, target: Path) -> list[str]:
    return ["nbconvert", "--execute", "--to", "notebook", str(source), "--output", str(target)]


def papermill(source: Path, target: Path) -> list[str]:
    return ["papermill", "--no-progress-bar", "-k", "python3", str(source), str(target)]


RUNNERS = {"nbconvert": nbconvert, "papermill": papermill}


@pytest.fixture(params=RUNNERS)
def execute(request: pytest.FixtureRequest, tmp_path: Path):
    """A function that executes cells with one of the runners, and returns how that went."""
    make_command = RUNNERS[request.param]

    def run(*cells: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        source, target = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "",
            "language": "python",
        }
        nbformat.write(notebook, source)
        done = subprocess.run(
            [sys.executable, "-m", *make_command(source, target)],
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=110,
        )
        return done, target

    return run


@pytest.mark.slow
def test_notebook_that_succeeds_is_written_with_its_results(stage: Stage, execute) -> None:
    stage.fake.answers(critique())

    done, target = execute(*CELLS)

    assert done.returncode == 0, done.stderr
    cells = nbformat.read(target, as_version=4).cells
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output.output_type for output in outputs] == ["display_data", "stream"]
    assert outputs[1].text == "after 5.0\n"


@pytest.mark.slow
def test_notebook_with_a_failing_call_fails_with_its_message(stage: Stage, execute) -> None:
    stage.fake.keys = {"another"}

    done, _ = execute(*CELLS)

    assert done.returncode != 0
    assert "ProviderAuthError" in done.stderr
    assert "does not accept the workspace's key" in done.stderr
    assert stage.traces_in(done.stdout + done.stderr) == {}
