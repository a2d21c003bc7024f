"""Agents and commands in a hub's terminal, each set up as `assay-nb env --for` says, and no token elsewhere."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.clients.staging import MODELS, TEXT, Place, find, run_program
from tests.fakes.providers_wire import Answer, OpenAIResponses

pytestmark = pytest.mark.slow

_CLAUDE, _GPT, _GEMINI = MODELS.values()
_NPM = "node_modules/.bin"

COMMANDS: dict[str, tuple[str, str, list[list[str]]]] = {
    "claude": (
        "npm",
        f"{_NPM}/claude",
        [
            ["-p", "hi", "--model", _CLAUDE],
            ["-p", "hi", "--model", _CLAUDE, "--output-format", "stream-json", "--verbose"],
        ],
    ),
    "codex": (
        "npm",
        f"{_NPM}/codex",
        [["exec", "--skip-git-repo-check", "-m", _GPT, "hi"]],
    ),
    "gemini": (
        "npm",
        f"{_NPM}/gemini",
        [["--skip-trust", "-m", _GEMINI, "-p", "hi"]],
    ),
    "opencode": (
        "npm",
        f"{_NPM}/opencode",
        [
            ["run", "-m", f"anthropic/{_CLAUDE}", "hi"],
            ["run", "-m", "openai/gpt-5.4", "hi"],
            ["run", "-m", "google/gemini-2.5-flash", "hi"],
        ],
    ),
    "aider": (
        "aider",
        "bin/aider",
        [
            ["--model", model, "--message", "hi", "--no-git", "--yes-always", *more]
            for model, more in (
                (f"anthropic/{_CLAUDE}", ["--analytics"]),
                (f"openai/{_GPT}", ["--no-stream"]),
                (f"gemini/{_GEMINI}", []),
            )
        ],
    ),
    "llm": (
        "sdks",
        "bin/llm",
        [
            ["-m", "gpt-4o-mini", "hi"],
            ["-m", "gpt-4o-mini", "--no-stream", "hi"],
            ["-m", "anthropic/claude-opus-5", "hi"],
        ],
    ),
}
"""How each is started for one question: where it is, its program, and the words of each run."""

RUNS = [
    pytest.param(client, words, id=f"{client}-{number}")
    for client, (_, _, runs) in COMMANDS.items()
    for number, words in enumerate(runs)
]


def write_item() -> list[bytes]:
    """Return a stream of Responses whose message comes whole as well, as Codex reads it."""
    wire, answer = OpenAIResponses(), Answer(chunks=(TEXT,))
    (item,) = wire.whole(answer, _GPT)["output"]
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    frame = b"event: response.output_item.done\ndata: " + json.dumps(done).encode() + b"\n\n"
    opened = [*wire.opening(answer, _GPT), wire.delta(TEXT)]
    return [*opened, frame, *wire.closing(answer, _GPT)]


@pytest.mark.parametrize(("client", "words"), RUNS)
def test_agent_stays_at_the_gateway(
    client: str, words: list[str], place: Place, tmp_path: Path
) -> None:
    environment = place.set_up(client)
    part, program, _ = COMMANDS[client]
    if client == "aider" and sys.version_info >= (3, 13):
        pytest.skip("aider 0.86 does not install on this Python.")
    if client == "codex":
        place.fake.answers(raw=write_item(), label="text/event-stream")

    done = run_program([str(find(part) / program), *words], environment, cwd=tmp_path)

    assert TEXT in done.stdout, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert place.fake.calls
    place.check_home(client)


def test_client_without_its_base_url_is_seen_to_leave(place: Place) -> None:
    """The control: what these tests look for is found where a client does leave."""
    environment = place.set_up("openai")
    del environment["OPENAI_BASE_URL"]
    code = (
        "import openai\nprint(openai.OpenAI().responses.create(model='m', input='hi').output_text)"
    )

    done = run_program([str(find("sdks") / "bin" / "python"), "-c", code], environment)

    assert done.stdout.strip() == TEXT
    assert place.tried() == {"api.openai.com"}
    assert place.leaked() == [environment["ASSAY_TOKEN"]]


def test_client_that_passes_over_the_proxy_is_seen_too(place: Place) -> None:
    environment = place.set_up("openai")
    for name in (*environment,):
        if name.lower() == "https_proxy" or name == "OPENAI_BASE_URL":
            del environment[name]
    code = "import openai\nopenai.OpenAI(max_retries=0).responses.create(model='m', input='hi')"

    done = run_program([str(find("sdks") / "bin" / "python"), "-c", code], environment)

    assert done.returncode != 0
    assert place.tried() == {"api.openai.com"}
    assert os.fspath(place.home) in environment["LEFT_FILE"]
