"""Forms for connections: what a filled-in form becomes, and which words its errors have."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb.connections.presets import PRESETS
from assay_nb.engine.connect_form import connect, describe_service, is_first, replace_key
from assay_nb.engine.control import STORE_UNTESTED, KeyCheck, KeyFacts
from assay_nb.errors import ProviderUnavailable, WrongUsage

pytestmark = pytest.mark.anyio

KEY = b"k" * 32


class Stored:
    """A control that keeps what it is asked to store.

    Attributes:
        facts: What is stored already.
        sent: The arguments of the last `set_key`.
        fails: What it raises in place of storing.
    """

    def __init__(self, *facts: KeyFacts, fails: Exception | None = None) -> None:
        self.facts = list(facts)
        self.sent: dict[str, Any] = {}
        self.fails = fails

    async def keys(self, workspace: str | None) -> list[KeyFacts]:
        return self.facts

    async def set_key(
        self, workspace: str | None, connection: str, key: bytearray, **more: Any
    ) -> KeyCheck:
        if self.fails is not None:
            raise self.fails
        self.sent = {"connection": connection, "key": bytes(key), **more}
        return KeyCheck(provider="openai", outcome="accepted")


def stored(name: str, **more: Any) -> KeyFacts:
    return KeyFacts(provider="openai", connection=name, state="ready", **more)


async def fill(control: Stored, preset: str, name: str = "mine", **more: Any) -> dict[str, Any]:
    key = bytearray(more.pop("key", b""))
    form: dict[str, Any] = {"parts": {}, "endpoint": None, "check": True, **more}
    await connect(control, None, name, key, preset=preset, **form)  # type: ignore[arg-type]
    return control.sent


@pytest.mark.parametrize("name", PRESETS)
async def test_preset_says_where_what_and_how(name: str) -> None:
    preset = PRESETS[name]
    parts = dict.fromkeys(preset.holes, "ours")
    endpoint = None if preset.endpoint else "http://localhost:9000/v1"

    sent = await fill(Stored(), name, key=KEY, parts=parts, endpoint=endpoint)

    assert sent["kind"] == preset.kind
    assert sent["placement"] == (preset.placement or None)
    assert sent["endpoint"] == (preset.fill(parts) or endpoint)


async def test_another_address_takes_the_place_of_the_presets() -> None:
    there = "https://gateway.example/openai/v1"

    sent = await fill(Stored(), "azure", key=KEY, endpoint=there, check=False)

    assert (sent["endpoint"], sent["placement"], sent["check"]) == (there, "api-key", False)


@pytest.mark.parametrize(
    ("preset", "form", "said"),
    [
        ("nope", {}, "no preset"),
        ("groq", {}, "Groq needs a key"),
        ("groq", {"key": b"  "}, "Groq needs a key"),
        ("azure", {"key": KEY}, "the name of your resource"),
        (
            "azure",
            {"key": KEY, "parts": {"resource": "evil.example/"}},
            "the name of your resource",
        ),
        ("openai-compatible", {}, "address is missing"),
        ("ollama", {"name": ""}, "name is missing"),
        ("ollama", {"name": "taken"}, "'taken' already"),
        ("ollama", {"name": "sealed"}, "'sealed' already"),
    ],
)
async def test_form_that_lacks_something_is_refused_in_words_of_a_form(
    preset: str, form: dict[str, Any], said: str
) -> None:
    control = Stored(
        stored("taken"), KeyFacts(provider="openai", connection="sealed", state="sealed")
    )

    with pytest.raises(WrongUsage, match=said) as caught:
        await fill(control, preset, **form)

    assert "--" not in str(caught.value)
    assert control.sent == {}


async def test_provider_that_has_no_key_yet_can_be_named() -> None:
    control = Stored(KeyFacts(provider="openai", state="missing"))

    sent = await fill(control, "openai", "openai", key=KEY)

    assert sent["connection"] == "openai"


@pytest.mark.parametrize(
    ("key", "placement", "is_kept"),
    [(b"", "bearer", True), (b" ", "bearer", True), (b"", "none", False), (KEY, "bearer", False)],
)
async def test_empty_key_does_not_take_the_place_of_a_stored_one(
    key: bytes, placement: str, is_kept: bool
) -> None:
    control, typed = Stored(stored("mine", placement=placement)), bytearray(key)
    there = "http://localhost:9000/v1"

    if is_kept:
        with pytest.raises(WrongUsage, match="was kept"):
            await replace_key(control, None, "mine", typed, endpoint=there, check=True)  # type: ignore[arg-type]
    else:
        await replace_key(control, None, "mine", typed, endpoint=there, check=True)  # type: ignore[arg-type]

    assert (control.sent == {}) is is_kept


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        (f"Try again. {STORE_UNTESTED}", "Try again. To store it untested, untick “Test first”."),
        (
            f"Run `assay-nb doctor`. {STORE_UNTESTED}",
            "Try again. To store it untested, untick “Test first”.",
        ),
        (
            f"Check the host. {STORE_UNTESTED}",
            "Check the host. To store it untested, untick “Test first”.",
        ),
        ("Start the server.", "Start the server."),
    ],
)
async def test_hint_of_a_failed_test_names_the_box_and_no_flag(hint: str, shown: str) -> None:
    control = Stored(fails=ProviderUnavailable("It does not answer.", hint=hint))

    with pytest.raises(ProviderUnavailable) as caught:
        await fill(control, "ollama")

    assert caught.value.hint == shown


@pytest.mark.parametrize(
    ("endpoint", "kind", "speaks", "label"),
    [
        ("https://api.groq.com/openai/v1", "openai-chat", "OpenAI Chat Completions", "Groq"),
        ("https://ours.openai.azure.com/openai/v1/", "openai-responses", "OpenAI Responses", "Azure OpenAI"),
        ("http://localhost:11434/v1", "openai-chat", "OpenAI Chat Completions", ""),
        ("http://localhost:1/v1", "invented", "invented", ""),
    ],
)  # fmt: skip
def test_service_is_known_by_its_address(endpoint: str, kind: str, speaks: str, label: str) -> None:
    service = describe_service(stored("mine", endpoint=endpoint, kind=kind))

    assert (service.speaks, service.label) == (speaks, label)
    assert bool(service.key_url) is bool(label)


def test_first_three_are_told_by_their_names() -> None:
    assert [is_first(stored(name)) for name in ("openai", "google", "mine")] == [True, True, False]
