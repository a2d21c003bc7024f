"""The rubric that a prompt is scored on: six dimensions, four yes-or-no questions each.

A model asked for a number from 1 to 5 gives a different one tomorrow. Asked whether the format of the
answer is stated, it is right or wrong, and two runs can be compared. So models answer the questions and
code makes the number: 1 + 4 × the share of "yes" among those that apply.

Every question is put so that "yes" is good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOWEST_SCORE, HIGHEST_SCORE = 1, 5
WEAK = 3.0
"""A dimension below the middle is weak: most of its questions that apply are answered no."""

DimensionId = Literal["task", "context", "output", "consistency", "examples", "robustness"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a stable id, such as `output.format`."""

    id: str
    text: str

    @property
    def key(self) -> str:
        """What a reply calls it: the id without its dimension, which no other question shares."""
        return self.id.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One aspect of a prompt. `low`, `middle` and `high` say what 1, 3 and 5 look like."""

    id: DimensionId
    label: str
    questions: tuple[Question, ...]
    low: str
    middle: str
    high: str


def _dimension(
    id_: DimensionId, label: str, questions: dict[str, str], *, low: str, middle: str, high: str
) -> Dimension:
    asked = tuple(Question(f"{id_}.{name}", text) for name, text in questions.items())
    return Dimension(id_, label, asked, low, middle, high)


DIMENSIONS: tuple[Dimension, ...] = (
    _dimension(
        "task",
        "Task clarity",
        {
            "action": "Does one sentence name what the model has to do, as a verb with its object?",
            "purpose": "Is it said, or evident, who will use the result and what for?",
            "done": "Could a reader tell a finished, acceptable answer from one that falls short?",
            "scope": "Is it clear what belongs to the task and what does not?",
        },
        low="The task has to be guessed.",
        middle="The task is named, but not when it is done.",
        high="Two strangers would do the same thing and stop at the same point.",
    ),
    _dimension(
        "context",
        "Context and inputs",
        {
            "inputs": "Is every input that the task needs either in the prompt or a named variable?",
            "meaning": "Is it said what each input is, such as an e-mail, a log or a question?",
            "terms": "Are the terms, labels and abbreviations that a newcomer could misread explained?",
            "enough": "Can the task be done from what is given, without making up facts?",
        },
        low="What to work on is missing or unnamed.",
        middle="The inputs are there, but what they are has to be inferred.",
        high="Everything needed is present, named and explained.",
    ),
    _dimension(
        "output",
        "Output contract",
        {
            "format": "Is the form of the answer named, such as prose, a list, JSON or one label?",
            "parts": "Are its parts, fields or allowed labels listed?",
            "size": "Is its length or number of items bounded by something that can be counted?",
            "empty": "Is it said what to answer when there is nothing to report?",
        },
        low="The shape of the answer has to be guessed.",
        middle="A form is named, but neither its parts nor its size nor the empty case.",
        high="A program could check the answer from the prompt alone.",
    ),
    _dimension(
        "consistency",
        "Consistency and priority",
        {
            "agree": "Can all rules be followed at the same time?",
            "priority": "Where two rules could pull apart, is it said which one wins?",
            "once": "Does each rule stand once, or always with the same words and numbers?",
            "checkable": "Could two people agree whether each rule was kept?",
        },
        low="Following one rule breaks another.",
        middle="The rules agree, but some are a matter of taste or come in two versions.",
        high="Every rule can be kept, can be checked, and has its rank.",
    ),
    _dimension(
        "examples",
        "Examples and edge cases",
        {
            "shown": "Is there an example of a good answer, or is the task so plain that none is needed?",
            "faithful": "Do the examples follow the prompt's own rules?",
            "edge": "Is it said what to do with unusual, empty or broken input?",
            "unknown": "Is it said what to do when the answer is not known or not in the input?",
        },
        low="Only the easy case was thought of.",
        middle="There is an example, or a rule for odd input, but not both.",
        high="Examples and rules cover what will really arrive.",
    ),
    _dimension(
        "robustness",
        "Robustness",
        {
            "bounds": "Does inserted data stand between marks, apart from the instructions?",
            "data": "Is it said that orders inside inserted data are not to be followed?",
            "private": "Is the prompt free of keys, passwords and personal data?",
            "references": "Is everything that it refers to, such as a tag, section or variable, there?",
        },
        low="Whoever writes the input can rewrite the task.",
        middle="Data is marked off, but nothing says how to treat what it holds.",
        high="Input cannot pass for instruction, and nothing dangles or leaks.",
    ),
)

QUESTIONS: dict[str, Question] = {q.id: q for d in DIMENSIONS for q in d.questions}
QUESTION_OF_KEY: dict[str, Question] = {q.key: q for q in QUESTIONS.values()}
LABELS: dict[str, str] = {d.id: d.label for d in DIMENSIONS}
DIMENSION_OF_RULE: dict[str, DimensionId] = {
    "A001": "context",
    "A002": "consistency",
    "A003": "robustness",
    "A004": "robustness",
    "A005": "output",
}
"""Which aspect a lint error is about."""


def describe_rubric() -> str:
    """Return the rubric as the critic reads it."""
    parts: list[str] = []
    for dimension in DIMENSIONS:
        parts.append(f"{dimension.id}: {dimension.label}")
        parts += [f"  {question.key}: {question.text}" for question in dimension.questions]
    return "\n".join(parts)
