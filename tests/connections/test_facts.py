"""Live facts: what one entry of a listing says, of each kind of server, and what says nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.connections.facts import (
    LISTED,
    SET,
    Fact,
    count_of,
    day_of,
    group_facts,
    output_limit,
    read_entry,
    read_listing,
    shown_name,
    text_of,
)

DAY = date(2026, 11, 30)
PRICES = {"input_price": 3.0, "output_price": 15.0}

ENTRIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anthropic": (
        {
            "type": "model", "id": "claude-x", "max_input_tokens": 1_000_000, "max_tokens": 128_000,
            "lifecycle": "deprecated", "deprecated_at": "2026-11-23T00:00:00Z",
            "retires_at": datetime(2027, 1, 22, tzinfo=UTC),
        },
        {
            "context": 1_000_000, "max_output": 128_000, "lifecycle": "deprecated",
            "retires": "2027-01-22",
        },
    ),
    "anthropic, active": (
        {"type": "model", "id": "claude-x", "lifecycle": "active", "retires_at": None},
        {"lifecycle": "active"},
    ),
    "openai": (
        {"id": "gpt-x", "object": "model", "created": 1, "shutdown_date": "2026-12-11"},
        {"retires": "2026-12-11"},
    ),
    "openai, nothing announced": ({"id": "gpt-x", "object": "model", "shutdown_date": None}, {}),
    "gemini": (
        {"name": "models/gemini-x", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536},
        {"context": 1_048_576, "max_output": 65_536},
    ),
    "gemini, as its SDK reads it": (
        {"name": "models/gemini-x", "input_token_limit": 1_048_576, "output_token_limit": 65_536},
        {"context": 1_048_576, "max_output": 65_536},
    ),
    "azure": (
        {
            "id": "gpt-x", "object": "model", "lifecycle_status": "generally-available",
            "deprecation": {"fine_tune": 1_790_000_000, "inference": 1_800_000_000},
        },
        {"lifecycle": "active", "retires": "2027-01-15"},
    ),
    "openrouter": (
        {
            "id": "lab/x", "context_length": 200_000,
            "top_provider": {"context_length": 200_000, "max_completion_tokens": 64_000},
            "pricing": {
                "prompt": "0.000003", "completion": "0.000015", "request": "0",
                "input_cache_read": "0.0000003",
            },
            "expiration_date": "2026-12-31",
            "supported_parameters": ["temperature", "structured_outputs", "max_tokens"],
        },
        {
            "context": 200_000, "max_output": 64_000, **PRICES, "cached_price": 0.3,
            "retires": "2026-12-31",
            "parameters": ["max_tokens", "structured_outputs", "temperature"],
        },
    ),
    "openrouter, free": (
        {"id": "lab/x:free", "pricing": {"prompt": "0", "completion": "0"}},
        {"input_price": 0.0, "output_price": 0.0},
    ),
    "openrouter, variable": ({"id": "auto", "pricing": {"prompt": "-1", "completion": "-1"}}, {}),
    "openrouter, a fee per request": (
        {"id": "lab/x", "pricing": {"prompt": "0.1", "completion": "0.1", "request": "0.005"}},
        {},
    ),
    "mistral": (
        {
            "id": "mistral-x", "object": "model", "max_context_length": 131_072,
            "deprecation": "2027-02-28T12:00:00Z", "deprecation_replacement_model": "mistral-y",
        },
        {"context": 131_072, "retires": "2027-02-28", "successor": "mistral-y"},
    ),
    "llama.cpp": (
        {"id": "/srv/models/x.gguf", "object": "model", "meta": {"n_ctx": 8192, "n_ctx_train": 2048}},
        {"context": 8192},
    ),
    "vllm": ({"id": "x", "object": "model", "max_model_len": 32_768}, {"context": 32_768}),
    "groq": (
        {"id": "x", "object": "model", "context_window": 131_072, "max_completion_tokens": 32_768},
        {"context": 131_072, "max_output": 32_768},
    ),
    "together": (
        {"id": "lab/x", "context_length": 8192, "pricing": {"input": 3, "output": 15.0}},
        {"context": 8192, **PRICES},
    ),
    "together, not sold by the token": (
        {"id": "lab/x", "pricing": {"hourly": 0, "input": 0, "output": 0}},
        {},
    ),
    "router, providers that agree": (
        {
            "id": "lab/x",
            "providers": [
                {"status": "live", "context_length": 9000, "pricing": {"input": 3, "output": 15}},
                {"status": "live", "context_length": 8000, "pricing": {"input": 3, "output": 15}},
                {"status": "error", "context_length": 10, "pricing": {"input": 1, "output": 1}},
            ],
        },
        {"context": 8000, **PRICES},
    ),
    "router, providers that differ": (
        {
            "id": "lab/x",
            "providers": [
                {"context_length": 9000, "pricing": {"input": 3, "output": 15}},
                {"pricing": {"input": 1, "output": 2}},
            ],
        },
        {},
    ),
    "half a price": ({"id": "x", "pricing": {"prompt": "0.000003"}}, {}),
    "xai, a unit that nobody knows": ({"id": "grok-x", "prompt_text_token_price": 20_000}, {}),
    "max_tokens that may be the context": ({"id": "x", "object": "model", "max_tokens": 4096}, {}),
    "stage that nobody knows": ({"id": "x", "lifecycle": "resting", "lifecycle_status": 3}, {}),
    "a sentence for a name": ({"id": "x", "replacement_model": "Call sales, please!"}, {}),
    "nothing": ({}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_entry_says_what_it_says_and_nothing_more(
    entry: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert read_entry(entry) == expected


NONSENSE: list[Any] = [
    None, "", "8192", "many", True, False, 0, -1, 1.5, 1e30, 10**400, float("nan"), float("inf"),
    [], {}, ["8192"], {"n_ctx": 8192},
]  # fmt: skip


@pytest.mark.parametrize("value", NONSENSE, ids=str)
@pytest.mark.parametrize("name", ["max_input_tokens", "context_length", "max_completion_tokens"])
def test_number_that_makes_no_sense_is_left_out(name: str, value: Any) -> None:
    assert read_entry({name: value}) == {}


@pytest.mark.parametrize(
    "value", ["-1", "", "free", "nan", "inf", "1e30", "3", None, True, -1, 1e30, 10**400, [], {}],
    ids=str,
)  # fmt: skip
def test_price_that_makes_no_sense_is_left_out_and_not_zero(value: Any) -> None:
    assert read_entry({"pricing": {"prompt": value, "completion": "0.000015"}}) == {}


@pytest.mark.parametrize(
    "value", ["-1", "0.000003", None, True, -1, 1e30, 10**400, [], {}], ids=str
)
def test_price_per_million_that_makes_no_sense_is_left_out(value: Any) -> None:
    assert read_entry({"pricing": {"input": value, "output": 15}}) == {}


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", "1970-01-01", "2026-13-01", 0, -1, 10**30, True, 1.5, {}, [], "9999-01-01"],
    ids=str,
)
@pytest.mark.parametrize("name", ["shutdown_date", "retires_at", "expiration_date", "deprecation"])
def test_day_that_makes_no_sense_is_left_out(name: str, value: Any) -> None:
    assert read_entry({name: value}) == {}


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
WORDS = sorted({word for entry, _ in ENTRIES.values() for word in entry})


@given(entry=st.dictionaries(st.sampled_from(WORDS), json))
def test_any_json_is_read_without_an_error(entry: dict[str, Any]) -> None:
    assert set(read_entry(entry)) <= LISTED


def test_listing_gives_facts_with_source_and_day() -> None:
    facts = read_listing(
        {"x": {"context_length": 8192}, "y": {}}, source="llm.example.org's listing", day=DAY
    )

    assert facts == [Fact("x", "context", 8192, "llm.example.org's listing", DAY)]
    assert facts[0].origin == "llm.example.org's listing of 2026-11-30"


def test_what_a_person_has_set_is_said_to_be_theirs() -> None:
    [name, _] = sorted(SET)

    assert Fact("x", name, 1.0, "set by ada", DAY).origin == "set by ada on 2026-11-30"


def known(**values: Any) -> dict[str, Fact]:
    facts = [Fact("x", name, value, "a listing", DAY) for name, value in values.items()]
    return group_facts(facts).get("x", {})


@pytest.mark.parametrize(
    ("facts", "catalogued", "limit"),
    [
        (known(), None, None),
        (known(), 128_000, 128_000),
        (known(max_output=4096), 128_000, 4096),
        (known(max_output=256_000), 128_000, 256_000),
        (known(context=8192), None, 4096),  # half is left for the prompt
        (known(context=8192), 128_000, 4096),
        (known(context=1_000_000), 128_000, 128_000),
        (known(context=1), None, 1),
        (known(max_output=65_536, context=8192), None, 8192),
        (known(max_output="lots"), None, None),
    ],
)
def test_output_limit_is_the_servers_word_before_the_tables(
    facts: dict[str, Fact], catalogued: int | None, limit: int | None
) -> None:
    assert output_limit(facts, catalogued) == limit


def test_stored_values_are_checked_again_when_they_are_read() -> None:
    facts = known(context=-1, retires="soon", successor="a b")

    assert count_of(facts, "context") is None
    assert day_of(facts, "retires") is None
    assert text_of(facts, "successor") is None
    assert day_of(known(retires="2026-12-11"), "retires") == date(2026, 12, 11)
    assert text_of(known(successor="gpt-y"), "successor") == "gpt-y"


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("/srv/models/x-q4.gguf", "x-q4.gguf"),
        ("C:\\models\\x.gguf", "x.gguf"),
        ("./models/x", "x"),
        ("../x", "x"),
        ("~/models/x", "x"),
        ("models/x.gguf", "x.gguf"),
        ("/", "/"),
        ("meta-llama/Llama-4", "meta-llama/Llama-4"),
        ("accounts/fireworks/models/x", "accounts/fireworks/models/x"),
        ("~lab/latest", "~lab/latest"),
        ("gpt-6.2-sol", "gpt-6.2-sol"),
        ("", ""),
    ],
)
def test_path_of_a_file_is_shown_by_its_last_part(model: str, shown: str) -> None:
    assert shown_name(model) == shown
