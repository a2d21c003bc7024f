"""Facts that faces show: keys, calls and master keys, read in this process."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assay_nb.engine.control import CallFacts, KeyFacts, MasterFacts
from assay_nb.engine.local.resources import Resources
from assay_nb.messages import NO_KEY, PROVIDERS, Destination

if TYPE_CHECKING:
    from assay_nb.store.call_rows import CallRecord
    from assay_nb.vault.stored import StoredKey
    from assay_nb.vault.vault import MasterKeyStatus


def read_key_facts(resources: Resources, workspace_id: bytes, user: str) -> list[KeyFacts]:
    """Return one fact for each connection: the three that are there from the start, then the others by name.

    Every stored key is opened for it, and closed again.
    """
    stored: dict[str, StoredKey] = {
        key.destination.connection: key for key in resources.vault.list_keys(workspace_id)
    }
    places: dict[str, Destination] = {name: key.destination for name, key in stored.items()}
    used = resources.own_practice.put_first(workspace_id, places)
    sealed = resources.vault.find_state().name == "sealed"
    facts = [KeyFacts(provider=one, state="missing") for one in PROVIDERS if one not in used]
    for name, there in used.items():
        if there == places.get(name):
            facts.append(about_stored(stored[name], resources, sealed=sealed))
        else:
            facts.append(_about_own_practice(there, user))
    return sorted(facts, key=_in_order)


def _in_order(fact: KeyFacts) -> tuple[int, str]:
    """Return where a connection stands in lists."""
    first = list[str](PROVIDERS)
    name = fact.connection
    return (first.index(name) if name in first else len(first), name)


def about_stored(key: StoredKey, resources: Resources, *, sealed: bool) -> KeyFacts:
    """Return what may be known of a stored key.

    Args:
        key: The key.
        resources: Says after how many days a key is old.
        sealed: Whether the vault is, so that nobody knows whether it opens.
    """
    # A row whose time lies ahead is a clock's fault, and no reason to call a key young for ever.
    days = max(0, _now() - key.added_at) // 86_400
    limit = resources.remind_key_days
    return KeyFacts(
        provider=key.destination.provider,
        connection=key.destination.connection,
        kind=key.destination.kind,
        state="sealed" if sealed else "ready" if key.state == "ready" else "unreadable",
        verified=key.verified,
        last4=key.last4,
        endpoint=key.destination.endpoint,
        added_by=key.added_by,
        added_at=say_time(key.added_at),
        placement=key.destination.placement,
        age_days=days,
        old=0 < limit < days and key.destination.placement != NO_KEY,
    )


def _about_own_practice(there: Destination, user: str) -> KeyFacts:
    """Return what is known of the practice server's key, in the process that the server runs in."""
    return KeyFacts(
        provider=there.provider,
        connection=there.connection,
        kind=there.kind,
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
        cost=_dollars(record.cost_micros),
        milliseconds=record.milliseconds,
        cached_tokens=record.cached_tokens,
        counted=_dollars(record.counted_micros),
    )


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / 1_000_000


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


def _now() -> int:
    return int(time.time())
