"""The header that carries a key, and the keys that cannot be written in one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from assay_nb.connections.names import PLACEMENTS
from assay_nb.egress.credential import Credential
from assay_nb.egress.key_header import HeaderWriter, check_header_safe, header_for, put_key
from assay_nb.egress.origins import parse_endpoint
from assay_nb.errors import AssayError, EndpointRefused
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.providers.keys import place_key
from tests.canaries import make_canary


def own_server(provider: ProviderId) -> Destination:
    return parse_endpoint(provider, "http://127.0.0.1:11434/v1")


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("anthropic", (b"Authorization", b"Bearer ollama")),
        ("openai", (b"Authorization", b"Bearer ollama")),
        ("google", (b"x-goog-api-key", b"ollama")),
    ],
)
def test_key_stands_in_its_providers_header(
    provider: ProviderId, header: tuple[bytes, bytes]
) -> None:
    for key in (b"ollama", bytearray(b"ollama"), memoryview(b"ollama")):
        assert header_for(own_server(provider), key) == header


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_placement_has_its_header_or_none(placement: str) -> None:
    there = replace(own_server("openai"), placement=placement)
    key = b"" if there.keyless else b"a-key"

    header = header_for(there, key)

    bearer = (b"Authorization", b"Bearer a-key")
    expected = None if there.keyless else (placement.encode(), b"a-key")
    assert header == (bearer if placement == "bearer" else expected)


def test_without_a_key_there_is_no_header() -> None:
    assert header_for(place_key(own_server("openai"), b""), b"") is None


@pytest.mark.parametrize(
    ("placement", "key"), [("none", b"ollama"), ("bearer", b""), ("x-secret", b"ollama")]
)
def test_key_and_placement_that_do_not_belong_together_are_not_sent(
    placement: str, key: bytes
) -> None:
    with pytest.raises(EndpointRefused):
        header_for(replace(own_server("openai"), placement=placement), key)


@pytest.mark.parametrize("key", [b"", b"a b", b"a\n", b"\xc3\xa9", b"a\x7f", b"a\x00"])
def test_key_with_a_character_that_no_header_takes_is_refused(key: bytes) -> None:
    with pytest.raises(EndpointRefused):
        check_header_safe(own_server("openai"), key)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_real_looking_key_is_accepted(provider: ProviderId) -> None:
    check_header_safe(own_server("openai"), make_canary(provider).encode())


# --- both ways on which a request gets its key


@dataclass
class Bearer:
    """A request that will carry a key, for either way."""

    destination: Destination
    key: bytes
    sent: bool = False
    open_now: int = 0
    watched: list[bytes] = field(default_factory=list[bytes])

    @property
    def credential(self) -> Credential:
        return Credential(self.destination, self._open)

    @contextmanager
    def _open(self) -> Generator[bytes]:
        self.open_now += 1
        try:
            yield self.key
        finally:
            self.open_now -= 1

    def watch_for(self, key: bytes | bytearray | memoryview) -> None:
        assert self.open_now == 1
        self.watched.append(bytes(key))
        self.sent = True

    def refuse(self, error: AssayError) -> Exception:
        return ConnectionError(error.message)


ORIGIN = (b"http", b"127.0.0.1", 11434)


def started(method: bytes = b"POST", origin: tuple[bytes, bytes, int] = ORIGIN) -> SimpleNamespace:
    scheme, host, port = origin
    url = SimpleNamespace(scheme=scheme, host=host, port=port)
    return SimpleNamespace(method=method, url=url, headers=[(b"accept", b"*/*")])


async def write(writer: HeaderWriter, request: SimpleNamespace, event: str) -> None:
    await writer(f"http11.send_request_headers.{event}", {"request": request})


@pytest.mark.anyio
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("off_loop", [False, True])
async def test_both_ways_put_the_same_header_on_a_request(
    provider: ProviderId, off_loop: bool
) -> None:
    key = make_canary(provider).encode()
    one, other = Bearer(own_server(provider), key), Bearer(own_server(provider), key)
    request, writer = started(), HeaderWriter(one, ORIGIN)
    headers: dict[str, str] = {}

    await write(writer, request, "started")
    name = await put_key(other, headers, off_loop=off_loop)

    written = request.headers[-1]
    assert {name: headers[name or ""]} == {written[0].decode(): written[1].decode()}
    assert one.watched == other.watched == [key]
    assert one.open_now == other.open_now == 0
    await write(writer, request, "complete")
    assert request.headers == [(b"accept", b"*/*")]


@pytest.mark.anyio
async def test_destination_without_a_key_gets_no_header_on_either_way() -> None:
    there = place_key(own_server("openai"), b"")
    one, other = Bearer(there, b""), Bearer(there, b"")
    request, headers = started(), dict[str, str]()

    await write(HeaderWriter(one, ORIGIN), request, "started")

    assert await put_key(other, headers, off_loop=False) is None
    assert (request.headers, headers) == ([(b"accept", b"*/*")], {})
    assert one.sent
    assert other.sent


@pytest.mark.anyio
@pytest.mark.parametrize(
    "request_", [started(b"CONNECT"), started(origin=(b"http", b"127.0.0.1", 11435))]
)
async def test_proxys_connect_and_another_origin_get_no_key(request_: SimpleNamespace) -> None:
    bearer = Bearer(own_server("openai"), b"ollama")

    await write(HeaderWriter(bearer, ORIGIN), request_, "started")

    assert request_.headers == [(b"accept", b"*/*")]
    assert not bearer.sent


@pytest.mark.anyio
async def test_key_is_put_on_one_request_of_an_sdk_and_not_on_two() -> None:
    bearer, second = Bearer(own_server("openai"), b"ollama"), started()

    await write(HeaderWriter(bearer, ORIGIN), started(), "started")

    with pytest.raises(ConnectionError, match="not on two"):
        await write(HeaderWriter(bearer, ORIGIN), second, "started")
    assert second.headers == [(b"accept", b"*/*")]


@pytest.mark.anyio
async def test_key_that_no_header_takes_is_closed_again_and_not_sent() -> None:
    one, other = Bearer(own_server("openai"), b"a b"), Bearer(own_server("openai"), b"a b")
    request, headers = started(), dict[str, str]()

    with pytest.raises(ConnectionError):
        await write(HeaderWriter(one, ORIGIN), request, "started")
    with pytest.raises(EndpointRefused):
        await put_key(other, headers, off_loop=False)

    assert (len(request.headers), headers) == (1, {})
    assert [one.sent, other.sent, one.open_now, other.open_now] == [False, False, 0, 0]
