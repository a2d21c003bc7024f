"""`%assay env`: the variables that send other software in a hub kernel through the gateway.

What stands for a key there is the server's hub token, and that opens its person's whole notebook server. A
client that reads a key from the environment and ignores the base URL beside it would send the token to the
provider. The token is therefore set under a name only if every client that is known to read the name stays
at the gateway.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from assay_nb import config
from assay_nb.commands.outcome import Console, Outcome, join
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.render.document import (
    Block,
    Callout,
    Code,
    Document,
    FinePrint,
    Item,
    Items,
    Paragraph,
    Verbatim,
)

_TOKEN = "$JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable

# --- what is set, and what is not: read with each client on loopback, behind a proxy that refused to leave it

_BASE_URLS = {
    "ANTHROPIC_BASE_URL": "anthropic",
    "OPENAI_BASE_URL": "openai/v1",
    "OPENAI_API_BASE": "openai/v1",  # the only one for llama-index-llms-openai 0.8.3 and openai 0.28.1
    "GOOGLE_GEMINI_BASE_URL": "google",
    "GEMINI_API_BASE": "google/v1beta",  # the only one for litellm 1.110.2 and dspy 3.4.1
}
"""Where clients look for a base URL. None of these is a secret, so all of them are set."""

_KEYS: Mapping[str, str | None] = {
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

_SET = tuple(name for name, reason in _KEYS.items() if reason is None)
_NOT_SET = {name: reason for name, reason in _KEYS.items() if reason is not None}

_INSTEAD = (
    ("from openai import OpenAI", 'OpenAI(api_key=token, base_url="{OPENAI_BASE_URL}")'),
    (
        "from google import genai",
        'genai.Client(api_key=token, http_options={{"base_url": "{GOOGLE_GEMINI_BASE_URL}"}})',
    ),
)
"""How the SDKs whose key is not set are given both, as an import and a client."""

# anthropic 2.14.0: it follows `results_url`, an absolute URL in the reply, with the token.
_BATCHES = (
    "One call of Anthropic's SDK leaves the gateway with the token, ",
    Code("client.messages.batches.results()"),
    ". Use ",
    Code('client.get("/v1/messages/batches/ID/results", cast_to=str)'),
    " instead.",
)


def show_environment(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show the variables that clients read, or set them for this kernel.

    Names under which a client is known to send the hub token elsewhere are left out, and said to be.
    """
    token = config.hub_token()
    if session.config.gateway_url is None or token is None:
        raise WrongUsage(
            "No gateway is available here for other software.",
            hint="This is for kernels on a hub with a gateway. Here, the instruments use your own vault.",
        )
    workspace = session.portal.call(session.control.show_workspace, args.workspace)
    urls = _list_base_urls(session.config.gateway_url, workspace.name)
    shown = {**urls, **dict.fromkeys(_SET, _TOKEN)}
    blocks: list[Block] = [Verbatim("\n".join(_write_exports(shown)))]
    unset: list[str] = []
    if args.export:
        unset = _export(urls, token)
        blocks[:0] = _say_what_was_done(workspace.name, unset)
    else:
        blocks.append(FinePrint([Code("%assay env --export"), " sets these for this kernel."]))
    blocks += _say_what_is_not_set(urls)
    return Outcome(Document(blocks), {**shown, "not_set": _NOT_SET, "unset": unset})


def _list_base_urls(gateway_url: str, workspace: str) -> dict[str, str]:
    root = f"{gateway_url.rstrip('/')}/providers/{quote(workspace, safe='')}"
    return {name: f"{root}/{path}" for name, path in _BASE_URLS.items()}


def _write_exports(variables: Mapping[str, str]) -> list[str]:
    return [
        f'export {name}="{value}"' if value == _TOKEN else f"export {name}={value}"
        for name, value in variables.items()
    ]


def _export(urls: Mapping[str, str], token: str) -> list[str]:
    """Set the variables; return the names that held the token and are now unset."""
    config.set_variables({**urls, **dict.fromkeys(_SET, token)})
    return config.unset_variables(_NOT_SET, holding=token)


# --- what is said about it


def _say_what_was_done(workspace: str, unset: Sequence[str]) -> list[Block]:
    done = f"These are set in this kernel. Clients that read them use the keys of '{workspace}'."
    said: list[Block] = [Callout("good", [done])]
    if unset:
        held = f"{join(unset)} held your hub token from an earlier export. Now unset."
        said.append(Callout("warning", [held]))
    said += [_say_other_key(name) for name in _NOT_SET if config.is_set(name)]
    return said


def _say_other_key(name: str) -> Block:
    """Name a key of the person's own: with these base URLs, clients show it to the gateway."""
    first = f"{name} holds another key, which clients in this kernel now send to the gateway. It refuses it. "
    return Callout("warning", [first, "Remove it: ", Code(f'del os.environ["{name}"]')])


def _say_what_is_not_set(urls: Mapping[str, str]) -> list[Block]:
    warning = (
        "Your hub token opens your whole notebook server. It is not set as these variables, because clients "
        "that read them would send it to the provider:"
    )
    items = [Item(name, [reason]) for name, reason in _NOT_SET.items()]
    code = [_write_client(urls, *parts) for parts in _INSTEAD]
    advice = "Give a client the token in code instead, and the base URL with it:"
    return [
        Callout("warning", [warning]),
        Items(items),
        Paragraph([advice]),
        *(Verbatim(each) for each in code),
        Paragraph(_BATCHES),
    ]


def _write_client(urls: Mapping[str, str], imports: str, client: str) -> str:
    reading = 'token = os.environ["JUPYTERHUB_API_TOKEN"]'
    return f"import os\n{imports}\n\n{reading}\nclient = {client.format_map(urls)}"
