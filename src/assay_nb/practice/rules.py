"""What the practice provider does with a task, and how it judges: fixed rules that anybody can foresee.

There is no model. A task gets the reply of a clerk who takes every instruction literally and knows nothing:
named labels are chosen from by shared words, named JSON keys are filled with words of the input, and
without either the first sentence of the input comes back. So a prompt that says what shape it wants does
measurably better here, which is enough to see measuring at work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from assay_nb.instruments.judge.request import parse_text

_SAYS = "Practice provider, no model: "
_ENCLOSED = re.compile(r"<([A-Za-z_][\w-]{0,40})>\s*(.*?)\s*</\1>", re.DOTALL)
_LABELS = re.compile(
    r"\b(?:one of|exactly one of|either|labels?|categories)\b[^:\n]{0,40}?:?\s+((?:[\"'`]?[\w-]{1,30}[\"'`]?(?:,\s*(?:or\s+)?|\s+or\s+)){1,11}[\"'`]?[\w-]{1,30}[\"'`]?)",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?)\b[^:.\n]{0,20}?:?\s+((?:[\"'`][\w-]{1,30}[\"'`](?:,\s*|\s+and\s+|,\s*and\s+)?){1,12})"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_STOP = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "that",
        "this",
        "from",
        "into",
        "are",
        "was",
        "has",
        "have",
        "not",
        "its",
        "their",
        "your",
        "one",
        "all",
        "any",
        "but",
        "what",
        "who",
    ]
)


def work(prompt: str) -> str:
    """Return the clerk's reply to a task."""
    material, instructions = _split(prompt)
    if labels := _find_labels(instructions):
        return _choose(labels, material, instructions)
    if keys := _find_keys(instructions):
        return json.dumps({key: _words_for(key, material) for key in keys}, ensure_ascii=False)
    first = _SENTENCE.search(material)
    return _SAYS + (first[0].strip() if first else "there is no text to work on.")


def judge(message: str) -> dict[str, str]:
    """Return a judgement: a criterion holds where its words turn up in the output."""
    criteria, material = parse_text(message)
    answers = material.get("first answer", ""), material.get("second answer", "")
    said: dict[str, str] = {}
    for name, text in criteria.items():
        one = material.get("output")
        marks = _compare(text, *answers) if one is None else _mark(text, one)
        said |= {f"{name}_{member}": value for member, value in marks.items()}
    return said


def _split(prompt: str) -> tuple[str, str]:
    """Return what the task is about (what stands in tags, or else the longest paragraph), and the rest."""
    enclosed = list(_ENCLOSED.finditer(prompt))
    if enclosed:
        longest = max(enclosed, key=lambda match: len(match[2]))
        return longest[2], f"{prompt[: longest.start()]} {prompt[longest.end() :]}"
    paragraphs = prompt.split("\n\n")
    material = max(paragraphs, key=len)
    return material, "\n\n".join(
        paragraphs if len(paragraphs) == 1 else [p for p in paragraphs if p != material]
    )


def _find_labels(instructions: str) -> list[str]:
    found = _LABELS.search(instructions)
    if not found:
        return []
    return [word.strip("\"'` ") for word in re.split(r",\s*(?:or\s+)?|\s+or\s+", found[1]) if word]


def _find_keys(instructions: str) -> list[str]:
    found = _KEYS.search(instructions)
    return re.findall(r"[\"'`]([\w-]+)[\"'`]", found[1]) if found else []


def _choose(labels: Sequence[str], material: str, instructions: str) -> str:
    """Return the label that shares most words with the material, by the rules that name it."""
    hints = {label: _words(_hint(label, instructions)) for label in labels}
    said = _words(material)
    scores = {label: len(said & (hint | {label.lower()})) for label, hint in hints.items()}
    best = max(scores.values())
    if best:
        return next(label for label in labels if scores[label] == best)
    # Nothing speaks for any label: an arbitrary one, but always the same for the same text.
    return labels[hashlib.sha256(material.encode()).digest()[0] % len(labels)]


def _hint(label: str, instructions: str) -> str:
    """Return what the instructions say a label means: `billing: invoice, refund, charge`."""
    found = re.search(
        rf"^[-*\s\"'`]*{re.escape(label)}[\"'`]?\s*[:=–-]\s*(.+)$",
        instructions,
        re.IGNORECASE | re.MULTILINE,
    )
    return found[1] if found else ""


def _words_for(key: str, material: str) -> str | None:
    """Return the first words that follow a key's name in the material."""
    name = key.replace("_", " ").replace("-", " ")
    found = re.search(
        rf"\b{re.escape(name)}\b\s*(?:is|:|#|=)?\s*([\w#@./-]+)", material, re.IGNORECASE
    )
    return found[1].rstrip(".") if found else None


def _mark(criterion: str, output: str) -> dict[str, str]:
    share, evidence = _met(criterion, output)
    degree = "(answer 1 to 5)" in criterion
    answer = str(1 + round(4 * share)) if degree else "yes" if share >= 0.5 else "no"
    return {"evidence": evidence, "reason": _reason(share), "answer": answer}


def _compare(criterion: str, first: str, second: str) -> dict[str, str]:
    (once, quote), (again, other) = _met(criterion, first), _met(criterion, second)
    better = "first" if once > again else "second" if again > once else "tie"
    reason = f"{_reason(once)} {_reason(again)}"
    return {
        "evidence": " … ".join(q for q in (quote, other) if q),
        "reason": reason,
        "better": better,
    }


def _met(criterion: str, output: str) -> tuple[float, str]:
    """Return how many of a criterion's words the output has, and where the first one stands, if any."""
    quoted = re.findall(r"[\"“'`]([^\"”'`]+)[\"”'`]", criterion)
    if quoted:
        hits = [text for text in quoted if text.lower() in output.lower()]
        return len(hits) / len(quoted), _around(output, hits[0]) if hits else ""
    wanted = _words(criterion.replace("(answer 1 to 5)", ""))
    hits = sorted(wanted & _words(output))
    share = len(hits) / len(wanted) if wanted else 0.0
    return share, _around(output, hits[0]) if hits else ""


def _around(output: str, word: str) -> str:
    start = output.lower().find(word.lower())
    return output[start : start + max(len(word), 30)].split("\n")[0]


def _reason(share: float) -> str:
    return f"By shared words alone: {share:.0%} of the criterion's."


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if word not in _STOP}
