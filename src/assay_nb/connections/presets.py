"""Presets of connections: where a server is, what it speaks, how it takes a key. Data only.

A preset is a beginning: `assay-nb connect` fills in its address, and everything else can be changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDER_OF_KIND, Kind, ProviderId

_HOLE = re.compile(r"{(\w+)}")
_FILLING = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One service or server that people run.

    Attributes:
        name: What `assay-nb connect` calls it, and what its connection is called unless one says otherwise.
        label: Its name, for people.
        kind: What it speaks.
        endpoint: The SDK's base URL. `{resource}` and `{region}` are asked for; empty where the whole is.
        placement: How it takes its key; empty where its kind says so.
        key: Whether it takes one: `"optional"` is a server of one's own, which may be set up either way.
        keys_url: Where a key is made, and where it is revoked; empty for a server of one's own.
        billing_url: Where credit is bought and limits are set.
        looks_like: What a key begins with. A hint for people; keys of another shape are accepted.
        begins: Beginnings that no other service's keys have, so that such a key is not sent to one.
        to_begin: What it takes to make the first call.
        caution: What to know before the first call; empty where nothing stands out.
        model: What stands for a model's name there, such as a deployment's, where the listing does not show it.
        tried: How far the preset is proven: `"run"` against the server itself, or `"read"` in its manual.
    """

    name: str
    label: str
    kind: Kind
    endpoint: str
    placement: str = ""
    key: Literal["required", "optional", "none"] = "required"
    keys_url: str = ""
    billing_url: str = ""
    looks_like: str = ""
    begins: tuple[str, ...] = ()
    to_begin: str = ""
    caution: str = ""
    model: str = ""
    tried: Literal["run", "read"] = "read"

    @property
    def provider(self) -> ProviderId:
        """Whose SDK speaks to it."""
        return PROVIDER_OF_KIND[self.kind]

    @property
    def holes(self) -> tuple[str, ...]:
        """The parts of the endpoint that must be filled in, such as `resource`."""
        return tuple(dict.fromkeys(_HOLE.findall(self.endpoint)))

    def fill(self, parts: Mapping[str, str]) -> str:
        """Return the endpoint with its holes filled in.

        Raises:
            WrongUsage: If a part is missing, or is not a name: an address written there would send the key
                to a host that the preset does not name.
        """
        for hole in self.holes:
            value = parts.get(hole, "")
            if _FILLING.fullmatch(value) is None:
                alone = ", without a dot or a slash" if value else ""
                raise WrongUsage(
                    f"{self.label} needs the name of your {hole}{alone}.",
                    hint=f"Add --{hole} NAME (letters, digits and hyphens), or the whole address with --endpoint URL.",
                )
        return _HOLE.sub(lambda match: parts[match[1]], self.endpoint)


_OFFICIAL = (
    Preset(
        name="google",
        label="Google",
        kind="gemini",
        endpoint="https://generativelanguage.googleapis.com",
        keys_url="https://aistudio.google.com/apikey",
        billing_url="https://aistudio.google.com/usage",
        looks_like="AQ.… (older ones: AIza…)",
        begins=("AIza", "AQ."),
        to_begin="Free: a Google account is enough, no card.",
        caution="On the free tier Google may use what you send to improve its products.",
    ),
    Preset(
        name="anthropic",
        label="Anthropic",
        kind="anthropic",
        endpoint="https://api.anthropic.com",
        keys_url="https://platform.claude.com/settings/keys",
        billing_url="https://platform.claude.com/settings/billing",
        looks_like="sk-ant-api03-…",
        begins=("sk-ant-",),
        to_begin="Prepaid credit, by card. A critique costs about one or two US cents.",
    ),
    Preset(
        name="openai",
        label="OpenAI",
        kind="openai-responses",
        endpoint="https://api.openai.com/v1",
        keys_url="https://platform.openai.com/api-keys",
        billing_url="https://platform.openai.com/settings/organization/billing",
        looks_like="sk-proj-…",
        begins=("sk-proj-", "sk-svcacct-"),
        to_begin="Prepaid credit, by card. A critique costs about one US cent, and far less on gpt-6-luna.",
    ),
)
"""The three that every workspace has from the start, the fastest to begin with first."""

