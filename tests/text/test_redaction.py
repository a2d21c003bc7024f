"""What is shaped like a credential, what only looks long, and what redaction leaves of it."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.text.redaction import KINDS, find_keys, redact, secret_in
from tests.canaries import find_canary, make_canary
from tests.text.credentials import CONTEXT, SAMPLES

_RANDOM = random.Random(20)


def test_every_kind_has_a_sample() -> None:
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_key_is_found_where_it_stands(kind: str) -> None:
    text = "Before " + CONTEXT.get(kind, "{}").format(SAMPLES[kind]) + ", after"

    [shape] = find_keys(text)

    assert shape.kind == kind
    assert text[shape.start : shape.end] == SAMPLES[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_redacted_text_keeps_everything_but_the_key(kind: str) -> None:
    text = "Before " + CONTEXT.get(kind, "{}").format(SAMPLES[kind]) + ", after"

    clean = redact(text)

    assert clean == text.replace(SAMPLES[kind], f"[redacted: {KINDS[kind].label}]")
    assert redact(clean) == clean


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_no_form_of_a_providers_key_is_left(provider: str) -> None:
    key = make_canary(provider)
    text = f'curl -H "x-api-key: {key}" https://example.org/?key={key}\n{{"key":"{key}"}}'

    assert find_canary(text, key)
    assert find_canary(redact(text), key) == []


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_providers_key_names_its_provider(provider: str) -> None:
    shape = secret_in(make_canary(provider))

    assert shape is not None
    assert shape.provider == provider


def test_shape_does_not_hold_the_key() -> None:
    key = make_canary("anthropic")

    assert find_canary(repr(find_keys(f"use {key}")), key) == []


@pytest.mark.parametrize(
    "text",
    [
        hashlib.sha256(b"x").hexdigest(),
        "sha512:" + hashlib.sha512(b"x").hexdigest(),
        str(uuid.UUID(int=2**100 + 12345)),
        "data:image/png;base64," + base64.b64encode(_RANDOM.randbytes(60_000)).decode(),
        base64.urlsafe_b64encode(_RANDOM.randbytes(60_000)).decode(),
        "the task-0123456789abcdef0123456789 is done",
        "sk-learn-pipelines-for-text-classification",
        "sk-admin-interface-design-guide",
        "risk-assessment-for-projects-of-2026",
        "sk-ant-...",
        "sk-ant-api03-" + "x" * 40,
        "sk-proj-" + "*" * 30,
        "AKIA" + "IOSFODNN7" + "EXAMPLE",
        "API_KEY=your_api_key_goes_right_here",
        "OPENAI_API_KEY={{api_key}}",
        "api_key = os.environ['MY_SERVICE_API_KEY_2']",
        "token = get_token_from_the_vault_v2(user)",
        "max_tokens: 4096, temperature: 0",
        "Bearer authentication-is-required-here",
        "https://example.org/a/very/long/path/with/many-parts-2026/index.html",
        "the secret: antidisestablishmentarianism",
        "",
    ],
)
def test_long_word_that_is_no_key_stays_silent(text: str) -> None:
    assert find_keys(text) == []
    assert redact(text) == text
    assert secret_in(text) is None


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=200))
def test_shapes_are_ordered_and_within_the_text(text: str) -> None:
    position = 0
    for shape in find_keys(text):
        assert position <= shape.start < shape.end <= len(text)
        position = shape.end


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="sk-antproj AIzaQ.=:'\n", max_size=40), st.text(max_size=20))
def test_key_between_any_two_words_is_redacted(before: str, after: str) -> None:
    key = make_canary("anthropic")

    assert find_canary(redact(f"{before} {key} {after}"), key) == []


def test_google_key_without_a_digit_is_found_and_a_stand_in_is_not() -> None:
    letters = "".join(_RANDOM.choice(string.ascii_letters) for _ in range(35))

    assert find_keys("AI" + "za" + letters)
    assert not find_keys("AI" + "za_your_key_goes_here_please_replace_it")
