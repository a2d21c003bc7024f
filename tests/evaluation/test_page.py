from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from benchmarks import verdicts

from assay_nb.evaluation import verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"


def test_example_on_the_page_gives_an_improvement() -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names: dict[str, object] = {}

    exec(code, names)

    assert names["verdict"].verdict == "improved"


def test_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(verdict).failed == 0


def test_tables_on_the_page_are_written_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- luck -->\nold\n<!-- /luck -->\nb\n", "utf-8")

    verdicts.write_docs({"luck": r"| \1 |"}, page)

    assert page.read_text("utf-8") == "a\n<!-- luck -->\n| \\1 |\n<!-- /luck -->\nb\n"


def test_section_without_a_place_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", "utf-8")

    with pytest.raises(SystemExit, match="luck"):
        verdicts.write_docs({"luck": ""}, page)


def test_every_table_of_the_benchmark_stands_on_the_page() -> None:
    text = PAGE.read_text("utf-8")

    for name in ("rules", "luck", "coverage", "power"):
        assert re.search(rf"<!-- {name} -->\n.+?<!-- /{name} -->", text, re.DOTALL), name


@pytest.mark.slow
def test_verdict_refuses_what_the_other_rules_accept() -> None:
    """The table's claim, on fewer runs: under a null edit the verdict alone stays under one in forty."""
    head, *rules = verdicts.pass_fail_table(30, runs=1_000)
    null = {name: float(shares[0].rstrip("%")) for name, *shares in rules}

    assert head[1] == "null edit"
    assert null.pop("assay_nb: improved") <= 4.0
    assert min(null.values()) > 25.0
