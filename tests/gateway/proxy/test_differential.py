"""Requests that are drawn at random: what the listener lets pass, aiohttp reads as the same request.

The listener may refuse what aiohttp takes, in the ways that are listed here and in no others.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from assay_nb.gateway.proxy import protocol
from assay_nb.gateway.proxy.head import read_head

PREFIX = b"/services/assay/providers/"


class Read:
    """A request as the listener's own parser reads it, with the listener's limits."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.begun = 0
        self.has_head = self.is_whole = False

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, piece: bytes) -> None:
        self.target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_whole = True


def read(data: bytes) -> tuple[Any, ...] | None:
    """Return method, target, headers and body as the listener reads them; None where it refuses."""
    found = Read()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if found.begun != 1 or not found.is_whole or len(found.target) > protocol.MOST_LINE:
        return None
    method = parser.get_method()
    head = read_head(method, found.target, found.headers, PREFIX, frozenset({b"host"}))
    if head is None:
        return None
    pairs = [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
        for name, value in head.headers.items()
    ]
    assert head.content_length is None or head.content_length == len(found.body)
    return head.method, found.target.decode(), pairs, found.body


class Transport:
    """What aiohttp's parser may pause."""

    _reading_paused = False

    def pause_reading(self) -> None:
        self._reading_paused = True

    def resume_reading(self, resume_parser: bool = True) -> None:
        self._reading_paused = False


async def read_by_aiohttp(data: bytes) -> tuple[Any, ...] | None:
    """Return the same as aiohttp reads it; None where it refuses, or reads more than one request."""
    loop = asyncio.get_running_loop()
    parser: Any = HttpRequestParser(
        Transport(), loop, 2**16, max_line_size=8190, max_field_size=8190, max_headers=128,
        auto_decompress=False,
    )  # fmt: skip
    try:
        messages, _, tail = parser.feed_data(data)
    except HttpProcessingError:
        return None
    if len(messages) != 1 or tail:
        return None
    message, payload = messages[0]
    if not payload.is_eof() and payload.exception() is None and not payload._eof:
        return None
    if payload.exception() is not None:
        return None
    body = await payload.read()
    pairs = [(bytes(name).lower(), bytes(value)) for name, value in message.raw_headers]
    return message.method, message.path, pairs, body


TOKEN = st.sampled_from(
    [b"a", b"GET", b"POST", b"chunked", b"0", b"5", b"close", b"gzip", b"x y", b"\t", b""]
)
NAMES = st.sampled_from([
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Authorization", b"X-A", b"Expect", b"TE",
    b"content-length", b"Upgrade", b"Content-Type", b"Bad Name", b"", b"X\x00",
])  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([b"x", b"5", b"3", b"chunked", b"Chunked", b"gzip, chunked", b"close", b"keep-alive", b"+5", b"5,5",
                     b" 5 ", b"0x5", b"", b"100-continue", b"h2c", b"\xc3\xa9", b"a\rb", b"a\nb", b"a\x00b"]),
    st.binary(max_size=6),
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\n ", b" \r\n"])
TARGETS = st.one_of(
    st.sampled_from([
        PREFIX + b"w/openai/v1/chat", PREFIX + b"w/openai/x?y=1", PREFIX + b"w/openai/", PREFIX + b"w/openai",
        PREFIX + b"-/o/a#b", PREFIX + b"w%2f/o/a", PREFIX + b"w/o/%zz", b"http://evil" + PREFIX + b"w/o/a", b"*",
        PREFIX + b"w//a/b", PREFIX + b"w/o/../a",
    ]),
    st.binary(max_size=12).map(lambda tail: PREFIX + b"w/openai/" + tail),
)  # fmt: skip
BODIES = st.sampled_from([
    b"", b"hello", b"abc", b"5\r\nhello\r\n0\r\n\r\n", b"5;x=y\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n",
    b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"05\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\nhello", b"helloGET / HTTP/1.1\r\n\r\n",
])  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(
        st.sampled_from(
            [b"POST", b"GET", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"get", b"G\xe9T", b""]
        )
    )
    version = draw(
        st.sampled_from(
            [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b""]
        )
    )
    space = draw(st.sampled_from([b" "] * 8 + [b"  ", b"\t"]))
    lines = [method + space + draw(TARGETS) + space + version + draw(ENDS)]
    for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=5)):
        colon = draw(st.sampled_from([b": "] * 8 + [b":", b" : ", b""]))
        lines.append(name + colon + value + draw(ENDS))
    return b"".join(lines) + draw(ENDS) + draw(BODIES)


LINE = b"POST " + PREFIX + b"w/openai/v1/chat HTTP/1.1\r\n"


@given(data=requests())
@example(data=LINE + b"Host: x\r\nContent-Length: 5\r\n\r\nhello")
@example(data=LINE + b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
def test_what_the_listener_passes_is_read_by_aiohttp_as_the_same_request(data: bytes) -> None:
    ours = read(data)
    if ours is None:
        return

    theirs = asyncio.run(read_by_aiohttp(data))

    assert theirs is not None, "the listener takes what aiohttp refuses"
    assert theirs == ours


STRICTER: dict[str, bytes] = {
    "another version": LINE.replace(b"1.1", b"1.0") + b"Host: x\r\n\r\n",
    "a method without a use here": LINE.replace(b"POST", b"OPTIONS") + b"Host: x\r\n\r\n",
    "a change of protocol": LINE + b"Host: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "two requests at once": (LINE + b"Host: x\r\nContent-Length: 0\r\n\r\n") * 2,
    "a fragment": LINE.replace(b"chat", b"chat#x") + b"Host: x\r\n\r\n",
}  # fmt: skip
"""What the listener leaves to aiohttp, or refuses, and aiohttp reads."""


@pytest.mark.parametrize("case", STRICTER)
def test_what_is_stricter_is_listed(case: str) -> None:
    assert read(STRICTER[case]) is None or case == "another version"


WORD = st.text("abcXYZ019-_.~", min_size=1, max_size=8)


@given(
    method=st.sampled_from(["POST", "PUT", "PATCH"]),
    path=st.lists(WORD, min_size=1, max_size=4).map("/".join),
    query=st.one_of(st.just(""), WORD.map("?a={}".format)),
    headers=st.dictionaries(WORD.map("X-{}".format).map(str.lower), st.text("ab ,;=/", max_size=9)),
    body=st.binary(max_size=40),
    chunks=st.integers(0, 3),
)
def test_plain_request_is_taken_by_both(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, chunks: int
) -> None:
    lines = [f"{method} {PREFIX.decode()}w/openai/{path}{query} HTTP/1.1", "Host: x"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    sent = body
    if chunks:
        size = max(1, len(body) // chunks)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {len(body)}")
    data = "\r\n".join([*lines, "", ""]).encode() + sent

    ours = read(data)

    assert ours is not None
    assert ours[3] == body
    assert asyncio.run(read_by_aiohttp(data)) == ours
