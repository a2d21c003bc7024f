"""The head of a request, as it was read: which way it goes, and what the rules want to know of it.

Only the plainest requests go by `proxy.relay`. Whatever could be read in two ways, or asks for something out of the
ordinary, is left to aiohttp, which has read every request before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from multidict import CIMultiDict

from assay_nb.gateway.proxy.call import SMALL
from assay_nb.gateway.proxy.wire import Pairs

_METHODS = frozenset({b"DELETE", b"GET", b"PATCH", b"POST", b"PUT"})
"""Not HEAD: its response states the length of a body that does not come."""

_ODD_PATH = frozenset(b"#%{}\\")
_UNSERVED = frozenset({b"upgrade", b"trailer", b"te"})


@dataclass(slots=True)
class RequestHead:
    """A request's head, by the names that aiohttp's own request has for its parts.

    What lets a request in and reads where it goes takes either, so that there is one rule for both ways.

    Attributes:
        method: The method.
        raw_path: The path as it was sent.
        raw_query_string: The query as it was sent.
        headers: The headers.
        match_info: The parts of the path, by the names that the route has for them.
        content_length: The length of the body, if it is stated.
        chunked: Whether the body comes in chunks.
        expects: Whether the client waits to be told that it may send the body.
    """

    method: str
    raw_path: str
    raw_query_string: str
    headers: CIMultiDict[str]
    match_info: dict[str, str]
    content_length: int | None
    chunked: bool
    expects: bool

    @property
    def rel_url(self) -> RequestHead:
        """Itself: path and query are here."""
        return self

    def shows_token(self, others: Sequence[str]) -> bool:
        """Say whether a token may be in it, in `Authorization` or in one of these other headers."""
        return "Authorization" in self.headers or any(name in self.headers for name in others)

    @property
    def is_repeatable(self) -> bool:
        """Whether asking twice does no harm, and nothing would have to be kept for it."""
        return self.method == "GET" and not self.body_exists

    @property
    def content_type(self) -> str:
        """What the body is, as the request says; empty if it does not."""
        return self.headers.get("Content-Type", "")

    @property
    def is_small(self) -> bool:
        """Whether the body is read whole before anything of it is sent on."""
        return not self.chunked and (self.content_length or 0) <= SMALL

    @property
    def body_exists(self) -> bool:
        """Whether there is a body."""
        return self.chunked or bool(self.content_length)


def read_head(
    method: bytes, target: bytes, raw: Pairs, prefix: bytes, carriers: frozenset[bytes]
) -> RequestHead | None:
    """Return the head of a request that is passed through, if it is a plain one; else None.

    Args:
        method: The method.
        target: What was asked for, as it was sent.
        raw: The headers.
        prefix: The path that everything which is passed through begins with.
        carriers: The headers that may carry a token, in lower case. Without one, aiohttp looks for a cookie.
    """
    if method not in _METHODS or not target.startswith(prefix):
        return None
    path, _, query = target.partition(b"?")
    parts = path[len(prefix) :].split(b"/", 2)
    if len(parts) < 3 or b"#" in query or not _ODD_PATH.isdisjoint(parts[0] + b"/" + parts[1]):
        return None
    if not (parts[0] and parts[1]) or b"#" in parts[2]:
        return None
    names = {name.lower() for name, _ in raw}
    if len(names) != len(raw):
        return None  # aiohttp knows which header may be said twice
    if b"host" not in names or carriers.isdisjoint(names) or not _UNSERVED.isdisjoint(names):
        return None
    headers = CIMultiDict([
        (name.decode("ascii"), value.strip(b" \t").decode("utf-8", "surrogateescape"))
        for name, value in raw
    ])  # fmt: skip
    expects = b"expect" in names
    if expects and headers["Expect"].lower() != "100-continue":
        return None
    framing = _read_framing(headers)
    if framing is None:
        return None
    length, chunked = framing
    return RequestHead(
        method.decode("ascii"),
        path.decode("ascii"),
        query.decode("ascii"),
        headers,
        {"workspace": parts[0].decode("ascii"), "provider": parts[1].decode("ascii")},
        length,
        chunked,
        expects,
    )


def _read_framing(headers: CIMultiDict[str]) -> tuple[int | None, bool] | None:
    """Return the stated length and whether the body comes in chunks; None if it is framed in another way."""
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if coding is not None:
        return (None, True) if coding.lower() == "chunked" else None
    if length is None:
        return None, False
    return (int(length), False) if length.isascii() and length.isdigit() else None
