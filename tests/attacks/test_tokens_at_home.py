"""Tokens that other programs show stay at the gateway: SDKs' methods one by one, and clients that leave it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from assay_nb.gateway.proxy import call as proxied_call
from tests.fakes.batches import answer_batches, describe_batch
from tests.fakes.providers import Answer, Call, FakeProviders
from tests.gateway.threaded import Hub, open_hub

pytestmark = [
    # google-genai derives from a class of aiohttp's that asks not to be derived from.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

OFFICIAL = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com/v1",
    "google": "https://generativelanguage.googleapis.com",
}
ASKED: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}
BATCH = [{"custom_id": "first", "params": ASKED}]


@dataclass(frozen=True)
class Somebody:
    """A person with a token of each kind, and where their requests go.

    Attributes:
        hub: The gateway.
        token: For the pass-through.
        hub_token: What it was made with.
    """

    hub: Hub
    token: str
    hub_token: str

    @property
    def fake(self) -> FakeProviders:
        return self.hub.stage.fake

    def base(self, provider: str) -> str:
        return f"{self.hub.stage.url}providers/personal/{provider}"

    def shown_to_providers(self) -> list[str]:
        """Return which of the tokens have arrived at a provider, in whatever part of a request."""
        told = "\n".join(
            f"{one.path}?{one.query} {one.headers} {one.text}" for one in self.fake.calls
        )
        return [one for one in (self.token, self.hub_token) if one in told]


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Somebody]:
    with open_hub(tmp_path_factory.mktemp("home")) as hub:
        where = hub.ask("GET", "api/v1/me")["workspaces"][0]["id"]
        for provider in OFFICIAL:
            hub.wait(hub.stage.store_key(where, provider))  # type: ignore[arg-type]
        path = "api/v1/workspaces/personal/run-tokens"
        told = hub.ask("POST", path, {"purpose": "pass-through"})
        yield Somebody(hub, told["token"], hub.token)


@pytest.fixture(autouse=True)
def scripted(request: pytest.FixtureRequest) -> None:
    if "ada" in request.fixturenames:
        fake = request.getfixturevalue("ada").fake
        fake.calls.clear()
        fake.answer_by(lambda call: answer_batches(fake, call) or answer_anything(call))


def answer_anything(call: Call) -> Answer:
    """Answer what no fake knows with something that every SDK reads."""
    known = ("messages", "completions", "responses", "models", "Content", "count", "embed")
    if any(word in call.path for word in known) and "batches" not in call.path:
        return Answer()
    told = {"id": "x1", "object": "x", "data": [], "has_more": False, "name": "batches/b1"}
    return Answer(raw=[json.dumps(told).encode()], label="application/json")


# --- what the SDKs can do


def on_anthropic(base: str, token: str, method: Callable[[Any], Any]) -> Any:
    from anthropic import Anthropic

    with Anthropic(base_url=base, api_key=token, max_retries=0) as client:
        return method(client)


def on_openai(base: str, token: str, method: Callable[[Any], Any]) -> Any:
    from openai import OpenAI

    with OpenAI(base_url=base, api_key=token, max_retries=0) as client:
        return method(client)


def on_google(base: str, token: str, method: Callable[[Any], Any]) -> Any:
    from google import genai

    client = genai.Client(api_key=token, http_options={"base_url": base})
    try:
        return method(client)
    finally:
        client.close()


def ask_for_video(client: Any) -> Any:
    from google.genai import types

    pending = types.GenerateVideosOperation(name="models/v/operations/o1")
    video = client.operations.get(pending).response.generated_videos[0].video
    return client.files.download(file=video)


SDKS: dict[str, Any] = {"anthropic": on_anthropic, "openai": on_openai, "google": on_google}
METHODS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "anthropic": {
        "messages.create": lambda c: c.messages.create(**ASKED),
        "messages.stream": lambda c: list(c.messages.create(**ASKED, stream=True)),
        "messages.count_tokens": lambda c: c.messages.count_tokens(
            model="m", messages=ASKED["messages"]
        ),
        "messages.batches.create": lambda c: c.messages.batches.create(requests=BATCH),
        "messages.batches.retrieve": lambda c: c.messages.batches.retrieve("msgbatch_01"),
        "messages.batches.list": lambda c: list(c.messages.batches.list()),
        "messages.batches.cancel": lambda c: c.messages.batches.cancel("msgbatch_01"),
        "messages.batches.results": lambda c: list(c.messages.batches.results("msgbatch_01")),
        "beta.messages.batches.results": lambda c: list(
            c.beta.messages.batches.results("msgbatch_01")
        ),
        "models.list": lambda c: list(c.models.list()),
        "beta.files.list": lambda c: list(c.beta.files.list()),
        "beta.files.upload": lambda c: c.beta.files.upload(file=("a.txt", b"a", "text/plain")),
        "beta.files.download": lambda c: c.beta.files.download("f1").read(),
    },
    "openai": {
        "responses.create": lambda c: c.responses.create(model="m", input="hi"),
        "responses.stream": lambda c: list(c.responses.create(model="m", input="hi", stream=True)),
        "chat.completions.create": lambda c: c.chat.completions.create(
            model="m", messages=ASKED["messages"]
        ),
        "embeddings.create": lambda c: c.embeddings.with_raw_response.create(model="m", input="hi"),
        "models.list": lambda c: list(c.models.list()),
        "files.list": lambda c: list(c.files.list()),
        "files.create": lambda c: c.files.create(file=b"{}", purpose="batch"),
        "files.content": lambda c: c.files.content("f1").read(),
        "batches.create": lambda c: c.batches.create(
            input_file_id="f1", endpoint="/v1/responses", completion_window="24h"
        ),
        "batches.retrieve": lambda c: c.batches.retrieve("b1"),
        "batches.list": lambda c: list(c.batches.list()),
        "images.generate": lambda c: c.images.generate(model="m", prompt="hi"),
        "audio.speech.create": lambda c: c.audio.speech.create(
            model="m", input="hi", voice="alloy"
        ).read(),
        "moderations.create": lambda c: c.moderations.create(input="hi"),
        "uploads.create": lambda c: c.uploads.create(
            bytes=1, filename="a", mime_type="text/plain", purpose="batch"
        ),
        "vector_stores.list": lambda c: list(c.vector_stores.list()),
        "fine_tuning.jobs.list": lambda c: list(c.fine_tuning.jobs.list()),
        "containers.list": lambda c: list(c.containers.list()),
    },
    "google": {
        "models.generate_content": lambda c: c.models.generate_content(model="m", contents="hi"),
        "models.generate_content_stream": lambda c: list(
            c.models.generate_content_stream(model="m", contents="hi")
        ),
        "models.count_tokens": lambda c: c.models.count_tokens(model="m", contents="hi"),
        "models.embed_content": lambda c: c.models.embed_content(model="m", contents="hi"),
        "models.list": lambda c: list(c.models.list()),
        "files.list": lambda c: list(c.files.list()),
        "files.get": lambda c: c.files.get(name="files/f1"),
        "files.download": lambda c: c.files.download(file="files/f1"),
        "files in a prompt": lambda c: c.models.generate_content(
            model="m", contents=[c.files.get(name="files/f1"), "hi"]
        ),
        "operations.get, files.download": ask_for_video,
        "batches.get": lambda c: c.batches.get(name="batches/b1"),
        "caches.list": lambda c: list(c.caches.list()),
    },
}
EVERY = [(provider, method) for provider, methods in METHODS.items() for method in methods]


@pytest.mark.parametrize(("provider", "method"), EVERY)
def test_a110_no_token_follows_an_address_in_a_reply(
    provider: str, method: str, ada: Somebody, blocked_calls: list[str]
) -> None:
    """Every method of an SDK, with replies that name the server's address → the token arrives at the gateway alone.

    The control: the same method, with the server's own address as its base URL, shows it the token.
    """
    run, do = SDKS[provider], METHODS[provider][method]

    run(ada.base(provider), ada.token, do)

    arrived = len(ada.fake.calls)
    assert arrived
    assert ada.shown_to_providers() == []
    assert blocked_calls == []
    run(ada.fake.endpoint(provider), ada.token, do)  # type: ignore[arg-type]
    assert len(ada.fake.calls) > arrived
    assert ada.shown_to_providers() == [ada.token]


@pytest.mark.parametrize("guarded", [True, False], ids=["guard", "control"])
def test_a110_address_of_the_provider_behind_a_relay_is_not_followed_either(
    guarded: bool,
    ada: Somebody,
    blocked_calls: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A relay passes on what the provider says of itself → the SDK comes back here; without the guard, it leaves."""
    there = f"{OFFICIAL['anthropic']}/v1/messages/batches/msgbatch_01/results"
    batch = json.dumps(describe_batch(there)).encode()

    def answer(call: Call) -> Answer:
        if call.path.endswith("results"):
            return answer_batches(ada.fake, call) or Answer()
        return Answer(raw=[batch], label="application/json")

    ada.fake.answer_by(answer)
    if not guarded:
        monkeypatch.setattr(proxied_call, "carries_addresses", lambda path: False)

    with nullcontext() if guarded else pytest.raises(Exception, match="Connection"):
        on_anthropic(
            ada.base("anthropic"), ada.token, METHODS["anthropic"]["messages.batches.results"]
        )

    tried = [one for one in blocked_calls if "api.anthropic.com" in one]
    blocked_calls.clear()
    assert bool(tried) is not guarded
    assert len(ada.fake.calls) == (2 if guarded else 1)