_SERVICES = (
    Preset(
        name="azure",
        label="Azure OpenAI",
        kind="openai-responses",
        endpoint="https://{resource}.openai.azure.com/openai/v1/",
        placement="api-key",
        keys_url="https://ai.azure.com",
        looks_like="letters and digits, with no fixed beginning",
        to_begin="An Azure subscription, a resource and a deployment.",
        caution="A model's name is the name of your deployment. The listing shows base models instead.",
        model="DEPLOYMENT",
    ),
    Preset(
        name="azure-chat",
        label="Azure AI Foundry (Chat Completions)",
        kind="openai-chat",
        endpoint="https://{resource}.services.ai.azure.com/openai/v1/",
        placement="api-key",
        keys_url="https://ai.azure.com",
        looks_like="letters and digits, with no fixed beginning",
        to_begin="An Azure subscription, a Foundry resource and a deployment.",
        caution="A model's name is the name of your deployment. The listing shows base models instead.",
        model="DEPLOYMENT",
    ),
    Preset(
        name="bedrock",
        label="Amazon Bedrock",
        kind="openai-chat",
        endpoint="https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        keys_url="https://console.aws.amazon.com/bedrock/home#/api-keys",
        looks_like="a Bedrock API key; access keys and profiles of AWS are not read",
        to_begin="An AWS account; some models need a form or an agreement first.",
        caution="A schema that is new to Bedrock may take minutes to compile the first time.",
    ),
    Preset(
        name="bedrock-anthropic",
        label="Amazon Bedrock (Claude)",
        kind="anthropic",
        endpoint="https://bedrock-mantle.{region}.api.aws/anthropic",
        keys_url="https://console.aws.amazon.com/bedrock/home#/api-keys",
        looks_like="a Bedrock API key; access keys and profiles of AWS are not read",
        to_begin="An AWS account, and Anthropic's use-case form.",
    ),
    Preset(
        name="openrouter",
        label="OpenRouter",
        kind="openai-chat",
        endpoint="https://openrouter.ai/api/v1",
        keys_url="https://openrouter.ai/settings/keys",
        billing_url="https://openrouter.ai/settings/credits",
        looks_like="sk-or-v1-…",
        begins=("sk-or-v1-",),
        to_begin="Free models need an account; others need credit.",
        caution="Its listing is public, so a key is proven only by the first call.",
    ),
    Preset(
        name="groq",
        label="Groq",
        kind="openai-chat",
        endpoint="https://api.groq.com/openai/v1",
        keys_url="https://console.groq.com/keys",
        billing_url="https://console.groq.com/settings/billing",
        looks_like="gsk_…",
        begins=("gsk_",),
        to_begin="An account; the free tier has limits per day.",
    ),
    Preset(
        name="mistral",
        label="Mistral",
        kind="openai-chat",
        endpoint="https://api.mistral.ai/v1",
        keys_url="https://console.mistral.ai/api-keys",
        billing_url="https://console.mistral.ai/billing",
        looks_like="letters and digits, with no fixed beginning",
        to_begin="An account with a plan.",
    ),
    Preset(
        name="deepseek",
        label="DeepSeek",
        kind="openai-chat",
        endpoint="https://api.deepseek.com",
        keys_url="https://platform.deepseek.com/api_keys",
        billing_url="https://platform.deepseek.com/top_up",
        looks_like="sk-…",
        to_begin="Prepaid credit.",
    ),
    Preset(
        name="xai",
        label="xAI",
        kind="openai-responses",
        endpoint="https://api.x.ai/v1",
        keys_url="https://console.x.ai",
        looks_like="xai-…",
        begins=("xai-",),
        to_begin="Prepaid credit.",
    ),
    Preset(
        name="together",
        label="Together",
        kind="openai-chat",
        endpoint="https://api.together.xyz/v1",
        keys_url="https://api.together.ai/settings/api-keys",
        looks_like="letters and digits, with no fixed beginning",
        to_begin="Prepaid credit.",
    ),
    Preset(
        name="fireworks",
        label="Fireworks",
        kind="openai-chat",
        endpoint="https://api.fireworks.ai/inference/v1",
        keys_url="https://app.fireworks.ai/settings/users/api-keys",
        looks_like="letters and digits",
        to_begin="An account with credit.",
    ),
    Preset(
        name="cerebras",
        label="Cerebras",
        kind="openai-chat",
        endpoint="https://api.cerebras.ai/v1",
        keys_url="https://cloud.cerebras.ai",
        looks_like="csk-…",
        to_begin="A free key; it has few models, and they change often.",
    ),
    Preset(
        name="huggingface",
        label="Hugging Face",
        kind="openai-chat",
        endpoint="https://router.huggingface.co/v1",
        keys_url="https://huggingface.co/settings/tokens",
        looks_like="hf_…",
        begins=("hf_",),
        to_begin="An account; a little credit is free each month.",
    ),
    Preset(
        name="portkey",
        label="Portkey",
        kind="openai-chat",
        endpoint="https://api.portkey.ai/v1",
        placement="x-portkey-api-key",
        keys_url="https://app.portkey.ai/api-keys",
        looks_like="letters and digits",
        to_begin="A Portkey account with a provider set up in it.",
    ),
)

