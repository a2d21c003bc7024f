"""A key leaves this machine for one place, once, and does not come back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import (
    OperatorPolicy,
    SoloPolicy,
    parse_endpoint,
    vet_addresses,
)
from assay_nb.errors import AssayError, EndpointRefused, ProviderError, ProviderUnavailable
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.providers.exchange import Limits
from assay_nb.providers.transport import Egress
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import Call, FakeProviders, only
from tests.fakes.providers_client import (
    WIRES,
    collect,
    make_credential,
    make_provider,
    make_request,
    provider_of,
    text_of,
)
from tests.fakes.providers_tls import Authority

pytestmark = pytest.mark.anyio


@pytest.fixture
def limits() -> Limits:
    return Limits(idle=2, connect=2)


async def ask(
    wire: str, egress: Egress, fake: FakeProviders, key: str, destination: Destination | None = None
) -> Any:
    """Make one call and return its events, or the error it ended with."""
    credential = make_credential(destination or fake.destination(provider_of(wire)), key)
    provider = make_provider(wire, egress, fake)
    seen: list[Any] = []
    try:
        async for event in provider.stream(make_request(), model="m", credential=credential):
            seen.append(event)  # noqa: PERF401 - what came before an error counts
    except AssayError as error:
        seen.append(error)
    return seen


def shown(events: list[Any]) -> str:
    """Everything that a person or a log could get to see of these events."""
    error = events[-1] if isinstance(events[-1], AssayError) else None
    texts = [repr(event) for event in events] + [text_of(events)]
    if error is not None:
        texts += [str(error), repr(error), repr(vars(error)), repr(error.args)]
    return "\n".join(texts)


# --- the key in headers -----------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("damage", ["{}\n", "{}\r\nX-Evil: 1", "{} ", "a b{}", "{}é", "{}\x00", ""])
async def test_a032_key_that_cannot_stand_in_a_header_is_not_quoted(
    wire: str, damage: str, egress: Egress, fake: FakeProviders
) -> None:
    """A stored key with a line break, a space, a letter outside ASCII → an error without any of it."""
    key = make_canary(provider_of(wire))

    events = await ask(wire, egress, fake, damage.format(key))

    assert isinstance(events[-1], EndpointRefused)
    assert not find_canary(shown(events), key)
    assert fake.calls == []


def test_a032_control_h11_would_have_quoted_it() -> None:
    """Positive control: the library beneath does print such a key whole."""
    import h11

    key = make_canary("openai")
    with pytest.raises(h11.LocalProtocolError) as caught:
        h11.Request(method="GET", target="/", headers=[("Host", "x"), ("a", f"{key}\n")])

    assert find_canary(str(caught.value), key)


# --- echoes -----------------------------------------------------------------------------------------

ECHOES = ["body", "split", "base64", "url", "json", "header"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("form", ECHOES)
async def test_a033_key_that_comes_back_is_cut_off(
    wire: str, form: str, egress: Egress, fake: FakeProviders
) -> None:
    """Upstream quotes our headers, in a body, a header, a split frame, encoded → error, not relayed."""
    fake.answers("first ", "second", fault=f"echo_{form}")
    key = make_canary(provider_of(wire))

    events = await ask(wire, egress, fake, key)

    assert isinstance(events[-1], ProviderError)
    assert "held the key itself" in events[-1].message
    assert not find_canary(shown(events), key)
    assert only(fake.calls).key == key


@pytest.mark.parametrize("wire", WIRES)
async def test_a033_key_quoted_in_an_error_is_not_relayed(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    """401 with `Incorrect API key provided: sk-…` → our own words."""
    fake.answers("x", fault="echo_error")
    key = make_canary(provider_of(wire))

    events = await ask(wire, egress, fake, key)

    assert isinstance(events[-1], ProviderError)
    assert not find_canary(shown(events), key)


@pytest.mark.parametrize("wire", WIRES)
async def test_a033_key_spelled_out_over_many_frames_is_cut_off(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    """A model repeats the key one piece a token, which no look at the wire would find → cut off."""
    key = make_canary(provider_of(wire))
    fake.answers("Your key is ", *(key[at : at + 3] for at in range(0, len(key), 3)), ".")

    events = await ask(wire, egress, fake, key)

    assert "held the key itself" in events[-1].message
    assert not find_canary(shown(events), key)
    assert text_of(events).startswith("Your key is ")


async def test_a033_control_without_the_scan_it_would_be_relayed(
    egress: Egress, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: with the scanner asleep, the same server does get the key through."""
    monkeypatch.setattr("assay_nb.egress.echo.EchoScanner.arm", lambda self, key: None)
    fake.answers("first ", fault="echo_body")
    key = make_canary("anthropic")

    events = await ask("anthropic", egress, fake, key)

    assert "raw" in find_canary(shown(events), key)


