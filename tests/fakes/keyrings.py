"""Keyring backends that behave in one way each. None is on the list of those that are trusted."""

from __future__ import annotations

import threading

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


def name_of(kind: type[KeyringBackend]) -> str:
    """Return a backend's name as the list of trusted ones writes it."""
    return f"{kind.__module__}:{kind.__qualname__}"


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given, in a dictionary that several may share."""

    priority = 0  # type: ignore[assignment]
    entries: dict[tuple[str, str], str]

    @classmethod
    def over(cls, entries: dict[tuple[str, str], str]) -> MemoryKeyring:
        # The entries are the class's: a trusted backend's instances hold no state of their own.
        return type(cls.__name__, (cls,), {"entries": entries, "__module__": cls.__module__})()

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class ForgetfulKeyring(MemoryKeyring):
    """Says that it kept a secret, and did not: the null backend's way."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class GarblingKeyring(MemoryKeyring):
    """Cuts long values short, as some credential stores do."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password[:40])


class LockedKeyring(MemoryKeyring):
    """Is locked, and the person dismissed the prompt."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")


class HangingKeyring(MemoryKeyring):
    """Waits for an answer over D-Bus until the test is over."""

    asked = 0
    over_now = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        HangingKeyring.asked += 1
        self.over_now.wait(60)
        return None