# --- what a client has that leaves all the same

PLACES: dict[str, tuple[str, Any, int]] = {
    "me": ("GET api/v1/me", None, 200),
    "workspaces": ("GET api/v1/workspaces", None, 200),
    "connections": ("GET api/v1/workspaces/personal/connections", None, 200),
    "the calls log": ("GET api/v1/workspaces/personal/calls", None, 200),
    "an instrument": (
        "POST api/v1/workspaces/personal/instruments/playground",
        {"prompt": "Hi."},
        200,
    ),
    "a new token": ("POST api/v1/workspaces/personal/run-tokens", {}, 201),
    "a longer life": ("POST api/v1/run-tokens/extend", {"token": "{token}"}, 200),
    "an end": ("POST api/v1/run-tokens/end", {"token": "unknown"}, 200),
}
"""Where a thief tries a token: a request to the gateway, and what a hub token gets there."""


@pytest.fixture
def stolen(ada: Somebody, evil: FakeProviders) -> str:
    """What a server of somebody's else has after a client has ignored the base URL beside its key."""
    url = f"{evil.endpoint('openai')}/chat/completions"
    httpx2.post(url, json=ASKED, headers={"Authorization": f"Bearer {ada.token}"})
    (call,) = evil.calls
    assert call.key is not None
    return call.key


