"""Usage in words, bars, table and CSV: what is known is said, and what is not is no zero."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from assay_nb.engine.usage import LimitFacts, UsageFacts, UsageLine, UsagePart
from assay_nb.engine.usage_shown import (
    describe_usage,
    draw_bars,
    draw_limits,
    sum_up,
    tell_usage,
    write_csv,
)
from assay_nb.render.bundle import plain
from assay_nb.render.document import Document


def line(**figures: Any) -> UsageLine:
    return UsageLine(**{"calls": 1, "input_tokens": 10, "output_tokens": 5, **figures})


def usage(part: UsagePart, *lines: UsageLine, **more: Any) -> UsageFacts:
    total = UsageLine(
        **{
            name: sum(getattr(one, name) for one in lines)
            for name in ("calls", "unpriced", "input_tokens", "output_tokens", "cost", "counted")
        }
    )
    about = {"begin": "2026-11-01", "end": "2026-11-03", "everyone": False, **more}
    return UsageFacts(by=(part,), lines=lines, total=total, **about)


def limit(**more: Any) -> LimitFacts:
    usual: dict[str, Any] = {
        "unit": "dollars",
        "counted": 1.5,
        "limit": 2.0,
        "left": 0.5,
        "period": "month",
        "model": "",
        "together": False,
        "is_near": False,
        "text": "Your limit.",
    }
    return LimitFacts(**(usual | more))


SUMS = {
    "priced": (line(cost=0.02, counted=0.02), "1 call, 10 tokens in, 5 out, $0.0200"),
    "dear": (line(calls=2, cost=1.5, counted=1.5), "2 calls, 10 tokens in, 5 out, $1.50"),
    "free": (line(), "1 call, 10 tokens in, 5 out, $0.00"),
    "of unknown cost": (line(unpriced=1, counted=1.0), "1 call, 10 tokens in, 5 out, cost unknown"),
    "partly known": (
        line(calls=2, unpriced=1, cost=0.02, counted=1.02),
        "2 calls, 10 tokens in, 5 out, $0.0200",
    ),
}


@pytest.mark.parametrize("case", SUMS)
def test_sum_says_what_is_known(case: str) -> None:
    total, words = SUMS[case]

    assert sum_up(total) == words


def test_each_day_from_the_first_call_on_has_a_bar_also_without_a_call() -> None:
    facts = usage("day", line(day="2026-11-02", cost=0.5, counted=0.5))

    bars = draw_bars(facts)

    assert [bar.label for bar in bars] == ["2026-11-02", "2026-11-03"]
    assert [bar.value for bar in bars] == [0.5, 0.0]
    assert [bar.words for bar in bars] == ["$0.5000", "$0.00"]


def test_of_many_days_only_those_with_calls_have_one() -> None:
    facts = usage("day", line(day="2026-05-02", counted=0.5), begin="2026-01-01")

    assert [bar.label for bar in draw_bars(facts)] == ["2026-05-02"]


def test_where_nothing_costs_anything_calls_are_drawn() -> None:
    facts = usage("model", line(model="local/a", calls=3), line(model="local/b"))

    assert [(bar.value, bar.words) for bar in draw_bars(facts)] == [(3, "3 calls"), (1, "1 call")]


def test_unknown_cost_is_not_shown_as_one() -> None:
    facts = usage("model", line(model="x/m", unpriced=1, counted=1.0))

    shown = " ".join(plain(Document(describe_usage(facts))).split())

    assert "cost unknown" in shown
    assert "unknown" in tell_usage(facts)["rows"][0]
    assert "The cost of 1 call is not known" in shown


def test_no_calls_are_said_in_words() -> None:
    facts = usage("day", limits=[limit()])

    shown = " ".join(plain(Document(describe_usage(facts))).split())

    assert "Your calls, 2026-11-01 to 2026-11-03 (UTC): none." in shown
    assert "$0.5000 of $2.00 left" in shown
    assert tell_usage(facts)["bars"] == []


LIMITS = {
    "own": (limit(), "dollars a month, you", "$0.5000 of $2.00 left", 0.75),
    "shared": (limit(together=True), "dollars a month, all together", "$0.5000 of $2.00 left", 0.75),
    "of a model": (
        limit(model="anthropic/*"), "dollars a month, you, anthropic/*", "$0.5000 of $2.00 left", 0.75,
    ),
    "of calls": (
        limit(unit="calls", period="day", counted=3, limit=10, left=7),
        "calls a day, you", "7 of 10 calls left", 0.3,
    ),
    "used up": (limit(counted=2.5, left=0.0), "dollars a month, you", "$0.00 of $2.00 left", 1.0),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITS)
def test_limit_says_what_is_left_of_it(case: str) -> None:
    one, label, words, share = LIMITS[case]

    [drawn] = draw_limits([one])
    [told] = tell_usage(usage("day", limits=[one]))["limits"]

    assert (drawn.label, drawn.words) == (label, words)
    assert (told["share"], told["warning"]) == (pytest.approx(share), "")


def test_limit_that_is_nearly_used_up_warns() -> None:
    facts = usage("day", limits=[limit(is_near=True, text="Four fifths are counted.")])

    assert tell_usage(facts)["limits"][0]["warning"] == "Four fifths are counted."
    assert "▲ Four fifths are counted." in plain(Document(describe_usage(facts)))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_name_is_a_formula_in_a_spreadsheet(name: str) -> None:
    [heads, row] = csv.reader(io.StringIO(write_csv(usage("user", line(user=name)))))

    assert dict(zip(heads, row, strict=True))["user"] == f"'{name}"


def test_csv_has_every_figure() -> None:
    facts = usage("model", line(model="x/m", cost=0.5, counted=0.75, unpriced=1, cached_tokens=4))

    [row] = csv.DictReader(io.StringIO(write_csv(facts)))

    assert row == {
        "model": "x/m",
        "calls": "1",
        "unmetered": "0",
        "unpriced": "1",
        "input_tokens": "10",
        "output_tokens": "5",
        "cached_tokens": "4",
        "cost": "0.5",
        "counted": "0.75",
    }
