"""What a call is likely to cost, and at most, before it is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay_nb.engine.call import Call
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.spending.limits import Limits
from assay_nb.messages import DEFAULT_CEILING
from assay_nb.text.templates import fill

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for likely tokens. At most, each byte is a token of its own."""

OUTPUT_GUESS = 300
"""Output tokens of a run of which nothing is known yet."""

_CEILING = DEFAULT_CEILING
_AROUND: Mapping[str, tuple[int, int]] = {
    "playground": (0, OUTPUT_GUESS),
    "judge": (700, 330),
    "critique": (3_000, 2_000),
    "improve": (3_000, 2_000),
    "rewrite": (3_000, 2_000),
}
"""Tokens that an instrument adds to the prompt, and that its reply usually has."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one call takes.

    Attributes:
        likely: Dollars, as a rule; None where the price is not known.
        most: Dollars, if each reply is as long as it may be and has to be asked for again.
        tokens: Tokens in and out, as a rule.
    """

    likely: float | None = None
    most: float | None = None
    tokens: tuple[int, int] = (0, 0)


def estimate_call(call: Call, target: Target, limits: Limits, requests: int = 1) -> Estimate:
    """Return what a call of so many requests costs."""
    texts = _texts(call)
    sent = sum(map(len, texts))
    added, usual = _AROUND.get(call.instrument, (3_000, 2_000))
    ceiling = int(call.options.get("max_output_tokens") or _CEILING)
    tokens = round(sent / CHARACTERS_PER_TOKEN + added), min(usual, ceiling)
    both = tokens[0] * requests, tokens[1] * requests
    likely = limits.price(target, *tokens)
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    most = limits.price(target, *_most_tokens(call, size + 2 * added, ceiling))
    if likely is None or most is None:
        return Estimate(tokens=both)
    return Estimate(likely * requests, most * requests, both)


def _most_tokens(call: Call, sent: int, ceiling: int) -> tuple[int, int]:
    """Return the most that one request takes: where a reply has to fit a schema, it may be sent back once."""
    if call.instrument == "playground":
        return sent, ceiling
    return 2 * sent + ceiling, 2 * ceiling


def _texts(call: Call) -> list[str]:
    """Return every text that is sent: the prompt as it is filled, and what stands beside it."""
    values: Mapping[str, Any] = call.options.get("values") or {}
    given = [v for name, v in call.options.items() if name != "values" and not _is_number(v)]
    beside = [v if isinstance(v, str) else json.dumps(v, default=str) for v in given]
    return [fill(call.prompt, values) if values else call.prompt, *beside]


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, (int, float))
