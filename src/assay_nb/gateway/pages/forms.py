"""What the pages' forms do. Each is one small function: fields in, a notice and the next page out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.engine.control import KeyCheck
from assay_nb.errors import AssayError, ProviderError, WorkspaceNotFound, WrongUsage
from assay_nb.gateway.calls.inflight import taken_out
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.pages.flash import Flash, failed, leave_notice
from assay_nb.gateway.pages.templates import check_navigation, draw_error, hint_for_page
from assay_nb.gateway.process.logs import Changed
from assay_nb.gateway.resources import check_model, check_provider
from assay_nb.models.catalog import parse_model
from assay_nb.providers.setup import label_of
from assay_nb.store.allowance_rows import Allowance
from assay_nb.text.english import count
from assay_nb.workspaces.roles import Action


class Fields:
    """The fields of a form."""

    def __init__(self, sent: Mapping[str, object]) -> None:
        self._sent = sent

    def text(self, name: str, what: str) -> str:
        """Return a field that must be filled in.

        Raises:
            WrongUsage: If it is not; `what` says what was to be written there.
        """
        found = self.optional(name)
        if not found:
            raise WrongUsage(f"{what} is missing.")
        return found

    def optional(self, name: str) -> str:
        """Return a field, `""` when it is empty or not there."""
        found = self._sent.get(name, "")
        return found.strip() if isinstance(found, str) else ""

    def is_ticked(self, name: str) -> bool:
        """Say whether a box is ticked."""
        return name in self._sent


@dataclass(frozen=True, slots=True)
class Next:
    """What a form is answered with: the page that follows, below the prefix, and what it says."""

    page: str
    notice: Flash | None = None


Act: TypeAlias = Callable[[RequestContext, Fields], Awaitable[Next]]


@dataclass(frozen=True, slots=True)
class Form:
    """A form, by its button.

    Attributes:
        act: What it does.
        needs: What the caller's role in the workspace of the path must allow. Whoever lacks it gets an
            error's page; what goes wrong later is said on the page that they came from.
    """

    act: Act
    needs: Action | None = None


async def answer_form(incoming: RequestContext, forms: Mapping[str, Form]) -> web.Response:
    """Do what a form asks for, and send the browser to the page that says what came of it."""
    check_navigation(incoming.request)
    fields = Fields(await incoming.request.post())
    form = forms.get(fields.optional("action"))
    if form is not None and form.needs is not None:
        try:
            await incoming.services.authorize(incoming.user, incoming.workspace, form.needs)
        except AssayError as error:
            return draw_error(incoming, error)
    try:
        if form is None:
            raise WrongUsage("This form has no such button.", hint="Load the page again.")
        then = await form.act(incoming, fields)
    except AssayError as error:
        page = incoming.request.rel_url.raw_path.removeprefix(incoming.services.settings.prefix)
        then = Next(page, failed(error, hint_for_page(error)))
    return send_to(incoming, then)


def send_to(incoming: RequestContext, then: Next) -> web.Response:
    """Return the redirect to a page of ours."""
    location = incoming.services.settings.prefix + then.page
    response = web.Response(status=303, headers={"Location": location})
    if then.notice is not None:
        leave_notice(incoming, response, then.notice)
    return response


# --- workspaces


async def _create_workspace(incoming: RequestContext, fields: Fields) -> Next:
    created = await incoming.control.create_workspace(fields.text("name", "The name"))
    _log(incoming, "workspace created", created.id)
    return Next(f"workspaces/{created.id}", Flash("done", f"'{created.name}' is made, and yours."))


async def _restore_workspace(incoming: RequestContext, fields: Fields) -> Next:
    workspaces = incoming.services.backing.workspaces
    found = await run_sync(workspaces.restore, incoming.user, fields.text("name", "The name"))
    _log(incoming, "workspace restored", found.id.hex())
    said = Flash("care", f"'{found.name}' is back.", "Its keys are not: they were removed with it.")
    return Next(f"workspaces/{found.id.hex()}", said)


async def _use_workspace(incoming: RequestContext, fields: Fields) -> Next:
    where = await incoming.control.use_workspace(await _id(incoming))
    text = f"Your notebooks work in '{where.name}' now, unless they name another workspace."
    return Next(f"workspaces/{where.id}", Flash("done", text))


async def _choose_model(incoming: RequestContext, fields: Fields) -> Next:
    where, model = await _id(incoming), fields.optional("model")
    if model:
        provider, name = parse_model(model)
        check_model(incoming.services.settings, provider, name or "")
    chosen = await incoming.control.set_model(where, model or None)
    _log(incoming, "model chosen", where)
    text = f"Calls that name no model use {chosen}." if chosen else "No model is set any more."
    return _back(where, Flash("done", text))


async def _rename_workspace(incoming: RequestContext, fields: Fields) -> Next:
    where = await _id(incoming)
    renamed = await incoming.control.rename_workspace(where, fields.text("name", "The new name"))
    _log(incoming, "workspace renamed", where)
    return _back(where, Flash("done", f"It is called '{renamed.name}' now."))


async def _transfer_workspace(incoming: RequestContext, fields: Fields) -> Next:
    where, user = await _id(incoming), fields.text("user", "The new owner")
    await run_sync(incoming.services.backing.workspaces.transfer, incoming.user, where, user)
    _log(incoming, "workspace handed over", where, user)
    return _back(where, Flash("done", f"It is {user}'s now, and you are an admin of it."))


async def _delete_workspace(incoming: RequestContext, fields: Fields) -> Next:
    where = await incoming.control.show_workspace(incoming.workspace)
    if fields.optional("name") != where.name:
        raise WrongUsage("The name is not the workspace's, so nothing was deleted.")
    await incoming.control.delete_workspace(where.id)
    gone = WorkspaceNotFound("The call was ended: its workspace was deleted.")
    incoming.services.running.end(None, bytes.fromhex(where.id), gone)
    _log(incoming, "workspace deleted", where.id)
    return Next("", Flash("done", f"'{where.name}' is deleted, and its keys with it."))


# --- members


async def _add_member(incoming: RequestContext, fields: Fields) -> Next:
    where, user = await _id(incoming), fields.text("user", "The name on the hub")
    role = fields.optional("role") or "member"
    await incoming.control.add_member(where, user, role)
    _log(incoming, "member added", where, user)
    return _back(where, Flash("done", f"{user} is in, as {role}."))


async def _change_role(incoming: RequestContext, fields: Fields) -> Next:
    where, user = await _id(incoming), fields.text("user", "The member")
    role = fields.text("role", "The role")
    await incoming.control.set_role(where, user, role)
    _log(incoming, "role changed", where, user)
    return _back(where, Flash("done", f"{user} is {role} now."))


async def _remove_member(incoming: RequestContext, fields: Fields) -> Next:
    where, user = await _id(incoming), fields.text("user", "The member")
    await incoming.control.remove_member(where, user)
    incoming.services.running.end(user, bytes.fromhex(where), taken_out())
    _log(incoming, "member removed", where, user)
    return _back(where, Flash("done", f"{user} is out, and their running calls are ended."))


async def _leave_workspace(incoming: RequestContext, fields: Fields) -> Next:
    where = await incoming.control.show_workspace(incoming.workspace)
    await incoming.control.leave_workspace(where.id)
    incoming.services.running.end(incoming.user, bytes.fromhex(where.id), taken_out())
    _log(incoming, "member removed", where.id, incoming.user)
    return Next("", Flash("done", f"You have left '{where.name}'."))


async def _set_allowance(incoming: RequestContext, fields: Fields) -> Next:
    where, user = await _id(incoming), fields.optional("user")
    calls, dollars = _number(fields, "calls"), _number(fields, "dollars")
    allowance = Allowance(
        user,
        None if calls is None else int(calls),
        None if dollars is None else round(dollars * 1_000_000),
    )
    allowances = incoming.services.backing.allowances
    await run_sync(allowances.set, bytes.fromhex(where), allowance)
    _log(incoming, "allowance set", where, user)
    who = user or "every member without a limit of their own"
    return _back(where, Flash("done", f"The limit for {who} is set."))


def _number(fields: Fields, name: str) -> float | None:
    text = fields.optional(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1_000_000:
        raise WrongUsage("A limit is a number from 0 up; an empty field means none.")
    return number


# --- keys


async def _save_key(incoming: RequestContext, fields: Fields) -> Next:
    provider, where = incoming.provider, await _id(incoming)
    check_provider(incoming.services.settings, provider)
    key = bytearray(_read_key(fields).encode("utf-8", "surrogatepass"))
    try:
        with incoming.services.limiter.slot(incoming.user):
            outcome = await incoming.control.set_key(
                where,
                provider,
                key,
                endpoint=fields.optional("endpoint") or None,
                check=not fields.is_ticked("untested"),
            )
    except ProviderError as error:
        hint = hint_for_page(error) or "Try again, or tick “Store it untested”."
        return Next(f"workspaces/{where}/keys/{provider}", failed(error, hint))
    finally:
        key[:] = bytes(len(key))
    _log(incoming, "key stored", where, provider)
    stored = "The key is stored, sealed."
    if fields.is_ticked("keyless"):
        stored = f"No key is stored: requests to {fields.optional('endpoint')} carry none."
    return _back(where, _outcome(outcome, stored))


def _read_key(fields: Fields) -> str:
    """Return the key; `""` for a server that needs none, which must be said: an empty field is a slip.

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
    if not fields.optional("endpoint"):
        raise WrongUsage("The base URL of the server that needs no key is missing.")
    return ""


