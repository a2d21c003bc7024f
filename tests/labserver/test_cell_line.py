"""A cell's magic line beside the kernel: honoured, or refused with the names of its flags."""

from __future__ import annotations

from argparse import Action

import pytest

from assay_nb.commands.magic_lines import MAGICS, parser_for
from assay_nb.errors import AssayError, KeyPasted, WrongUsage
from assay_nb.labserver.cell_line import read_cell_line

BUTTONS = ("critique", "improve", "rewrite")
LONGEST_NOTICE = 140
"""JupyterLab cuts a notice that is longer."""

HONOURED = {
    "critique": {"repeat"},
    "improve": {"accept", "feedback"},
    "rewrite": {"goal"},
}
SHARED = {"workspace", "model", "temperature", "top_p", "effort", "max_output_tokens"}


def actions_of(magic: str) -> list[Action]:
    """Return what a magic takes, but for the page of help and the variable that its line form reads."""
    return [
        action for action in parser_for(magic)._actions if action.dest not in {"help", "variable"}
    ]


def typed(action: Action) -> str:
    """Return an argument as somebody types it."""
    flag = action.option_strings[0]
    if action.nargs == 0:
        return flag
    value = action.choices[0] if action.choices else "2" if action.type in (int, float) else "name"
    return f"{flag} {value}"


def message(line: str, instrument: str) -> str:
    with pytest.raises(WrongUsage) as refusal:
        read_cell_line(line, instrument)
    return str(refusal.value.message)


def test_line_says_workspace_model_and_options() -> None:
    line = "%%critique -w other --model=google/gemini-3.8-flash --repeat 3 --effort low\n"

    assert read_cell_line(line, "critique") == {
        "workspace": "other",
        "model": "google/gemini-3.8-flash",
        "options": {"repeat": 3, "effort": "low"},
    }


def test_words_are_quoted_as_on_a_magics_line() -> None:
    line = "  %%improve -w 'two words' --feedback \"it is 'too' long\"\n"

    of_line = read_cell_line(line, "improve")

    assert of_line["workspace"] == "two words"
    assert of_line["options"] == {"feedback": "it is 'too' long"}


def test_bare_magic_says_nothing() -> None:
    assert read_cell_line("%%rewrite\n", "rewrite") == {
        "workspace": None,
        "model": None,
        "options": {},
    }


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("magic", MAGICS)
def test_every_flag_of_every_magic_is_honoured_or_named(magic: str, button: str) -> None:
    """Whatever a parser takes: none is dropped, and a new one is refused until it is listed."""
    dropped = []
    for action in actions_of(magic):
        try:
            of_line = read_cell_line(f"%%{magic} {typed(action)}", button)
        except AssayError as refusal:
            is_kept = action.option_strings[0] in refusal.message
            is_kept &= action.dest not in SHARED | HONOURED[button]
        else:
            found = {**of_line, **of_line["options"]}
            is_kept = (
                found.get(action.dest) is not None and action.dest in SHARED | HONOURED[button]
            )
        dropped += [] if is_kept else [action.dest]

    assert dropped == []
    assert len(actions_of(magic)) >= 3


def test_flags_for_the_kernel_are_named_with_the_next_step_within_a_notice() -> None:
    text = message("%%critique -w other --fail-under 4.9 --probe -o review", "critique")

    assert text.startswith("`--fail-under`, `--probe`, `-o` need the kernel: run the cell itself")
    assert "(Shift+Enter)" in text
    assert len(text) <= LONGEST_NOTICE


def test_one_flag_for_the_kernel_is_one() -> None:
    assert message("%%improve --data rows", "improve").startswith("`--data` needs the kernel:")


def test_flag_of_the_cells_own_magic_is_not_dropped_by_another_button() -> None:
    text = message("%%critique -w other --repeat 3 -o review", "improve")

    assert "Improve cannot use `--repeat`, `-o` of this %%critique cell" in text
    assert "%%improve" in text
    assert len(text) <= LONGEST_NOTICE


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%%critique --fial-under 3", "--fial-under"),
        ("%%critique --effort utmost", "--effort"),
        ("%%critique --repeat often", "--repeat"),
        ("%%critique -w 'never closed", "quotation mark"),
        ("%%critique report", "'report'"),
        ("%%critique -h", "`-h`"),
        ("%%critiques -w other", "not a prompt magic"),
    ],
)
def test_line_that_the_magic_would_refuse_is_refused(line: str, says: str) -> None:
    assert says in message(line, "critique")


def test_key_on_a_line_is_not_repeated(make_key) -> None:
    key = make_key("openai")

    with pytest.raises(KeyPasted) as refusal:
        read_cell_line(f"%%improve --feedback {key}", "improve")

    assert key not in str(refusal.value.to_dict())
    assert "the notebook's file may have it" in str(refusal.value)


@pytest.mark.parametrize(
    "flags", ["--budget 0", "--budget 2", "--max-calls 0", "--limit 0", "--dry-run", "--price-in 0"]
)
def test_a_limit_is_refused_by_name_also_where_it_is_zero(flags: str) -> None:
    assert f"`{flags.split()[0]}` needs the kernel" in message(f"%%improve {flags}", "improve")
