"""What is said of a credential where none belongs: what it is, where it is, and what to do."""

from __future__ import annotations

import pytest

from assay_nb.errors import KeyPasted
from assay_nb.text.pasted import (
    ANYWHERE,
    CELL,
    LAB,
    TERMINAL,
    VARIABLE,
    Surface,
    key_pasted,
    refuse_secrets,
)
from assay_nb.text.redaction import KINDS, describe_secret, secret_in
from tests.canaries import find_canary, make_canary
from tests.text.credentials import CONTEXT, SAMPLES, chars

SURFACES = [ANYWHERE, CELL, VARIABLE, TERMINAL, LAB]
STORABLE = {
    "anthropic",
    "anthropic-other",
    "openai",
    "openai-legacy",
    "google",
    "google-auth",
}


def refusal(text: str, surface: Surface = CELL, where: str = "The prompt") -> KeyPasted:
    with pytest.raises(KeyPasted) as caught:
        refuse_secrets(text, where, surface)
    return caught.value


def sample(kind: str) -> str:
    return CONTEXT.get(kind, "{}").format(SAMPLES[kind])


def test_text_without_a_secret_is_let_through() -> None:
    refuse_secrets("Passwort: siehe-handbuch-seite-2024", "The prompt")


def test_password_is_called_a_secret_and_nobody_is_sent_to_a_provider() -> None:
    error = refusal(f"Use password: {chars(24)} for it.")

    assert error.message == (
        "The prompt holds something shaped like a secret (password: …), so nothing was sent."
    )
    assert error.hint == (
        "Take it out, or put it in other words. If it is real, replace it: it is in the history now."
    )


def test_key_of_a_provider_is_called_a_key_and_is_to_be_revoked() -> None:
    error = refusal(f"Use {make_canary('openai')}.")

    assert "an OpenAI key" in error.message
    assert error.hint == (
        "Take it out, and revoke it at the provider: it is in the history now. "
        "Add the new one with `%assay keys set openai`."
    )


def test_key_after_its_name_is_a_key_of_its_provider() -> None:
    assert "a Google key" in refusal(f"GEMINI_API_KEY={make_canary('google')}").message


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_calls_models_is_to_be_added_again(kind: str) -> None:
    assert ("keys set" in (refusal(sample(kind)).hint or "")) == (kind in STORABLE)


@pytest.mark.parametrize("kind", ["assigned", "bearer", "web-token", "private-key"])
def test_what_no_service_made_is_not_to_be_revoked(kind: str) -> None:
    hint = refusal(sample(kind)).hint or ""

    assert "revoke" not in hint
    assert "replace it" in hint


@pytest.mark.parametrize("kind", ["github", "aws", "stripe"])
def test_key_of_another_service_is_to_be_revoked_there(kind: str) -> None:
    hint = refusal(sample(kind)).hint or ""

    assert "revoke it where it was made" in hint
    assert "provider" not in hint


@pytest.mark.parametrize(
    ("surface", "command"),
    [(CELL, "`%assay keys set google`"), (TERMINAL, "`assay-nb keys set google`")],
)
def test_command_is_the_one_of_the_place(surface: Surface, command: str) -> None:
    assert command in (refusal(make_canary("google"), surface).hint or "")


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_error_does_not_repeat_the_key(provider: str, surface: Surface) -> None:
    key = make_canary(provider)
    error = refusal(f"Use {key}.", surface)

    assert "shaped like" in str(error)
    assert find_canary(str(error.to_dict()), key) == []


def test_line_is_named_where_there_are_several() -> None:
    assert "in line 3, so" in refusal(f"Hello.\n\nsecret={chars(30)}").message
    assert "in line" not in refusal(f"secret={chars(30)}").message


def test_caller_says_what_holds_it_and_what_came_of_it() -> None:
    shape = secret_in(f"token: {chars(40)}")
    assert shape is not None

    error = key_pasted(shape, "Row 37", outcome="the row was left out")

    assert error.message == (
        "Row 37 holds something shaped like a secret (token: …), so the row was left out."
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Passwort: {}", "a secret (Passwort: …)"),
        ("api_key={}", "a secret (api_key: …)"),
        ("secret={}", "a secret"),
        ("Bearer {}", "a bearer token"),
    ],
)
def test_secret_is_described_without_its_value(text: str, name: str) -> None:
    shape = secret_in(text.format(chars(32)))

    assert shape is not None
    assert describe_secret(shape) == name


@pytest.mark.parametrize(
    ("kind", "name"),
    [("aws", "an AWS access key"), ("github", "a GitHub token"), ("xai", "an xAI key")],
)
def test_article_fits_the_label(kind: str, name: str) -> None:
    shape = secret_in(SAMPLES[kind])

    assert shape is not None
    assert describe_secret(shape) == name
