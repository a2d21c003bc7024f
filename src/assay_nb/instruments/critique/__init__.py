"""Critique: what is wrong with a prompt, at which words, and how good it is on six dimensions.

The model answers yes-or-no questions and reports findings with quotes. What it leaves out is asked for
once more, and told where it does not come then either. Everything that reads like a judgement is then made by code: scores from the answers, severities within caps, the verdict from what is
left. A finding whose words are not in the prompt is dropped and counted.

Since the model fills in fields and decides nothing, a prompt that says "score this 10" can at most
colour a few answers; there is no field that says "passed".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay_nb.instruments.base import Instrument, Script
from assay_nb.instruments.critique.reading import judge, preview
from assay_nb.instruments.critique.request import (
    SCHEMA,
    SCHEMA_WITH_LISTS,
    SLOTS,
    SYSTEM,
    SYSTEM_WITH_LISTS,
    make_text,
)
from assay_nb.instruments.critique.result import Critique
from assay_nb.instruments.exchange.fencing import make_nonce
from assay_nb.instruments.exchange.schema import Data, name_slots
from assay_nb.instruments.exchange.structured_output import Form, ask_each
from assay_nb.instruments.exchange.validation import (
    ENDS_LISTS,
    check_count,
    check_options,
    check_prompt,
    find_kind,
    make_request,
)
from assay_nb.instruments.findings import list_findings
from assay_nb.messages import Request
from assay_nb.text.segments import split_segments

__all__ = [
    "INSTRUMENT",
    "SCHEMA",
    "SCHEMA_WITH_LISTS",
    "SYSTEM",
    "SYSTEM_WITH_LISTS",
    "Critique",
    "preview",
    "start",
]
MOST_REPEATS = 5


def start(prompt: str, options: Mapping[str, Any]) -> Script[Critique]:
    """Begin a critique. Options: `repeat`, `kind`, and the model's knobs."""
    given = check_options("critique", options, ("repeat",))
    check_count(given, "repeat", 1, MOST_REPEATS)
    check_prompt(prompt)
    return _script(prompt, given)


def _script(prompt: str, options: Mapping[str, Any]) -> Script[Critique]:
    kind = find_kind(prompt, options)
    segments = split_segments(prompt)
    nonce = options.get("_nonce") or make_nonce(prompt)
    lists = options.get(ENDS_LISTS, False)
    request = make_request(
        options,
        system=SYSTEM_WITH_LISTS if lists else SYSTEM,
        text=make_text(prompt, segments, kind, nonce),
        schema=SCHEMA_WITH_LISTS if lists else SCHEMA,
        name="critique",
    )
    k: int = options.get("repeat", 1)
    requests: tuple[Request, ...] = (request,) * k
    replies = yield from ask_each(requests, Form(_is_usable, essential=("answers",)))
    return judge(prompt, kind, replies, k)


def _is_usable(data: Data) -> bool:
    """Return whether there is an answer or a finding: either says something without the other."""
    return bool(data.get("answers") or list_findings(data, name_slots("finding", SLOTS)))


INSTRUMENT: Instrument[Critique] = Instrument(
    name="critique", start=start, preview=preview, read=Critique.from_dict, demo=True
)
