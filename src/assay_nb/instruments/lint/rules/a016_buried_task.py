"""A016: a long text after the task."""

from __future__ import annotations

from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.sentences import is_imperative
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import LANGUAGES

_LONG = 7_200
"""About 2,000 tokens, at 3.6 characters each."""
_TASK = 4_000


def _check(source: Source) -> Iterator[Hit]:
    if len(source.text) < _LONG or source.words is None:
        return
    data = max(_data(source), key=lambda span: span[1] - span[0], default=(0, 0))
    if data[1] - data[0] < _LONG:
        return
    tasks = [
        s for s in source.sentences if not data[0] <= s.start < data[1] and _is_task(source, s)
    ]
    if tasks and all(task.start < data[0] for task in tasks) and data[0] - tasks[0].start < _TASK:
        task = tasks[-1]
        yield Hit(
            task.start,
            task.end,
            f"{data[1] - data[0]:,} characters of data come after the task, where models lose sight of it: "
            "put the data first and the task last.",
        )


def _data(source: Source) -> Iterator[tuple[int, int]]:
    """Yield the stretches that are data: fences, tagged texts, and long runs without an instruction."""
    yield from source.fences
    for region in source.regions:
        yield region.opening.end, region.closing.start
    orders = [s for s in source.sentences if _is_task(source, s)]
    ends = [0, *(order.end for order in orders)]
    starts = [*(order.start for order in orders), len(source.text)]
    yield from zip(ends, starts, strict=True)


def _is_task(source: Source, sentence: Sentence) -> bool:
    assert source.words is not None
    return is_imperative(sentence, source.words) or sentence.text.rstrip().endswith("?")


RULE = Rule(
    id="A016",
    name="buried-task",
    level="warning",
    summary="More than about 2,000 tokens of data after the last instruction.",
    why="Models answer better when a long text comes first and the question last.",
    bad="Summarise the log in two sentences.\n<log>\n"
    + "The pump ran without a fault. " * 260
    + "\n</log>",
    good="<log>\n"
    + "The pump ran without a fault. " * 260
    + "\n</log>\nSummarise the log in two sentences.",
    check=_check,
    languages=LANGUAGES,
)
