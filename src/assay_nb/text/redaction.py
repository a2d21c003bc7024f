"""Credentials by their shape: find them, and take them out of a text.

This is the second net. The first is that a key never stands in a text at all; this one catches what a
person pasted into a cell, a prompt or a command line. A shape never holds the value, only where it is.

Shapes are hints, never gates: providers change them, so nothing is refused for *not* looking like a key.
Hashes, UUIDs and base64 images stay silent, since a warning that cries wolf is switched off.

Every pattern is linear: it starts at a literal marker that what precedes cannot be part of, and what
follows is one class of characters, so that no stretch is read twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import log2


@dataclass(frozen=True, slots=True)
class KeyShape:
    """A stretch of text that is shaped like a credential. It never holds the credential.

    Attributes:
        kind: Which credential, such as `"anthropic"`, `"anthropic-admin"` or `"aws"`; see `KINDS`.
        provider: The provider that it is of, or None when it is none that we call.
        start: Where it begins, in code points.
        end: Where it ends, exclusive.
    """

    kind: str
    provider: str | None
    start: int
    end: int

    @property
    def label(self) -> str:
        """What to call it in a sentence, such as `"Anthropic admin key"`."""
        return KINDS[self.kind].label


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of one kind of credential.

    Attributes:
        label: Its name within a sentence.
        markers: What a text must hold, in lower case, for the shape to be looked for at all: most
            texts hold none, and are read at the speed of a substring search.
        pattern: Its shape. A group named `value` marks the credential within the match.
        provider: Our id of the provider, where it is one that we call.
        check: A second look at the value, where the shape alone would be too weak.
    """

    label: str
    markers: tuple[str, ...]
    pattern: str
    provider: str | None = None
    check: Callable[[str], bool] | None = None


def _has_digit(value: str) -> bool:
    return any(character.isdigit() for character in value)


def _is_random(value: str) -> bool:
    """Whether a value reads like a generated one rather than like words joined by hyphens."""
    longest = max(re.split(r"[-_.]", value), key=len)
    mixed = longest.lower() != longest and not longest.istitle() and not longest.isupper()
    return len(longest) >= 16 and (_has_digit(longest) or mixed)


def _is_generated(value: str) -> bool:
    """Whether a value of a known shape is a key: a few in a thousand have no digit by chance."""
    return _has_digit(value) or _is_random(value)


def _is_assigned_secret(value: str) -> bool:
    letters = any(character.isalpha() for character in value)
    return letters and _has_digit(value) and _entropy(value) >= 3.3


def _entropy(value: str) -> float:
    """Return the Shannon entropy of the characters, in bits: words lie near 3, keys above 3.3."""
    counts = [value.count(character) for character in set(value)]
    return -sum(n / len(value) * log2(n / len(value)) for n in counts)


def _has_three_parts(value: str) -> bool:
    return value.count(".") == 2


