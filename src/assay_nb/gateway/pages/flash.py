"""What came of a form: said once, on the page that follows.

A form is answered with a redirect, so that a key that was just sent is in no page's history, and going
back sends nothing twice. What there is to say travels in a cookie. It is signed with the session's XSRF
token, which only our pages have, so that nobody else can put words into them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from aiohttp import web

from assay_nb.errors import AssayError
from assay_nb.gateway.auth.signing import Signer
from assay_nb.gateway.http.context import RequestContext

COOKIE = "assay-notice"

_LIFE = 60
_LONGEST = 600
"""Characters of a sentence. A browser keeps 4,096 bytes of a cookie."""


@dataclass(frozen=True, slots=True)
class Flash:
    """One sentence, and what to do next.

    Attributes:
        kind: Whether it was done, done with a reservation, or not done.
        page: The path of the page whose form was filled in, where it is shown filled in again.
        typed: What was typed there, by field: never a key.
    """

    kind: Literal["done", "care", "failed"]
    text: str
    hint: str = ""
    page: str = ""
    typed: Mapping[str, str] = field(default_factory=dict[str, str])


def failed(error: AssayError, hint: str) -> Flash:
    """Return the notice for what could not be done."""
    return Flash("failed", error.message, hint)


def leave_notice(context: RequestContext, response: web.StreamResponse, notice: Flash) -> None:
    """Have the next page say it."""
    cut = replace(notice, text=notice.text[:_LONGEST], hint=notice.hint[:_LONGEST])
    content = json.dumps(asdict(cut)).encode()
    settings = context.services.settings
    response.set_cookie(
        COOKIE,
        _signer(context).pack("notice", content),
        path=settings.prefix,
        max_age=_LIFE,
        httponly=True,
        samesite="Lax",
        secure=(settings.hub.public_url or "").startswith("https:"),
    )


def take_notice(context: RequestContext, response: web.StreamResponse) -> Flash | None:
    """Return what is to be said, if there is something, and forget it."""
    cookie = context.request.cookies.get(COOKIE)
    if cookie is None:
        return None
    response.del_cookie(COOKIE, path=context.services.settings.prefix)
    content = _signer(context).unpack("notice", cookie)
    return None if content is None else Flash(**json.loads(content))


def _signer(context: RequestContext) -> Signer:
    session = context.caller.session
    assert session is not None, "notices are for browsers"
    return Signer(session.xsrf.encode())
