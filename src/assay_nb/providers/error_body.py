"""Error bodies: what may be known of a refusal, read from whatever a provider or a server sent.

Every dialect says it elsewhere: OpenAI in `error.code` and `param`, Anthropic in `error.type` and
`details.error_code`, Google in `details[].reason`, FastAPI in `detail[].loc`, OpenRouter in
`metadata.limit_source`, others in one plain string. All of them are read alike, strictly bounded, and no
text is kept for showing: a body may quote the prompt or the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

_WORDS = frozenset(
    {"code", "type", "reason", "status", "error_code", "error_type", "limit_source", "error"}
)
"""Where a machine-readable word stands. A plain server's `error` is its only one, or its text."""

_NO_WORDS = frozenset({"", "none", "null"})
"""What proxies write for a word or a parameter that they do not have."""

_NUMBERS = frozenset({"code", "status", "status_code", "statusCode"})
_TEXTS = frozenset(
    {"message", "Message", "msg", "detail", "error", "description", "error_description"}
)
_DELAYS = frozenset({"retry_after", "retry_after_seconds", "estimated_time"})
"""Seconds that a body asks to wait, as a number: LiteLLM's, OpenRouter's, and Hugging Face's of a model that
is loading."""
_NAMES = frozenset({"param", "field"})
_QUOTAS = frozenset({"quotaId", "quota_limit"})
_WITHIN = frozenset(
    {
        *("error", "errors", "detail", "details", "innererror", "metadata", "violations"),
        *("fieldViolations", "headers", "raw"),
    }
)
_MOST_NODES, _MOST_DEPTH, _MOST_ITEMS = 200, 8, 30
_MOST_TEXT, _MOST_WORD = 4_000, 100
"""Bounds of what is looked at: mappings and lists, how deep, how many items each; characters."""

_MOST_JSON = 64 * 1024
"""Characters of a string that is read as JSON: some proxies pass their upstream's body on as a string."""

_NUMBER = r"(\d[\d,]{0,11})"
_MOST_OUTPUT = (
    rf"max\w*tokens\W{{0,4}}{_NUMBER} > {_NUMBER}",
    rf"less than or equal to `?{_NUMBER}",
    rf"at most {_NUMBER} completion tokens",
    rf"max\w*tokens must be at most {_NUMBER}",
    rf"range of max_tokens (?:is|should be) \[1, ?{_NUMBER}\]",
    rf"exceeds the model limit of {_NUMBER}",
    rf"maximum output tokens \({_NUMBER}\)",
    rf"a value <= {_NUMBER}",
)
_BELOW = rf"range is from 1 \(inclusive\) to {_NUMBER} \(exclusive\)"
_CONTEXT = (
    rf"maximum context length (?:is|of) {_NUMBER}",
    rf"{_NUMBER} maximum context length",
    rf"maximum (?:context|model|prompt) length(?: is| of|:) {_NUMBER}",
    rf"context length(?: of)?(?: only)? \(?{_NUMBER}",
    rf"maximum allowed length \({_NUMBER}",
    rf"maximum number of tokens allowed \({_NUMBER}",
    rf"n_ctx:? \(?{_NUMBER}",
    rf"model token limit: {_NUMBER}",
    rf"must have less than {_NUMBER} tokens",
    rf"exceeds the limit of {_NUMBER}",
    rf"while limit is {_NUMBER}",
    rf"range of input length should be \[1, ?{_NUMBER}\]",
    rf"must be <= {_NUMBER}",
    rf"exceed context limit: \d[\d,]* \+ \d[\d,]* > {_NUMBER}",
    rf"configured limit of {_NUMBER} tokens",
    rf"tokens > {_NUMBER} maximum",
)
_PROMPT = (
    rf"request has {_NUMBER} input tokens",
    rf"{_NUMBER} in the (?:messages|prompt)",
    rf"given: {_NUMBER}",
    rf"too long: {_NUMBER}",
    rf"(?:prompt|input) \((?:total )?(?:length )?{_NUMBER}",
    rf"input (?:length|token count) \({_NUMBER}",
    rf"prompt token count of {_NUMBER}",
    rf"request contains {_NUMBER} tokens",
    rf"keep the first {_NUMBER} tokens",
    rf"n_keep:? \(?{_NUMBER}",
    rf"{_NUMBER} tokens from the input messages",
    rf"current length is {_NUMBER}",
    rf"\(requested: {_NUMBER}\)",
    rf"exceed context limit: {_NUMBER} \+",
    rf"messages resulted in {_NUMBER} tokens",
    rf"{_NUMBER} of text input",
    rf"prompt contains {_NUMBER} tokens",
)
"""Sentences in which servers tell a number, in lower case. Of each the digits are read, and nothing else."""

_PER_MINUTE = rf"limit:? {_NUMBER}, requested:? {_NUMBER}"
_LATER = (
    r"(?:try again|retry) (?:in|after) ((?:\d{1,9}(?:\.\d{1,12})?(?:ms|[dhms])){1,5})\b",
    r"(?:try again|retry) (?:in|after) (\d{1,9}(?:\.\d{1,12})?) ?s(?:ec(?:ond)?s?)?\b",
)


