"""Validation of a call before anything is sent: the prompt, the options, the knobs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal, NoReturn

from assay_nb.errors import WrongUsage
from assay_nb.messages import Message, Request
from assay_nb.text.english import count, kind_of
from assay_nb.text.templates import find_variables

Kind = Literal["system", "user", "template"]
KINDS: tuple[Kind, ...] = ("system", "user", "template")
LARGEST_PROMPT = 200_000
"""Bytes of UTF-8. Longer texts are data that ended up in a prompt, and would cost accordingly."""

THE_PROMPT = "The prompt"
ENDS_LISTS = "_ends_lists"
"""The option that says that the model is known to end a list; the engine sets it, see `exchange.schema`."""
COMMON_OPTIONS = (
    "kind",
    "temperature",
    "top_p",
    "effort",
    "max_output_tokens",
    "_nonce",
    ENDS_LISTS,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff]")
_UNWRITABLE = re.compile(r"[\x00\ud800-\udfff]")
_MOST_CONTROLS = 0.01


def check_text(value: object, what: str = THE_PROMPT) -> str:
    """Return the value if it is text; `what` begins the sentence that says that it is not.

    Raises:
        WrongUsage: With what it is, and with what to give where that is known.
    """
    if not isinstance(value, str):
        refuse_no_text(value, what)
    return value


def refuse_no_text(value: object, what: str = THE_PROMPT) -> NoReturn:
    """Raise `WrongUsage` for a value where text is needed."""
    hint = _find_text(value) if what.startswith(THE_PROMPT) else None
    raise WrongUsage(f"{what} has to be text, and this is {kind_of(value)}.", hint=hint)


def check_names(value: object, what: str) -> None:
    """Raise `WrongUsage` if the value is neither None nor a collection of names."""
    if isinstance(value, str) or not isinstance(value, Collection | None):
        raise WrongUsage(f'{what} is a list of names, such as ["ticket"].')


def _find_text(value: object) -> str:
    """Return the step that gets from a value to the text that was probably meant."""
    if hasattr(value, "read_text"):
        return "`Path.read_text()` gives the text of the file that it names."
    if isinstance(value, bytes | bytearray):
        return '`.decode("utf-8")` makes text of bytes.'
    for name in ("text", "prompt"):
        if isinstance(getattr(value, name, None), str):
            return f"Give its `.{name}`."
    if isinstance(value, list | tuple | dict | set):
        return "Give one prompt at a time; a loop goes through many."
    return 'Give the prompt itself, such as "Summarise {{ticket}} in two sentences."'


def check_prompt(prompt: str, so: str = "nothing was sent") -> None:
    """Raise `WrongUsage` if `prompt` is not text, is empty, is a binary file, or is too long.

    Args:
        prompt: The prompt.
        so: What comes of it; of one row of many the others are sent.
    """
    check_text(prompt)
    if not prompt.strip():
        raise WrongUsage(
            f"The prompt is empty, so {so}.",
            hint="The lines below the magic are the prompt.",
        )
    controls = len(_CONTROLS.findall(prompt))
    if _UNWRITABLE.search(prompt) or controls > max(3, _MOST_CONTROLS * len(prompt)):
        raise WrongUsage(
            f"The prompt holds {count(controls, 'control character')}, as binary files do, so {so}.",
            hint="It is unchanged where you wrote it; paste the text of the file instead.",
        )
    check_size(prompt, so)


def check_size(prompt: str, so: str = "nothing was sent") -> None:
    """Raise `WrongUsage` if `prompt` is longer than a prompt may be."""
    size = len(prompt.encode("utf-8", "surrogatepass"))
    if size > LARGEST_PROMPT:
        raise WrongUsage(
            f"The prompt is {size / 1000:,.0f} kB long and the limit is {LARGEST_PROMPT // 1000} kB, "
            f"so {so}.",
            hint="Put the data into a variable such as {{document}} and keep the instructions here.",
        )


def check_options(
    instrument: str, options: Mapping[str, Any], known: Iterable[str]
) -> dict[str, Any]:
    """Return the options that are set, or raise `WrongUsage` for one that the instrument has not."""
    names = (*known, *COMMON_OPTIONS)
    for name in options:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            public = sorted(n for n in names if not n.startswith("_"))
            raise WrongUsage(
                f"{instrument} has no option {name!r}.",
                hint=f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(public)}.",
            )
    given = {name: value for name, value in options.items() if value is not None}
    _check_knobs(given)
    return given


def _check_knobs(options: Mapping[str, Any]) -> None:
    for name in ("temperature", "top_p"):
        value = options.get(name)
        if value is not None and not _is_number(value):
            raise WrongUsage(f"{name} is a number, not {value!r}.")
    if not isinstance(options.get("effort", ""), str):
        raise WrongUsage(f"effort is a word, not {options['effort']!r}.", hint="Such as 'low'.")
    check_count(options, "max_output_tokens", 1, 1_000_000)
    if options.get("kind", "user") not in KINDS:
        raise WrongUsage(f"kind is one of {', '.join(KINDS)}, not {options['kind']!r}.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def check_count(options: Mapping[str, Any], name: str, least: int, most: int) -> None:
    """Raise `WrongUsage` if the option is set and no whole number from `least` to `most`."""
    value = options.get(name, least)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise WrongUsage(f"{name} is a whole number from {least} to {most:,}, not {value!r}.")


def find_kind(prompt: str, options: Mapping[str, Any]) -> Kind:
    """Return what the prompt is: as the option says, else a template if it has variables."""
    kind: Kind | None = options.get("kind")
    return kind or ("template" if find_variables(prompt) else "user")


def make_request(
    options: Mapping[str, Any],
    *,
    system: str,
    text: str,
    schema: Mapping[str, Any],
    name: str,
) -> Request:
    """Return the request, with the knobs that the user set and no other."""
    knobs = {knob: options[knob] for knob in ("temperature", "top_p", "effort") if knob in options}
    limit = options.get("max_output_tokens")
    return Request(
        messages=(Message("user", text),),
        system=system,
        schema=schema,
        schema_name=name,
        knobs=knobs,
        **({"max_output_tokens": limit} if limit is not None else {}),
    )
