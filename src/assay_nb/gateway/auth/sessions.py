"""Browser sessions: a signed cookie, and the XSRF token that every change has to carry.

The cookie holds the hub token that the browser was given for this page, so that any replica can serve it
and the hub can end it. Its signature and the XSRF token come from the service's own token, which every
replica has.
"""

from __future__ import annotations

import hmac
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.auth.signing import Purpose, Signer

COOKIE = "assay-session"
STATE = "assay-login"
XSRF_FIELD = "_xsrf"
XSRF_HEADER = "X-XSRFToken"

_LIFE = 8 * 3600
_LOGIN_LIFE = 600


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """The content of a valid session cookie.

    Attributes:
        token: The hub token.
        xsrf: The token that our forms must send along.
    """

    token: str
    xsrf: str

    def __repr__(self) -> str:
        return "BrowserSession(…)"


class Sessions:
    """Makes and reads the session and login cookies.

    Args:
        signer: Signs with a secret that every replica has, and nobody else.
        path: The service's prefix, the only place that browsers send the cookies to.
        secure: Whether browsers reach the hub by https.
    """

    def __init__(self, signer: Signer, *, path: str, secure: bool) -> None:
        self._signer = signer
        self._path = path
        self._secure = secure

    def read(self, request: web.Request) -> BrowserSession | None:
        """Return the session of a request, or None."""
        fields = self._unpack(request.cookies.get(COOKIE), "session", _LIFE)
        if fields is None:
            return None
        xsrf = self._signer.sign("xsrf", fields["id"].encode())
        return BrowserSession(fields["token"], xsrf.hex())

    def begin(self, response: web.StreamResponse, token: str) -> None:
        """Sign a browser in."""
        packed = self._pack("session", {"token": token, "id": os.urandom(16).hex()})
        self._set(response, COOKIE, packed, _LIFE)

    def end(self, response: web.StreamResponse) -> None:
        """Sign a browser out."""
        response.del_cookie(COOKIE, path=self._path)

    def begin_login(self, response: web.StreamResponse, back_to: str) -> str:
        """Remember in the browser where it was going; return the state that the hub sends back."""
        state = os.urandom(24).hex()
        packed = self._pack("login", {"state": state, "next": back_to})
        self._set(response, f"{STATE}-{state[:8]}", packed, _LOGIN_LIFE)
        return state

    def finish_login(self, request: web.Request, state: str) -> str | None:
        """Return where the browser was going, if it is the one that began with this state."""
        fields = self._unpack(request.cookies.get(f"{STATE}-{state[:8]}"), "login", _LOGIN_LIFE)
        if fields is None or not hmac.compare_digest(fields["state"].encode(), state.encode()):
            return None
        return fields["next"]

    def forget_login(self, response: web.StreamResponse, state: str) -> None:
        """Remove the cookie of `begin_login` from the browser."""
        response.del_cookie(f"{STATE}-{state[:8]}", path=self._path)

    def _set(self, response: web.StreamResponse, name: str, value: str, life: int) -> None:
        response.set_cookie(
            name,
            value,
            path=self._path,
            max_age=life,
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )

    def _pack(self, purpose: Purpose, fields: Mapping[str, str]) -> str:
        return self._signer.pack(purpose, json.dumps({**fields, "at": int(time.time())}).encode())

    def _unpack(self, value: str | None, purpose: Purpose, life: int) -> dict[str, Any] | None:
        content = self._signer.unpack(purpose, value or "")
        if content is None:
            return None
        fields = json.loads(content)
        return fields if 0 <= time.time() - fields["at"] <= life else None


def check_origin(request: web.Request, public_origin: str | None) -> None:
    """Refuse a change that a page of another site requested.

    Browsers send the page's origin with every change. For an old one that does not, `Sec-Fetch-Site` or
    the XSRF token decides.

    Raises:
        PermissionDenied: If it came from elsewhere.
    """
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise _foreign()
    if origin is None:
        return
    if public_origin is not None:
        right = origin == public_origin
    else:
        right = origin in {
            f"{scheme}://{request.headers.get('Host')}" for scheme in ("http", "https")
        }
    if not right:
        raise _foreign()


def check_xsrf(session: BrowserSession, sent: str | None) -> None:
    """Refuse a change that does not carry the session's XSRF token.

    Raises:
        PermissionDenied: If it is missing or wrong.
    """
    if not hmac.compare_digest(session.xsrf.encode(), (sent or "").encode("utf-8", "replace")):
        raise PermissionDenied(
            "The request does not carry this page's XSRF token.", hint="Load the page again."
        )


def _foreign() -> PermissionDenied:
    return PermissionDenied(
        "The request comes from a page of another site.", hint="Use the hub's own page."
    )
