"""Limits on a magic's line: each is honoured, or refused by name before anything is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb import Batch, Run, WrongUsage
from assay_nb.experiments.spending.plan import Plan
from tests.fakes.providers import Call
from tests.instruments.driving import make_mark
from tests.kernel.replies import improvement
from tests.kernel.stage import Stage
from tests.magics.shells import Shell

ROWS = "rows = [{'a': f'row {n}'} for n in range(40)]\nscore = lambda row, output: True"


def sent(stage: Stage) -> list[Call]:
    """Return what was asked of a model; that a model was looked up costs nothing."""
    return [call for call in stage.fake.calls if call.method == "POST"]


def scored(answer: str = "yes") -> str:
    one = make_mark(answer)
    return json.dumps(one)


@pytest.fixture
def table(stage: Stage, shell: Shell) -> Shell:
    """A notebook with data, a run, and a run over the data."""
    stage.fake.answers("x")
    shell.run(f"{ROWS}\nother = 'Say it again.'")
    shell.run("%%playground --data rows --limit 6 -o runs\n{{a}}")
    shell.run("%%playground -o run\nSay it.")
    stage.fake.calls.clear()
    return shell


# --- refused where they cannot be honoured -----------------------------------------------------------

SINGLE = [
    "--budget 1", "--budget 0", "--max-calls 3", "--max-calls 0", "--limit 2", "--limit 0",
    "--sample 2", "--price-in 1 --price-out 1", "--fresh", "--dry-run", "--keep-empty",
]  # fmt: skip
REFUSED = [
    *((f"%%playground {flag}\nSay it.", flag) for flag in SINGLE),
    *((f"%%improve {flag}\nSay it.", flag) for flag in SINGLE),
    *((f"%judge run {flag}", flag) for flag in (*SINGLE[:-1], "--count-cut")),
    *(
        (f"%%improve {flag}\nSay it.", flag)
        for flag in (
            "--metric score", "--rubric other", "--judge-model openai/gpt-6-luna", "--margin 0.1",
            "--cluster a", "--candidates 2", "--rows unseen", "--count-cut",
        )
    ),
    *((f"%%playground --beside other {flag}\nSay it.", flag) for flag in ("--limit 1", "--sample 1")),
    ("%%playground --beside other --keep-empty\nSay it.", "--keep-empty"),
    ("%%improve --data rows --accept 1\nCopy {{a}}.", "--accept"),
    ("%%critique --judge-model openai/gpt-6-luna\nSay it.", "--judge-model"),
]  # fmt: skip


def test_a_flag_that_cannot_be_honoured_is_refused_by_name(stage: Stage, table: Shell) -> None:
    errors = {cell: table.run(cell).error for cell, _ in REFUSED}

    wrong = {
        cell: error
        for cell, flag in REFUSED
        if not isinstance(error := errors[cell], WrongUsage)
        or not error.message.startswith(f"{flag.split()[0]} is for ")
        or "Nothing was sent." not in error.message
    }
    assert wrong == {}
    assert sent(stage) == []


NO_LIMITS = (
    "--budget nan", "--budget inf", "--budget=-1", "--budget much", "--max-calls 1.5",
    "--max-calls=-1", "--concurrency 0", "--concurrency 257", "--limit=-1", "--sample x",
    "--price-in 1", "--price-in nan --price-out 1", "--limit 1 --sample 1", "--limit 0",
)  # fmt: skip


@pytest.mark.parametrize(
    "cell",
    [
        "%%playground --data rows {}\n{{{{a}}}}",
        "%judge runs {}",
        "%%improve --data rows --metric score {}\n{{{{a}}}}",
    ],
)
def test_a_limit_that_is_none_is_an_error_of_one_line(
    stage: Stage, table: Shell, cell: str
) -> None:
    errors = {flag: table.run(cell.format(flag)).error for flag in NO_LIMITS}

    assert [flag for flag, e in errors.items() if not isinstance(e, WrongUsage)] == []
    assert [flag for flag, error in errors.items() if "\n" in str(error)] == []
    assert sent(stage) == []


# --- honoured where they can be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "calls", "cached"),
    [
        ("%%playground --data rows --limit 10 --dry-run -o plan\n{{a}}", 4, 6),
        ("%%playground --beside other --dry-run -o plan\nSay it.", 2, 0),
        ("%judge runs --dry-run -o plan", 6, 0),
        ("%judge runs --limit 2 --dry-run -o plan", 2, 0),
        (
            "%%improve --data rows --metric score --sample 30 --dry-run -o plan\nCopy {{a}}.",
            None,
            0,
        ),
    ],
)
def test_a_dry_run_sends_nothing_and_shows_a_plan(
    stage: Stage, table: Shell, cell: str, calls: int | None, cached: int
) -> None:
    shown = table.run(cell)

    assert isinstance(table["plan"], Plan)
    assert table["plan"].calls == (calls or table["plan"].calls) > 0
    assert table["plan"].cached == cached
    assert "Nothing was sent." in " ".join(shown.out.split())
    assert sent(stage) == []


@pytest.mark.parametrize("flag", ["--budget 0 --price-in 1 --price-out 1", "--max-calls 0"])
def test_with_a_limit_of_nothing_earlier_answers_are_shown(
    stage: Stage, table: Shell, flag: str
) -> None:
    shown = table.run(f"%%playground --data rows {flag} -o again\n{{{{a}}}}")

    assert isinstance(table["again"], Batch)
    assert table["again"].done == 6
    assert "Stopped at a limit" in " ".join(shown.out.split())
    assert sent(stage) == []


def test_a_limit_on_rows_and_calls_is_kept(stage: Stage, table: Shell) -> None:
    table.run("%%playground --data rows --sample 20 --max-calls 7 --fresh -o again\n{{a}}")

    assert (len(table["again"].rows), len(sent(stage))) == (20, 7)


def test_knobs_reach_every_judge_of_a_table(stage: Stage, table: Shell) -> None:
    stage.fake.answers(scored())

    table.run(
        '%judge runs --rubric "It is short." --max-output-tokens 200 --temperature 0 -o judged'
    )

    bodies: list[dict[str, Any]] = [call.body for call in sent(stage)]
    told = [
        (body.get("max_tokens", body.get("max_output_tokens")), body["temperature"])
        for body in bodies
    ]
    assert told == [(200, 0)] * 6


def test_a_single_run_takes_what_belongs_to_it(stage: Stage, table: Shell) -> None:
    table.run("%%playground --max-output-tokens 50 --temperature 0.5 -o single\nSay it.")

    assert isinstance(table["single"], Run)
    assert sent(stage)[-1].body["temperature"] == 0.5


def test_improve_without_data_still_takes_its_own_flags(stage: Stage, table: Shell) -> None:
    stage.fake.answers(improvement())

    assert (
        table.run("%%improve --accept all -o better\nSummarise the text in the box.").error is None
    )
    assert len(sent(stage)) > 0
