"""Improve: at most twelve small edits, each for a named fault, to accept one by one.

The model says which words to change and what to write instead; code finds the words, checks that
each edit keeps what has to be kept, and makes the edits. So any subset can be applied, and every
character outside of it stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import Instrument, Script
from assay_nb.instruments.exchange.fencing import make_nonce
from assay_nb.instruments.exchange.schema import Data, name_slots
from assay_nb.instruments.exchange.structured_output import Form, ask
from assay_nb.instruments.exchange.validation import (
    ENDS_LISTS,
    check_options,
    check_prompt,
    find_kind,
    make_request,
)
from assay_nb.instruments.findings import Finding
from assay_nb.instruments.improve.reading import make_improvement, preview
from assay_nb.instruments.improve.request import SLOTS, choose_form, make_text
from assay_nb.instruments.improve.result import Improvement, parse_accept
from assay_nb.text.anchors import Locator
from assay_nb.text.english import kind_of
from assay_nb.text.segments import split_segments

__all__ = [
    "INSTRUMENT",
    "Improvement",
    "preview",
    "start",
]


def start(prompt: str, options: Mapping[str, Any]) -> Script[Improvement]:
    """Begin an improvement.

    Options: `accept`, `feedback`, `findings` (a critique of the same prompt, or its JSON form), `kind`,
    and the model's knobs.
    """
    given = check_options("improve", options, ("accept", "feedback", "findings"))
    parse_accept(given.get("accept", "all"))
    if not isinstance(given.get("feedback", ""), str):
        raise WrongUsage("feedback is text.")
    check_prompt(prompt)
    findings = _take_findings(given.get("findings"), prompt)
    return _script(prompt, given, findings)


def _take_findings(value: Any, prompt: str) -> tuple[Finding, ...] | None:
    """Return the findings of an earlier critique, found again in this prompt; None without one."""
    if value is None:
        return None
    data = value.to_dict() if hasattr(value, "to_dict") else value
    listed = cast(
        "Any", data["findings"] if isinstance(data, Mapping) and "findings" in data else data
    )
    try:
        earlier = [Finding.from_dict(fields) for fields in listed]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise WrongUsage(
            f"findings has to be a critique, and this is {kind_of(value)}.",
            hint="`critique(prompt)` returns one; `%%critique -o review` keeps one.",
        ) from None
    locator = Locator(prompt, split_segments(prompt))
    moved = [_move(finding, locator) for finding in earlier]
    kept = tuple(finding for finding in moved if finding)
    if not earlier:
        raise WrongUsage(
            "This critique has no findings, so there is nothing to improve.",
            hint="Without it, improve looks for findings of its own.",
        )
    if not kept:
        raise WrongUsage(
            "None of these findings is about words of this prompt.",
            hint="Critique this version of the prompt first.",
        )
    return kept


def _move(finding: Finding, locator: Locator) -> Finding | None:
    found = [locator.find_again(anchor) for anchor in finding.evidence]
    evidence = tuple(anchor for anchor in found if anchor)
    return replace(finding, evidence=evidence) if evidence else None


def _script(
    prompt: str, options: Mapping[str, Any], findings: tuple[Finding, ...] | None
) -> Script[Improvement]:
    segments = split_segments(prompt)
    nonce = options.get("_nonce") or make_nonce(prompt)
    kind = find_kind(prompt, options)
    asked = choose_form(findings, lists=options.get(ENDS_LISTS, False))
    request = make_request(
        options,
        system=asked.system,
        text=make_text(prompt, segments, nonce, findings, options.get("feedback")),
        schema=asked.schema,
        name="improvement",
    )
    answer = yield from ask(request, Form(_is_usable, essential=("edits",)))
    return make_improvement(
        prompt,
        kind,
        answer.data,
        findings=findings,
        accept=options.get("accept", "all"),
        cut=answer.cut,
    )


def _is_usable(data: Data) -> bool:
    """Return whether the reply has edits, or says that there are none."""
    return "edits" in data or any(name in data for name in name_slots("edit", SLOTS))


INSTRUMENT: Instrument[Improvement] = Instrument(
    name="improve", start=start, preview=preview, read=Improvement.from_dict, demo=True
)
