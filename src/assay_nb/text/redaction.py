"""Credentials by their shape: find them, and take them out of a text.

This is the second net. The first is that a key never stands in a text at all; this one catches what a
person pasted into a cell, a prompt or a command line. A shape never holds the value, only where it is.

Shapes are hints, never gates: providers change them, so nothing is refused for *not* looking like a key.
Words, stand-ins of manuals, hashes and base64 images stay silent, since a warning that cries wolf is switched
off. A password that a person made of words is therefore not found: nothing sets it apart from prose.

Every pattern is linear: it starts at a literal marker that what precedes cannot be part of, and what
follows is one class of characters, so that no stretch is read twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from assay_nb.text.generated import is_generated, is_path, is_sequence, is_stand_in, is_uuid


@dataclass(frozen=True, slots=True)
class KeyShape:
    """A stretch of text that is shaped like a credential. It never holds the credential.

    Attributes:
        kind: Which credential, such as `"anthropic"`, `"anthropic-admin"` or `"aws"`; see `KINDS`.
        provider: The provider that it is of, or None when it is none that we call.
        start: Where it begins, in code points.
        end: Where it ends, exclusive.
        name: The word before it that says what it is, as it is typed: `"api_key"` or `"Passwort"`. Empty
            where the shape itself says so.
    """

    kind: str
    provider: str | None
    start: int
    end: int
    name: str = ""

    @property
    def label(self) -> str:
        """What to call it in a sentence, such as `"Anthropic admin key"`."""
        return KINDS[self.kind].label

    @property
    def issuer(self) -> str | None:
        """Where it can be revoked, as the end of a sentence; None where people make it themselves."""
        if self.kind in _HOME_MADE:
            return None
        return "at the provider" if self.provider else "where it was made"

    @property
    def is_storable(self) -> bool:
        """Whether it is a key for calling models, which is what the vault takes."""
        return self.provider is not None and self.kind not in _FOR_ACCOUNTS


def _is_key(value: str, _: str) -> bool:
    return not is_stand_in(value)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of one kind of credential.

    Attributes:
        label: Its name within a sentence.
        markers: What a text must hold, in lower case, for the shape to be looked for at all: most
            texts hold none, and are read at the speed of a substring search.
        pattern: Its shape. A group named `value` marks the credential within the match.
        provider: Our id of the provider, where it is one that we call.
        check: Whether a value of this shape, after a name such as `next_page_token`, is a credential.
    """

    label: str
    markers: tuple[str, ...]
    pattern: str
    provider: str | None = None
    check: Callable[[str, str], bool] = _is_key


def _is_aws_key(value: str, _: str) -> bool:
    """Whether it is an AWS key: of 16 capitals, 4 in 10,000 read like words by chance."""
    return not is_stand_in(value, 0.1)


def _is_random(value: str, _: str) -> bool:
    return is_generated(value)


def _is_signed(value: str, _: str) -> bool:
    """Whether a web token's last part is a signature: the parts before it are JSON, and begin alike."""
    return is_generated(value.rpartition(".")[2])


def _is_assigned_secret(value: str, name: str) -> bool:
    """Whether what follows a name is secret.

    Hexadecimal digits after `token` count, as services give out tokens of 32, 40 and 64 of them. A UUID
    counts only after the other names: as a token it is mostly the id of a request, a device or a page.
    """
    if _is_public(name) or _OF_A_HASH.search(name) or is_path(value):
        return False
    if is_uuid(value):
        return not name.lower().endswith("token") and not is_sequence(value)
    return is_generated(value)


