"""The instruments on a real small model: each comes to its end, whatever the model thinks of the prompt."""

from __future__ import annotations

import pytest

from assay_nb import critique, improve, rewrite
from tests.servers.product import NAME
from tests.servers.running import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PROMPT = "You are a support agent. Summarise {{ticket}} briefly and be detailed."
LIMIT = 900
"""Output tokens: on one thread, up to half a minute."""


def test_critique_comes_to_its_end(connected: Server) -> None:
    review = critique(PROMPT, model=NAME, temperature=0, max_output_tokens=LIMIT)

    assert review.to_dict()["schema"] == "assay.critique.v1"
    assert review.score is None or 1 <= review.score <= 5
    assert all(finding.evidence for finding in review.findings)


def test_improvement_comes_to_its_end(connected: Server) -> None:
    better = improve(PROMPT, model=NAME, temperature=0, max_output_tokens=LIMIT)

    assert better.apply([]) == PROMPT
    assert "{{ticket}}" in better.text


def test_rewrite_comes_to_its_end_or_says_that_it_did_not(connected: Server) -> None:
    done = rewrite(PROMPT, model=NAME, temperature=0, max_output_tokens=LIMIT)

    assert done.proposed.strip()
    assert done.text == (done.proposed if done.accepted else PROMPT)
    assert done.accepted or any(breach.level == "error" for breach in done.breaches)
