"""The caller of a request: a person whom the hub vouches for, and the credential they showed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from assay_nb.gateway.auth.identity import Person
    from assay_nb.gateway.auth.run_tokens import RunToken
    from assay_nb.gateway.auth.sessions import BrowserSession


@dataclass(frozen=True, slots=True)
class Caller:
    """A person who was let in.

    Attributes:
        person: Whom the hub vouches for.
        via: `"token"` for anything that shows a hub token, `"browser"` for our session cookie, `"run"` for
            a worker that shows a run token.
        token: The hub token, to ask the hub again while a stream runs. It is never shown or kept.
        session: The browser's session, for its XSRF token.
        run: The run token that was shown in place of the hub token.
    """

    person: Person
    via: Literal["token", "browser", "run"]
    token: str
    session: BrowserSession | None = None
    run: RunToken | None = None

    @property
    def user(self) -> str:
        return self.person.name

    def __repr__(self) -> str:
        return f"Caller({self.person.name!r}, via={self.via!r})"
