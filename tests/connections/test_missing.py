"""What is said of a connection that there is not: what was meant, or how to make it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assay_nb.connections.keyway import Keyway
from assay_nb.connections.missing import explain_missing, explain_unnamed

WHOLE = "If that is the model's whole name, put the connection before it: "
SOLO = Keyway(mode="solo")
HUB = Keyway(mode="hub", page="https://hub.example.org/services/assay/workspaces/1")

MEANT = {
    "a slip in a name of the start": ("antropic", "antropic/claude-x", [], "Did you mean `anthropic/claude-x`?"),
    "a slip in another name": ("locl", "locl/llama3.2", ["local"], "Did you mean `local/llama3.2`?"),
    "a slip without a model": ("locl", "", ["local"], "Did you mean local?"),
    "a name with a slash in it": ("qwen", "Qwen/Qwen3-8B", ["local"], f"{WHOLE}`local/Qwen/Qwen3-8B`."),
    "the same with two servers": (
        "qwen", "Qwen/Qwen3-8B", ["big", "local"], f"{WHOLE}`big/Qwen/Qwen3-8B` or `local/Qwen/Qwen3-8B`.",
    ),
    "a preset": ("groq", "groq/llama", [], "Connect it: `assay-nb connect groq`."),
    "a preset beside a server": ("groq", "groq/llama", ["local"], "Connect it: `assay-nb connect groq`."),
    "a slip in a preset": ("olama", "olama/llama3.2", [], "Connect it: `assay-nb connect ollama`."),
}  # fmt: skip


@pytest.mark.parametrize("case", MEANT)
def test_what_was_probably_meant_is_said(case: str) -> None:
    connection, asked, servers, expected = MEANT[case]

    assert explain_missing(connection, servers, SOLO, asked=asked, servers=servers) == expected


def test_model_of_an_unknown_server_is_told_how_it_is_connected() -> None:
    hint = explain_missing("qwen", [], SOLO, asked="Qwen/Qwen3-8B")

    assert hint.startswith("Connect the server that has this model: `assay-nb connect`")
    assert hint.endswith("write NAME/Qwen/Qwen3-8B.")


def test_unknown_name_alone_is_told_how_it_is_made() -> None:
    assert "`assay-nb connect PRESET mine`" in explain_missing("mine", ["local"], SOLO)


@pytest.mark.parametrize(
    ("connection", "asked", "servers"),
    [("groq", "groq/llama", []), ("groq", "groq/llama", ["local"]), ("mine", "", ["local"])],
)
def test_on_a_hub_nobody_is_sent_to_a_command(
    connection: str, asked: str, servers: Sequence[str]
) -> None:
    hint = explain_missing(connection, servers, HUB, asked=asked, servers=servers)

    assert hint == HUB.say("connect", "groq" if connection == "groq" else "")
    assert "`" not in hint


def test_on_a_hub_a_slip_is_still_a_slip() -> None:
    assert explain_missing("locl", ["local"], HUB, asked="locl/a") == "Did you mean `local/a`?"


@pytest.mark.parametrize(
    ("asked", "servers", "expected"),
    [
        (
            "local",
            ["local"],
            "Add one of its models: local/MODEL; `assay-nb models --ask` lists them.",
        ),
        (
            " Local/",
            ["local"],
            "Add one of its models: local/MODEL; `assay-nb models --ask` lists them.",
        ),
        ("openai", [], "Add one of its models: openai/MODEL; `assay-nb models --ask` lists them."),
        ("llama3.2:latest", ["local"], "Put the connection before it: `local/llama3.2:latest`."),
        ("m", ["a", "b", "c"], "Put the connection before it: `a/m` or `b/m`."),
        ("llama3.2", [], None),
        ("", ["local"], None),
    ],
)
def test_half_of_a_name_is_answered_with_the_other(
    asked: str, servers: Sequence[str], expected: str | None
) -> None:
    assert explain_unnamed(asked, ["openai", *servers], servers) == expected
