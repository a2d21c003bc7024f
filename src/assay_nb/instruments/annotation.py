"""The annotated prompt of a result: its identity in JSON, and its text with marks."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from assay_nb.instruments.base import Provenance
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.render.document import Annotated, Mark

_SHOWN_WHOLE = 6_000
_AROUND = 300
_GAP = "\n\n[…]\n\n"


def encode_target(prompt: str, kind: Kind, provenance: Provenance) -> dict[str, Any]:
    """Return which prompt a result is about, and which model it was made with."""
    return {
        "prompt_sha256": sha256(prompt.encode()).hexdigest(),
        "provider": provenance.provider,
        "model": provenance.model,
        "kind": kind,
    }


def annotate(prompt: str, marks: Sequence[Mark]) -> Annotated:
    """Return the prompt with its marks; of a long one only what stands around them."""
    if len(prompt) <= _SHOWN_WHOLE:
        return Annotated(prompt, marks)
    pieces: list[str] = []
    shifted: list[Mark] = []
    length = 0
    for start, end in _find_windows(prompt, marks):
        if pieces or start:
            pieces.append(_GAP)
            length += len(_GAP)
        shifted += [
            Mark(m.start - start + length, m.end - start + length, m.label, m.tone)
            for m in marks
            if start <= m.start and m.end <= end
        ]
        pieces.append(prompt[start:end])
        length += end - start
    return Annotated("".join(pieces), shifted)


def _find_windows(prompt: str, marks: Sequence[Mark]) -> list[tuple[int, int]]:
    windows: list[tuple[int, int]] = []
    for mark in sorted(marks, key=lambda mark: mark.start):
        start, end = max(0, mark.start - _AROUND), min(len(prompt), mark.end + _AROUND)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((start, end))
    return windows or [(0, _AROUND)]