@dataclass(frozen=True)
class ErrorBody:
    """What an error's body says, for matching only.

    Attributes:
        words: Its codes, types and reasons, in lower case.
        params: The request's parameters that it names, each by its first part (`text` of `text.format`).
        text: Its sentences in lower case. Never shown, never kept.
        number: A status that it gives as its code, which counts where HTTP's own says nothing.
        quotas: The ids of the quotas that are used up.
        delay: Google's `retryDelay`, as it is written, or what another field for it says.
        sizes: Token counts that it gives as fields of their own, by name.
    """

    words: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    text: str = field(default="", repr=False)
    number: int | None = None
    quotas: tuple[str, ...] = ()
    delay: str | None = None
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])

    @cached_property
    def most_output(self) -> int | None:
        """Tokens of a reply that the model gives at most, where the body says so."""
        if (below := _find([_BELOW], self.text)) is not None:
            return below - 1
        return _find(_MOST_OUTPUT, self.text)

    @cached_property
    def context(self) -> int | None:
        """Tokens that fit into the model's context, where the body says so."""
        return self.sizes.get("n_ctx") or _find(_CONTEXT, self.text)

    @cached_property
    def prompt(self) -> int | None:
        """Tokens that the prompt has, where the body says so."""
        return self.sizes.get("n_prompt_tokens") or _find(_PROMPT, self.text)

    @cached_property
    def per_minute(self) -> tuple[int, int] | None:
        """Tokens that may be used in a minute and those asked for, where one request has more of them."""
        found = re.search(_PER_MINUTE, self.text)
        if found is None:
            return None
        limit, asked = (int(group.replace(",", "")) for group in found.groups())
        return (limit, asked) if asked > limit else None

    @cached_property
    def asked_wait(self) -> str | None:
        """How long its sentence asks to wait, such as `7m54.336s` or `26`."""
        found = (re.search(pattern, self.text) for pattern in _LATER)
        return next((match[1] for match in found if match), None)


def read_error_body(raw: object) -> ErrorBody:
    """Return what a body says: a mapping, a list, a string, or nothing."""
    reader = _Reader()
    reader.take(raw, 0)
    return ErrorBody(
        frozenset(reader.words),
        frozenset(reader.params),
        " ".join(reader.texts)[:_MOST_TEXT].casefold(),
        reader.number,
        tuple(reader.quotas),
        reader.delay,
        reader.sizes,
    )


class _Reader:
    """Collects from the places that are known, and looks into no others."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.params: set[str] = set()
        self.texts: list[str] = []
        self.quotas: list[str] = []
        self.sizes: dict[str, int] = {}
        self.number: int | None = None
        self.delay: str | None = None
        self._nodes = 0

    def take(self, value: object, depth: int) -> None:
        """Read a value and what is nested in it."""
        self._nodes += 1
        if depth > _MOST_DEPTH or self._nodes > _MOST_NODES:
            return
        if isinstance(value, str):
            self._take_text(value, depth)
        elif isinstance(value, list):
            for item in cast("list[Any]", value)[:_MOST_ITEMS]:
                self.take(item, depth + 1)
        elif isinstance(value, Mapping):
            known = cast("Mapping[str, Any]", value)
            for name in list(known)[:_MOST_ITEMS]:
                self._take_field(name, known[name], depth)

    def _take_text(self, value: str, depth: int) -> None:
        if value[:1] in {"{", "["} and len(value) <= _MOST_JSON:
            try:
                self.take(json.loads(value), depth + 1)
            except (ValueError, RecursionError):
                return
        else:
            self.texts.append(value[:_MOST_TEXT])
            self._take_quoted(value[:_MOST_JSON], depth)

    def _take_quoted(self, text: str, depth: int) -> None:
        """Read the body of its upstream's that a proxy quotes within its own sentence."""
        for quote in ('{"', '{\\"'):
            if (start := text.find(quote)) < 0:
                continue
            body = text[start:] if quote == '{"' else text[start:].replace('\\"', '"')
            try:
                self.take(json.JSONDecoder().raw_decode(body)[0], depth + 1)
            except (ValueError, RecursionError):
                continue

    def _take_field(self, name: str, value: object, depth: int) -> None:
        if isinstance(value, str):
            self._take_string(name, value, depth)
        elif isinstance(value, (int, float)):
            self._take_number(name, value)
        elif name == "loc":
            self._take_location(value)
        elif name in _WITHIN:
            self.take(value, depth + 1)
        elif name == "reasons" and value:
            self.words.add("metadata.reasons")

    def _take_string(self, name: str, value: str, depth: int) -> None:
        if name in _WORDS and len(value) <= _MOST_WORD and value.casefold() not in _NO_WORDS:
            self.words.add(value.casefold())
            if value.isdecimal():
                self._take_number(name, int(value))
        if name in _TEXTS or name in _WITHIN:
            self._take_text(value, depth)
        elif name in _NAMES and value.casefold() not in _NO_WORDS:
            self.params.add(_first_part(value))
        elif name in _QUOTAS:
            self.quotas.append(value[:_MOST_WORD])
        elif name in {"retryDelay", "X-RateLimit-Reset"}:
            self.delay = value[:_MOST_WORD]

    def _take_number(self, name: str, value: float) -> None:
        if name in _DELAYS and self.delay is None:
            self.delay = str(value)[:_MOST_WORD]
        elif not isinstance(value, int):
            return
        elif name in _NUMBERS and 400 <= value <= 599:
            self.number = self.number or value
        elif name in {"n_ctx", "n_prompt_tokens"} and 0 < value < 10**9:
            self.sizes[name] = value

    def _take_location(self, value: object) -> None:
        parts: Iterable[Any] = cast("list[Any]", value) if isinstance(value, list) else ()
        named = [part for part in parts if isinstance(part, str) and part != "body"]
        self.params.update(_first_part(part) for part in named[:1])


def _first_part(name: str) -> str:
    return re.split(r"[.\[]", name[:_MOST_WORD], maxsplit=1)[0].casefold()


def _find(patterns: Iterable[str], text: str) -> int | None:
    """Return the last number of the first pattern that is found."""
    for pattern in patterns:
        if found := re.search(pattern, text):
            return int(found.groups()[-1].replace(",", ""))
    return None
