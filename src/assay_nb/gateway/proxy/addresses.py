"""Addresses in replies: those of the key's own server become the gateway's, so that no client follows them elsewhere.

Some replies carry absolute addresses, such as the `results_url` of Anthropic's batches or the `uri` of Google's files,
and SDKs follow them with what they have for a key: at the provider's address that is a token of ours. Such an
address is written anew at the beginning of a text in JSON, and in the headers that lead on. A reply that is itself
what a model or a person has written is passed on untouched, and so is every stream.

A client may hand an address back: Google takes a file's `uri` in a prompt. On the way to the provider it becomes the
provider's own again, with spaces after it for the bytes that it is shorter by, so that the length which was
stated stays true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from assay_nb.egress.origins import OFFICIAL
from assay_nb.messages import Destination

_WRITTEN = frozenset({
    "messages", "responses", "chat", "completions", "complete", "conversations", "threads", "embeddings",
    "moderations", "audio", "images", "rerank", "score", "tokenize", "detokenize", "infill", "generate",
    "interactions", "search", "query", "output_items",
})  # fmt: skip
"""Parts of a path below which replies are what a model or a person has written, or is made from that."""

_VERBS = frozenset({
    "generatecontent", "streamgeneratecontent", "generateanswer", "generatemessage", "generatetext", "counttokens",
    "countmessagetokens", "counttexttokens", "embedcontent", "embedtext", "batchembedcontents", "batchembedtext",
    "predict", "download", "query",
})  # fmt: skip
"""Google's, which stand after a colon: the same."""

_CONTENTS = frozenset({"content", "contents", "results", "download"})
"""Last parts of a path at which a file stands, as it was stored."""

_LEADING_ON = frozenset({"location", "content-location", "link", "operation-location"})
"""Response headers that name an address to go to."""

_LONGEST_HANDED_BACK = 1024


@lru_cache(512)
def carries_addresses(path: str) -> bool:
    """Say whether a reply to a request for this path may carry addresses of its server to follow.

    Args:
        path: Below the connection's endpoint.
    """
    *before, last = path.lower().rstrip("/").split("/")
    if last in _CONTENTS or last.rpartition(":")[2] in _VERBS:
        return False
    named = [*before, last]
    return "batches" in named or _WRITTEN.isdisjoint(named)


def unfold(raw_path: str, prefix: str) -> str:
    """Return a path without an address of our own in the place of a file's name.

    Google's SDK takes the name out of a file's address where that begins with `https:`, and puts any other
    address into the path as if it were the name.

    Args:
        raw_path: The request's path, as it was written.
        prefix: The path of everything that the gateway serves.
    """
    return re.sub(
        rf"/files/https?://[^/]+{re.escape(prefix)}providers/[^/]+/[^/]+/(?:v[^/]+/)?files/",
        "/files/",
        raw_path,
        count=1,
    )


def find_here(
    headers: Mapping[str, str], raw_path: str, prefix: str, public_url: str | None
) -> str:
    """Return the address of a connection as its client wrote it, without a slash at the end.

    The scheme is the hub's where the client came by the hub's public host, else what a proxy in between says. A
    client who makes it up misleads nobody else.

    Args:
        headers: The request's.
        raw_path: The request's path, as it was written.
        prefix: The path of everything that the gateway serves.
        public_url: The hub's public address, where the operator set it.
    """
    host = headers.get("Host", "")
    path = "/".join(raw_path.split("/")[: prefix.count("/") + 3])
    if not re.fullmatch(r"[\w.\-:\[\]]+", host, re.ASCII):
        return path  # clients take it as one on the host that they have asked
    public = urlsplit(public_url or "")
    forwarded = headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    scheme = public.scheme if host == public.netloc else forwarded
    return f"{'https' if scheme == 'https' else 'http'}://{host}{path}"


class AddressWriter:
    """Writes the addresses of one JSON reply anew, piece by piece.

    Args:
        destination: Whose reply it is. Addresses of the provider that a server stands in for count as its own.
        here: What takes their place.
    """

    def __init__(self, destination: Destination, here: str) -> None:
        self._pattern, self._longest = _find_addresses(destination)
        self._here = here.encode()
        self._held = b""
        self._inside = False

    def feed(self, piece: bytes) -> bytes:
        """Return what may be passed on by now. The beginning of a text is held back until it is known."""
        data, self._held = self._held + piece, b""
        out: list[bytes] = []
        at = 0
        while at < len(data):
            if self._inside:
                end = _skip(_REST, data, at)
                self._inside = data[end : end + 1] != b'"'
                self._held = data[end:] if self._inside else b""
                out.append(data[at : end if self._inside else end + 1])
                at = len(data) if self._inside else end + 1
                continue
            start = _skip(_PLAIN, data, at)
            out.append(data[at:start])
            at = start
            if start == len(data):
                break
            if not self._is_decided(data[start + 1 : start + 1 + self._longest]):
                self._held = data[start:]
                break
            found = self._pattern.match(data, start + 1)
            out.append(b'"' + (self._here if found else b""))
            at = found.end() if found else start + 1
            self._inside = True
        return b"".join(out)

    def flush(self) -> bytes:
        """Return what was held back of a reply that is over."""
        held, self._held = self._held, b""
        return held

    def _is_decided(self, beginning: bytes) -> bool:
        return (
            len(beginning) == self._longest
            or b'"' in beginning
            or bool(beginning and beginning[:1] not in b"hH\\")
        )