_SERVERS = (
    Preset(
        name="ollama",
        label="Ollama",
        kind="openai-chat",
        endpoint="http://localhost:11434/v1",
        key="none",
        to_begin="`ollama serve`, and a model: `ollama pull llama3.2`.",
        caution="It cuts a prompt that is longer than its context and does not say so: 4,096 tokens with less than "
        "24 GiB of video memory. `OLLAMA_CONTEXT_LENGTH=16384 ollama serve` gives it a longer one.",
    ),
    Preset(
        name="vllm",
        label="vLLM",
        kind="openai-chat",
        endpoint="http://localhost:8000/v1",
        key="optional",
        to_begin="`vllm serve MODEL`; with `--api-key KEY` it takes that key.",
    ),
    Preset(
        name="lmstudio",
        label="LM Studio",
        kind="openai-chat",
        endpoint="http://localhost:1234/v1",
        key="optional",
        to_begin="Load a model and start the server in LM Studio's Developer tab.",
    ),
    Preset(
        name="llamacpp",
        label="llama.cpp",
        kind="openai-chat",
        endpoint="http://localhost:8080/v1",
        key="optional",
        to_begin="`llama-server -m MODEL.gguf`; with `--api-key KEY` it takes that key.",
        tried="run",
    ),
    Preset(
        name="litellm",
        label="LiteLLM proxy",
        kind="openai-chat",
        endpoint="http://localhost:4000/v1",
        key="optional",
        looks_like="sk-…, a virtual key",
        to_begin="A LiteLLM proxy and a virtual key of it.",
    ),
    Preset(
        name="openai-compatible",
        label="Any OpenAI-compatible server",
        kind="openai-chat",
        endpoint="",
        key="optional",
        to_begin="The address ends in /v1 with most servers.",
        tried="run",
    ),
    Preset(
        name="anthropic-compatible",
        label="Any server that speaks Anthropic's Messages",
        kind="anthropic",
        endpoint="",
        key="optional",
        to_begin="Leave /v1 out of the address: the SDK adds it.",
        tried="run",
    ),
)

PRESETS: dict[str, Preset] = {one.name: one for one in (*_OFFICIAL, *_SERVICES, *_SERVERS)}
"""Every preset by name: the three providers, other services, then servers of one's own."""


def find_preset(name: str) -> Preset:
    """Return the preset of a name.

    Raises:
        WrongUsage: If there is none.
    """
    found = PRESETS.get(name.strip().lower())
    if found is None:
        raise WrongUsage(
            f"There is no preset {name[:40]!r}.",
            hint="`assay-nb connect` lists them; `openai-compatible` takes any address.",
        )
    return found


def maker_of(key: bytes | bytearray | memoryview) -> Preset | None:
    """Return the service whose keys alone begin as this one does; None where it could be anybody's."""
    head = bytes(key[:12])
    for preset in PRESETS.values():
        if any(head.startswith(beginning.encode()) for beginning in preset.begins):
            return preset
    return None


def preset_of(endpoint: str) -> Preset | None:
    """Return the preset that an address belongs to, or None: where its keys are made, and what it is called."""
    return next(
        (one for one in PRESETS.values() if one.keys_url and _leads_to(one.endpoint, endpoint)),
        None,
    )


def path_at_host_of(endpoint: str, kind: Kind) -> str | None:
    """Return the path that a known service has where it speaks a protocol; None for another host.

    Args:
        endpoint: An address there, with whatever path.
        kind: What is to be spoken.
    """
    for preset in PRESETS.values():
        host, path = _split_path(preset.endpoint)
        if preset.keys_url and preset.kind == kind and _leads_to(host, endpoint):
            return path
    return None


def _leads_to(pattern: str, endpoint: str) -> bool:
    """Say whether an address is one of a preset's, or below it."""
    literal = re.escape(pattern.rstrip("/")).replace(r"\{", "{").replace(r"\}", "}")
    filled = _HOLE.sub(r"[A-Za-z0-9-]+", literal)
    return bool(pattern) and re.match(f"{filled}(?:/|$)", endpoint) is not None


def _split_path(endpoint: str) -> tuple[str, str]:
    """Return scheme and host of an address, and its path."""
    scheme, _, rest = endpoint.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}"
