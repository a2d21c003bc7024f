"""Drawing a page: templates that escape everything, and headers that let a browser do nothing else.

No page has a script, and no page shows a word of a model's. A page is drawn only for a browser that goes
to it: a script of another page on this host, such as a notebook's, is recognised by `Sec-Fetch-Dest` and
cannot read the XSRF token off it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from aiohttp import web
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from assay_nb.errors import AssayError, PermissionDenied, WorkspaceNotFound
from assay_nb.gateway.auth.sessions import XSRF_FIELD
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import NotFound
from assay_nb.gateway.pages.flash import take_notice
from assay_nb.gateway.settings import Settings
from assay_nb.render.characters import show_hidden
from assay_nb.render.document import Code, sentence

_HEADERS = {
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}
_CHOOSE = "Open another one from your workspaces."
_COMMAND = re.compile(r"`(assay-nb|%)|(?<![\w-])--[a-z]")
"""What names a command or an option of one, which nobody types on a page."""
_STATIC = {"page.css": "text/css", "mark.svg": "image/svg+xml"}


def write_policy(settings: Settings) -> str:
    """Return what a browser may do for a page: show it, and send its forms back to us.

    Signing out leads to the hub, and a browser checks where a form's answer leads. With subdomains that is another
    origin.
    """
    hub = f" {settings.hub_pages.removesuffix('/')}/logout" if settings.hub.subdomains else ""
    return "; ".join((
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        f"form-action 'self'{hub}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ))  # fmt: skip


def draw(
    context: RequestContext, template: str, *, status: int = 200, title: str, **about: Any
) -> web.Response:
    """Return a page.

    Args:
        context: The request that asks for it.
        template: The template's name, without its ending.
        status: The HTTP status.
        title: What the page is called, in its tab and its first heading.
        about: What the template shows.
    """
    session = context.caller.session
    assert session is not None, "pages are for browsers"
    services = context.services
    headers = {**_HEADERS, "Content-Security-Policy": write_policy(services.settings)}
    response = web.Response(status=status, content_type="text/html", headers=headers)
    notice = take_notice(context, response)
    is_same = notice is not None and notice.page == context.request.rel_url.raw_path
    response.text = (
        _environment()
        .get_template(f"{template}.html")
        .render(
            title=title,
            user=context.user,
            home=services.settings.prefix,
            hub=f"{services.settings.hub_pages}home",
            one_origin=not services.settings.hub.subdomains,
            style=_style_name(),
            xsrf=session.xsrf,
            xsrf_field=XSRF_FIELD,
            notice=notice,
            typed=notice.typed if notice is not None and is_same else {},
            **about,
        )
    )
    return response


def draw_error(context: RequestContext, error: AssayError) -> web.Response:
    """Return the page for what could not be shown."""
    hint = hint_for_page(error)
    return draw(
        context,
        "error",
        status=error.http_status,
        title="That did not work",
        error=error,
        hint=hint,
    )


def hint_for_page(error: AssayError) -> str:
    """Return an error's hint without the sentences that name a command; a workspace is chosen on the first page."""
    sentences = re.split(r"(?<=\.) (?=[A-Z`])", error.hint or "")
    without = " ".join(one for one in sentences if not _COMMAND.search(one))
    return _CHOOSE if isinstance(error, WorkspaceNotFound) and not without else without


def with_code(text: str) -> Markup:
    """Return a sentence of ours as HTML, with what stands between backticks as code. All of it is escaped."""
    parts = (
        Markup("<code>{}</code>").format(show_hidden(part.text))
        if isinstance(part, Code)
        else escape(show_hidden(str(part)))
        for part in sentence(text)
    )
    return Markup("").join(parts)


def check_navigation(request: web.Request) -> None:
    """Refuse a page to whoever does not go to it: scripts and frames.

    Browsers say by themselves what a request is for, and no script can say otherwise.

    Raises:
        PermissionDenied: If it is not for a browser's own window.
    """
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        raise PermissionDenied("This page is for a browser's window, not for a script or a frame.")


async def show_static(context: RequestContext) -> web.Response:
    """Return the style sheet or the mark."""
    name = context.part("name")
    if name not in _STATIC:
        raise NotFound("Nothing is at this address.")
    return web.Response(
        body=_static(name),
        content_type=_STATIC[name],
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


@cache
def _environment() -> Environment:
    folder = files("assay_nb.gateway.pages") / "html"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_code"] = with_code  # pyright: ignore[reportUnknownMemberType] - likewise
    environment.filters["shown"] = show_hidden  # pyright: ignore[reportUnknownMemberType] - jinja2 leaves its type open
    return environment


@cache
def _static(name: str) -> bytes:
    return (files("assay_nb.gateway.pages") / "static" / name).read_bytes()


@cache
def _style_name() -> str:
    return f"page.css?v={hashlib.sha256(_static('page.css')).hexdigest()[:12]}"
