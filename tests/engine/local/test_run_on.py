"""Replies that run on: the connection is closed once they are longer than is of use, and what came is shown."""

from __future__ import annotations

from pathlib import Path

from assay_nb.engine.call import Call
from assay_nb.instruments.rewrite import Rewrite
from assay_nb.instruments.rewrite.request import find_longest
from tests.fakes.providers import only
from tests.kernel.stage import open_stage

PROMPT = "Summarise {{ticket}} briefly and be detailed."


def test_rewrite_that_never_ends_is_closed_and_refused(home: Path) -> None:
    with open_stage(home / "vault") as stage:
        stage.fake.answers('{"text": "Summarise', fault="flood")
        session = stage.session()
        call = Call(instrument="rewrite", prompt=PROMPT, model="openai/some-model")

        result = session.portal.call(lambda: session.engine.ask(call))

        assert isinstance(result, Rewrite)
        assert only(stage.fake.calls).closed.wait(10)
    assert (result.accepted, result.text) == (False, PROMPT)
    assert result.proposed.startswith("Summarise")
    assert "It ends in the middle" in repr(result)
    assert (result.provenance.cost, result.provenance.usage.output_tokens) == (None, None)


def test_bound_leaves_room_for_a_rewrite_of_several_times_its_budget() -> None:
    long = "Summarise the ticket. " * 1_000

    assert find_longest(PROMPT, 1.5) >= 4 * 1_200
    assert find_longest(long, 1.5) >= 4 * 1.5 * len(long)