async def _test_key(incoming: RequestContext, fields: Fields) -> Next:
    provider = incoming.provider
    with incoming.services.limiter.slot(incoming.user):
        outcome = await incoming.control.test_key(incoming.workspace, provider)
    works = "" if outcome.outcome == "keyless" else "The key works."
    return _back(await _id(incoming), _outcome(outcome, works))


async def _remove_key(incoming: RequestContext, fields: Fields) -> Next:
    provider, where = incoming.provider, await _id(incoming)
    removal = await incoming.control.remove_key(where, provider)
    _log(incoming, "key removed", where, provider)
    label = label_of(provider)
    text = f"The {label} key is removed here. Only revoking it at {label} ends it."
    hint = f"Revoke it there: {removal.revoke_url}"
    if not removal.revoke_url:
        text, hint = f"The {label} endpoint is removed. No key was stored for it.", ""
    if not removal.scrubbed:
        hint += " Its sealed bytes are still in the database's files, and go with the next change."
    return _back(where, Flash("care", text, hint.strip()))


def _outcome(check: KeyCheck, text: str) -> Flash:
    label = label_of(check.provider)
    if check.outcome == "accepted":
        return Flash("done", f"{text} {label} lists {count(check.models, 'model')} for it.")
    if check.outcome == "limited":
        return Flash("care", text, f"{label} knows it, but does not let it list models.")
    if check.outcome == "keyless":
        return Flash("done", f"{text} {check.detail}".strip())
    return Flash("care", text, "It was not tested: the first call will show whether it works.")


