"""Forms for keys and connections: entering, testing, renaming, removing."""

from __future__ import annotations

from dataclasses import replace

from assay_nb.connections.presets import find_preset
from assay_nb.engine.control import KeyCheck, KeyFacts
from assay_nb.errors import ProviderAuthError, ProviderError, WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.actions import Place
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.pages.cards import cards_of
from assay_nb.gateway.pages.dispatch import Fields, Next, back
from assay_nb.gateway.pages.flash import Flash
from assay_nb.gateway.pages.templates import hint_for_page
from assay_nb.messages import PROVIDERS, label_of
from assay_nb.text.english import count


async def save_key(context: RequestContext, fields: Fields) -> Next:
    """Store a key in the place of the one before, after a test."""
    connection = _connection(context)
    known = await _find_facts(context, connection)
    if known is not None and known.keyless and not fields.optional("key"):
        key = ""  # it has none, and none was entered: the address alone is changed
    else:
        key = _read_key(fields, has_address=connection not in PROVIDERS)
    return await _save(context, fields, connection, key, _read_place(fields))


async def add_connection(context: RequestContext, fields: Fields) -> Next:
    """Make a connection from a preset, after a test."""
    preset, connection = find_preset(context.part("preset")), fields.text("name", "The name")
    known = await _find_facts(context, connection)
    if known is not None and known.state != "missing":
        raise WrongUsage(
            f"There is a connection '{connection}' already.",
            hint="Choose another name, or replace the key on that connection's page.",
        )
    key = "" if preset.key == "none" else _read_key(fields, has_address=True)
    parts = {hole: fields.optional(hole) for hole in preset.holes}
    place = actions.place_by_preset(preset, parts, _read_place(fields), key)
    then = await _save(context, fields, connection, key, place)
    if then.notice is None or connection in PROVIDERS:
        return then
    hint = f"{then.notice.hint} Its models are called `{connection}/MODEL`.".lstrip()
    return replace(then, notice=replace(then.notice, hint=hint))


async def test_key(context: RequestContext, fields: Fields) -> Next:
    """Ask a connection's server whether it works."""
    connection = _connection(context)
    outcome = await actions.test_key(context, connection)
    works = "" if outcome.outcome == "keyless" else "The key works."
    return await back(context, await _outcome(context, outcome, connection, works))


async def rename_connection(context: RequestContext, fields: Fields) -> Next:
    """Give a connection another name."""
    old, new = _connection(context), fields.text("name", "The new name")
    await actions.rename_connection(context, old, new)
    return await back(context, Flash("done", f"'{old}' is called '{new}' now."))


async def remove_key(context: RequestContext, fields: Fields) -> Next:
    """Delete a connection with its key, and tell where the key is revoked."""
    connection = _connection(context)
    known = await _find_facts(context, connection)
    removal = await actions.remove_key(context, connection)
    if known is not None and known.keyless:
        named = f"connection '{connection}'"
        what = f"{label_of(connection)} endpoint" if connection in PROVIDERS else named
        text, hint = f"The {what} is removed. No key was stored for it.", ""
    elif connection in PROVIDERS:
        label = label_of(connection)
        text = f"The {label} key is removed here. Only revoking it at {label} ends it."
        there = context.control.setup(removal.provider).revoke_url
        hint = f"Revoke it there: {there}"
        if removal.revoke_url not in (
            "",
            there,
        ):  # a server of somebody's own, or a proxy that has the key
            hint = f"Revoke it where it was made: {removal.revoke_url} or {there}"
    else:
        text = f"The connection '{connection}' and its key are removed here. Only revoking the key ends it."
        where = f": {removal.revoke_url}" if removal.revoke_url else "."
        hint = f"Revoke it where it was made{where}"
    if not removal.scrubbed:
        hint += " Its sealed bytes are still in the database's files, and go with the next change."
    return await back(context, Flash("care", text, hint.strip()))


def _connection(context: RequestContext) -> str:
    """Return the connection of a page: one of the three first, or one that people have named."""
    on_key_page = "provider" in context.request.match_info
    return context.provider if on_key_page else context.connection


async def _find_facts(context: RequestContext, connection: str) -> KeyFacts | None:
    keys = await context.control.keys(context.workspace)
    return next((one for one in keys if one.connection == connection), None)


async def _save(
    context: RequestContext, fields: Fields, connection: str, key: str, place: Place
) -> Next:
    """Store a key and say what came of it."""
    untested = fields.is_ticked("untested")
    try:
        outcome = await actions.save_key(context, connection, key, place, check=not untested)
    except ProviderError as error:
        error.hint = hint_for_page(error)
        if not isinstance(error, ProviderAuthError):
            error.hint = (
                f"{error.hint or 'Try again.'} To keep it all the same, tick “Store it untested”."
            )
        raise
    stored = "The key is stored, sealed."
    if not key:
        stored = f"No key is stored: requests to {place.endpoint or connection} carry none."
    return await back(context, await _outcome(context, outcome, connection, stored))


def _read_place(fields: Fields) -> Place:
    return Place(
        endpoint=fields.optional("endpoint") or None,
        placement=fields.optional("placement") or None,
    )


def _read_key(fields: Fields, *, has_address: bool) -> str:
    """Return the key; `""` for a server that needs none, which must be said: an empty field is a slip.

    Args:
        fields: The form's.
        has_address: Whether the server's address is known without the field for it.

    Raises:
        WrongUsage: If it is missing, or there although none is needed.
    """
    if not fields.is_ticked("keyless"):
        return fields.text("key", "The key")
    if fields.optional("key"):
        raise WrongUsage(
            "A key was entered for a server that needs none, so nothing was stored.",
            hint="Leave the key out, or untick “This server needs no key”.",
        )
    if not has_address and not fields.optional("endpoint"):
        raise WrongUsage("The base URL of the server that needs no key is missing.")
    return ""


async def _outcome(context: RequestContext, check: KeyCheck, connection: str, text: str) -> Flash:
    where = await context.control.show_workspace(context.workspace)
    cards = await cards_of(context, where)
    who = next((card.who for card in cards if card.key.connection == connection), connection)
    if check.outcome == "accepted":
        return Flash("done", f"{text} {who} lists {count(check.models, 'model')} for it.")
    if check.outcome == "limited":
        return Flash("care", text, check.detail or f"{who} does not let it list models.")
    if check.outcome == "keyless":
        return Flash("done", f"{text} {check.detail}".strip())
    untested = "It was not tested: the first call will show whether it works."
    return Flash("care", text, check.detail or untested)
