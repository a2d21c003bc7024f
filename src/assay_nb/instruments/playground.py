"""Playground: run a prompt as it would be run in earnest, and keep what the model said.

The values of `{{name}}` travel beside the prompt and are filled in here, so that a result knows the
template and the values apart, and data cannot reach other variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import (
    Instrument,
    Provenance,
    Script,
    Shown,
    decode_provenance,
    encode_provenance,
)
from assay_nb.instruments.exchange.structured_output import check_stop
from assay_nb.instruments.exchange.validation import check_options, check_prompt
from assay_nb.instruments.fineprint import make_fine_print, make_notices, make_warnings
from assay_nb.messages import Message, Request, StopReason
from assay_nb.render.document import (
    Block,
    Callout,
    Details,
    Document,
    Heading,
    Paragraph,
    Verbatim,
)
from assay_nb.text.english import count
from assay_nb.text.placeholders import check_blocks, describe_placeholders, find_placeholders
from assay_nb.text.templates import fill

_CUT: Mapping[StopReason, str] = {
    "length": "The reply reached the limit on output tokens and is cut there.",
    "refusal": "The model declined to answer.",
    "filtered": "The provider's content filter stopped the reply.",
    "empty": "The model sent an empty reply.",
}
_THOUGHT = (
    "The reply is empty: the model used its output tokens for thinking. Raise max_output_tokens, or lower "
    "the effort."
)


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """What a model said to a prompt.

    Attributes:
        prompt: The template, verbatim.
        output: The reply.
        values: What its variables were filled with.
        system: Standing instructions that went with it.
        stop: Why the reply ended; `"end"` is a complete one.
        thought: Whether the model thought first.
        thoughts: What it thought, as far as the provider shows it; not a part of the output.
        provenance: Model, tokens, cost.
    """

    schema: ClassVar[str] = "assay.run.v1"

    prompt: str
    output: str
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    system: str | None = None
    stop: StopReason = "end"
    thought: bool = False
    thoughts: str = ""
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def sent(self) -> str:
        """The prompt with its variables filled in."""
        return fill(self.prompt, self.values)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "output": self.output,
            "stop": self.stop,
            "thought": self.thought,
            **({"thoughts": self.thoughts} if self.thoughts else {}),
            "prompt": self.prompt,
            "values": dict(self.values),
            "system": self.system,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Run:
        """Return the run that `to_dict` described."""
        read: dict[str, Any] = {name: value for name, value in fields.items() if name != "schema"}
        read["provenance"] = decode_provenance(fields["provenance"])
        return cls(**read)

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def start(prompt: str, options: Mapping[str, Any]) -> Script[Run]:
    """Begin a run. Options: `values`, `system`, and the model's knobs."""
    given = check_options("playground", options, ("values", "system"))
    values = _take_values(given.get("values", {}))
    system: str | None = given.get("system")
    check_prompt(prompt)
    check_blocks(prompt, given=bool(values))
    filled = fill(prompt, values)
    check_prompt(filled)
    return _script(prompt, filled, values, system, given)


def _take_values(values: object) -> dict[str, str]:
    if not isinstance(values, Mapping):
        raise WrongUsage("values maps the prompt's variables to what stands for them.")
    given = cast("Mapping[object, object]", values)
    return {str(name): str(value) for name, value in given.items()}


def _script(
    prompt: str,
    filled: str,
    values: Mapping[str, str],
    system: str | None,
    options: Mapping[str, Any],
) -> Script[Run]:
    limit: dict[str, Any] = {
        name: options[name] for name in ("max_output_tokens",) if name in options
    }
    request = Request(
        messages=(Message("user", filled),),
        system=system,
        knobs={
            knob: options[knob] for knob in ("temperature", "top_p", "effort") if knob in options
        },
        **limit,
    )
    (reply,) = yield (request,)
    if reply.stop not in _CUT:
        check_stop(reply, request)
    return Run(prompt, reply.text, values, system, reply.stop, reply.thought, reply.thoughts)


def preview(prompt: str, text: str) -> Run | None:
    """Return what has come so far."""
    return Run(prompt, text, stop="incomplete") if text else None


def _describe(run: Run) -> Iterator[Block]:
    yield Heading("Playground")
    yield from make_notices(run.provenance)
    yield from describe_reply(run)
    yield from make_fine_print(run.provenance)


def describe_reply(run: Run) -> Iterator[Block]:
    """Yield a reply, below the placeholders that were sent, and why it is not whole, if it is not."""
    if run.values:  # without any, nothing was to be filled in
        yield from make_warnings(
            describe_placeholders(find_placeholders(run.prompt, list(run.values)))
        )
    why = explain_stop(run.stop, thought=run.thought)
    if why:
        yield Callout("warning", [why])
    if run.thoughts:
        words = count(len(run.thoughts.split()), "word")
        yield Details("Thoughts", [Verbatim(run.thoughts)], f"{words}, in `.thoughts`")
    if run.output.strip():
        yield Verbatim(run.output)
    elif not why:
        yield Paragraph(["The reply is empty."])


def explain_stop(stop: str | None, *, thought: bool = False) -> str | None:
    """Return why a reply is not whole, in a sentence; None for one that is."""
    if stop == "empty" and thought:
        return _THOUGHT
    return next((why for reason, why in _CUT.items() if reason == stop), None)


INSTRUMENT: Instrument[Run] = Instrument(
    name="playground", start=start, preview=preview, read=Run.from_dict
)
