"""For everybody: what axe finds, and what a keyboard reaches. The flows are in `test_keyboard`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import expect

from tests.lab import replies
from tests.lab.browsing import Lab
from tests.lab.test_flows import LOAD, cell

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]

AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def axe() -> Path:
    """The checker, from the extension's development packages."""
    if not AXE.exists():
        sentence = "axe-core is not installed: run `npm ci` in labextension."
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    return AXE


def serious(lab: Lab, axe: Path, part: str) -> list[str]:
    """Return what axe finds serious or critical in a part of the page."""
    lab.page.add_script_tag(path=axe)
    found = lab.page.evaluate("part => axe.run(part)", part)
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(lab: Lab, axe: Path, theme: str) -> None:
    lab.stage.fake.answer_by(replies.answer)
    cells = [new_code_cell(cell(name)) for name in ("critique", "improve", "rewrite", "lint")]
    lab.open(f"axe-{theme}.ipynb", [LOAD, *cells])
    lab.run_all()
    expect(lab.result()).to_have_count(4)
    lab.sidebar()
    lab.theme(theme)
    lab.page.wait_for_timeout(500)

    found = [
        serious(lab, axe, part) for part in (".assay-result", ".assay-sidebar", ".assay-status")
    ]

    assert found == [[], [], []]


def test_finding_lights_up_its_words_by_keyboard(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    lab.open("focus.ipynb", [LOAD, new_code_cell(cell("critique"))])
    lab.run_all()
    lab.result().locator(".assay-item").first.wait_for()

    lab.page.evaluate("() => document.querySelector('.assay-result pre').focus()")
    lab.page.keyboard.press("Tab")

    expect(lab.result().locator("mark.assay-lit")).to_have_text(["briefly", "be detailed"])
