"""The instruments on a real small model: each comes to its end, whatever the model thinks of the prompt."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from assay_nb import critique, improve, rewrite
from assay_nb.errors import BadReply
from tests.servers.product import NAME, assay
from tests.servers.running import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PROMPT = "You are a support agent. Summarise {{ticket}} briefly and be detailed."
LIMIT = 900
"""Output tokens: on one thread, up to half a minute."""


@contextmanager
def _whole_or_too_long(server: Server, limit: int = LIMIT) -> Generator[None]:
    """Let a call end with a result, or with the sentence that its reply ran into the limit, if that is so.

    Even at temperature 0 a small model says something else on another processor, and may find no end.
    """
    try:
        yield
    except BadReply as fault:
        if f"limit of {limit} output tokens" not in str(fault):
            raise
        written = assay("usage", "--json").data["total"]["output_tokens"]
        # `llama_cpp.server` counts no tokens in a stream.
        assert written >= limit or server.kind == "llama_cpp.server"


def test_critique_comes_to_its_end(connected: Server) -> None:
    with _whole_or_too_long(connected):
        review = critique(PROMPT, model=NAME, temperature=0, max_output_tokens=LIMIT)

        assert review.to_dict()["schema"] == "assay.critique.v1"
        assert review.score is None or 1 <= review.score <= 5
        assert all(finding.evidence for finding in review.findings)


@pytest.mark.parametrize("limit", [60, LIMIT])
def test_improvement_comes_to_its_end(connected: Server, limit: int) -> None:
    with _whole_or_too_long(connected, limit):
        better = improve(PROMPT, model=NAME, temperature=0, max_output_tokens=limit)

        assert better.apply([]) == PROMPT
        assert "{{ticket}}" in better.text


def test_rewrite_comes_to_its_end_or_says_that_it_did_not(connected: Server) -> None:
    with _whole_or_too_long(connected):
        done = rewrite(PROMPT, model=NAME, temperature=0, max_output_tokens=LIMIT)

        assert done.proposed.strip()
        assert done.text == (done.proposed if done.accepted else PROMPT)
        assert done.accepted or any(breach.level == "error" for breach in done.breaches)
