"""What came of a form: said once, on the page that follows.

A form is answered with a redirect, so that a key that was just sent is in no page's history, and going
back sends nothing twice. What there is to say travels in a cookie. It is signed with the session's XSRF
token, which only our pages have, so that nobody else can put words into them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Literal

from aiohttp import web

from assay_nb.errors import AssayError
from assay_nb.gateway.http.context import RequestContext

COOKIE = "assay-notice"

_LIFE = 60
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Flash:
    """One sentence, and what to do next.

    Attributes:
        kind: Whether it was done, done with a reservation, or not done.
    """

    kind: Literal["done", "care", "failed"]
    text: str
    hint: str = ""


def failed(error: AssayError, hint: str) -> Flash:
    """Return the notice for what could not be done."""
    return Flash("failed", error.message, hint)


def leave_notice(incoming: RequestContext, response: web.StreamResponse, notice: Flash) -> None:
    """Have the next page say it."""
    cut = Flash(notice.kind, notice.text[:_LONGEST], notice.hint[:_LONGEST])
    content = json.dumps(asdict(cut)).encode()
    packed = base64.urlsafe_b64encode(content).decode()
    settings = incoming.services.settings
    response.set_cookie(
        COOKIE,
        f"{packed}.{_sign(incoming, content)}",
        path=settings.prefix,
        max_age=_LIFE,
        httponly=True,
        samesite="Lax",
        secure=(settings.hub.public_url or "").startswith("https:"),
    )


def take_notice(incoming: RequestContext, response: web.StreamResponse) -> Flash | None:
    """Return what is to be said, if there is something, and forget it."""
    cookie = incoming.request.cookies.get(COOKIE)
    if cookie is None:
        return None
    response.del_cookie(COOKIE, path=incoming.services.settings.prefix)
    packed, _, signature = cookie.partition(".")
    try:
        content = base64.urlsafe_b64decode(packed.encode("ascii"))
    except ValueError:
        return None
    if not hmac.compare_digest(
        _sign(incoming, content).encode(), signature.encode("utf-8", "replace")
    ):
        return None
    return Flash(**json.loads(content))


def _sign(incoming: RequestContext, content: bytes) -> str:
    session = incoming.caller.session
    assert session is not None, "notices are for browsers"
    key = hmac.digest(session.xsrf.encode(), b"assay_nb/v1/notice", hashlib.sha256)
    return hmac.digest(key, content, hashlib.sha256).hex()
