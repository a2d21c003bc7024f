"""Arguments: mistakes are one sentence with the nearest right word, and keys are refused first."""

from __future__ import annotations

import pytest

from assay_nb.commands.parser import HelpWanted, Parser
from assay_nb.commands.tree import build_parser
from assay_nb.errors import KeyPasted, WrongUsage
from tests.canaries import make_canary


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="%%critique")
    parser.add_argument("--fail-under", type=float)
    parser.add_argument("-o", "--out")
    return parser


def test_unknown_flag_names_the_nearest_one(parser: Parser) -> None:
    with pytest.raises(WrongUsage) as caught:
        parser.parse_line("--fail-undr 3")

    assert caught.value.hint == "Did you mean --fail-under?"


def test_prefix_of_a_flag_is_not_taken_for_it(parser: Parser) -> None:
    with pytest.raises(WrongUsage):
        parser.parse_line("--fail 3")


def test_quoted_value_arrives_without_its_quotes(parser: Parser) -> None:
    assert parser.parse_line("-o 'my review'").out == "my review"


def test_open_quotation_mark_is_one_sentence(parser: Parser) -> None:
    with pytest.raises(WrongUsage, match="quotation mark"):
        parser.parse_line("-o 'my review")


def test_wrong_type_is_wrong_usage_and_not_the_end_of_the_process(parser: Parser) -> None:
    with pytest.raises(WrongUsage, match="--fail-under"):
        parser.parse_line("--fail-under high")


def test_help_is_a_page_and_no_failure(parser: Parser) -> None:
    with pytest.raises(HelpWanted) as page:
        parser.parse_line("--help")

    assert "--fail-under" in page.value.message
    assert page.value.exit_status == 0


def test_key_on_a_line_is_refused_without_a_part_of_it(parser: Parser) -> None:
    key = make_canary("anthropic")

    with pytest.raises(KeyPasted) as caught:
        parser.parse_line(f"-o {key}")

    text = str(caught.value)
    assert "revoke" in text
    assert not any(key[i : i + 6] in text for i in range(8, len(key) - 6))


def test_unknown_flag_of_a_sub_command_is_looked_for_in_that_sub_command() -> None:
    parser, _ = build_parser("assay-nb", "")

    with pytest.raises(WrongUsage) as caught:
        parser.parse_words(["calls", "--limt", "3"])

    assert caught.value.hint == "Did you mean --limit?"


def test_every_sub_command_has_a_help_page() -> None:
    parser, _ = build_parser("assay-nb", "")

    def walk(parser: Parser) -> None:
        assert parser.description
        for child in parser.children.values():
            walk(child)

    for child in parser.children.values():
        walk(child)
