"""Dispatch of a page's forms: which button was pressed, whether the caller may, and the page that follows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from aiohttp import web

from assay_nb.errors import AssayError, WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.auth.sessions import XSRF_FIELD
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.pages.flash import Flash, failed, leave_notice
from assay_nb.gateway.pages.templates import check_navigation, draw_error, hint_for_page
from assay_nb.text.redaction import secret_in
from assay_nb.workspaces.roles import Action

_NEVER_KEPT = frozenset({"key", XSRF_FIELD})
_MOST_KEPT = 1_200
"""Characters of what was typed that are kept for the page that follows. A cookie holds them."""


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

    def typed(self) -> dict[str, str]:
        """Return what may be shown in the form again: neither a key nor what is shaped like one."""
        kept = {
            name: value
            for name, value in self._sent.items()
            if name not in _NEVER_KEPT and isinstance(value, str) and secret_in(value) is None
        }
        return kept if len(json.dumps(kept)) <= _MOST_KEPT else {}


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
        page = context.request.rel_url.raw_path
        notice = failed(error, hint_for_page(error))
        notice = replace(notice, page=page, typed=fields.typed())
        then = Next(page.removeprefix(context.services.settings.prefix), notice)
    return send_to(context, then)


def send_to(context: RequestContext, then: Next) -> web.Response:
    """Return the redirect to a page of ours."""
    location = context.services.settings.prefix + then.page
    response = web.Response(status=303, headers={"Location": location})
    if then.notice is not None:
        leave_notice(context, response, then.notice)
    return response


async def back(context: RequestContext, notice: Flash) -> Next:
    """Return the workspace's page as the next one."""
    return Next(f"workspaces/{await actions.find_id(context)}", notice)
