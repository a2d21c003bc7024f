"""Every error a user can meet, drawn as a tree.

    AssayError
    ├── WrongUsage                what was typed cannot be carried out (exit status 2)
    │   └── KeyPasted             a cell or a command line holds something shaped like a key or a password
    ├── WorkspaceNotFound
    ├── PermissionDenied          the role does not allow it
    ├── ProviderKeyMissing        the workspace has no key for this provider
    ├── DemoExhausted             the seven demo calls are used up
    ├── EndpointRefused           the destination is not one that this key may be sent to
    ├── LimitReached              one person has reached their limit for now
    ├── StoreUnavailable          the database is locked, full, read-only, or damaged
    ├── VaultSealed               keys are stored, but the master key that opens them is not here
    ├── VaultIntegrityError       a stored key was moved, edited or damaged; one text for every cause
    ├── BelowThreshold            --fail-under: the work was done, and the result is under the bar
    ├── CallStopped               the person stopped it
    └── ProviderError             the provider refused or failed (status, request id, retry-after)
        ├── ProviderAuthError     401, 403, or the provider's own word for a bad key
        ├── RateLimited           429
        ├── ProviderUnavailable   5xx, no connection, time-out, or a stream that was cut
        └── BadReply              an answer came, and it is not what was asked for

An error is one sentence on what happened, then `hint`: the next step. Python, `--json` and the gateway
carry the same three fields: `code`, `message`, `hint`. None ever holds a key, a part of one, or a
provider's own error text, since providers quote keys in theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

KeyAct = Literal["add", "replace", "test", "remove", "rename", "connect", "change"]


@dataclass(frozen=True, slots=True)
class KeyStep:
    """What is to be done to a key after an error. Where and by whom depends on who reads it: see `keyway`.

    Attributes:
        act: What is done.
        connection: The connection's name.
        endpoint: The server's address, where it has to be said again.
        lead: What the hint says before it.
    """

    act: KeyAct
    connection: str
    endpoint: str = ""
    lead: str = ""


class AssayError(Exception):
    """What happened, in one sentence, and what to do next.

    `partial` is the result of a run of many calls as far as it came, where the error ended one. `key_step`
    is what is to be done to a key, until somebody who knows how that is done here has put it into the hint.

    In a notebook it prints as one line without a traceback, and the cell still fails: IPython asks an
    exception for `_render_traceback_` before it draws its own, and nbclient, papermill and nbconvert
    see an ordinary error output.
    """

    code: ClassVar[str] = "assay_error"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    """What a server answers with, the gateway and JupyterLab's alike."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.partial: Any = None
        self.key_step: KeyStep | None = None

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]

    def to_dict(self) -> dict[str, Any]:
        """Return `code`, `message` and `hint`, as the gateway and `--json` carry them."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class WrongUsage(AssayError):
    """What was typed cannot be carried out; nothing was sent or changed."""

    code = "wrong_usage"
    http_status = 400
    exit_status = 2


class KeyPasted(WrongUsage):
    """A cell, a line, an argument or a row holds something shaped like a key, a token or a password."""

    code = "key_pasted"


class WorkspaceNotFound(AssayError):
    """There is no such workspace, or none that this person is a member of (the two read the same)."""

    code = "workspace_not_found"
    http_status = 404


class PermissionDenied(AssayError):
    """The role in this workspace does not allow it."""

    code = "permission_denied"
    http_status = 403


class ProviderKeyMissing(AssayError):
    """The workspace has no key for the provider that was asked for."""

    code = "provider_key_missing"
    http_status = 409


class DemoExhausted(AssayError):
    """The person's demo calls are used up."""

    code = "demo_exhausted"
    http_status = 402


class EndpointRefused(AssayError):
    """The destination is not the one bound to the key, or is one that keys are never sent to."""

    code = "endpoint_refused"
    http_status = 403


class LimitReached(AssayError):
    """One person has reached their limit for now.

    Attributes:
        retry_after: Seconds until there is more, where that is known.
    """

    code = "limit_reached"
    http_status = 429

    def __init__(
        self, message: str, *, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "retry_after": self.retry_after}


class StoreUnavailable(AssayError):
    """The database cannot be read or written now; what it held before is unchanged."""

    code = "store_unavailable"
    http_status = 503


