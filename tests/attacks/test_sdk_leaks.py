"""The SDKs never see a key: not in an object, an exception, a traceback's variables or a log."""

from __future__ import annotations

import asyncio
import copy
import gc
import io
import json
import logging
import pickle
import ssl
import traceback
import types
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from assay_nb.egress.credential import Credential
from assay_nb.errors import AssayError
from assay_nb.messages import Stopped
from assay_nb.providers.exchange import Limits
from assay_nb.providers.transport import Egress
from tests.canaries import core_of, find_canary, make_canary
from tests.fakes.providers import Answer, FakeProviders
from tests.fakes.providers_client import (
    WIRES,
    Opened,
    collect,
    make_provider,
    make_request,
    provider_of,
)

pytestmark = pytest.mark.anyio

PROMPT = "The prompt that nobody else may read."

SCENES: dict[str, Answer] = {
    "fine": Answer(),
    "401": Answer(status=401),
    "429": Answer(status=429, retry_after="90"),
    "500": Answer(status=500),
    "key in the error": Answer(fault="echo_error"),
    "error in band": Answer(fault="error_event"),
    "reset": Answer(fault="reset"),
    "garbage": Answer(fault="garbage"),
    "stall": Answer(fault="stall"),
    "stall before headers": Answer(fault="stall_headers"),
    "redirect": Answer(status=307, location="http://127.0.0.1:1/"),
    "web page": Answer(fault="html"),
    "echo": Answer(fault="echo_body"),
    "echo in a header": Answer(fault="echo_header"),
}


@pytest.fixture
def limits() -> Limits:
    return Limits(idle=0.4, connect=2)


class Case:
    """One call that ends in some way, and everything that is left of it."""

    def __init__(self, wire: str, egress: Egress, fake: FakeProviders) -> None:
        self.key = make_canary(provider_of(wire))
        self.opened = Opened(self.key)
        self.provider = make_provider(wire, egress, fake)
        self.egress = egress
        destination = fake.destination(provider_of(wire))
        self.credential = Credential(destination, self.opened.open)
        self.events: list[Any] = []
        self.error: BaseException | None = None

    async def run(self) -> None:
        stream = self.provider.stream(make_request(PROMPT), model="m", credential=self.credential)
        try:
            async for event in stream:
                self.events.append(event)
        except (AssayError, asyncio.CancelledError) as error:
            self.error = error


@pytest.fixture(params=WIRES)
def case(request: pytest.FixtureRequest, egress: Egress, fake: FakeProviders) -> Case:
    return Case(request.param, egress, fake)


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Every exception that hangs on this one, suppressed or not."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__]


def locals_of(error: BaseException | None) -> Iterator[Any]:
    """Every variable of the code under test and of the libraries, as error reporters collect them."""
    for link in chain_of(error):
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                yield from frame.f_locals.values()


SKIPPED = (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType, Opened, Case)


def walk(roots: list[Any], most: int = 40_000) -> Iterator[Any]:
    """Every object that can be reached from these, the nearest first, but for the test's own keeper."""
    seen: set[int] = set()
    waiting = deque(roots)
    while waiting and len(seen) < most:
        value = waiting.popleft()
        if id(value) in seen or isinstance(value, SKIPPED) or _is_far_side(value):
            continue
        seen.add(id(value))
        yield value
        if not isinstance(value, (str, bytes, bytearray, int, float)):
            waiting += gc.get_referents(value)


def _is_far_side(value: Any) -> bool:
    """The server runs in this process too, and may know the key."""
    if type(value).__module__.partition(".")[0] in {"tests", "aiohttp"}:
        return True
    codes = (getattr(value, name, None) for name in ("f_code", "cr_code", "gi_code", "ag_code"))
    files = [code.co_filename for code in codes if isinstance(code, types.CodeType)]
    return any("/tests/" in file or "/aiohttp/" in file for file in files)


