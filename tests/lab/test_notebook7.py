"""The same extension in Notebook 7."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Page, expect

from assay_nb.render.bundle import bundle
from tests.corpus.hostile import HOST, PAYLOADS
from tests.kernel.stage import Stage
from tests.lab import replies
from tests.lab.browsing import SHELL, work_in_personal
from tests.lab.results import hostile_critique, hostile_improvement
from tests.labserver.serving import TOKEN, Server, serve

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def notebook(place: Path, shared_stage: Stage) -> Iterator[Server]:
    pytest.importorskip("notebook")
    surroundings = [
        ("ASSAY_HOME", str(shared_stage.home)),
        ("JUPYTER_PATH", str(place / "data")),
        ("JUPYTER_CONFIG_DIR", str(place / "config")),
    ]
    with serve(
        "notebook", place / "seven", "--expose-app-in-browser", environment=surroundings
    ) as server:
        yield server


def test_results_are_drawn_and_inert_in_notebook_7(
    notebook: Server, page: Page, place: Path
) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in PAYLOADS[::5]]
    cells = []
    for result in (hostile_critique(texts), hostile_improvement(texts)):
        data, metadata = bundle(result.to_document(), result.to_dict())
        output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        cells.append(new_code_cell("1", outputs=[output]))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": spec}), place / "seven" / "n.ipynb"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{notebook.url}notebooks/n.ipynb?token={TOKEN}")
    expect(page.locator(".assay-result")).to_have_count(2)

    assert page.locator(".assay-result :is(script, iframe, img, svg, a, form)").count() == 0
    assert [
        url for url in asked if HOST in url or not url.startswith((notebook.url, "data:"))
    ] == []


def test_result_of_another_language_is_shown_at_the_side_in_notebook_7(
    notebook: Server, page: Page, place: Path, stage: Stage
) -> None:
    """Where there is room for one document alone."""
    stage.fake.answer_by(replies.answer)
    work_in_personal(notebook)
    written = new_notebook(
        cells=[new_markdown_cell(replies.PROMPT)], metadata={"kernelspec": SHELL}
    )
    nbformat.write(written, place / "seven" / "shell.ipynb")
    page.goto(f"{notebook.url}notebooks/shell.ipynb?token={TOKEN}")

    page.get_by_role("button", name="Critique").click()

    expect(page.locator(".assay-side")).to_contain_text("exclude each other")
    expect(page.locator(".assay-side")).to_be_visible()
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(1)


def test_sidebar_is_there_in_notebook_7(notebook: Server, page: Page, place: Path) -> None:
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), place / "seven" / "s.ipynb")
    page.goto(f"{notebook.url}notebooks/s.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")

    page.evaluate("() => { window.jupyterapp.commands.execute('assay-nb:open-sidebar'); }")

    expect(page.locator(".assay-sidebar .assay-card")).to_have_count(3)