async def _id(incoming: RequestContext) -> str:
    return (await incoming.control.show_workspace(incoming.workspace)).id


def _back(where: str, notice: Flash) -> Next:
    return Next(f"workspaces/{where}", notice)


def _log(incoming: RequestContext, what: str, workspace: str, subject: str = "") -> None:
    incoming.services.log(Changed(what, incoming.user, workspace, subject))


OVERVIEW: Mapping[str, Form] = {
    "create": Form(_create_workspace),
    "restore": Form(_restore_workspace),
}
WORKSPACE: Mapping[str, Form] = {
    "use": Form(_use_workspace, "view"),
    "model": Form(_choose_model, "set_model"),
    "rename": Form(_rename_workspace, "rename"),
    "transfer": Form(_transfer_workspace, "transfer"),
    "delete": Form(_delete_workspace, "delete"),
    "add-member": Form(_add_member, "manage_members"),
    "change-role": Form(_change_role, "manage_members"),
    "remove-member": Form(_remove_member, "manage_members"),
    "leave": Form(_leave_workspace, "leave"),
    "allow": Form(_set_allowance, "manage_members"),
}
KEY: Mapping[str, Form] = {
    "save": Form(_save_key, "manage_keys"),
    "test": Form(_test_key, "manage_keys"),
    "remove": Form(_remove_key, "manage_keys"),
}
