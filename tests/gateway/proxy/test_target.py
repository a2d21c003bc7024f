"""Where a request goes: each client's way to write a base URL leads to the same place."""

from __future__ import annotations

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.gateway.proxy.target import write_version
from assay_nb.messages import Destination

OWN = "https://llm.example.org"
ANTHROPIC = parse_endpoint("anthropic")
OPENAI = parse_endpoint("openai")
GOOGLE = parse_endpoint("google")
AT_V1 = Destination("openai", f"{OWN}/v1", f"{OWN}:443", "bearer", "own", "openai-chat")
BARE = Destination("openai", f"{OWN}/llm", f"{OWN}:443", "bearer", "own", "openai-chat")
RELAY = Destination("anthropic", f"{OWN}/claude", f"{OWN}:443", "bearer", "own")
DATED = Destination("google", f"{OWN}/v1beta", f"{OWN}:443", "x-goog-api-key", "own")


@pytest.mark.parametrize(
    ("destination", "path", "written"),
    [
        # What each SDK adds to a base URL without and with the version, and clients that add none.
        (ANTHROPIC, "v1/messages", "v1/messages"),
        (ANTHROPIC, "v1/v1/messages", "v1/messages"),
        (ANTHROPIC, "messages", "v1/messages"),
        (ANTHROPIC, "", ""),
        (RELAY, "v1/v1/messages", "v1/messages"),
        (OPENAI, "chat/completions", "chat/completions"),
        (OPENAI, "v1/chat/completions", "chat/completions"),
        (OPENAI, "v1/v1/chat/completions", "chat/completions"),
        (AT_V1, "v1/chat/completions", "chat/completions"),
        (AT_V1, "v2/chat", "v2/chat"),
        (BARE, "chat/completions", "chat/completions"),
        (BARE, "v1/v1/chat/completions", "v1/chat/completions"),
        (GOOGLE, "v1beta/models/m:generateContent", "v1beta/models/m:generateContent"),
        (GOOGLE, "v1beta/v1beta/models", "v1beta/models"),
        (GOOGLE, "v1/models", "v1/models"),
        (GOOGLE, "v1alpha/models", "v1alpha/models"),
        (GOOGLE, "v1/v1beta/models", "v1beta/models"),
        (GOOGLE, "models", "v1beta/models"),
        (GOOGLE, "v1beta/openai/chat/completions", "v1beta/openai/chat/completions"),
        (GOOGLE, "upload/v1beta/files", "upload/v1beta/files"),
        (GOOGLE, "v1beta/upload/v1beta/files", "upload/v1beta/files"),
        (DATED, "v1beta/models", "models"),
        (DATED, "v1beta/v1beta/models", "models"),
    ],
)
def test_version_stands_in_an_address_once(
    destination: Destination, path: str, written: str
) -> None:
    assert write_version(destination, path) == written