_OF_A_HASH = re.compile(
    r"(?i)(?<![a-z])(?:hash(?:ed)?|sha-?[0-9]+|md5|checksum|digest|fingerprint)(?![a-z])"
)
"""`SHA-256 of the token: …`, `hashed_password`: a hash opens nothing."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PUBLIC_NAMES = (
    "next prev previous page nextpage paging pagination continue continuation cursor sync nextsync delta "
    "resume scroll offset skip start csrf xsrf csrfmiddleware antiforgery forgery publickey requestverification request "
    "idempotency marker bookmark pad bos eos unk sep cls mask stop max min num"
)
"""What a token is called by that says where a list goes on, that a form came from the page itself, or what a
model reads. Pages and replies are full of them, and they are of no use without a log-in."""
_PUBLIC = frozenset(_PUBLIC_NAMES.split())


def _is_public(name: str) -> bool:
    stem, label = name[:-5], name[-5:]
    words = [word.lower() for word in _WORD.findall(stem)[-2:]]
    return label.lower() == "token" and not _PUBLIC.isdisjoint((*words[-1:], "".join(words)))


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
        "Anthropic key", ("sk-ant-",), r"(?<![\w-])sk-ant-[\w-]{16,}", "anthropic"
    ),
    "openai": Kind(
        "OpenAI key",
        ("sk-proj-", "sk-svcacct-"),
        r"(?<![\w-])sk-(?:proj|svcacct)-[\w-]{16,}",
        "openai",
    ),
    "openai-admin": Kind(
        "OpenAI admin key", ("sk-admin-",), r"(?<![\w-])sk-admin-[\w-]{16,}", "openai"
    ),
    "openrouter": Kind("OpenRouter key", ("sk-or-v1-",), r"(?<![\w-])sk-or-v1-[\w-]{16,}"),
    "openai-legacy": Kind("OpenAI key", ("sk-",), r"(?<![\w-])sk-[\w-]{20,}", "openai", _is_random),
    "google": Kind("Google key", ("aiza",), r"(?<![\w-])AIza[\w-]{30,}", "google"),
    "google-auth": Kind("Google key", ("aq.",), r"(?<![\w.-])AQ\.[\w-]{20,}", "google", _is_random),
    "google-oauth": Kind("Google OAuth token", ("ya29.",), r"(?<![\w-])ya29\.[\w-]{20,}", "google"),
    "google-client": Kind(
        "Google client secret", ("gocspx-",), r"(?<![\w-])GOCSPX-[\w-]{20,}", "google"
    ),
    "aws": Kind(
        "AWS access key",
        ("akia", "asia"),
        r"(?<![A-Za-z0-9+/=])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9+/=])",
        check=_is_aws_key,
    ),
    "github": Kind(
        "GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    ),
    "gitlab": Kind("GitLab token", ("glpat-",), r"(?<![\w-])glpat-[\w-]{20,}"),
    "hugging-face": Kind("Hugging Face token", ("hf_",), r"(?<![\w-])hf_[A-Za-z0-9]{30,}"),
    "slack": Kind("Slack token", ("xox",), r"(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{20,}"),
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
        r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----(?=[\s\\nr]{0,40}(?:Proc-Type:|[A-Za-z0-9+/]{24}))"
        r"(?:[\s\\nr]{0,9}(?:Proc-Type|DEK-Info):[^\n\\]{0,100}){0,2}[\w+/=\s\\]*(?:-----END [A-Z ]{0,24}KEY-----)?",
    ),
    "web-token": Kind(
        "web token",
        ("eyj",),
        r"(?<![\w.-])eyJ[\w-]{8,}+\.[\w-]{2,}+(?:\.[\w-]{16,}+){1,3}",
        check=_is_signed,
    ),
    "bearer": Kind(
        "bearer token",
        ("bearer",),
        r"(?=[Bb])(?i:\bbearer)\s{1,4}(?P<value>[\w.~+/-]{16,}+(?<!\.\.)=*)(?!…)",
        check=_is_random,
    ),
    "assigned": Kind(
        "secret",
        ("key", "secret", "token", "passw"),
        r"(?P<name>(?=[AaSsTtPp])(?i:a(?:pi|ccess|ccount)[ _-]?key|secret(?:[ _-]?(?:access[ _-]?)?key)?"
        r"|token|passw(?:or[dt]|d)))"
        r"[\"'`*\\”»]{0,3}+\s{0,4}+(?::=?|=|：)[\"'`*\\]{0,3}+\s{0,4}+[\"'`*\\„“‘«]{0,3}+"
        r"(?P<value>[A-Za-z0-9+/=_!#%^~-]{16,200}+)(?![\w(\[+/=…-]|\.[\w(.])",
        check=_is_assigned_secret,
    ),
}

_HOME_MADE = ("private-key", "web-token", "bearer", "assigned")
_FOR_ACCOUNTS = (
    "anthropic-admin",
    "anthropic-oauth",
    "openai-admin",
    "google-oauth",
    "google-client",
)
"""Kinds that manage an account or stand for a log-in."""

_MARKERS = [(marker, kind) for kind, known in KINDS.items() for marker in known.markers]
_NAMED = ("assigned", "bearer")
"""The kinds that are known by the word before them, so that their value may be of another kind."""
_BEFORE = 40
"""Characters before a name that may belong to it: `next page ` before `token`."""
_NAME = re.compile(r"[A-Za-z0-9_. -]*\Z")


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
        yield from _shapes_in(match)


def _shapes_in(match: re.Match[str]) -> Iterator[KeyShape]:
    """Return what a match is: the key itself where a name stands before one, as in `API_KEY=sk-…`."""
    group = match.lastgroup or ""
    kind = group.replace("_", "-")
    start, end = match.span(group)
    inner = list(_shapes(match[group])) if kind in _NAMED else []
    yield from (replace(one, start=start + one.start, end=start + one.end) for one in inner)
    if not inner and KINDS[kind].check(match[group], _name_before(match)):
        name = match["name"] if kind == "assigned" else ""
        yield KeyShape(kind, KINDS[kind].provider, start, end, name)


def _name_before(match: re.Match[str]) -> str:
    if match.lastgroup != "assigned":
        return ""
    start = match.start("name")
    before = _NAME.search(match.string, max(0, start - _BEFORE), start)
    return (before[0] if before else "") + match["name"]


def redact(text: str) -> str:
    """Return `text` with each credential replaced by what it was: `[redacted: OpenAI key]`."""
    pieces: list[str] = []
    position = 0
    for shape in _shapes(text):
        pieces += [text[position : shape.start], f"[redacted: {shape.label}]"]
        position = shape.end
    return "".join([*pieces, text[position:]])


def secret_in(text: str) -> KeyShape | None:
    """Return the first credential in `text`; None without one."""
    return next(_shapes(text), None)


def describe_secret(shape: KeyShape) -> str:
    """Return what it is, within a sentence: `"an OpenAI key"`, `"a secret (password: …)"`. Never the value."""
    article = "an" if shape.label.startswith(("A", "O", "xAI", "npm")) else "a"
    name = f" ({shape.name}: …)" if shape.name.lower() not in ("", shape.label) else ""
    return f"{article} {shape.label}{name}"