def holds_key(values: Iterator[Any], key: str) -> list[str]:
    core = core_of(key)
    half = core[: len(core) // 2], core[len(core) // 2 :]
    found: list[str] = []
    for value in values:
        if value is key:
            continue  # the very object that this test made and handed to nobody
        if isinstance(value, str) and any(part in value for part in half):
            found.append(f"str of {len(value)}")
        elif isinstance(value, (bytes, bytearray)) and any(p.encode() in value for p in half):
            found.append(f"{type(value).__name__} of {len(value)}")
    return found


# --- tracebacks -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
async def test_a030_traceback_with_variables_holds_no_key(
    case: Case, fake: FakeProviders, scene: str
) -> None:
    """Every way for a call to end, then all variables of all frames of the error → no key."""
    fake.answer_by(lambda call: SCENES[scene])

    await case.run()
    await asyncio.sleep(0.05)  # the loop puts away what the libraries were reading

    assert (case.error is None) == (scene == "fine")
    report = io.StringIO()
    for link in chain_of(case.error):
        kept = traceback.TracebackException.from_exception(link, capture_locals=True)
        report.write("".join(kept.format()))
    assert not find_canary(_without_test(report.getvalue()), case.key)
    assert holds_key(walk(list(locals_of(case.error))), case.key) == []


def _without_test(report: str) -> str:
    """Leave out what this file's own frames know: they made the key."""
    return "\n".join(line for line in report.splitlines() if "case = " not in line)


async def test_a030_cancelled_call_holds_no_key(case: Case, fake: FakeProviders) -> None:
    """Interrupted while the provider is silent → nothing in the frames of the cancellation either."""
    fake.answers("x", delay=20)
    task = asyncio.create_task(case.run())
    assert await asyncio.to_thread(fake.arrived.wait, 5)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert isinstance(case.error, asyncio.CancelledError)
    assert holds_key(walk(list(locals_of(case.error))), case.key) == []


async def test_a030_write_that_fails_with_the_key_in_hand_drops_it(
    case: Case, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the very moment in which the header is on its way out → frames dropped."""
    from httpcore2._async.http11 import AsyncHTTP11Connection

    async def dying(self: object, event: object, timeout: object = None) -> None:  # noqa: ASYNC109 - as theirs
        raise asyncio.CancelledError

    monkeypatch.setattr(AsyncHTTP11Connection, "_send_event", dying)

    await case.run()

    assert isinstance(case.error, asyncio.CancelledError)
    assert case.opened.buffers, "the key was in hand"
    assert holds_key(walk(list(locals_of(case.error))), case.key) == []


async def test_a030_control_the_sdk_by_itself_leaks_in_a_traceback(fake: FakeProviders) -> None:
    """Positive control: the same walk over an SDK that holds a key does find it."""
    import anthropic

    fake.answers("x", status=401)
    key = make_canary("anthropic")
    client = anthropic.AsyncAnthropic(
        api_key=key, base_url=fake.endpoint("anthropic"), max_retries=0
    )
    with pytest.raises(anthropic.AuthenticationError) as caught:
        await client.models.list()
    await client.close()

    assert holds_key(walk(list(locals_of(caught.value))), key)


# --- objects ----------------------------------------------------------------------------------------

FORMS: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value}",
    "vars": lambda value: repr(vars(value)) if hasattr(value, "__dict__") else "",
    "json": lambda value: json.dumps(value, default=str),
    "copy": lambda value: repr(copy.copy(value)),
    "deepcopy": lambda value: repr(copy.deepcopy(value)),
    "pickle": pickle.dumps,
}


@pytest.mark.parametrize("form", FORMS)
async def test_a031_no_form_of_a_public_object_shows_the_key(
    case: Case, fake: FakeProviders, form: str
) -> None:
    """repr, str, vars, JSON, copy, pickle of provider, credential, events, error → no key, or refused."""
    fake.queue(Answer(), Answer(status=401))
    await case.run()
    await case.run()
    assert isinstance(case.error, AssayError)

    for value in (case.provider, case.egress, case.credential, case.error, *case.events):
        try:
            shown = FORMS[form](value)
        except (TypeError, AttributeError, ValueError, pickle.PicklingError):
            continue  # refusing is fine
        assert not find_canary(shown, case.key), type(value)


async def test_a031_credential_refuses_to_be_pickled(case: Case) -> None:
    """Sent to another process by multiprocessing or joblib → TypeError."""
    with pytest.raises(TypeError):
        pickle.dumps(case.credential)
    with pytest.raises(TypeError):
        copy.deepcopy(case.credential)


@pytest.mark.slow
async def test_a031_nothing_reachable_from_provider_and_pool_holds_the_key(
    case: Case, fake: FakeProviders
) -> None:
    """Walk all objects that hang on provider, connections and SDK clients, after calls → no key."""
    fake.queue(Answer(), Answer(status=401), Answer(fault="echo_body"))
    for _ in range(3):
        await case.run()

    gc.collect()
    reachable = list(walk([case.provider, case.egress]))

    assert any(isinstance(value, ssl.SSLContext) for value in reachable), "the walk gets far"
    assert holds_key(iter(reachable), case.key) == []


async def test_a031_key_is_gone_while_the_reply_is_still_coming(
    case: Case, fake: FakeProviders
) -> None:
    """Walk the same objects in the middle of a stream: the header has been taken off the request."""
    fake.answers(*"abcdefgh", pause=0.2)
    stream = case.provider.stream(make_request(PROMPT), model="m", credential=case.credential)
    first = await anext(stream)

    reachable = list(walk([case.provider, case.egress]))
    found = holds_key(iter(reachable), case.key)
    await stream.aclose()

    assert not isinstance(first, Stopped)
    assert any(type(value).__name__ == "AsyncHTTP11Connection" for value in reachable)
    # Two fragments are kept to notice an echo, each shorter than what `holds_key` looks for.
    assert found == []


async def test_a031_control_the_walk_finds_a_key_in_an_sdk_client() -> None:
    """Positive control: a client built the usual way does hold its key."""
    import openai

    key = make_canary("openai")
    client = openai.AsyncOpenAI(api_key="".join(key))
    try:
        assert holds_key(walk([client]), key)
    finally:
        await client.close()


# --- logs -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
async def test_a029_debug_logs_hold_neither_key_nor_prompt(
    case: Case, fake: FakeProviders, scene: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every logger at DEBUG, every way for a call to end → no key, no prompt."""
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)
    caplog.set_level(logging.DEBUG)
    fake.answer_by(lambda call: SCENES[scene])

    await case.run()

    assert not find_canary(caplog.text, case.key)
    assert PROMPT not in caplog.text


async def test_a029_key_stays_out_of_the_logs_even_where_they_are_not_muted(
    case: Case,
    fake: FakeProviders,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mute is the second net: with it taken away, logs show requests, and still no key."""
    from assay_nb.providers import log_muting

    monkeypatch.setattr(log_muting._Mute, "filter", lambda self, record: True)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)
    caplog.set_level(logging.DEBUG)
    fake.queue(Answer(), Answer(status=401))

    await case.run()
    await case.run()

    assert "send_request_headers" in caplog.text, "the loggers do speak"
    assert not find_canary(caplog.text, case.key)


async def test_a029_control_the_sdk_by_itself_logs_the_prompt(
    fake: FakeProviders, caplog: pytest.LogCaptureFixture
) -> None:
    """Positive control: outside of our calls the same loggers do print the prompt."""
    import anthropic

    caplog.set_level(logging.DEBUG, "anthropic")
    async with anthropic.AsyncAnthropic(
        api_key="x", base_url=fake.endpoint("anthropic"), max_retries=0
    ) as client:
        await client.messages.create(
            model="m", max_tokens=5, messages=[{"role": "user", "content": PROMPT}]
        )

    assert PROMPT in caplog.text


async def test_a029_somebody_elses_logs_are_left_alone_between_our_events(
    case: Case, fake: FakeProviders, caplog: pytest.LogCaptureFixture
) -> None:
    """The consumer logs through the same logger in the middle of our stream → it is heard."""
    caplog.set_level(logging.DEBUG, "anthropic")
    logger = logging.getLogger("anthropic._base_client")

    events = collect(_noting(case, logger))
    await events

    assert "from the consumer" in caplog.text


async def _noting(case: Case, logger: logging.Logger) -> AsyncIterator[Any]:
    stream = case.provider.stream(make_request(), model="m", credential=case.credential)
    async for event in stream:
        logger.warning("from the consumer")
        yield event
