"""Ended sessions: a browser's hub token is refused here once its person has signed out.

The hub ends the token too, as soon as the browser comes by its page for signing out. Whoever has copied the cookie
would otherwise be let in until then, and for eight hours by a browser that never comes. All replicas share the
database, so each of them refuses.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from assay_nb.store import session_rows as rows
from assay_nb.store.database import Database

_LABEL = b"assay_nb/v1/ended-session"

_KEPT = 60 * 86_400
"""Seconds that an end is remembered. A hub's own tokens for browsers last for 14 days, if it sets nothing else."""


class EndedSessions:
    """The sessions that people have ended.

    Args:
        database: Where that is kept, for all gateways on it.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def end(self, hub_token: str) -> None:
        """Refuse a browser's hub token from now on."""
        with self._database.write(serial=False) as connection:
            rows.add_ended_session(connection, _digest(hub_token), int(self._now()))

    def has_ended(self, hub_token: str) -> bool:
        """Say whether the session that this hub token was given for has ended."""
        with self._database.read() as connection:
            return rows.is_session_ended(connection, _digest(hub_token))


def forget_old_sessions(database: Database, now: Callable[[], float] = time.time) -> None:
    """Delete what was ended so long ago that the hub has ended it too."""
    with database.write(serial=False) as connection:
        rows.delete_old_sessions(connection, int(now()) - _KEPT)


def _digest(hub_token: str) -> bytes:
    return hashlib.sha256(_LABEL + hub_token.encode()).digest()
