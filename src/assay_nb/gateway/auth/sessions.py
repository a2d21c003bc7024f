"""A browser's session: a signed cookie, and the token without which nothing may be changed.

The cookie holds the hub token that the browser was given for this page, so that any replica can serve
it and the hub can end it. Its signature and the XSRF token come from the service's own token, which all
replicas have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from assay_nb.errors import PermissionDenied

COOKIE = "assay-session"
STATE = "assay-login"
XSRF_FIELD = "_xsrf"
XSRF_HEADER = "X-XSRFToken"

_LIFE = 8 * 3600
_LOGIN_LIFE = 600


@dataclass(frozen=True, slots=True)
class Session:
    """What a valid cookie says.

    Attributes:
        token: The hub token.
        xsrf: What a form or a script of ours must send along.
    """

    token: str
    xsrf: str

    def __repr__(self) -> str:
        return "Session(…)"


class Sessions:
    """Makes and reads the cookies.

    Args:
        secret: Known to every replica and to nobody else.
        path: The service's prefix, the only place that browsers send the cookies to.
        secure: Whether browsers reach the hub by https.
    """

    def __init__(self, secret: bytes, *, path: str, secure: bool) -> None:
        self._secret = secret
        self._path = path
        self._secure = secure

    def read(self, request: web.Request) -> Session | None:
        """Return the session of a request, or None."""
        fields = self._open(request.cookies.get(COOKIE), "session", _LIFE)
        if fields is None:
            return None
        return Session(fields["token"], self.sign("xsrf", fields["id"].encode()))

    def begin(self, response: web.StreamResponse, token: str) -> None:
        """Sign a browser in."""
        sealed = self._seal("session", {"token": token, "id": os.urandom(16).hex()})
        self._set(response, COOKIE, sealed, _LIFE)

    def end(self, response: web.StreamResponse) -> None:
        """Sign a browser out."""
        response.del_cookie(COOKIE, path=self._path)

    def begin_login(self, response: web.StreamResponse, back_to: str) -> str:
        """Remember in the browser where it was going; return the state that the hub brings back."""
        state = os.urandom(24).hex()
        sealed = self._seal("login", {"state": state, "next": back_to})
        self._set(response, f"{STATE}-{state[:8]}", sealed, _LOGIN_LIFE)
        return state

    def finish_login(self, request: web.Request, state: str) -> str | None:
        """Return where the browser was going, if it is the one that began with this state."""
        fields = self._open(request.cookies.get(f"{STATE}-{state[:8]}"), "login", _LOGIN_LIFE)
        if fields is None or not hmac.compare_digest(fields["state"].encode(), state.encode()):
            return None
        return fields["next"]

    def forget_login(self, response: web.StreamResponse, state: str) -> None:
        """Remove what `begin_login` left in the browser."""
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

    def _seal(self, purpose: str, fields: Mapping[str, str]) -> str:
        content = json.dumps({**fields, "at": int(time.time())}).encode()
        return f"{base64.urlsafe_b64encode(content).decode()}.{self.sign(purpose, content)}"

    def _open(self, value: str | None, purpose: str, life: int) -> dict[str, Any] | None:
        packed, _, signature = (value or "").partition(".")
        try:
            content = base64.urlsafe_b64decode(packed.encode("ascii"))
        except ValueError:
            return None
        expected = self.sign(purpose, content)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return None
        fields = json.loads(content)
        return fields if 0 <= time.time() - fields["at"] <= life else None

    def sign(self, purpose: str, content: bytes) -> str:
        """Sign bytes, by a key that each purpose has of its own."""
        key = hmac.digest(self._secret, f"assay_nb/v1/{purpose}".encode(), hashlib.sha256)
        return hmac.digest(key, content, hashlib.sha256).hex()


def check_origin(request: web.Request, public_origin: str | None) -> None:
    """Refuse a change that another site's page asked a browser for.

    Browsers name the page's origin with every change. Where an old one does not, `Sec-Fetch-Site` or
    the XSRF token has to do.

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


def check_xsrf(session: Session, sent: str | None) -> None:
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
        "The request comes from another site's page.", hint="Use the hub's own page."
    )
