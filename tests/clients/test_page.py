"""The table of clients in the page on the pass-through: what it says of these tests is what they do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import run
from assay_nb.commands.foreign_clients import CLIENTS
from tests.clients.staging import ASIDE
from tests.clients.test_agents import COMMANDS
from tests.clients.test_sdks import ASKED, NODE

PAGE = (Path(__file__).parents[2] / "docs" / "passthrough.md").read_text("utf-8")
PACKAGES: dict[str, tuple[str, ...]] = {
    "aider": ("aider-chat",),
    "anthropic": ("anthropic", "npm:@anthropic-ai/sdk"),
    "claude": ("npm:@anthropic-ai/claude-code",),
    "codex": ("npm:@openai/codex",),
    "dspy": ("dspy",),
    "gemini": ("npm:@google/gemini-cli",),
    "google-genai": ("google-genai", "npm:@google/genai"),
    "instructor": ("instructor",),
    "langchain": ("langchain-openai", "langchain-anthropic", "langchain-google-genai"),
    "litellm": ("litellm",),
    "llm": ("llm", "llm-anthropic"),
    "openai": ("openai", "npm:openai"),
    "opencode": ("npm:opencode-ai",),
    "pydantic-ai": ("pydantic-ai-slim",),
}
"""What is installed for each client that is run, in the order of its line."""


def read_table() -> list[list[str]]:
    """Return the first three columns: the client, how it is known, and what `--for` calls it."""
    _, _, rest = PAGE.partition("| client | known by |")
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:4]] for line in lines]


def read_pins() -> dict[str, str]:
    """Return the first two numbers of each version that is installed."""
    needed = json.loads((run.CLIENTS / "package.json").read_text("utf-8"))["dependencies"]
    pins = {f"npm:{name}": version.rpartition(".")[0] for name, version in needed.items()}
    for name in ("aider", "sdks"):  # the second counts where both have a package
        lock = run.CLIENT_LOCKS[name].read_text("utf-8")
        pins |= re.findall(r"^([\w.-]+)==(\d+\.\d+)", lock, re.MULTILINE)
    return pins


def names_of(known_by: str) -> set[str]:
    return {name.strip("`") for _, known, name in read_table() if known == known_by}


def test_lines_that_name_the_tests_are_those_that_they_run() -> None:
    assert names_of("tests") == COMMANDS.keys() | ASKED.keys()
    assert names_of("tests") >= NODE.keys()


def test_every_client_that_env_knows_has_its_line() -> None:
    assert sorted(name.strip("`") for _, _, name in read_table() if name) == sorted(CLIENTS)


def test_every_line_says_how_it_is_known() -> None:
    assert {known for _, known, _ in read_table()} == {"tests", "by hand", "read"}


@pytest.mark.parametrize("client", PACKAGES)
def test_version_is_the_one_that_is_run(client: str) -> None:
    (title,) = [title for title, _, name in read_table() if name == f"`{client}`"]

    wanted = [read_pins()[package] for package in PACKAGES[client]]

    assert re.findall(r"\d+\.\d+", title) == wanted
    assert names_of("tests") == PACKAGES.keys()


@pytest.mark.parametrize("host", sorted(frozenset().union(*ASIDE.values()) - {"packages.test"}))
def test_page_names_where_clients_go_beside_their_work(host: str) -> None:
    assert f"`{host}`" in PAGE
