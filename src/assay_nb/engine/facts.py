"""Facts that faces show: keys, calls and master keys, read in this process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assay_nb.engine.control import CallFacts, KeyFacts, MasterFacts, Setup
from assay_nb.engine.local.resources import Resources
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.providers.setup import SETUP

if TYPE_CHECKING:
    from assay_nb.store.call_rows import CallRecord
    from assay_nb.vault.stored import StoredKey
    from assay_nb.vault.vault import MasterKeyStatus


def read_key_facts(resources: Resources, workspace_id: bytes, user: str) -> list[KeyFacts]:
    """Return one fact for each provider. Every stored key is opened for it, and closed again."""
    stored: dict[ProviderId, StoredKey] = {
        key.destination.provider: key for key in resources.vault.list_keys(workspace_id)
    }
    places: dict[ProviderId, Destination] = {
        provider: key.destination for provider, key in stored.items()
    }
    used = resources.own_practice.put_first(workspace_id, places)
    sealed = resources.vault.state().name == "sealed"
    facts: list[KeyFacts] = []
    for provider in PROVIDERS:
        if provider not in used:
            facts.append(KeyFacts(provider=provider, state="missing"))
        elif used[provider] == places.get(provider):
            facts.append(_about_stored(stored[provider], sealed=sealed))
        else:
            facts.append(_about_own_practice(used[provider], user))
    return facts


def _about_stored(key: StoredKey, *, sealed: bool) -> KeyFacts:
    return KeyFacts(
        provider=key.destination.provider,
        state="sealed" if sealed else "ready" if key.state == "ready" else "unreadable",
        verified=key.verified,
        last4=key.last4,
        endpoint=key.destination.endpoint,
        added_by=key.added_by,
        added_at=say_time(key.added_at),
        placement=key.destination.placement,
    )


def _about_own_practice(there: Destination, user: str) -> KeyFacts:
    """Return what is known of the practice server's key, in the process that the server runs in."""
    return KeyFacts(
        provider=there.provider,
        state="ready",
        endpoint=there.endpoint,
        added_by=user,
        placement=there.placement,
    )


def read_call_facts(record: CallRecord) -> CallFacts:
    """Return a line of the call log, as faces show it."""
    return CallFacts(
        at=say_time(record.at),
        user=record.user,
        instrument=record.instrument,
        provider=record.provider,
        model=record.model,
        funding=record.funding,
        status=record.status,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost=None if record.cost_micros is None else record.cost_micros / 1_000_000,
        milliseconds=record.milliseconds,
    )


def read_setup(provider: ProviderId) -> Setup:
    """Return how to get started with a provider."""
    about = SETUP[provider]
    return Setup(
        provider=provider,
        name=about.label,
        key_url=about.keys_url,
        revoke_url=about.keys_url,
        looks_like=about.looks_like,
        cost=about.to_begin,
        note=about.caution,
    )


def read_master_facts(status: MasterKeyStatus) -> MasterFacts:
    """Return what may be known of a master key."""
    return MasterFacts(
        id=status.mk_id.hex()[:12],
        state=status.state,
        created_at=say_time(status.created_at) if status.created_at else "",
        data_keys=status.data_keys,
    )


def say_time(seconds: int) -> str:
    """Return a time as faces show it: minutes, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
