"""Models that are known by name: who serves them, what fits into them, which to begin with.

`assay-nb models` shows what a key can really see; any other model name works too. What a model takes is
in `parameters`, when it retires in `retirements`, what it costs in `prices`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import date

from assay_nb.connections.names import is_name
from assay_nb.errors import WrongUsage
from assay_nb.messages import ProviderId
from assay_nb.models.parameters import Parameters, find_parameters

TABLE_DATE = date(2026, 11, 30)
"""The day on which what `models/` says was last compared with the providers' pages, SDKs and price lists."""

DEMO_MODEL = "claude-sonnet-4-6"
"""The model of the demo calls, whatever a workspace's own is."""

DEMO_SUCCESSOR = "claude-sonnet-5-5"
"""What takes its place once Anthropic names a day for its end, which is not sooner than 2027-02-17."""

DEFAULT_MODEL: dict[ProviderId, str] = {
    "anthropic": "claude-sonnet-5-5",
    "openai": "gpt-6.2-sol",
    "google": "gemini-3.8-flash",
}
"""The model that a workspace's own key is used with unless somebody chooses another: a current one each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model.

    Attributes:
        id: As its provider names it.
        provider: Who serves it.
        context: Tokens that fit, prompt and reply together.
        max_output: Tokens of a reply at most, thinking included.
        parameters: What it does with sampling parameters, effort and prefill.
    """

    id: str
    provider: ProviderId
    context: int
    max_output: int
    parameters: Parameters


def _model(provider: ProviderId, name: str, context: int, max_output: int) -> Model:
    parameters = find_parameters(name)
    assert parameters is not None, f"{name} has no line in models/parameters.py"
    return Model(
        id=name, provider=provider, context=context, max_output=max_output, parameters=parameters
    )


def _anthropic(name: str) -> Model:
    return _model("anthropic", name, 1_000_000, 128_000)


def _openai(name: str) -> Model:
    return _model("openai", name, 1_050_000, 128_000)


def _google(name: str) -> Model:
    # Gemini 4 shares its context between input and output, and gives more output only if asked to continue.
    return _model("google", name, 1_048_576, 65_536)


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _anthropic("claude-sonnet-4-6"),
        _anthropic("claude-haiku-5-5"),
        _anthropic("claude-sonnet-5-5"),
        _anthropic("claude-opus-5-5"),
        _anthropic("claude-fable-5-1"),
        _anthropic("claude-fable-5-2"),
        _openai("gpt-6.2-sol"),
        _openai("gpt-6.2-astra"),
        _openai("gpt-6.1-sol"),
        _openai("gpt-6.1-terra"),
        _openai("gpt-6-sol"),
        _openai("gpt-6-luna"),
        _openai("gpt-6-astra"),
        _google("gemini-3.8-flash"),
        _google("gemini-3.5-flash-lite"),
        _google("gemini-3.1-flash-lite"),
        _google("gemini-4-argon"),
        _google("gemini-4-carbon"),
        _google("gemini-4-neon"),
        _google("gemini-4-hydrogen"),
    )
}

_FAMILIES: tuple[tuple[str, ProviderId], ...] = (
    ("claude", "anthropic"),
    ("gpt", "openai"),
    ("chatgpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
)


def parse_model(text: str) -> tuple[str, str]:
    """Return connection and model for `connection/model`, or for a bare name whose provider is plain.

    Any model name is accepted after a connection: models appear faster than releases of this package.
    The name may hold slashes itself, as local servers' names do (`openai/org/model`). Whether the workspace
    has the connection is not known here.

    Raises:
        WrongUsage: If no connection can be told from it.
    """
    text = text.strip()
    head, slash, rest = text.partition("/")
    if slash and rest and is_name(head.lower()):
        return head.lower(), rest
    if found := find_provider(text):
        return found, text
    raise WrongUsage(
        f"{text[:80]!r} does not name a connection and a model." if text else "No model was named.",
        hint=_name_hint(text),
    )


def find_provider(model: str) -> ProviderId | None:
    """Return the provider of a bare model name, or None when it could be anybody's."""
    if model in MODELS:
        return MODELS[model].provider
    if "/" in model:
        return None
    for family, provider in _FAMILIES:
        if model == family or model.startswith(f"{family}-"):
            return provider
    return None


def find_model(model: str) -> Model | None:
    """Return what is known about a model, or None. A dated name counts as the one it pins."""
    if model in MODELS:
        return MODELS[model]
    name, _, tail = model.rpartition("-")
    return MODELS.get(name) if tail.isdigit() and len(tail) == 8 else None


def suggest_model(model: str, provider: ProviderId | None = None) -> str | None:
    """Return the known model whose name is nearest, as `provider/model`, or None."""
    names = [name for name, known in MODELS.items() if provider in {None, known.provider}]
    near = difflib.get_close_matches(model.lower(), names, n=1, cutoff=0.6)
    return f"{MODELS[near[0]].provider}/{near[0]}" if near else None


def table_age_days(today: date) -> int:
    """Return how old the tables are. `doctor` says so when it is more than a quarter."""
    return (today - TABLE_DATE).days


def _name_hint(text: str) -> str:
    near = suggest_model(text.rpartition("/")[2]) if text else None
    example = near or f"anthropic/{DEFAULT_MODEL['anthropic']}"
    return f"Write CONNECTION/MODEL, such as `{example}`; `assay-nb models` lists them."
