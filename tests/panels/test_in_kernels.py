"""`%assay panel` in a real kernel: what the front end is told, and what stays in the notebook's file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tests.canaries import find_canary
from tests.kernel.kernels import Kernel, open_kernel
from tests.kernel.stage import Stage, open_stage
from tests.lab import replies

pytestmark = pytest.mark.slow

LOAD = "%load_ext assay_nb"
IMPROVE = f"%%improve -o better\n{replies.PROMPT}"

# What a front end does when somebody types into the fields; `key` comes from a file, so no cell has it.
TYPE = """
import ipywidgets
from pathlib import Path
from assay_nb.panels.key_field import KeyField
key = Path("typed").read_text()
for model in list(ipywidgets.widgets.widget._instances.values()):
    if isinstance(model, KeyField):
        model.set_state({"value": key})
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("in-kernels")


@pytest.fixture(scope="module")
def stage(place: Path) -> Iterator[Stage]:
    with open_stage(place / "vault") as stage:
        stage.fake.answer_by(replies.answer)
        yield stage


@pytest.fixture(scope="module")
def kernel(place: Path, stage: Stage) -> Iterator[Kernel]:
    with open_kernel(place, {"ASSAY_HOME": str(stage.home), "HOME": str(place)}) as kernel:
        yield kernel


def run_notebook(place: Path, stage: Stage, *cells: str) -> NotebookNode:
    """Run a notebook as a program does, and return what its file then holds."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in (LOAD, *cells)])
    client = NotebookClient(
        notebook, timeout=60, store_widget_state=True, resources={"metadata": {"path": str(place)}}
    )
    ran = client.execute(env={**os.environ, "ASSAY_HOME": str(stage.home), "HOME": str(place)})
    nbformat.validate(ran)
    return ran


def widget_states(notebook: NotebookNode) -> list[dict[str, Any]]:
    saved = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]
    return [one["state"] | {"model": one["model_name"]} for one in saved["state"].values()]


def test_use_in_a_cell_fills_the_next_one_by_the_reply(kernel: Kernel) -> None:
    kernel.run(IMPROVE)
    kernel.run("opened = %assay panel better")

    ran = kernel.run("text = opened.panel.use('mine')")

    assert ran.error is None
    assert ran.reply["payload"] == [
        {"source": "set_next_input", "text": ran.reply["payload"][0]["text"], "replace": False}
    ]
    assert ran.reply["payload"][0]["text"].startswith("%%critique\n")
    assert "in two sentences" in ran.reply["payload"][0]["text"]
    assert kernel.run("print(mine == text)").text == "True\n"


def test_saved_notebook_shows_the_panels_static_forms(place: Path, stage: Stage) -> None:
    notebook = run_notebook(place, stage, "%assay panel", IMPROVE, "%assay panel better")

    settings = notebook.cells[1].outputs[0].data
    review = notebook.cells[3].outputs[0].data
    for data, text in ((settings, "%assay keys set PROVIDER"), (review, ".apply([1, 3])")):
        assert text in data["text/plain"]
        assert {"text/markdown", "text/html", "application/vnd.jupyter.widget-view+json"} < {*data}
    assert "in two sentences" in review["text/markdown"]


def test_saved_widget_states_hold_no_value_of_a_key_field(
    place: Path, stage: Stage, canary: dict[str, str]
) -> None:
    key = canary["google"]
    (place / "typed").write_text(key)

    notebook = run_notebook(place, stage, "%assay panel", TYPE)

    fields = [state for state in widget_states(notebook) if state["model"] == "PasswordModel"]
    assert len(fields) == 3
    assert {state.get("value", "") for state in fields} == {""}
    assert not find_canary(json.dumps(notebook), key)


def test_stock_password_field_would_be_saved_with_its_value(
    place: Path, stage: Stage, canary: dict[str, str]
) -> None:
    """Why the check above can fail."""
    key = canary["google"]
    (place / "typed").write_text(key)
    stock = "import ipywidgets\nipywidgets.Password(value=open('typed').read())"

    assert find_canary(json.dumps(run_notebook(place, stage, stock)), key)
