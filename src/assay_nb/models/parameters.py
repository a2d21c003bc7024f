"""Parameters that models take: sampling, prefill and effort, by the beginning of a model's name.

Each line of the table holds for every model whose id begins like it; the longest beginning wins. Nothing
is assumed of a model that is not here. The adapters and the lint rules both ask this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Sampling = Literal["taken", "refused", "without reasoning"]
Thinking = Literal["off", "on request", "adaptive", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a family of models does with a request's parameters.

    Attributes:
        sampling: Whether sampling parameters are taken. `without reasoning`: only with effort `none`.
        thinking: How it thinks unless told: not at all, only on request, as it sees fit, or always.
        prefill: Whether it continues a reply that the request begins.
        knobs: What its sampling parameters are called.
        lowest_temperature: Below this its maker warns of loops and worse replies.
    """

    sampling: Sampling = "refused"
    thinking: Thinking = "adaptive"
    prefill: bool = True
    knobs: frozenset[str] = frozenset({"temperature", "top_p"})
    lowest_temperature: float | None = None

    @property
    def reasons(self) -> bool:
        """Whether it reasons unasked, so that a request to do so in the prompt adds only tokens."""
        return self.thinking in {"adaptive", "always"}


def _claude(
    thinking: Thinking = "adaptive", sampling: Sampling = "refused", *, prefill: bool = False
) -> Parameters:
    knobs = frozenset({"temperature", "top_p", "top_k"})
    return Parameters(sampling=sampling, thinking=thinking, prefill=prefill, knobs=knobs)


_GPT = Parameters(sampling="without reasoning")
_GPT_ALWAYS_REASONING = Parameters()
_GEMINI = Parameters(sampling="taken", lowest_temperature=1.0)

_FAMILIES: Mapping[str, Parameters] = {
    # API version 2026-10-21 refuses sampling parameters for every Claude. Those that know them still
    # take them under an older version, and the adapter sends them under that one.
    "claude-": _claude("on request", "taken", prefill=True),
    "claude-opus-4-6": _claude("on request", "taken"),
    "claude-sonnet-4-6": _claude("on request", "taken"),
    "claude-opus-4-7": _claude(),
    "claude-opus-4-8": _claude(),
    "claude-opus-5": _claude(),
    "claude-opus-5-5": _claude("always"),
    "claude-sonnet-5": _claude(),
    "claude-haiku-5": _claude(),
    "claude-fable-5": _claude(),
    "claude-mythos-5": _claude(),
    "gpt-5": _GPT_ALWAYS_REASONING,
    "gpt-5.": _GPT,
    "gpt-6": _GPT,
    "gpt-6-astra": _GPT_ALWAYS_REASONING,
    "gpt-6.2": _GPT_ALWAYS_REASONING,
    "o1": _GPT_ALWAYS_REASONING,
    "o3": _GPT_ALWAYS_REASONING,
    "o4": _GPT_ALWAYS_REASONING,
    "gemini-3": _GEMINI,
    "gemini-4": _GEMINI,
}


def find_parameters(model: str | None) -> Parameters | None:
    """Return what the model does with parameters, or None for one that is not in the table."""
    fitting = [beginning for beginning in _FAMILIES if (model or "").startswith(beginning)]
    return _FAMILIES[max(fitting, key=len)] if fitting else None


def refused_knobs(model: str | None, knobs: Mapping[str, Any]) -> list[str]:
    """Return the knobs among those set that the model answers with an error, whatever their value."""
    known = find_parameters(model)
    if known is None:
        return []
    refused = set[str]() if known.prefill else {"prefill"}
    reasoning = knobs.get("effort") != "none"
    if known.sampling == "refused" or (known.sampling == "without reasoning" and reasoning):
        refused |= known.knobs
    return [name for name, value in knobs.items() if value is not None and name in refused]
