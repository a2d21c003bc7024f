"""What every handler does: let in whom the server lets in, read JSON, answer JSON, keep nothing."""

# pyright: reportUnknownMemberType=false, reportUntypedBaseClass=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# jupyter_server's and tornado's types are partial.

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated

from assay_nb.engine.control import Control
from assay_nb.engine.session import Session, current_session
from assay_nb.errors import AssayError, WrongUsage

T = TypeVar("T")

LONGEST_BODY = 8 * 1024 * 1024
"""A notebook's texts may be long; a longer body is neither a prompt nor a cell."""


def guarded(method: Callable[..., Any]) -> Any:
    """Let only those use a method whom the server knows and its authorizer allows."""
    return authenticated(authorized(method))


class Handler(APIHandler):
    """A handler on the session's control.

    The server's own checks come first: signed in, XSRF token, host. Every answer says `no-store`.
    """

    auth_resource = "assay_nb"
    takes_halves = False
    """Whether texts may contain half of a surrogate pair, which cannot be stored or sent anywhere."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    @property
    def session(self) -> Session:
        return self.settings.get("assay_nb_session") or current_session()

    @property
    def control(self) -> Control:
        return self.session.control

    async def ask(self, function: Callable[..., Awaitable[T]], *args: Any, **named: Any) -> T:
        """Ask the control on its own loop. When the browser hangs up, it is cancelled there."""

        async def run() -> T:
            return await function(*args, **named)

        return await self.session.portal.wait(run)

    def read(self, **wanted: type) -> dict[str, Any]:
        """Return the body's fields.

        Args:
            wanted: The fields and their types. A field that is not there is None.

        Raises:
            WrongUsage: If the body is too long, no JSON object, or has other fields or types. The
                text never quotes the body, which may be a key.
        """
        if len(self.request.body) > LONGEST_BODY:
            raise WrongUsage(
                "This is too long.", hint=f"{LONGEST_BODY // 1024 // 1024} MiB is the most."
            )
        try:
            body = json.loads(self.request.body or b"{}")
            if not self.takes_halves:
                json.dumps(body, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise WrongUsage("The request's body has half of a surrogate pair in a text.") from None
        except (ValueError, RecursionError):
            raise WrongUsage(
                "The request's body is not valid JSON, or is nested too deeply."
            ) from None
        if not isinstance(body, dict) or set(body) - set(wanted):
            raise WrongUsage(f"The body is an object with {', '.join(wanted) or 'no field'}.")
        for name, kind in wanted.items():
            if body.get(name) is not None and not isinstance(body[name], kind):
                raise WrongUsage(f"'{name}' is of the wrong type.")
        return {name: body.get(name) for name in wanted}

    def need(self, fields: dict[str, Any], name: str) -> str:
        """Return a field that must be there and not empty.

        Raises:
            WrongUsage: If it is not.
        """
        if not fields[name]:
            raise WrongUsage(f"'{name}' is missing.")
        return fields[name]

    def answer(self, data: Any) -> None:
        """Answer with JSON."""
        self.finish(json.dumps(data))

    def refuse(self, error: AssayError) -> None:
        """Answer with an error: code, message, hint."""
        self.set_status(error.http_status)
        self.answer({"error": error.to_dict()})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Leave our own errors out of the server's log: what they say is for the person."""
        if not isinstance(value, AssayError):
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, AssayError):
            self.refuse(error)
        else:
            super().write_error(status_code, **kwargs)
