"""Forms of the pages. Each is one small function: fields in, an action, a notice and the next page out."""

from __future__ import annotations

import math
from collections.abc import Mapping

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.errors import WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.pages import key_forms
from assay_nb.gateway.pages.dispatch import Fields, Form, Next, back
from assay_nb.gateway.pages.flash import Flash

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
    asked = fields.optional("other") or fields.optional("model")
    chosen = await actions.choose_model(context, asked or None)
    text = f"Calls that name no model use {chosen}." if chosen else "No model is set now."
    return await back(context, Flash("done", text))


async def _set_price(context: RequestContext, fields: Fields) -> Next:
    model = fields.text("model", "The model")
    figures = _number(fields, "input", "A price"), _number(fields, "output", "A price")
    into, out = figures
    if (into is None) != (out is None):
        raise WrongUsage("A price has two parts, in and out.", hint="Enter 0 for one that is free.")
    price = None if into is None or out is None else (into, out)
    facts = await actions.set_price(context, model, price)
    known = f"costs ${facts.input_price:g} in and ${facts.output_price:g} out" if price else ""
    text = f"{model} {known}, per million tokens." if price else f"No price is set for {model} now."
    return await back(context, Flash("done", text))


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
    return await back(context, Flash("done", f"{user} is in, as {role}."))


async def _change_role(context: RequestContext, fields: Fields) -> Next:
    user, role = fields.text("user", "The member"), fields.text("role", "The role")
    await actions.change_role(context, user, role)
    return await back(context, Flash("done", f"{user} is {role} now."))


async def _remove_member(context: RequestContext, fields: Fields) -> Next:
    user = fields.text("user", "The member")
    if user == context.user:  # the page that follows is one they may still see
        return await _leave_workspace(context, fields)
    await actions.remove_member(context, user)
    return await back(context, Flash("done", f"{user} is out, and their running calls are ended."))


async def _leave_workspace(context: RequestContext, fields: Fields) -> Next:
    where = await context.control.show_workspace(context.workspace)
    await actions.remove_member(context, context.user)
    return Next("", Flash("done", f"You have left '{where.name}'."))


async def _set_allowance(context: RequestContext, fields: Fields) -> Next:
    user, together = fields.optional("user"), bool(fields.optional("together"))
    allowance = Allowance(
        user or EVERYBODY,
        _whole_number(fields, "calls"),
        actions.in_micros(_number(fields, "dollars", "A limit")),
        _whole_number(fields, "month_calls"),
        actions.in_micros(_number(fields, "month_dollars", "A limit")),
        fields.optional("model"),
        together,
    )
    await actions.set_allowance(context, allowance)
    each = user or "every member without a limit of their own"
    who = "all members together" if together else each
    about = f" on {allowance.model}" if allowance.model else ""
    return await back(context, Flash("done", f"The limit for {who}{about} is set."))


def _whole_number(fields: Fields, name: str) -> int | None:
    number = _number(fields, name, "A limit")
    if number is not None and not number.is_integer():
        raise WrongUsage("A limit of calls is a whole number; an empty field means none.")
    return None if number is None else int(number)


def _number(fields: Fields, name: str, what: str) -> float | None:
    text = fields.optional(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise WrongUsage(f"{what} is a number from 0 up; an empty field means none.")
    return number


OVERVIEW: Mapping[str, Form] = {
    "create": Form(_create_workspace),
    "restore": Form(_restore_workspace),
}
WORKSPACE: Mapping[str, Form] = {
    "use": Form(_use_workspace, "view"),
    "model": Form(_choose_model, "set_model"),
    "price": Form(_set_price, "set_model"),
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
    "save": Form(key_forms.save_key, "manage_keys"),
    "test": Form(key_forms.test_key, "manage_keys"),
    "remove": Form(key_forms.remove_key, "manage_keys"),
}
CONNECTION: Mapping[str, Form] = {
    **KEY,
    "rename": Form(key_forms.rename_connection, "manage_keys"),
}
NEW: Mapping[str, Form] = {"add": Form(key_forms.add_connection, "manage_keys")}
