"""Wording of refusals: for each meaning one sentence on what happened, and one on the next step.

The sentences are ours throughout. They name a provider where it was the provider that answered, and
otherwise the server by its address: a foreign server's limit is not OpenAI's. The only thing that is taken
over from an answer is numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay_nb.connections.names import SPOKEN
from assay_nb.connections.presets import preset_of
from assay_nb.egress.origins import is_official, path_hint
from assay_nb.errors import KeyStep
from assay_nb.messages import PROVIDERS, Destination, Request, label_of
from assay_nb.models.catalog import suggest_model
from assay_nb.providers.meanings import Meaning
from assay_nb.providers.refusals import Refusal, names_ceiling, names_knob
from assay_nb.providers.sentences import KEY_ACTS, SENTENCES
from assay_nb.providers.setup import SETUP

_M = Meaning
_KEY_WANTED = frozenset(
    {_M.KEY_REFUSED, _M.UNKNOWN_401, _M.UNKNOWN_403, _M.NOT_ALLOWED, _M.BILLING}
)
"""What means, of a server that is called without a key, that it wants one."""

_NOT_OF_A_MODEL = frozenset(
    {_M.MODEL_UNKNOWN, _M.PAGE_UNKNOWN, _M.UNKNOWN_404, _M.PARAMETER, _M.UNKNOWN, _M.DOWN}
)
"""What a model is asked about, and what means another thing where a list of models was asked for."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a refusal.

    Attributes:
        message: What happened.
        hint: The next step, or what leads to it.
        step: What is to be done to the key, if that is the next step.
    """

    message: str
    hint: str = ""
    step: KeyStep | None = None


def describe_refusal(
    there: Destination, refusal: Refusal, model: str | None, request: Request | None
) -> Said:
    """Return what happened and the next step, for a refusal that says nothing of time.

    Args:
        there: Who refused.
        refusal: What it means.
        model: Which model was asked; None for a listing.
        request: What was asked, for the settings that it names.
    """
    if there.keyless and refusal.meaning in _KEY_WANTED and refusal.status in {401, 402, 403}:
        what = f"{there.origin} asks for a key, and none is stored for it."
        return Said(what, step=KeyStep("add", there.connection, there.endpoint))
    if model is None and refusal.meaning in _NOT_OF_A_MODEL:
        return Said(*_not_listed(there, refusal.status))
    if refusal.meaning is _M.PAGE_UNKNOWN:
        return Said(*_no_path(there, refusal.status))
    if refusal.meaning in {_M.MODEL_UNKNOWN, _M.UNKNOWN_404}:
        return Said(*_not_found(there, refusal, model or ""))
    if refusal.meaning is _M.CONTEXT:
        return Said(*_too_long(refusal, model))
    if refusal.meaning in {_M.PARAMETER, _M.UNKNOWN}:
        return Said(*_refused(there, refusal, model, request))
    facts = _facts(there, refusal, model, request)
    message, hint = (text.format_map(facts) for text in SENTENCES[refusal.meaning])
    act = KEY_ACTS.get(refusal.meaning)
    return Said(message, hint, KeyStep(act, there.connection, lead=hint) if act else None)


def who_is(there: Destination) -> str:
    """Return who answers: a provider or a known service by its name, and any other server by its address."""
    if is_official(there):
        return label_of(there.provider)
    service = preset_of(there.endpoint)
    return service.label if service else there.origin


def name_connection(there: Destination) -> str:
    """Return what people call a connection: the name that it was given, or of the first three who answers."""
    return who_is(there) if there.connection in PROVIDERS else there.connection


def account_of(there: Destination) -> str:
    """Return whose account pays, without its article."""
    who = who_is(there)
    return f"account at {who}" if who == there.origin else f"{who} account"


def behind(there: Destination) -> str:
    """Return what ties an account to the workspace: its key, and nothing where it calls without one."""
    return "" if there.keyless else " behind the workspace's key"


def _facts(
    there: Destination, refusal: Refusal, model: str | None, request: Request | None
) -> dict[str, str]:
    about = SETUP[there.provider] if is_official(there) else preset_of(there.endpoint)
    keys, billing = (about.keys_url, about.billing_url) if about else ("", "")
    most, minute = refusal.body.most_output, refusal.body.per_minute
    return {
        "who": who_is(there),
        "account": account_of(there),
        "behind": behind(there),
        "model": model or "the model",
        "quoted": repr(model),
        "for_model": f" for {model}" if model else "",
        "act": f"use {model}" if model else "do this",
        "keys_valid": f"{keys} shows which keys are valid"
        if keys
        else "that server's manual says what its keys look like",
        "keys_may": f"{keys} shows what it may do"
        if keys
        else "the server's operator knows what it may do",
        "keys_at": f" at {keys}" if keys else "",
        "billing": billing or keys or "that service's billing page",
        "ceiling": f"of {request.ceiling:,} output tokens" if request else "on output tokens",
        "most": f": it gives at most {most:,}" if most else "",
        "minute": f": {minute[1]:,}, and the limit is {minute[0]:,}" if minute else "",
    }


def _not_listed(there: Destination, status: int) -> tuple[str, str]:
    """Return what is said where a listing failed: no other model helps, since none was asked."""
    hint = path_hint(there) or "Check its address, and what it speaks: some servers list no models."
    if status in {404, 405, 501}:
        return f"{who_is(there)} has no list of models at {there.endpoint}.", hint
    return f"{who_is(there)} refused to list its models (status {status}).", hint


def _no_path(there: Destination, status: int) -> tuple[str, str]:
    hint = path_hint(there)
    if hint is None and there.kind == "openai-responses" and not is_official(there):
        hint = "Connect it as a server that speaks Chat Completions: few servers have the Responses API."
    what = f"{there.endpoint} has no such path (status {status})."
    return what, hint or "Check the address: `assay-nb connections`."


def _not_found(there: Destination, refusal: Refusal, model: str) -> tuple[str, str]:
    # A server that misses a model says so; one that says nothing may as well miss the path.
    is_plain = refusal.meaning is _M.UNKNOWN_404 and "model" not in refusal.body.text
    if path_hint(there) or (is_plain and refusal.body.text == "not found"):
        return _no_path(there, refusal.status)
    near = (suggest_model(model, there.provider) or "").partition("/")[2]
    nearest = ""
    if near not in {"", model}:
        nearest = f" Nearest known name: `{there.connection}/{near}`."
    hint = f"Choose one that it lists: `assay-nb models --ask`.{nearest}"
    own = not is_official(there)
    is_told = refusal.meaning is _M.MODEL_UNKNOWN
    if own and not is_told and there.kind != "openai-chat" and preset_of(there.endpoint) is None:
        what = f"{who_is(there)} knows no model {model!r}, or does not speak {SPOKEN[there.kind]}."
        return what, f"{hint} Connect it again with `--kind` to say what it speaks."
    if is_plain and own:
        hint = f"{hint} `assay-nb connections` shows its address."
        return f"{who_is(there)} has no such path, or knows no model {model!r}.", hint
    barred = "" if there.keyless else ", or the key may not use it"
    return f"{who_is(there)} knows no model {model!r}{barred}.", hint


def _too_long(refusal: Refusal, model: str | None) -> tuple[str, str]:
    body = refusal.body
    sizes = ""
    if body.prompt and body.context:
        sizes = f": it has {body.prompt:,} tokens, and {body.context:,} fit"
    elif body.context:
        sizes = f": {body.context:,} tokens fit, with the reply"
    return (
        f"The prompt is longer than {model or 'the model'} takes{sizes}.",
        "Shorten it, or choose a model with a larger context: `assay-nb models`.",
    )


def _refused(
    there: Destination, refusal: Refusal, model: str | None, request: Request | None
) -> tuple[str, str]:
    what = f" for {model}" if model else ""
    knobs = sorted(request.knobs) if request is not None else []
    named = [knob for knob in knobs if names_knob(refusal, knob)]
    if knobs:
        names = ", ".join(named or knobs)
        return (
            f"{who_is(there)} refused the request{what} (status {refusal.status}), which set {names}.",
            f"Leave {names} out: current models refuse such settings, even at their default values.",
        )
    if request is not None and request.max_output_tokens and names_ceiling(refusal):
        which = f"which set max_output_tokens to {request.max_output_tokens:,}"
        return (
            f"{who_is(there)} refused the request{what} (status {refusal.status}), {which}.",
            "Set a lower max_output_tokens, or leave it out.",
        )
    return (
        f"{who_is(there)} refused the request{what} (status {refusal.status}).",
        "Choose another model, which may take it: `assay-nb models`.",
    )
