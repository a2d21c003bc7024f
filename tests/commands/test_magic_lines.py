"""The grammar of the magics' lines."""

from __future__ import annotations

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from assay_nb.commands.magic_lines import flags_set, parser_for, refuse_variable, split_magic
from assay_nb.errors import WrongUsage


@pytest.mark.parametrize(
    "line",
    [
        "%%critique",
        "%%critique -w other -m google/x",
        "%%improve   --feedback 'two  words'  ",
        "%%critique\t-w other",
        "%%critique-w other",
    ],
)
def test_line_is_split_as_ipython_splits_it(line: str) -> None:
    code = ast.parse(TransformerManager().transform_cell(f"{line}\nBe nice.\n")).body[0]

    assert isinstance(code, ast.Expr)
    assert isinstance(code.value, ast.Call)
    name, arguments, _ = (ast.literal_eval(argument) for argument in code.value.args)
    assert split_magic(f"{line}\n") == (name, arguments)


def test_flags_that_a_line_sets_are_known_by_their_names() -> None:
    args = parser_for("critique").parse_line("--fail-under 0 --probe -o review")

    assert set(flags_set("critique", args)) == {"fail_under", "probe", "out"}


def test_line_that_sets_nothing_has_no_flags() -> None:
    assert flags_set("improve", parser_for("improve").parse_line("")) == {}


def test_word_on_a_cell_magics_line_is_told_what_it_could_be() -> None:
    args = parser_for("critique").parse_line("report")

    with pytest.raises(WrongUsage, match="takes its prompt from the cell") as refusal:
        refuse_variable("critique", args)

    assert "`-o report`" in str(refusal.value.hint)
