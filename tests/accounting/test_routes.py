"""Routes: which requests providers take money for, and in which fields the replies tell tokens."""

from __future__ import annotations

import pytest

from assay_nb.accounting.routes import read_route

FREE = [
    ("GET", "v1/models", "anthropic"),
    ("DELETE", "v1/files/file_1", "anthropic"),
    ("POST", "v1/messages/count_tokens", "anthropic"),
    ("POST", "messages/count_tokens", "anthropic"),
    ("POST", "v1/messages/batches/b_1/cancel", "anthropic"),
    ("POST", "v1/files", "anthropic"),
    ("POST", "v1/moderations", "openai-responses"),
    ("POST", "responses/input_tokens", "openai-responses"),
    ("POST", "responses/resp_1/cancel", "openai-responses"),
    ("POST", "uploads/up_1/parts", "openai-chat"),
    ("POST", "v1beta/models/gemini-x:countTokens", "gemini"),
    ("POST", "upload/v1beta/files", "gemini"),
]
COSTLY = [
    ("POST", "v1/messages", "anthropic", "tokens", "anthropic"),
    ("POST", "v1/messages/batches", "anthropic", "batch", "anthropic"),
    ("POST", "v1/chat/completions", "openai-responses", "tokens", "chat"),
    ("POST", "responses", "openai-chat", "tokens", "responses"),
    ("POST", "v1/messages", "openai-chat", "tokens", "anthropic"),
    ("POST", "openai/deployments/d/chat/completions", "openai-chat", "tokens", "chat"),
    ("POST", "v1beta/openai/chat/completions", "gemini", "tokens", "chat"),
    ("POST", "v1beta/models/x:streamGenerateContent", "gemini", "tokens", "gemini"),
    ("POST", "v1beta/models/x:batchGenerateContent", "gemini", "batch", "gemini"),
    ("POST", "v1/images/generations", "openai-responses", "tokens", "responses"),
    ("PUT", "v1/messages/count_tokens/x", "anthropic", "tokens", "anthropic"),
    ("POST", "x/files", "openai-chat", "tokens", "chat"),
    ("POST", "v1/models/x:countTokens", "openai-chat", "tokens", "chat"),
    ("POST", "anything", "openai-chat", "tokens", "chat"),
]


@pytest.mark.parametrize(("method", "path", "kind"), FREE)
def test_what_providers_name_as_free_is_free(method: str, path: str, kind: object) -> None:
    assert read_route(method, path, kind).charge == "free"  # pyright: ignore - a kind


@pytest.mark.parametrize(("method", "path", "kind", "charge", "dialect"), COSTLY)
def test_everything_else_may_cost_something(
    method: str, path: str, kind: object, charge: str, dialect: str
) -> None:
    route = read_route(method, path, kind)  # pyright: ignore - a kind

    assert (route.charge, route.dialect) == (charge, dialect)
