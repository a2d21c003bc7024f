"""Forms of the pages. Each is one small function: fields in, an action, a notice and the next page out."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from assay_nb.engine.control import KeyCheck
from assay_nb.errors import AssayError, ProviderError, WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.pages.flash import Flash, failed, leave_notice
from assay_nb.gateway.pages.templates import check_navigation, draw_error, hint_for_page
from assay_nb.messages import label_of
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
        needs: What the caller's role in the workspace of the path must allow. A caller who lacks it gets an
            error's page; what goes wrong later is said on the page that they came from.
    """

    act: Act
    needs: Action | None = None


async def answer_form(context: RequestContext, forms: Mapping[str, Form]) -> web.Response:
    """Do what a form asks for, and send the browser to the page that says what came of it."""
    check_navigation(context.request)
    fields = Fields(await context.request.post())
    form = forms.get(fields.optional("action"))
    if form is not None and form.needs is not None:
        try:
            await context.services.authorize(context.user, context.workspace, form.needs)
        except AssayError as error:
            return draw_error(context, error)
    try:
        if form is None:
            raise WrongUsage("This form has no such button.", hint="Load the page again.")
        then = await form.act(context, fields)
    except AssayError as error:
        page = context.request.rel_url.raw_path.removeprefix(context.services.settings.prefix)
        then = Next(page, failed(error, hint_for_page(error)))
    return send_to(context, then)


def send_to(context: RequestContext, then: Next) -> web.Response:
    """Return the redirect to a page of ours."""
    location = context.services.settings.prefix + then.page
    response = web.Response(status=303, headers={"Location": location})
    if then.notice is not None:
        leave_notice(context, response, then.notice)
    return response


# --- workspaces


async def _create_workspace(context: RequestContext, fields: Fields) -> Next:
    created = await actions.create_workspace(context, fields.text("name", "The name"))
    return Next(
        f"workspaces/{created.id}", Flash("done", f"'{created.name}' is created, and you own it.")
    )


async def _restore_workspace(context: RequestContext, fields: Fields) -> Next:
    found = await actions.restore_workspace(context, fields.text("name", "The name"))
    said = Flash("care", f"'{found.name}' is back.", "Its keys are not: they were removed with it.")
    return Next(f"workspaces/{found.id}", said)


async def _use_workspace(context: RequestContext, fields: Fields) -> Next:
    where = await actions.use_workspace(context)
    text = f"Your notebooks work in '{where.name}' now, unless they name another workspace."
    return Next(f"workspaces/{where.id}", Flash("done", text))


async def _choose_model(context: RequestContext, fields: Fields) -> Next:
    chosen = await actions.choose_model(context, fields.optional("model") or None)
    text = f"Calls that name no model use {chosen}." if chosen else "No model is set now."
    return await _back(context, Flash("done", text))


async def _rename_workspace(context: RequestContext, fields: Fields) -> Next:
    renamed = await actions.rename_workspace(context, fields.text("name", "The new name"))
    return Next(f"workspaces/{renamed.id}", Flash("done", f"It is called '{renamed.name}' now."))


async def _transfer_workspace(context: RequestContext, fields: Fields) -> Next:
    user = fields.text("user", "The new owner")
    where = await actions.transfer_workspace(context, user)
    return Next(
        f"workspaces/{where}", Flash("done", f"It is {user}'s now, and you are an admin of it.")
    )


async def _delete_workspace(context: RequestContext, fields: Fields) -> Next:
    where = await context.control.show_workspace(context.workspace)
    if fields.optional("name") != where.name:
        raise WrongUsage("The name is not the workspace's, so nothing was deleted.")
    await actions.delete_workspace(context)
    return Next("", Flash("done", f"'{where.name}' is deleted, and its keys with it."))


# --- members


async def _add_member(context: RequestContext, fields: Fields) -> Next:
    user = fields.text("user", "The name on the hub")
    role = await actions.add_member(context, user, fields.optional("role") or None)
    return await _back(context, Flash("done", f"{user} is in, as {role}."))


async def _change_role(context: RequestContext, fields: Fields) -> Next:
    user, role = fields.text("user", "The member"), fields.text("role", "The role")
    await actions.change_role(context, user, role)
    return await _back(context, Flash("done", f"{user} is {role} now."))


async def _remove_member(context: RequestContext, fields: Fields) -> Next:
    user = fields.text("user", "The member")
    if user == context.user:  # the page that follows is one they may still see
        return await _leave_workspace(context, fields)
    await actions.remove_member(context, user)
    return await _back(context, Flash("done", f"{user} is out, and their running calls are ended."))


async def _leave_workspace(context: RequestContext, fields: Fields) -> Next:
    where = await context.control.show_workspace(context.workspace)
    await actions.remove_member(context, context.user)
    return Next("", Flash("done", f"You have left '{where.name}'."))


async def _set_allowance(context: RequestContext, fields: Fields) -> Next:
    user = fields.optional("user")
    calls, dollars = _number(fields, "calls"), _number(fields, "dollars")
    if calls is not None and not calls.is_integer():
        raise WrongUsage("A limit of calls is a whole number; an empty field means none.")
    await actions.set_allowance(context, user, None if calls is None else int(calls), dollars)
    who = user or "every member without a limit of their own"
    return await _back(context, Flash("done", f"The limit for {who} is set."))


def _number(fields: Fields, name: str) -> float | None:
    text = fields.optional(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise WrongUsage("A limit is a number from 0 up; an empty field means none.")
    return number


# --- keys


async def _save_key(context: RequestContext, fields: Fields) -> Next:
    provider, endpoint = context.provider, fields.optional("endpoint")
    try:
        outcome = await actions.save_key(
            context,
            _read_key(fields),
            endpoint=endpoint or None,
            check=not fields.is_ticked("untested"),
        )
    except ProviderError as error:
        hint = hint_for_page(error) or "Try again, or tick “Store it untested”."
        where = await actions.find_id(context)
        return Next(f"workspaces/{where}/keys/{provider}", failed(error, hint))
    stored = "The key is stored, sealed."
    if fields.is_ticked("keyless"):
        stored = f"No key is stored: requests to {endpoint} carry none."
    return await _back(context, _outcome(outcome, stored))


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


async def _test_key(context: RequestContext, fields: Fields) -> Next:
    outcome = await actions.test_key(context)
    works = "" if outcome.outcome == "keyless" else "The key works."
    return await _back(context, _outcome(outcome, works))


async def _remove_key(context: RequestContext, fields: Fields) -> Next:
    removal = await actions.remove_key(context)
    label = label_of(context.provider)
    text = f"The {label} key is removed here. Only revoking it at {label} ends it."
    hint = f"Revoke it there: {removal.revoke_url}"
    if not removal.revoke_url:
        text, hint = f"The {label} endpoint is removed. No key was stored for it.", ""
    if not removal.scrubbed:
        hint += " Its sealed bytes are still in the database's files, and go with the next change."
    return await _back(context, Flash("care", text, hint.strip()))


def _outcome(check: KeyCheck, text: str) -> Flash:
    label = label_of(check.provider)
    if check.outcome == "accepted":
        return Flash("done", f"{text} {label} lists {count(check.models, 'model')} for it.")
    if check.outcome == "limited":
        return Flash("care", text, check.detail or f"{label} does not let it list models.")
    if check.outcome == "keyless":
        return Flash("done", f"{text} {check.detail}".strip())
    untested = "It was not tested: the first call will show whether it works."
    return Flash("care", text, check.detail or untested)


async def _back(context: RequestContext, notice: Flash) -> Next:
    return Next(f"workspaces/{await actions.find_id(context)}", notice)


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
