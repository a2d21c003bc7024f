"""Clients of other people, as data: what each needs so that its requests pass through a hub's gateway.

A client that reads a key from the environment and ignores the base URL beside it would send the token to the
provider. The token is therefore set under a name only if every client that is known to read the name stays
at the gateway; for one client, only if that one does, with all that it can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN = "ASSAY_TOKEN"  # noqa: S105 - the name of a variable
"""The variable that holds the token. No client knows it, so none sends it anywhere by itself."""

# --- what is set, and what is not: read with each client on loopback, behind a proxy that refused to leave it

BASE_URLS = {
    "ANTHROPIC_BASE_URL": "{anthropic}",
    "OPENAI_BASE_URL": "{openai}/v1",
    "OPENAI_API_BASE": "{openai}/v1",  # the only one for llama-index-llms-openai 0.8.3 and openai 0.28.1
    "GOOGLE_GEMINI_BASE_URL": "{google}",
    "GEMINI_API_BASE": "{google}/v1beta",  # the only one for litellm 1.110.2 and dspy 3.4.1
}
"""Where clients look for a base URL. None of these is a secret, so all of them are set."""

KEYS: Mapping[str, str | None] = {
    # anthropic 0.125.0 and 2.14.0, @anthropic-ai/sdk 1.14.0, litellm 1.110.2, dspy 3.4.1, instructor 1.17.0,
    # llama-index-llms-anthropic 0.12.3, agno 3.1.10, aisuite 0.2.0: all follow ANTHROPIC_BASE_URL.
    "ANTHROPIC_AUTH_TOKEN": None,
    # autogen-ext 0.7.5: OpenAIChatCompletionClient(model="claude-…") has its base URL built in.
    "ANTHROPIC_API_KEY": "AutoGen's OpenAIChatCompletionClient sends it to api.anthropic.com. "
    "ANTHROPIC_AUTH_TOKEN takes its place.",
    # openai-agents 0.24.0: the trace exporter (on by default) and realtime have their address built in. So have
    # litellm 1.110.2's video_generation, realtime and get_valid_models.
    "OPENAI_API_KEY": "The OpenAI Agents SDK sends it to api.openai.com with its traces, and LiteLLM does for "
    "videos, realtime and its list of models.",
    # google-generativeai 0.8.6 reads no base URL from the environment, over REST and gRPC.
    "GOOGLE_API_KEY": "google-generativeai sends it to generativelanguage.googleapis.com.",
    # The same, and autogen-ext 0.7.5: OpenAIChatCompletionClient(model="gemini-…").
    "GEMINI_API_KEY": "google-generativeai and AutoGen's OpenAIChatCompletionClient send it to "
    "generativelanguage.googleapis.com.",
}
"""Where clients look for a key: None if all that are known follow a base URL, or who does not."""

SET = tuple(name for name, reason in KEYS.items() if reason is None)
NOT_SET = {name: reason for name, reason in KEYS.items() if reason is not None}


@dataclass(frozen=True, slots=True)
class Client:
    """A client of other people.

    In texts, `{anthropic}`, `{openai}` and `{google}` stand for the gateway's address of that connection.

    Attributes:
        title: What it is called.
        keys: The variables that hold the token for it, beside `SET`: with none of them it leaves the gateway.
        variables: Other variables that it needs, by name.
        files: The configuration files that it needs, by path, with their text.
        command: How it is started or set up, for a shell.
        code: What is written in Python, where variables would lead it away from the gateway.
    """

    title: str
    keys: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    command: str = ""
    code: str = ""


_CODEX = """\
model_provider = "team"

[model_providers.team]
name = "The team's key"
base_url = "{openai}/v1"
env_key = "ASSAY_TOKEN"
wire_api = "responses"
"""
_GEMINI = """\
{"security": {"auth": {"selectedType": "gemini-api-key"}}}
"""
_OPENCODE = """\
{
  "$schema": "https://opencode.ai/config.json",
  "provider": {
    "anthropic": {"options": {"baseURL": "{anthropic}/v1", "apiKey": "{env:ASSAY_TOKEN}"}},
    "openai": {"options": {"baseURL": "{openai}/v1", "apiKey": "{env:ASSAY_TOKEN}"}},
    "google": {"options": {"baseURL": "{google}/v1beta", "apiKey": "{env:ASSAY_TOKEN}"}}
  }
}
"""
_LITELLM = """\
import os
import litellm

token = os.environ["ASSAY_TOKEN"]
messages = [{"role": "user", "content": "Hello"}]
for model in ("openai/gpt-6-luna", "gemini/gemini-3.8-flash"):
    reply = litellm.completion(model, messages, api_key=token)
    print(reply.choices[0].message.content)
"""
_DSPY = """\
import os
import dspy

token = os.environ["ASSAY_TOKEN"]
lm = dspy.LM("openai/gpt-6-luna", api_key=token)
dspy.configure(lm=lm)
print(lm("Hello")[0])
"""
_ALL = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")

CLIENTS: Mapping[str, Client] = {
    "aider": Client("aider", keys=_ALL, command="aider --model anthropic/MODEL"),
    "anthropic": Client("Anthropic's SDK"),
    "claude": Client("Claude Code", command="claude"),
    "cline": Client(
        "Cline",
        command='cline auth -p openai-native -k "$ASSAY_TOKEN" -m MODEL -b {openai}/v1',
    ),
    "codex": Client("Codex", files={"~/.codex/config.toml": _CODEX}, command="codex -m MODEL"),
    "dspy": Client("DSPy", code=_DSPY),
    "gemini": Client(
        "Gemini CLI",
        keys=("GEMINI_API_KEY",),
        files={"~/.gemini/settings.json": _GEMINI},
        command="gemini --skip-trust -m MODEL",
    ),
    "google-genai": Client("Google's SDK", keys=("GEMINI_API_KEY",)),
    "goose": Client(
        "goose",
        keys=("OPENAI_API_KEY",),
        variables={
            "GOOSE_PROVIDER": "openai",
            "OPENAI_HOST": "{openai}",
            "OPENAI_BASE_PATH": "v1/chat/completions",
        },
        command="GOOSE_MODEL=MODEL goose session",
    ),
    "instructor": Client("Instructor", keys=("OPENAI_API_KEY", "GOOGLE_API_KEY")),
    "langchain": Client(
        "LangChain", keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY")
    ),
    "litellm": Client("LiteLLM", code=_LITELLM),
    "llm": Client(
        "llm", keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"), command="llm -m MODEL 'Hello'"
    ),
    "openai": Client("OpenAI's SDK", keys=("OPENAI_API_KEY",)),
    "opencode": Client(
        "opencode",
        files={"~/.config/opencode/opencode.json": _OPENCODE},
        command="opencode run -m anthropic/MODEL 'Hello'",
    ),
    "pydantic-ai": Client("Pydantic AI", keys=_ALL),
}
"""The clients that `env --for` knows. Each was run through the gateway, apart from goose, whose source was read."""


def fill(text: str, addresses: Mapping[str, str]) -> str:
    """Return a text of a client with the addresses of the connections in it."""
    for connection, address in addresses.items():
        text = text.replace(f"{{{connection}}}", address)
    return text