class VaultSealed(AssayError):
    """Keys are stored, but the master key that opens them cannot be had. No new one is made."""

    code = "vault_sealed"
    http_status = 503


class VaultIntegrityError(AssayError):
    """A stored key does not open. Moved, edited, rolled back and damaged rows all read the same."""

    code = "vault_integrity"
    http_status = 409


class BelowThreshold(AssayError):
    """The result is there, and under the bar that the caller set."""

    code = "below_threshold"
    http_status = 422


class CallStopped(AssayError):
    """The person stopped the call; the connection to the provider was closed at once."""

    code = "call_stopped"
    http_status = 499


class ProviderError(AssayError):
    """The provider refused or failed.

    Attributes:
        provider: The provider's id, such as `"anthropic"`.
        status: The HTTP status, or None when no response came.
        request_id: The provider's id of the request, for its support.
        retry_after: Seconds to wait, where the provider said so.
        reason: Which refusal it was, as a word of ours from `providers.refusals.Meaning`, or which failure of
            the connection; None where it was neither. It is never the provider's own word.
    """

    code = "provider_error"
    http_status = 502

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.reason = reason

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "provider": self.provider,
            "status": self.status,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
            "reason": self.reason,
        }


class ProviderAuthError(ProviderError):
    """The provider does not accept the key, or the key may not do this."""

    code = "provider_auth"


DAY_QUOTA = "day_quota"
"""The reason of a limit that counts by the day."""


class RateLimited(ProviderError):
    """The provider's limit on this account is reached."""

    code = "rate_limited"
    http_status = 429

    @property
    def daily(self) -> bool:
        """Whether the day's quota is used up, so that waiting for minutes does not help."""
        return self.reason == DAY_QUOTA


UNREACHED = "unreached"
BROKEN_OFF = "broken_off"
"""The reasons of a failure before anything was sent, and of one after a reply may have begun."""


class ProviderUnavailable(ProviderError):
    """No usable response: 5xx, no connection, a time-out, or a stream that was cut."""

    code = "provider_unavailable"

    @property
    def unreached(self) -> bool:
        """Whether no connection came about, so that nothing was sent."""
        return self.reason == UNREACHED

    @property
    def broken_off(self) -> bool:
        """Whether the connection was closed after the request was sent and before the reply was whole."""
        return self.reason == BROKEN_OFF


class BadReply(ProviderError):
    """The model answered, and the answer is refused, cut short, or not what was asked for.

    Attributes:
        stop: Why the reply ended, where that is what is wrong with it: one of `messages.StopReason`.
    """

    code = "bad_reply"

    def __init__(self, message: str, *, stop: str | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.stop = stop

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "stop": self.stop}


def workspace_gone() -> WorkspaceNotFound:
    """Return the error for a workspace that was chosen earlier and cannot be worked in any more.

    It was deleted, or the person was taken out of it. Nothing else is chosen for them: another account
    would pay.
    """
    return WorkspaceNotFound(
        "The workspace that you had chosen is gone, or you are no longer in it.",
        hint="Choose another one: `%assay workspace use NAME` in a notebook, "
        "`assay-nb workspace use NAME` in a terminal.",
    )


def error_from_dict(fields: dict[str, Any]) -> AssayError:
    """Return the error that `to_dict` described, as the kernel meets what the gateway raised.

    An unknown code gives a plain `AssayError` with the same message.
    """
    kind = _BY_CODE.get(str(fields.get("code")), AssayError)
    message, hint = str(fields.get("message") or "The call failed."), fields.get("hint")
    if issubclass(kind, ProviderError):
        facts = {"stop": fields.get("stop")} if issubclass(kind, BadReply) else {}
        return kind(
            message,
            **facts,
            hint=hint,
            provider=fields.get("provider"),
            status=fields.get("status"),
            request_id=fields.get("request_id"),
            retry_after=fields.get("retry_after"),
            reason=fields.get("reason"),
        )
    if issubclass(kind, LimitReached):
        return kind(message, hint=hint, retry_after=fields.get("retry_after"))
    return kind(message, hint=hint)


def _tree(kind: type[AssayError]) -> list[type[AssayError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in _tree(child))]


_BY_CODE: dict[str, type[AssayError]] = {kind.code: kind for kind in _tree(AssayError)}