@pytest.mark.parametrize("place", PLACES)
def test_a111_token_that_has_left_opens_nothing_but_the_pass_through(
    place: str, ada: Somebody, stolen: str
) -> None:
    """A client sends its key to another host → there it is worth one workspace's requests, and nothing else.

    The control: a hub token in its place opens all of this.
    """
    request, body, status = PLACES[place]
    method, path = request.split()
    sent = body and {
        name: ada.token if value == "{token}" else value for name, value in body.items()
    }

    assert ada.hub.wait(ada.hub.stage.ask(method, path, stolen, body=sent))[0] == 403
    assert ada.hub.wait(ada.hub.stage.ask(method, path, ada.hub_token, body=sent))[0] == status


def test_a111_hub_does_not_know_a_token_that_has_left(ada: Somebody, stolen: str) -> None:
    """The token at the hub's own API, which opens servers and files → unknown; a hub token is known there."""
    url = f"{ada.hub.stage.hub.api_url}/user"

    statuses = [
        httpx2.get(url, headers={"Authorization": f"token {one}"}).status_code
        for one in (stolen, ada.hub_token)
    ]

    assert statuses[0] in {401, 403, 404}
    assert statuses[1] == 200


def test_a111_token_that_has_left_is_good_in_one_workspace_and_ends(
    ada: Somebody, stolen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another workspace of the same person → 403; after its hours → 401; before them, in its own → 200."""
    ada.hub.ask("POST", "api/v1/workspaces", {"name": "another"})

    def look(workspace: str) -> int:
        path = f"providers/{workspace}/openai/v1/models"
        return ada.hub.wait(ada.hub.stage.ask("GET", path, stolen))[0]

    assert (look("personal"), look("another")) == (200, 403)
    tokens = ada.hub.stage.services.run_tokens
    monkeypatch.setattr(tokens, "_now", lambda: time.time() + 24 * 3600)
    assert look("personal") == 401