# The order decides between shapes that begin alike: the first that fits names the kind.
KINDS: dict[str, Kind] = {
    "anthropic": Kind("Anthropic key", ("sk-ant-api",), r"sk-ant-api\d\d-[\w-]{16,}", "anthropic"),
    "anthropic-admin": Kind(
        "Anthropic admin key", ("sk-ant-admin",), r"sk-ant-admin\d\d-[\w-]{16,}", "anthropic"
    ),
    "anthropic-oauth": Kind(
        "Anthropic OAuth token",
        ("sk-ant-oat", "sk-ant-ort", "sk-ant-sid"),
        r"sk-ant-(?:oat|ort|sid)\d\d-[\w-]{16,}",
        "anthropic",
    ),
    "anthropic-other": Kind(
        "Anthropic key", ("sk-ant-",), r"(?<![\w-])sk-ant-[\w-]{16,}", "anthropic", _has_digit
    ),
    "openai": Kind(
        "OpenAI key",
        ("sk-proj-", "sk-svcacct-"),
        r"(?<![\w-])sk-(?:proj|svcacct)-[\w-]{16,}",
        "openai",
        _has_digit,
    ),
    "openai-admin": Kind(
        "OpenAI admin key", ("sk-admin-",), r"(?<![\w-])sk-admin-[\w-]{16,}", "openai", _has_digit
    ),
    "openrouter": Kind("OpenRouter key", ("sk-or-v1-",), r"(?<![\w-])sk-or-v1-[\w-]{16,}"),
    "openai-legacy": Kind("OpenAI key", ("sk-",), r"(?<![\w-])sk-[\w-]{20,}", "openai", _is_random),
    "google": Kind("Google key", ("aiza",), r"(?<![\w-])AIza[\w-]{30,}", "google", _is_generated),
    "google-auth": Kind(
        "Google key", ("aq.",), r"(?<![\w.-])AQ\.[\w-]{20,}", "google", _is_generated
    ),
    "google-oauth": Kind("Google OAuth token", ("ya29.",), r"(?<![\w-])ya29\.[\w-]{20,}", "google"),
    "google-client": Kind(
        "Google client secret", ("gocspx-",), r"(?<![\w-])GOCSPX-[\w-]{20,}", "google"
    ),
    "aws": Kind(
        "AWS access key",
        ("akia", "asia"),
        r"(?<![A-Za-z0-9+/=])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9+/=])",
    ),
    "github": Kind(
        "GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    ),
    "gitlab": Kind("GitLab token", ("glpat-",), r"(?<![\w-])glpat-[\w-]{20,}", check=_has_digit),
    "hugging-face": Kind("Hugging Face token", ("hf_",), r"(?<![\w-])hf_[A-Za-z0-9]{30,}"),
    "slack": Kind(
        "Slack token", ("xox",), r"(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{20,}", check=_has_digit
    ),
    "stripe": Kind(
        "Stripe key",
        ("k_live_", "k_test_"),
        r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    ),
    "groq": Kind("Groq key", ("gsk_",), r"(?<![\w-])gsk_[A-Za-z0-9]{40,}"),
    "xai": Kind("xAI key", ("xai-",), r"(?<![\w-])xai-[A-Za-z0-9]{40,}"),
    "perplexity": Kind("Perplexity key", ("pplx-",), r"(?<![\w-])pplx-[A-Za-z0-9]{32,}"),
    "pypi": Kind("PyPI token", ("pypi-agei",), r"(?<![\w-])pypi-AgEI[\w-]{40,}"),
    "npm": Kind("npm token", ("npm_",), r"(?<![\w-])npm_[A-Za-z0-9]{36}"),
    "private-key": Kind(
        "private key",
        ("private key-----",),
        r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]{0,24}KEY-----)?",
    ),
    "web-token": Kind("web token", ("eyj",), r"(?<![\w.-])eyJ[\w.-]{30,}", check=_has_three_parts),
    "bearer": Kind(
        "bearer token",
        ("bearer",),
        r"(?i:\bbearer)\s{1,4}(?P<value>[\w.~+/-]{16,}=*)",
        check=_is_random,
    ),
    "assigned": Kind(
        "secret",
        ("key", "secret", "token", "passw"),
        r"(?i:api[_-]?key|secret|token|passwor[dt]|passwd)[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
        r"(?P<value>[A-Za-z0-9+/=_-]{20,200})(?![\w(+/=.-])",
        check=_is_assigned_secret,
    ),
}

_MARKERS = [(marker, kind) for kind, known in KINDS.items() for marker in known.markers]
_PLACEHOLDER_CHARACTERS = set("xX*._-")


@lru_cache(maxsize=64)
def _join(kinds: tuple[str, ...]) -> re.Pattern[str]:
    """Join kinds into one pattern, the credential of each in a group that has the kind's name."""
    parts: list[str] = []
    for kind in kinds:
        pattern = KINDS[kind].pattern
        if "(?P<value>" not in pattern:
            pattern = f"(?P<value>{pattern})"
        parts.append(pattern.replace("(?P<value>", f"(?P<{kind.replace('-', '_')}>"))
    return re.compile("|".join(parts))


def find_keys(text: str) -> list[KeyShape]:
    """Return what is shaped like a credential, in order; none overlap."""
    return list(_shapes(text))


def _shapes(text: str) -> Iterator[KeyShape]:
    lower = text.lower()
    kinds = tuple(dict.fromkeys([kind for marker, kind in _MARKERS if marker in lower]))
    for match in _join(kinds).finditer(text) if kinds else ():
        group = match.lastgroup or ""
        kind = group.replace("_", "-")
        check = KINDS[kind].check
        if not _is_placeholder(match[group]) and (check is None or check(match[group])):
            yield KeyShape(kind, KINDS[kind].provider, *match.span(group))


def _is_placeholder(value: str) -> bool:
    """Whether it is the stand-in of a manual: `sk-ant-api03-xxxxxxxx`, `AKIA…EXAMPLE`."""
    return value.endswith("EXAMPLE") or set(value[-16:]) <= _PLACEHOLDER_CHARACTERS


def redact(text: str) -> str:
    """Return `text` with each credential replaced by what it was: `[redacted: OpenAI key]`."""
    pieces: list[str] = []
    position = 0
    for shape in _shapes(text):
        pieces += [text[position : shape.start], f"[redacted: {shape.label}]"]
        position = shape.end
    return "".join([*pieces, text[position:]])


def looks_like_key(token: str) -> KeyShape | None:
    """Return the first credential in `token`, a word of a command line or a cell; None without one."""
    return next(_shapes(token), None)
