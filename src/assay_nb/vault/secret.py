"""Secret bytes: a key in memory, for as short a time as possible."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import Any, NoReturn, final


class SecretBuffer(bytearray):
    """The bytes of a secret: a `bytearray` that does not show itself.

    It is overwritten when nothing refers to it any more, even if the caller forgot to.
    """

    def __del__(self) -> None:
        self[:] = bytes(len(self))

    def __repr__(self) -> str:
        return "SecretBuffer(…)"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret cannot be copied or pickled.")


@final
class SecretBytes:
    """A key, held for one request and then overwritten.

    It prints as `SecretBytes(…)`, compares by identity and refuses to be copied, iterated or pickled, so
    it cannot end up in a log line or a cache by accident. `reveal` is the only way out: grep for it to
    find every use. A forked child finds every secret of its parent overwritten.

    Overwriting is best effort. Python and TLS may keep copies of what `reveal` handed out.
    """

    __slots__ = ("__weakref__", "_buffer", "_wiped")

    def __init__(self, value: bytes | bytearray | memoryview) -> None:
        self._buffer = SecretBuffer(value)
        self._wiped = False
        _alive.add(self)

    @classmethod
    def take(cls, buffer: SecretBuffer) -> SecretBytes:
        """Own a buffer instead of copying it: it is overwritten together with the secret."""
        secret = cls.__new__(cls)
        secret._buffer = buffer
        secret._wiped = False
        _alive.add(secret)
        return secret

    def reveal(self) -> SecretBuffer:
        """Return the bytes themselves, not a copy; `bytes(…)` of them makes one.

        What is returned prints as little as the secret does, so a traceback with local variables shows
        nothing. Once the secret is wiped, it holds zeros.
        """
        if self._wiped:
            raise ValueError("This secret was wiped.")
        return self._buffer

    def wipe(self) -> None:
        """Overwrite the bytes that this object owns."""
        self._wiped = True
        self._buffer[:] = bytes(len(self._buffer))

    @property
    def is_wiped(self) -> bool:
        """Whether the bytes are gone."""
        return self._wiped

    def __len__(self) -> int:
        return len(self._buffer)

    def __enter__(self) -> SecretBytes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return "SecretBytes(…)"

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __iter__(self) -> NoReturn:
        raise TypeError("A secret cannot be iterated.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret cannot be copied or pickled.")


_alive: weakref.WeakSet[SecretBytes] = weakref.WeakSet()


def _wipe_all() -> None:
    for secret in list(_alive):
        secret.wipe()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_wipe_all)
