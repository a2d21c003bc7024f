"""Arguments: mistakes are one sentence with the nearest right word, and keys are refused first."""

from __future__ import annotations

import pytest

from assay_nb.commands.parser import HelpWanted, Parser, refuse_keys_in_options
from assay_nb.commands.tree import build_parser
from assay_nb.errors import KeyPasted, WrongUsage
from tests.canaries import make_canary
from tests.text.credentials import chars


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


@pytest.mark.parametrize(
    ("prog", "history", "command"),
    [
        ("assay-nb", "in the shell's history", "`assay-nb keys set google`"),
        ("%assay", "it is in the history now", "`%assay keys set google`"),
    ],
)
def test_hint_for_a_key_is_of_the_place_where_it_was_typed(
    prog: str, history: str, command: str
) -> None:
    parser, _ = build_parser(prog, "")

    with pytest.raises(KeyPasted) as caught:
        parser.parse_words(["keys", "set", "google", make_canary("google")])

    assert "a Google key" in caught.value.message
    assert history in (caught.value.hint or "")
    assert command in (caught.value.hint or "")


def test_password_on_a_line_is_not_called_a_key(parser: Parser) -> None:
    with pytest.raises(KeyPasted, match=r"a secret \(password: …\)") as caught:
        parser.parse_line(f"-o 'password: {chars(24)}'")

    assert "provider" not in str(caught.value)


def test_word_after_a_label_is_let_through(parser: Parser) -> None:
    assert parser.parse_line("-o 'password: see-the-manual-2024'").out


def test_option_with_a_secret_is_named() -> None:
    with pytest.raises(KeyPasted, match="The option 'goal' holds"):
        refuse_keys_in_options({"repeat": 3, "goal": f"token={chars(40)}"})


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
