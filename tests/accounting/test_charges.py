"""Charges: what is a cost, what is an estimate, and what there is nothing to estimate from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assay_nb.accounting.charges import FREE, Asked, charge, estimate
from assay_nb.accounting.meters import Reading
from assay_nb.accounting.routes import read_route
from assay_nb.messages import Usage
from assay_nb.models.estimates import dearest

ASKED = Asked(
    read_route("POST", "responses", "openai-responses"), 3_000, is_text=True, most_output=2_000
)
READING = Reading(Usage(100, 10), "m", is_final=True, size=600)
BATCH = read_route("POST", "v1/messages/batches", "anthropic")


def known(usage: Usage) -> float:
    return (usage.input_tokens or 0) + 2.0 * (usage.output_tokens or 0)


def unknown(usage: Usage) -> None:
    return None


def test_price_and_tokens_make_a_cost() -> None:
    charged = charge(ASKED, READING, known, streamed=False)

    assert (charged.usage, charged.cost, charged.counted) == (Usage(100, 10), 120.0, 120.0)


def test_unknown_price_makes_an_estimate_at_the_dearest_model_and_no_cost() -> None:
    charged = charge(ASKED, READING, unknown, streamed=False)

    assert (charged.cost, charged.counted) == (None, dearest(Usage(100, 10)))
    assert charged.counted
    assert charged.counted > 0


CUT = replace(READING, is_final=False, usage=Usage(100, 1))


def test_cut_reply_is_estimated_from_what_came_and_its_tokens_stay_unknown() -> None:
    charged = charge(ASKED, CUT, known, streamed=True)

    assert (charged.usage, charged.cost) == (Usage(), None)
    assert charged.counted == 100 + 2 * (600 // 30)


@pytest.mark.parametrize(("size", "output"), [(10**9, 2_000), (0, 7)])
def test_estimate_is_no_more_than_asked_for_and_no_less_than_told(size: int, output: int) -> None:
    reading = replace(CUT, size=size, usage=Usage(100, 7))

    assert charge(ASKED, reading, known, streamed=True).counted == 100 + 2 * output


@pytest.mark.parametrize(("seconds", "output"), [(0.0, 20), (5.0, 500), (500.0, 2_000)])
def test_stream_that_was_cut_counts_thoughts_that_it_does_not_show(
    seconds: float, output: int
) -> None:
    charged = charge(ASKED, CUT, known, streamed=True, seconds=seconds)

    assert charged.counted == 100 + 2 * output


@pytest.mark.parametrize(
    ("reading", "streamed"),
    [
        (CUT, False),  # a document is sent when all of it is written
        (replace(READING, usage=Usage(), goes_on=True), False),
        (replace(CUT, goes_on=True), True),
    ],
    ids=["document that was cut", "in the background", "stream of what is in the background"],
)
def test_work_that_does_not_end_with_its_reply_counts_as_all_that_it_may_be(
    reading: Reading, streamed: bool
) -> None:
    told = reading.usage.input_tokens or 1_000

    assert charge(ASKED, reading, known, streamed=streamed).counted == told + 2 * 2_000


def test_reply_without_usage_counts_its_bytes() -> None:
    charged = charge(ASKED, replace(READING, usage=Usage()), known, streamed=True)

    assert (charged.cost, charged.counted) == (None, 1_000 + 2 * (600 // 30))


def test_bytes_that_are_not_text_say_nothing() -> None:
    asked = replace(ASKED, is_text=False)

    assert charge(asked, replace(READING, usage=Usage()), known, streamed=False).counted is None
    assert estimate(asked, known) is None
    assert (
        charge(asked, READING, known, streamed=False).cost == 120.0
    )  # the reply tells all the same


def test_free_route_costs_nothing_whatever_it_says() -> None:
    free = replace(ASKED, route=read_route("GET", "models", "openai-chat"))

    assert charge(free, READING, known, streamed=False) == FREE
    assert estimate(free, known) == 0.0


def test_batch_counts_half_of_its_size_when_it_is_made() -> None:
    batch = replace(ASKED, route=BATCH, size=30_000)

    assert estimate(batch, known) == 0.5 * (10_000 + 2 * 10_000)
    charged = charge(batch, replace(READING, usage=Usage()), known, streamed=False)
    assert (charged.cost, charged.counted) == (None, 15_000)


def test_batch_counts_what_its_requests_allow_themselves() -> None:
    batch = replace(ASKED, route=BATCH, size=300, most_output=64_000)

    assert estimate(batch, known) == 0.5 * (100 + 2 * 64_000)


def test_batch_that_is_in_a_file_says_nothing() -> None:
    batch = replace(ASKED, route=BATCH, batch_is_elsewhere=True)

    assert estimate(batch, known) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("videos", "openai-responses"),
        ("v1/images/generations", "openai-chat"),
        ("fine_tuning/jobs", "openai-responses"),
        ("v1beta/models/veo-x:predictLongRunning", "gemini"),
    ],
)
def test_work_that_is_not_paid_by_tokens_is_not_taken_for_a_few(path: str, kind: Any) -> None:
    asked = replace(ASKED, route=read_route("POST", path, kind))

    assert estimate(asked, known) is None
    assert charge(asked, replace(READING, usage=Usage()), known, streamed=False).counted is None
    assert charge(asked, READING, known, streamed=False).cost == 120.0


def test_estimate_before_the_call_is_its_input_and_the_most_that_it_asks_for() -> None:
    assert estimate(ASKED, known) == 1_000 + 2 * 2_000
