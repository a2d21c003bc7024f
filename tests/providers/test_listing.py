"""Listings of models in whatever shape a server has, by the reader alone and through the SDKs."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb.errors import (
    BadReply,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.providers.base import ListedModel
from assay_nb.providers.listing import read_listing
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_client import make_credential, make_provider, provider_of

pytestmark = pytest.mark.anyio

LENIENT = ("anthropic", "openai-chat", "google")

SHAPES: list[tuple[Any, list[str]]] = [
    ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
    ([{"id": "a", "object": "model"}], ["a"]),
    ({"models": [{"name": "a"}, {"model": "b"}]}, ["a", "b"]),
    ({"data": ["a", "b"]}, ["a", "b"]),
    ({"data": [{"id": "a"}, {"id": "b"}, {"id": "a", "object": "model"}]}, ["a", "b"]),
    ({"data": [{"id": 7}, {"id": None, "name": "b"}]}, ["7", "b"]),
    ({"data": [{"id": ["a"]}, {"id": True}, {"object": "model"}, None, 5]}, []),
    ({"data": None}, []),
    ({"data": None, "models": [{"id": "a"}]}, ["a"]),
    ({"models": []}, []),
    ({"object": "list"}, []),
    ([], []),
    ({}, []),
]


@pytest.mark.parametrize(("body", "names"), SHAPES)
async def test_models_are_found_in_every_shape(body: Any, names: list[str]) -> None:
    assert [model.id for model in read_listing(body)] == names


@pytest.mark.parametrize("wire", LENIENT)
@pytest.mark.parametrize(("body", "names"), SHAPES)
async def test_no_shape_ends_in_an_error_of_the_sdks(
    body: Any, names: list[str], wire: str, egress: Egress, fake: FakeProviders
) -> None:
    fake.listing = body
    credential = make_credential(fake.destination(provider_of(wire)))

    listed = await make_provider(wire, egress, fake).list_models(credential)

    assert [model.id for model in listed] == names


@pytest.mark.parametrize("wire", LENIENT)
@pytest.mark.parametrize("body", ["models", 7, True])
async def test_what_is_not_a_listing_is_a_bad_reply(
    body: Any, wire: str, egress: Egress, fake: FakeProviders
) -> None:
    fake.listing = body
    credential = make_credential(fake.destination(provider_of(wire)))

    with pytest.raises(BadReply):
        await make_provider(wire, egress, fake).list_models(credential)


@pytest.mark.parametrize("wire", LENIENT)
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"error": {"message": "bad key", "code": 401}}, ProviderAuthError, 401),
        ({"error": {"code": 429}, "models": None}, RateLimited, 429),
        ({"error": "Unexpected endpoint or method. (GET /models)"}, ProviderError, 404),
        ({"error": {"message": "no", "code": "invalid_api_key"}}, ProviderAuthError, 401),
        ({"error": {"message": "no", "type": "rate_limit_error"}}, RateLimited, 429),
        ({"error": {"message": "Out of it.", "code": 402}}, ProviderError, 402),
        ({"error": {"message": "something"}, "data": None}, ProviderUnavailable, 500),
        ({"success": False, "message": "invalid token"}, ProviderUnavailable, 500),
        ({"error": {"code": "error_of_2031"}}, ProviderUnavailable, 500),
    ],
)
async def test_error_with_a_200_is_not_a_listing(
    body: Any,
    kind: type[ProviderError],
    status: int,
    wire: str,
    egress: Egress,
    fake: FakeProviders,
) -> None:
    fake.listing = body
    credential = make_credential(fake.destination(provider_of(wire)))

    with pytest.raises(ProviderError) as caught:
        await make_provider(wire, egress, fake, Retry(attempts=1)).list_models(credential)

    assert (type(caught.value), caught.value.status) == (kind, status)


@pytest.mark.parametrize("wire", LENIENT)
async def test_words_beside_a_list_are_not_an_error(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    fake.listing = {"success": True, "message": "ok", "data": [{"id": "a"}]}
    credential = make_credential(fake.destination(provider_of(wire)))

    listed = await make_provider(wire, egress, fake).list_models(credential)

    assert [model.id for model in listed] == ["a"]


async def test_what_else_a_listing_says_of_a_model_is_kept() -> None:
    entry = {"id": "a", "context_length": 8192, "pricing": {"prompt": "0.1"}, "meta": {"n_ctx": 4}}

    (model,) = read_listing({"data": [entry]})

    assert model == ListedModel("a")
    assert model.extra == entry


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"models": None}, []),
        ({"models": []}, []),
        ({}, []),
        ({"models": [{"name": "models/a", "inputTokenLimit": 5}, {"displayName": "b"}]}, ["a"]),
        ({"models": [{"name": "models/a", "supportedGenerationMethods": ["embedContent"]}]}, []),
        ({"models": [None, "models/b", {"name": 7}, {"name": "models/a", "inputTokenLimit": "many"}]},
         ["b", "7", "a"]),
        ({"models": [{"name": "models/a", "inputTokenLimit": {}, "thinking": "yes"}]}, ["a"]),
        ({"publisherModels": [{"name": "publishers/google/models/a"}]}, ["publishers/google/models/a"]),
        ([{"name": "models/a"}], ["a"]),
        (
            {"models": [{"name": "models/a", "supportedGenerationMethods": "x", "version": 5}]},
            ["a"],
        ),
        ({"models": [None, {"name": "models/a", "temperature": "hot"}]}, ["a"]),
    ],
)  # fmt: skip
async def test_googles_listing_may_lack_anything(
    body: Any, names: list[str], egress: Egress, fake: FakeProviders
) -> None:
    fake.listing = body
    credential = make_credential(fake.destination("google"))

    listed = await make_provider("google", egress, fake).list_models(credential)

    assert [model.id for model in listed] == names


@pytest.mark.parametrize("error", [None, "", {}, False])
def test_field_for_an_error_that_is_empty_is_none(error: object) -> None:
    assert read_listing({"error": error, "object": "list"}) == []
    assert read_listing({"error": "a warning", "data": [{"id": "a"}]}) == [ListedModel("a")]


async def test_sizes_that_are_not_numbers_are_not_known() -> None:
    (model,) = read_listing([{"id": "a", "max_input_tokens": "many", "max_tokens": 0}])

    assert (model.context, model.max_output) == (None, None)