# --- redirects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["other host", "other port", "downgrade", "same place"])
async def test_a034_redirect_is_an_error_and_not_followed(
    wire: str,
    status: int,
    place: str,
    egress: Egress,
    fake: FakeProviders,
    evil: FakeProviders,
) -> None:
    """3xx to another host, port or scheme → error; the attacker's server hears nothing."""
    target = {
        "other host": f"http://localhost:{evil.port}/v1/messages",
        "other port": f"{evil.origin}/v1/messages",
        "downgrade": f"http://127.0.0.1:{evil.port}/",
        "same place": f"{fake.origin}/elsewhere",
    }[place]
    fake.answers("x", status=status, location=target)

    events = await ask(wire, egress, fake, make_canary(provider_of(wire)))

    assert isinstance(events[-1], ProviderError)
    assert events[-1].status == status
    assert "redirect" in events[-1].message
    assert evil.calls == []
    assert len(fake.calls) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_a034_listing_does_not_follow_either(
    wire: str, egress: Egress, fake: FakeProviders, evil: FakeProviders
) -> None:
    """The key test is redirected → error; the attacker's server hears nothing."""
    fake.answers("x", status=302, location=evil.origin)
    credential = make_credential(fake.destination(provider_of(wire)))

    with pytest.raises(ProviderError, match="redirect"):
        await make_provider(wire, egress, fake).list_models(credential)

    assert evil.calls == []


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # the SDK's own
async def test_a034_control_the_sdk_by_itself_delivers_the_key(
    fake: FakeProviders, evil: FakeProviders
) -> None:
    """Positive control: Google's SDK as it comes follows a redirect, key and all."""
    from google import genai

    fake.answers("x", status=307, location=f"http://localhost:{evil.port}/google/v1/models/m:x")
    key = make_canary("google")
    client = genai.Client(
        api_key=key, vertexai=False, http_options={"base_url": fake.endpoint("google")}
    )

    with contextlib.suppress(genai.errors.APIError):
        await client.aio.models.generate_content(model="m", contents="hi")
    await client.aio.aclose()
    client.close()

    assert [call.key for call in evil.calls] == [key]


# --- URLs and logs ----------------------------------------------------------------------------------


async def test_a035_google_key_is_in_no_url_log_or_error(
    egress: Egress, fake: FakeProviders, caplog: pytest.LogCaptureFixture
) -> None:
    """Gemini call, all loggers at DEBUG, fine and failing → no `?key=`, the key nowhere."""
    caplog.set_level(logging.DEBUG)
    key = make_canary("google")
    fine = await ask("google", egress, fake, key)
    fake.answers("x", status=400, code="API_KEY_INVALID")
    failing = await ask("google", egress, fake, key)

    for call in fake.calls:
        assert "key=" not in call.query
        assert not find_canary(call.path + "?" + call.query, key)
    assert not find_canary(shown(fine) + shown(failing) + caplog.text, key)


# --- the environment --------------------------------------------------------------------------------


