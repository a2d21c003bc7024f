"""The wire form of heads: what is written before a request's body, and before a response's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from assay_nb.errors import AssayError, ProviderAuthError
from assay_nb.gateway.http.responses import SAFE_HEADERS, error_headers
from assay_nb.gateway.proxy.headers import is_received

if TYPE_CHECKING:
    from assay_nb.gateway.proxy.head import RequestHead

Pairs = list[tuple[bytes, bytes]]
"""Headers as they were read or will be written, names in whichever case."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
EVENT_STREAM = b"text/event-stream"

_SAFE = "".join(f"{name}: {value}\r\n" for name, value in SAFE_HEADERS.items()).encode("ascii")
_TELLING = frozenset({
    b"content-type", b"content-encoding", b"transfer-encoding", b"request-id", b"x-request-id",
})  # fmt: skip
"""Headers by which a response is judged."""


def write_head(
    status: int, headers: Iterable[tuple[bytes, bytes]], *, length: int | None, close: bool
) -> bytes:
    """Return the head of a response, with the headers that every answer carries.

    Args:
        status: Its status.
        headers: Its own headers, which are neither of those nor about its length.
        length: Its length; None if it is sent in chunks.
        close: Whether the connection is closed after it.
    """
    framing = b"Transfer-Encoding: chunked\r\n" if length is None else _length_line(status, length)
    return b"".join((
        _status_line(status),
        *[b"%b: %b\r\n" % pair for pair in headers],
        framing,
        _SAFE,
        _date_line(int(time.time())),
        b"Connection: close\r\n\r\n" if close else b"\r\n",
    ))  # fmt: skip


def write_error(error: AssayError, *, close: bool) -> bytes:
    """Return an error as a whole response."""
    body = json.dumps({"error": error.to_dict()}, ensure_ascii=False).encode("utf-8", "replace")
    headers = {"Content-Type": "application/json; charset=utf-8", **error_headers(error)}
    if isinstance(error, ProviderAuthError):
        headers["X-Should-Retry"] = "false"  # SDKs would retry a 502
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return write_head(error.http_status, pairs, length=len(body), close=close) + body


def write_chunk(data: bytes) -> bytes:
    """Return a piece of a body that is sent in chunks. An empty one would end it, so there is none."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def write_request(
    request: RequestHead,
    path: str,
    host: str,
    headers: Mapping[str, str],
    key: tuple[bytes, bytes] | None,
) -> bytes:
    """Return the head of a request, with the key in it.

    Args:
        request: The request as it came in.
        path: What is asked for.
        host: What the `Host` header says.
        headers: The other headers.
        key: The header that carries the key; None if there is none.
    """
    framing = ""
    if request.chunked:
        framing = "Transfer-Encoding: chunked\r\n"
    elif not request.body_exists and request.method != "GET":
        framing = "Content-Length: 0\r\n"
    line = f"{request.method} {path}"
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{line} HTTP/1.1\r\nHost: {host}\r\n{lines}{framing}".encode("utf-8", "surrogateescape")
    return b"%b%b: %b\r\n\r\n" % (head, *key) if key is not None else head + b"\r\n"


def sort_headers(raw: Pairs) -> tuple[dict[str, str], dict[bytes, tuple[bytes, bytes]]]:
    """Return what a response's headers say of it, and those that are passed on, both by name in lower case.

    What is said twice is judged by both, and the later one is passed on.
    """
    telling: dict[str, str] = {}
    kept: dict[bytes, tuple[bytes, bytes]] = {}
    for name, value in raw:
        lower = name.lower()
        if lower in _TELLING:
            text = value.strip(b" \t").decode("utf-8", "surrogateescape")
            word = lower.decode("ascii")
            telling[word] = f"{telling[word]}, {text}" if word in telling else text
        if _is_kept(lower):
            kept[lower] = (name, value.strip(b" \t"))
    return telling, kept


@lru_cache(1024)
def _is_kept(lower: bytes) -> bool:
    return is_received(lower.decode("latin-1"))


@lru_cache(256)
def _status_line(status: int) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:  # Anthropic's 529, say
        reason = ""
    return f"HTTP/1.1 {status} {reason}\r\n".encode("ascii")


def _length_line(status: int, length: int) -> bytes:
    return b"" if status in (204, 304) else b"Content-Length: %d\r\n" % length


@lru_cache(2)
def _date_line(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
