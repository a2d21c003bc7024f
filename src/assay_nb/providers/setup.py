"""Presets of the providers: where a key is made, what it looks like, what it costs to begin. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from assay_nb.messages import ProviderId, label_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How one provider gives out keys.

    Attributes:
        provider: The provider's id.
        keys_url: Where a key is made, and where it is revoked.
        billing_url: Where credit is bought and limits are set.
        looks_like: What a key begins with. A hint for people; keys of another shape are accepted.
        to_begin: What it takes to make the first call.
        caution: What to know before confidential text is sent; empty where nothing stands out.
    """

    provider: ProviderId
    keys_url: str
    billing_url: str
    looks_like: str
    to_begin: str
    caution: str = ""

    @property
    def label(self) -> str:
        """The provider's name, for people."""
        return label_of(self.provider)


SETUP: dict[ProviderId, Preset] = {
    "google": Preset(
        provider="google",
        keys_url="https://aistudio.google.com/apikey",
        billing_url="https://aistudio.google.com/usage",
        looks_like="AQ.… (older ones: AIza…)",
        to_begin="Free: a Google account is enough, no card.",
        caution="On the free tier Google may use what you send to improve its products.",
    ),
    "anthropic": Preset(
        provider="anthropic",
        keys_url="https://platform.claude.com/settings/keys",
        billing_url="https://platform.claude.com/settings/billing",
        looks_like="sk-ant-api03-…",
        to_begin="Prepaid credit, by card. A critique costs about one or two US cents.",
    ),
    "openai": Preset(
        provider="openai",
        keys_url="https://platform.openai.com/api-keys",
        billing_url="https://platform.openai.com/settings/organization/billing",
        looks_like="sk-proj-…",
        to_begin="Prepaid credit, by card. A critique costs well under one US cent on the small model.",
    ),
}
"""Every provider's, the fastest to begin with first."""