def hostile(evil: FakeProviders, folder: Path) -> dict[str, str]:
    """Every variable that steers one of the SDKs or their HTTP client, pointed at the attacker."""
    url = evil.origin
    headers = "Authorization: Bearer EVIL\nx-api-key: EVIL\nX-Evil: EVIL\nx-assay-ticket: EVIL"
    (folder / "configs").mkdir()
    (folder / "configs" / "evil.json").write_text(f'{{"base_url": "{url}", "api_key": "EVIL"}}')
    (folder / "active_config").write_text("evil")
    netrc = folder / ".netrc"
    netrc.write_text("machine 127.0.0.1 login EVIL password EVIL\n")
    return {
        "ANTHROPIC_API_KEY": "EVIL",
        "ANTHROPIC_AUTH_TOKEN": "EVIL",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_CUSTOM_HEADERS": headers,
        "ANTHROPIC_LOG": "debug",
        "ANTHROPIC_PROFILE": "evil",
        "ANTHROPIC_CONFIG_DIR": str(folder),
        "ANTHROPIC_IDENTITY_TOKEN": "EVIL",
        "ANTHROPIC_FEDERATION_RULE_ID": "EVIL",
        "ANTHROPIC_ORGANIZATION_ID": "EVIL",
        "ANTHROPIC_WORKSPACE_ID": "EVIL",
        "ANTHROPIC_OPEN_TELEMETRY": "1",
        "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
        "OPENAI_API_KEY": "EVIL",
        "OPENAI_ADMIN_KEY": "EVIL",
        "OPENAI_ORG_ID": "EVIL",
        "OPENAI_PROJECT_ID": "EVIL",
        "OPENAI_BASE_URL": url,
        "OPENAI_CUSTOM_HEADERS": headers,
        "OPENAI_WEBHOOK_SECRET": "EVIL",
        "OPENAI_LOG": "debug",
        "OPENAI_API_TYPE": "azure",
        "OPENAI_API_VERSION": "EVIL",
        "AZURE_OPENAI_ENDPOINT": url,
        "GOOGLE_API_KEY": "EVIL",
        "GEMINI_API_KEY": "EVIL",
        "GOOGLE_GENAI_USE_ENTERPRISE": "true",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_GEMINI_BASE_URL": url,
        "GOOGLE_VERTEX_BASE_URL": url,
        "GOOGLE_GENAI_API_VERSION": "v1evil",
        "GOOGLE_CLOUD_PROJECT": "EVIL",
        "GOOGLE_CLOUD_LOCATION": "EVIL",
        "GOOGLE_GENAI_HTTP_CLIENT": "httpx",
        "GOOGLE_GENAI_CLIENT_MODE": "replay",
        "GOOGLE_GENAI_REPLAYS_DIRECTORY": str(folder),
        "GOOGLE_GENAI_REPLAY_ID": "EVIL",
        "GOOGLE_GENAI_ACCESS_TOKEN": "EVIL",
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "true",
        "HTTP_PROXY": url,
        "HTTPS_PROXY": url,
        "ALL_PROXY": url,
        "http_proxy": url,
        "https_proxy": url,
        "all_proxy": url,
        "NETRC": str(netrc),
        "SSL_CERT_FILE": str(folder / "none.pem"),
        "SSL_CERT_DIR": str(folder),
        "SSLKEYLOGFILE": str(folder / "keys.log"),
    }


ALLOWED_HEADERS = {
    "accept",
    "accept-encoding",
    "anthropic-version",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-goog-api-client",
    "x-goog-api-key",
}


def assert_clean(call: Call, key: str) -> None:
    assert call.key == key
    assert set(call.headers) <= ALLOWED_HEADERS
    assert "EVIL" not in str(call.headers) + call.path + call.query + call.text
    assert "evil" not in call.path


