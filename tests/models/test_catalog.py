"""Facts about models, and reading a model's name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.models import catalog
from assay_nb.models.catalog import (
    DEFAULT_MODEL,
    DEMO_MODEL,
    DEMO_SUCCESSOR,
    MODELS,
    find_model,
    parse_model,
    suggest_model,
    table_age_days,
)
from assay_nb.models.retirements import find_retirement


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anthropic/claude-sonnet-4-6", ("anthropic", "claude-sonnet-4-6")),
        ("openai/meta-llama/Llama-4", ("openai", "meta-llama/Llama-4")),
        ("local/llama3.2", ("local", "llama3.2")),
        ("Local/org/llama", ("local", "org/llama")),
        ("OpenAI/gpt-9-future", ("openai", "gpt-9-future")),
        ("claude-sonnet-4-6", ("anthropic", "claude-sonnet-4-6")),
        ("claude-brand-new-9", ("anthropic", "claude-brand-new-9")),
        ("gpt-6-luna", ("openai", "gpt-6-luna")),
        (" gemini-3.8-flash ", ("google", "gemini-3.8-flash")),
    ],
)
def test_connection_is_read_from_the_name(text: str, expected: tuple[str, str]) -> None:
    assert parse_model(text) == expected


@pytest.mark.parametrize("text", ["", "sonnet", "A B/large", "/large", "openai/", "llama-4"])
def test_name_that_could_be_anybodys_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        parse_model(text)

    assert "CONNECTION/MODEL" in (caught.value.hint or "")


@given(
    provider=st.sampled_from(PROVIDERS), model=st.text(min_size=1).filter(lambda s: s.strip() == s)
)
def test_any_model_name_is_accepted_after_a_provider(provider: ProviderId, model: str) -> None:
    assert parse_model(f"{provider}/{model}") == (provider, model)


def test_misspelt_name_finds_its_neighbour() -> None:
    assert suggest_model("claude-sonet-4.6") == "anthropic/claude-sonnet-4-6"
    assert suggest_model("gpt6-luna", "openai") == "openai/gpt-6-luna"
    assert suggest_model("something else entirely") is None


def test_dated_name_counts_as_the_model_it_pins() -> None:
    assert find_model("claude-sonnet-4-6-20260217") == MODELS["claude-sonnet-4-6"]
    assert find_model("claude-sonnet-4-6-preview") is None


def test_each_provider_has_a_default_that_is_known_and_not_retiring() -> None:
    for provider in PROVIDERS:
        model = MODELS[DEFAULT_MODEL[provider]]
        assert model.provider == provider
        assert find_retirement(model.id) is None


def test_demo_runs_on_sonnet_and_its_successor_is_current() -> None:
    assert DEMO_MODEL == "claude-sonnet-4-6"
    assert DEMO_SUCCESSOR in MODELS
    assert find_retirement(DEMO_SUCCESSOR) is None


def test_table_says_how_old_it_is() -> None:
    assert table_age_days(catalog.TABLE_DATE) == 0
    assert table_age_days(catalog.TABLE_DATE + timedelta(days=92)) == 92
