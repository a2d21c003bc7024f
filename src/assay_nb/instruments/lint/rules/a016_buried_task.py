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
    if len(source.text) < _LONG:
        return
    start, end = max(source.tree.data_spans, key=lambda span: span[1] - span[0], default=(0, 0))
    if end - start < _LONG:
        return
    tasks = [s for s in source.sentences if _is_task(s)]
    if tasks and tasks[-1].end <= start and start - tasks[0].start < _TASK:
        task = tasks[-1]
        yield Hit(
            task.start,
            task.end,
            f"{end - start:,} characters of data come after the task, where models lose sight of it: put the "
            "data first and the task last.",
        )


def _is_task(sentence: Sentence) -> bool:
    return is_imperative(sentence) or sentence.text.rstrip().endswith("?")


RULE = Rule(
    id="A016",
    name="buried-task",
    level="hint",
    summary="More than about 2,000 tokens of tagged data after the last instruction.",
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
