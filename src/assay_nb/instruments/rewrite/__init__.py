"""Rewrite: the whole prompt written again, with an account of every constraint of the old one.

A rewrite is judged by what it loses. So the model has to say, for each constraint of the original, where
it stands in the new text, or why it was given up. Code finds both quotes, looks for constraints that nobody
accounted for, and checks what must not break. If it does break, the rewrite is refused: it is shown, under
its failed checks, and `text` stays the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import Instrument, Script
from assay_nb.instruments.exchange.fencing import make_nonce
from assay_nb.instruments.exchange.parsing import get_text
from assay_nb.instruments.exchange.schema import Data
from assay_nb.instruments.exchange.structured_output import Form, ask
from assay_nb.instruments.exchange.validation import (
    ENDS_LISTS,
    check_options,
    check_prompt,
    find_kind,
    make_request,
)
from assay_nb.instruments.rewrite.reading import make_beginning, make_rewrite, preview
from assay_nb.instruments.rewrite.request import (
    DEFAULT_BUDGET,
    SCHEMA,
    SCHEMA_WITH_LISTS,
    SYSTEM,
    SYSTEM_WITH_LISTS,
    make_text,
)
from assay_nb.instruments.rewrite.result import Rewrite
from assay_nb.text.segments import split_segments

__all__ = ["INSTRUMENT", "Rewrite", "preview", "start"]


def start(prompt: str, options: Mapping[str, Any]) -> Script[Rewrite]:
    """Begin a rewrite. Options: `goal`, `budget` (times the original's length), `kind`, and the knobs."""
    given = check_options("rewrite", options, ("goal", "budget"))
    if not isinstance(given.get("goal", ""), str):
        raise WrongUsage("goal is text.")
    budget = given.get("budget", DEFAULT_BUDGET)
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not 0 < budget <= 10:
        raise WrongUsage(f"budget is a number of times the length, up to 10, not {budget!r}.")
    check_prompt(prompt)
    return _script(prompt, given, float(budget))


def _script(prompt: str, options: Mapping[str, Any], budget: float) -> Script[Rewrite]:
    segments = split_segments(prompt)
    nonce = options.get("_nonce") or make_nonce(prompt)
    kind = find_kind(prompt, options)
    lists = options.get(ENDS_LISTS, False)
    request = make_request(
        options,
        system=SYSTEM_WITH_LISTS if lists else SYSTEM,
        text=make_text(prompt, segments, nonce, options.get("goal"), budget),
        schema=SCHEMA_WITH_LISTS if lists else SCHEMA,
        name="rewrite",
    )
    answer = yield from ask(request, Form(_has_text, essential=("text",), main="text"))
    if answer.begun:
        return make_beginning(prompt, kind, answer.begun, goal=options.get("goal"))
    return make_rewrite(
        prompt, kind, answer.data, budget=budget, goal=options.get("goal"), cut=answer.cut
    )


def _has_text(data: Data) -> bool:
    return bool(get_text(data, "text").strip())


INSTRUMENT: Instrument[Rewrite] = Instrument(
    name="rewrite", start=start, preview=preview, read=Rewrite.from_dict, demo=True
)