def write_headers(
    headers: Iterable[tuple[str, str]], destination: Destination, here: str
) -> dict[str, str]:
    """Return the headers of a reply that lead on, with the gateway's address in them.

    One that leads anywhere else is left out.
    """
    pattern, _ = _find_addresses(destination)
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() not in _LEADING_ON:
            continue
        written = value.encode("utf-8", "surrogateescape")
        parts = re.split(rb"(?<=<)" if name.lower() == "link" else rb"\A", written)
        anew = b"".join(pattern.sub(here.encode(), part, count=1) for part in parts)
        text = anew.decode("utf-8", "surrogateescape")
        rest = text.replace(here, "")
        if "//" not in rest:
            found[name] = text
    return found


class AddressReader:
    """Gives a provider its own addresses back, in a JSON request that passes piece by piece.

    Args:
        destination: Whose they are.
        prefix: The path of everything that the gateway serves.
    """

    def __init__(self, destination: Destination, prefix: str) -> None:
        self._pattern = _find_handed_back(prefix, destination.connection)
        self._there = destination.endpoint.rstrip("/").encode()
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Return what may be sent on by now, in as many bytes as came."""
        data = self._held + piece
        if b'"http' in data:
            data = self._pattern.sub(self._give_back, data)
        start = data.rfind(b'"')
        tail = data[start:] if start >= 0 else b""
        is_begun = tail and (tail.startswith(b'"http') or b'"http'.startswith(tail))
        keep = is_begun and len(tail) < _LONGEST_HANDED_BACK
        self._held = tail if keep else b""
        return data[:start] if keep else data

    def flush(self) -> bytes:
        """Return what was held back of a request that is over."""
        held, self._held = self._held, b""
        return held

    def _give_back(self, found: re.Match[bytes]) -> bytes:
        text = b'"%s%s"' % (self._there, found[1])
        whole = found[0]
        return text.ljust(len(whole)) if len(text) <= len(whole) else whole


def hands_back(destination: Destination, content_type: str) -> bool:
    """Say whether a request may hold addresses that a reply has named: only Gemini's protocol takes them."""
    return destination.kind == "gemini" and is_json(content_type)


def is_json(content_type: str) -> bool:
    """Say whether a body of this content type is JSON."""
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


# Without possessive quantifiers: Python 3.11.2 matches wrongly where one of them contains another.
_TEXT = rb'[^"\\]*(?:\\.[^"\\]*)*'
_PLAIN = re.compile(rb'[^"]*(?:"(?![hH\\])' + _TEXT + rb'"[^"]*)*', re.DOTALL)
"""All up to the next text that may begin with an address, or whose end has not come yet."""

_REST = re.compile(_TEXT, re.DOTALL)


def _skip(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    assert found is not None, "both patterns match nothing, too"
    return found.end()


@lru_cache(maxsize=1_000)
def _find_addresses(destination: Destination) -> tuple[re.Pattern[bytes], int]:
    """Return a pattern for the beginning of an address of a server, and how many bytes it may match."""
    ways: list[bytes] = []
    longest = 0
    for endpoint in dict.fromkeys((destination.endpoint, OFFICIAL[destination.provider])):
        parts = urlsplit(endpoint)
        default = {"https": 443, "http": 80}[parts.scheme]
        port = "" if parts.port in (None, default) else f":{parts.port}"
        host = parts.hostname or ""
        origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
        also = b"" if port else b"(?:%s)?" % _in_any_form(f":{default}")
        path = _in_any_form(parts.path.rstrip("/"), exact=True)
        ways.append(_in_any_form(origin) + also + b"(?:%s%s)?" % (path, _END))
        longest = max(longest, 6 * (len(endpoint) + 5) + 6)
    return re.compile(b"(?:%s)%s" % (b"|".join(ways), _END)), longest


@lru_cache(maxsize=1_000)
def _find_handed_back(prefix: str, connection: str) -> re.Pattern[bytes]:
    """Return a pattern for a whole text that is an address of a connection here; its group is what follows."""
    return re.compile(
        rb'(?<!\\)"https?://[\w.\-:\[\]]+'
        + re.escape(prefix).encode()
        + rb'providers/[^/"\\\s]+/'
        + re.escape(connection).encode()
        + rb'(/[^"\\\s]*)"'
    )


_END = rb'(?=["/?#>]|\\/|\\u00(?:2[fF]|3[fF]|22|23)|\Z)'
"""What ends an origin: `https://api.example.org.evil.example` is another one."""


def _in_any_form(text: str, *, exact: bool = False) -> bytes:
    """Return a pattern for a text as JSON may write it: with escapes, and in either case where that is the same."""

    def read(one: str) -> bytes:
        same = {one} if exact else {one.lower(), one.upper()}
        forms = [re.escape(each).encode() for each in same]
        forms += [rb"\\u00(?i:%02x)" % ord(each) for each in same]
        return b"(?:%s)" % b"|".join([*forms, *([rb"\\/"] if one == "/" else [])])

    return b"".join(map(read, text))