@pytest.mark.slow
@pytest.mark.parametrize("wire", WIRES)
async def test_a052_hostile_environment_steers_nothing(
    wire: str,
    fake: FakeProviders,
    evil: FakeProviders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keys, base URLs, headers, proxies, profiles in the environment → the wire carries ours alone."""
    for name, value in hostile(evil, tmp_path).items():
        monkeypatch.setenv(name, value)
    key = make_canary(provider_of(wire))
    async with Egress() as egress:
        events = await ask(wire, egress, fake, key)
        credential = make_credential(fake.destination(provider_of(wire)), key)
        await make_provider(wire, egress, fake).list_models(credential)

    assert text_of(events) == "Hello, world."
    assert len(fake.calls) == 2
    for call in fake.calls:
        assert_clean(call, key)
    assert evil.calls == []


async def test_a052_control_the_sdk_by_itself_is_steered(
    fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: the variable that replaces an explicit key does so without us."""
    import anthropic

    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer EVIL")
    async with anthropic.AsyncAnthropic(
        api_key="good", base_url=fake.endpoint("anthropic"), max_retries=0
    ) as client:
        await client.models.list()

    assert only(fake.calls).key == "EVIL"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a051_no_tls_key_log_is_written(
    provider: ProviderId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLKEYLOGFILE set before the start, and again while running → no such file."""
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    authority = Authority(tmp_path)
    # The server reads the variable too, should it be built the usual way: this one is not.
    with FakeProviders(tls=authority.context("127.0.0.1")) as fake:
        async with Egress(ca_file=authority.file) as egress:
            first = await ask(provider, egress, fake, make_canary(provider))
            monkeypatch.setenv("SSLKEYLOGFILE", str(log))
            second = await ask(provider, egress, fake, make_canary(provider))

    assert text_of(first) == text_of(second) == "Hello, world."
    assert not log.exists()


def test_a051_control_the_usual_context_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: a context made the usual way obeys the variable."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))

    context = ssl.create_default_context()

    assert context.keylog_filename == str(tmp_path / "keys.log")


# --- where to ---------------------------------------------------------------------------------------

REFUSED_URLS = [
    "http://example.org/v1",
    "file:///etc/passwd",
    "ftp://example.org",
    "//example.org",
    "example.org/v1",
    "https://",
    "https://user:hunter2@example.org",
    "https://example.org@evil.example",
    "https://example.org/v1#frag",
    "https://example.org/v1#",
    "https://example.org/v1?x=1",
    "https://example.org/v1?",
    "https://example.org\\@evil.example",
    "https://example.org\\.evil.example",
    "https://exаmple.org",  # a Cyrillic a
    "https://example。org",  # an ideographic full stop
    "https://ⓔxample.org",
    "https://example.org./v1",
    "https://.example.org",
    "https://example..org",
    "https://exam ple.org",
    "https://example.org\t.evil.example",
    "https://example.org\n",
    "https://example.org/\r\nHost: evil",
    "https://example.org\x00.evil.example",
    "https://example.org:22/v1",
    "https://example.org:25",
    "https://example.org:0",
    "https://example.org:99999",
    "https://example.org:port",
    "https://0x7f.1",
    "https://2130706433",
    "https://0177.0.0.1",
    "https://127.1",
    "https://0x7f000001",
    "https://1.2.3.4.5",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:169.254.169.254]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[2002:a9fe:a9fe::1]",
    "https://[fe80::1%25eth0]",
    "https://[fd00:ec2::254]",
    "https://169.254.169.254/latest",
    "http://169.254.169.254/latest",
    "https://192.0.0.192",
    "https://100.100.100.200",
    "https://0.0.0.0",
    "https://224.0.0.1",
    "https://[::]",
    "https://[::1",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://localhost@evil.example",
    "https://example.org/../v1",
    "https://example.org/%2e%2e/v1",
    "https://example.org/a%2fb",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a067_url_that_reads_two_ways_is_refused(provider: ProviderId, url: str) -> None:
    """http, userinfo, fragments, homographs, addresses in disguise, metadata → refused."""
    if url.endswith("\n"):
        url += "x"  # ends are stripped, as a paste from a page has them; inside it is an attack
    with pytest.raises(EndpointRefused) as caught:
        parse_endpoint(provider, url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://100.64.0.1",
        "https://10.0.0.1",
        "https://127.0.0.1:8443",
        "http://127.0.0.1:11434/v1",
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.evil.example/v1",
        "https://api-openai.com/v1",
        "https://example.org",
    ],
)
def test_a067_hub_refuses_what_its_operator_did_not_list(url: str) -> None:
    """Any origin that is neither official nor on the list → refused."""
    policy = OperatorPolicy.from_urls(["https://llm.example.org", "http://127.0.0.1:9000"])

    with pytest.raises(EndpointRefused):
        parse_endpoint("openai", url, policy=policy)


@pytest.mark.parametrize(
    "addresses",
    [
        ["93.184.216.34", "169.254.169.254"],
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["100.64.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:a9fe:a9fe::1"],
        ["::ffff:10.0.0.1"],
        ["192.0.0.192"],
        ["224.0.0.1"],
        [],
    ],
)
def test_a068_one_bad_answer_spoils_them_all(addresses: list[str]) -> None:
    """DNS answers with a good and a bad address → nothing is connected to."""
    destination = parse_endpoint("anthropic")

    with pytest.raises(EndpointRefused):
        vet_addresses(destination.origin, "api.anthropic.com", addresses, policy=OperatorPolicy())


async def test_a068_connection_goes_to_the_vetted_address_and_no_second_look_up(
    tmp_path: Path,
) -> None:
    """The name resolves differently after the check → the vetted address is connected to, by name."""
    authority = Authority(tmp_path)
    asked: list[tuple[str, int]] = []

    async def vet(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with FakeProviders(tls=authority.context("llm.example.org")) as fake:
        origin = f"https://llm.example.org:{fake.port}"
        destination = Destination("anthropic", origin, origin, "bearer")
        async with Egress(ca_file=authority.file, vet=vet) as egress:
            events = await ask("anthropic", egress, fake, make_canary("anthropic"), destination)

    assert text_of(events) == "Hello, world."
    assert asked == [("llm.example.org", fake.port)]
    assert only(fake.calls).headers["host"] == f"llm.example.org:{fake.port}"


async def test_a068_refused_address_is_not_connected_to(fake: FakeProviders) -> None:
    """The resolver's answer is refused → the server hears nothing, and the key stays closed."""

    async def vet(host: str, port: int) -> list[str]:
        return vet_addresses("https://x:443", host, ["127.0.0.1"], policy=OperatorPolicy())

    async with Egress(vet=vet) as egress:
        events = await ask("google", egress, fake, make_canary("google"))

    assert isinstance(events[-1], EndpointRefused)
    assert fake.calls == []


async def test_a069_stored_destination_is_checked_again_when_the_list_shrank() -> None:
    """An origin was listed when the key was saved, and is no more → refused."""
    from assay_nb.egress.origins import check_destination

    wide = OperatorPolicy.from_urls(["https://llm.example.org"])
    stored = parse_endpoint("openai", "https://llm.example.org/v1", policy=wide)

    check_destination(stored, wide)
    with pytest.raises(EndpointRefused):
        check_destination(stored, OperatorPolicy())


@pytest.mark.parametrize("wire", WIRES)
async def test_a067_request_to_another_origin_than_the_sealed_one_is_stopped(
    wire: str, egress: Egress, fake: FakeProviders, evil: FakeProviders
) -> None:
    """The endpoint column says evil, the sealed origin another → neither server hears anything."""
    sealed = fake.destination(provider_of(wire))
    edited = Destination(
        sealed.provider, evil.endpoint(sealed.provider), sealed.origin, sealed.placement
    )

    events = await ask(wire, egress, fake, make_canary(provider_of(wire)), edited)

    assert isinstance(events[-1], EndpointRefused)
    assert fake.calls == []
    assert evil.calls == []


async def test_a067_request_outside_of_any_call_is_stopped(
    egress: Egress, fake: FakeProviders
) -> None:
    """Code that gets hold of an SDK client of ours uses it by itself → no request, no key."""
    import anthropic

    await ask("anthropic", egress, fake, make_canary("anthropic"))
    endpoint = fake.endpoint("anthropic")
    client = await egress.sdk(("anthropic", endpoint), lambda http: None)

    with pytest.raises(anthropic.APIConnectionError):
        await client.models.list()
    assert len(fake.calls) == 1


# --- TLS --------------------------------------------------------------------------------------------


class Listener:
    """A TLS server that notes every decrypted byte, to prove that no header came."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.received = b""
        self.attempts = 0
        self._context = context
        self._done = threading.Event()

    def __enter__(self) -> Listener:
        import socket

        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._done.is_set():
            with contextlib.suppress(TimeoutError):
                raw, _ = self._socket.accept()
                self.attempts += 1
                self._talk(raw)

    def _talk(self, raw: Any) -> None:
        raw.settimeout(1)
        with (
            raw,
            contextlib.suppress(OSError),
            self._context.wrap_socket(raw, server_side=True) as tls,
        ):
            self.received += tls.recv(65_536)


def bad_contexts(authority: Authority) -> dict[str, ssl.SSLContext]:
    contexts = {
        "expired": authority.context("127.0.0.1", days=-1),
        "wrong name": authority.context("api.anthropic.com"),
        "self-signed": authority.context("127.0.0.1", own=True),
    }
    old = authority.context("127.0.0.1")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with contextlib.suppress(ValueError):
        _allow_old(old)
        contexts["TLS 1.1"] = old
    return contexts


def _allow_old(context: ssl.SSLContext) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1


@pytest.mark.parametrize("fault", ["expired", "wrong name", "self-signed", "TLS 1.1"])
async def test_a071_bad_tls_fails_before_the_key_is_opened(fault: str, tmp_path: Path) -> None:
    """Expired, wrong name, self-signed, old TLS → error; no byte of the request, key still sealed."""
    authority = Authority(tmp_path)
    opened: list[int] = []

    @contextlib.contextmanager
    def open_key() -> Generator[bytearray]:
        opened.append(1)
        yield bytearray(b"x" * 40)

    with Listener(bad_contexts(authority)[fault]) as listener:
        origin = f"https://127.0.0.1:{listener.port}"
        credential = Credential(Destination("anthropic", origin, origin, "bearer"), open_key)
        async with Egress(ca_file=authority.file, limits=Limits(connect=3)) as egress:
            with FakeProviders() as unused:
                provider = make_provider("anthropic", egress, unused)
                stream = provider.stream(make_request(), model="m", credential=credential)
                with pytest.raises(ProviderUnavailable):
                    await collect(stream)

    assert listener.attempts > 0
    assert listener.received == b""
    assert opened == []


async def test_a071_control_good_tls_does_deliver_the_header(tmp_path: Path) -> None:
    """Positive control: with a good certificate the same listener sees the header."""
    authority = Authority(tmp_path)
    key = make_canary("anthropic")
    with Listener(authority.context("127.0.0.1")) as listener:
        origin = f"https://127.0.0.1:{listener.port}"
        destination = Destination("anthropic", origin, origin, "bearer")
        async with Egress(ca_file=authority.file, limits=Limits(connect=3)) as egress:
            with FakeProviders() as unused:
                await ask("anthropic", egress, unused, key, destination)

    assert find_canary(listener.received, key)


# --- limits -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["gzip_bomb", "flood", "drip"])
async def test_a081_endless_response_is_cut_and_the_connection_closed(
    wire: str, fault: str, fake: FakeProviders
) -> None:
    """Gzip bomb, endless text, a byte a second → cut at the limits."""
    fake.answers("x", fault=fault)
    total = 0.3 if fault == "drip" else 60  # of the others it is the size that is too much
    async with Egress(limits=Limits(body=1_000_000, total=total)) as egress:
        events = await asyncio.wait_for(ask(wire, egress, fake, make_canary(provider_of(wire))), 50)

    assert isinstance(events[-1], ProviderUnavailable)


def test_a067_solo_accepts_what_people_run_at_home() -> None:
    """Positive control: the rules do let honest endpoints through."""
    for url in (
        "http://localhost:11434/v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "https://openrouter.ai/api/v1",
        "https://llm.corp.example:8443/v1/",
        "https://10.0.0.5/v1",
        "https://xn--bcher-kva.example/v1",
    ):
        assert parse_endpoint("openai", url, policy=SoloPolicy()).endpoint == url
