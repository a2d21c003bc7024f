"""A master key in the keyring of the operating system, of which only a few are trusted.

`keyring` picks whatever backend is installed or configured, and some of those keep nothing, or keep it
in plain text, or are named by an environment variable that anybody may have set. So its choice is not
asked for: the backends named here are constructed directly, and no other class ever gets a secret. A
`keyringrc.cfg` is not read either.

A keyring may ask the person to unlock it and wait without end, so every call has a time limit.
"""

from __future__ import annotations

import hmac
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assay_nb import config
from assay_nb.errors import VaultSealed
from assay_nb.vault.failpoints import failpoint
from assay_nb.vault.hierarchy import MasterKey, parse_master_key
from assay_nb.vault.keystores.base import Protection

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

TIME_LIMIT = 20.0
"""Seconds. Unlocking by hand takes a few; nobody waits for more."""

ALLOWED = {
    "keyring.backends.macOS:Keyring": "macOS Keychain",
    "keyring.backends.Windows:WinVaultKeyring": "Windows Credential Manager",
    "keyring.backends.SecretService:Keyring": "Secret Service",
    "keyring.backends.kwallet:DBusKeyring": "KWallet",
}

_SERVICE = "assay_nb"
_OWN_STATE = {
    "handle"
}  # what KWallet's backend sets by itself; anything else came from the environment
_Result = TypeVar("_Result")


class OsKeyring:
    """A key store in the operating system's keyring.

    Args:
        backend: An instance of exactly one of the allowed classes.
        time_limit: Seconds that one call to it may take.
    """

    def __init__(self, backend: KeyringBackend, *, time_limit: float = TIME_LIMIT) -> None:
        check_surroundings()
        name = f"{type(backend).__module__}:{type(backend).__qualname__}"
        if name not in ALLOWED:
            raise VaultSealed(f"The keyring backend {name} is not one that keeps keys safe.")
        if vars(backend).keys() - _OWN_STATE:
            raise VaultSealed("A KEYRING_PROPERTY_… variable is set, and may lead elsewhere.")
        self._backend: Any = backend  # keyring's own wrappers leave its methods untyped
        self._label = ALLOWED[name]
        self._time_limit = time_limit
        self._waiting: threading.Thread | None = None

    @classmethod
    def connect(cls) -> OsKeyring:
        """Return the system's keyring after asking it something.

        Raises:
            VaultSealed: If there is none that is trusted, or it does not answer.
        """
        check_surroundings()
        backend = _run(_find_backend, TIME_LIMIT)
        if backend is None:
            raise VaultSealed(f"No OS keyring can be used here: {_why_none()}.")
        found = cls(backend)
        found._get("probe")
        return found

    @property
    def is_shared(self) -> bool:
        return False

    @property
    def is_quick(self) -> bool:
        return False

    def describe(self) -> str:
        return f"the OS keyring ({self._label})"

    def protection(self) -> Protection:
        return Protection(
            strong=True,
            text="A copy of your files stays closed without your login password. Programs that run as "
            "you, notebook cells among them, can ask the keyring as this one does.",
        )

    def is_apart(self, database: Path | None) -> bool:
        return True

    def find(self, vault_id: bytes, mk_id: bytes) -> MasterKey | None:
        value = self._get(_name(vault_id, mk_id.hex()))
        if value is None:
            return None
        master = parse_master_key(value.encode())
        if master.mk_id != mk_id:
            raise VaultSealed(f"An entry in {self.describe()} holds another key than it says.")
        return master

    def list_ids(self, vault_id: bytes) -> list[bytes]:
        index = self._get(_name(vault_id, "index"))
        return [bytes.fromhex(name) for name in (index or "").split()]

    def put(self, vault_id: bytes, master: MasterKey) -> None:
        name, value = _name(vault_id, master.mk_id.hex()), master.write()
        there = self._get(name)
        if there is None:
            # The index first: an entry that it names and that is not there does no harm.
            self._index(vault_id, [*self.list_ids(vault_id), master.mk_id])
            failpoint("keyring indexed")
            self._set(name, bytes(value.reveal()).decode())
            failpoint("keyring written")
            there = self._get(name)
        if there is None or not hmac.compare_digest(there.encode(), bytes(value.reveal())):
            raise VaultSealed(
                f"What was written to {self.describe()} does not read back.",
                hint="Nothing was changed. Look at the keyring, or use ASSAY_MASTER_KEY_FILE.",
            )

    def delete(self, vault_id: bytes, mk_id: bytes) -> None:
        name = _name(vault_id, mk_id.hex())
        if self._get(name) is not None:
            self._ask(lambda: self._backend.delete_password(_SERVICE, name))
        self._index(vault_id, [known for known in self.list_ids(vault_id) if known != mk_id])

    def find_mark(self, vault_id: bytes) -> int | None:
        mark = self._get(_name(vault_id, "epoch"))
        if mark is None:
            return None
        if not mark.isdecimal():
            raise VaultSealed(f"The epoch noted in {self.describe()} is damaged.")
        return int(mark)

    def raise_mark(self, vault_id: bytes, epoch: int) -> None:
        if epoch > (self.find_mark(vault_id) or -1):
            self._set(_name(vault_id, "epoch"), str(epoch))

    def _index(self, vault_id: bytes, ids: list[bytes]) -> None:
        self._set(_name(vault_id, "index"), " ".join(mk_id.hex() for mk_id in ids) or " ")

    def _get(self, name: str) -> str | None:
        return self._ask(lambda: self._backend.get_password(_SERVICE, name))

    def _set(self, name: str, value: str) -> None:
        self._ask(lambda: self._backend.set_password(_SERVICE, name, value))

    def _ask(self, question: Callable[[], Any]) -> Any:
        if self._waiting is not None and self._waiting.is_alive():
            raise _no_answer(self._time_limit)
        return _run(question, self._time_limit, self._note_waiting)

    def _note_waiting(self, thread: threading.Thread) -> None:
        self._waiting = thread


def check_surroundings() -> None:
    """Refuse to use a keyring while the environment tries to choose another one.

    Raises:
        VaultSealed: If it does.
    """
    if config.is_set("PYTHON_KEYRING_BACKEND"):
        raise VaultSealed("PYTHON_KEYRING_BACKEND is set, so the OS keyring is not used.")


def _find_backend() -> KeyringBackend | None:
    best: tuple[float, type[KeyringBackend]] | None = None
    for name in ALLOWED:
        module, _, qualname = name.partition(":")
        kind: type[KeyringBackend] = getattr(import_module(module), qualname)
        if kind.viable and (best is None or kind.priority > best[0]):
            best = kind.priority, kind
    return best[1]() if best else None


def find_obstacle() -> str | None:
    """Return in one sentence why no keyring can be used; None if one can, without asking it anything.

    A keyring that is asked may want to be unlocked, so who only wants to know looks no further.
    """
    try:
        check_surroundings()
        there = _run(_find_backend, TIME_LIMIT) is not None
    except VaultSealed as refused:
        return refused.message
    return None if there else f"No OS keyring can be used here: {_why_none()}."


def _why_none() -> str:
    if sys.platform in {"darwin", "win32"}:
        return "the system's own does not answer"
    if find_spec("secretstorage") is None:
        return "the package `secretstorage` is not installed"
    if not config.is_set("DBUS_SESSION_BUS_ADDRESS"):
        return "there is no D-Bus session, as is usual in a container or over SSH"
    return "no Secret Service, such as GNOME Keyring or KWallet, runs in the D-Bus session"


def _name(vault_id: bytes, entry: str) -> str:
    return f"{vault_id.hex()}.{entry}"


def _run(
    question: Callable[[], _Result],
    time_limit: float,
    note_waiting: Callable[[threading.Thread], None] | None = None,
) -> _Result:
    """Ask in a thread of its own, and go on without it when it takes too long.

    A thread that waits on D-Bus cannot be stopped. It is a daemon, so that the process can end, and
    while it waits nothing more is asked.
    """
    answer: Future[_Result] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # carried over to the thread that asked
            answer.set_exception(error)

    thread = threading.Thread(target=ask, name="assay_nb-keyring", daemon=True)
    thread.start()
    try:
        error = answer.exception(time_limit)
    except OutOfTime:
        if note_waiting is not None:
            note_waiting(thread)
        raise _no_answer(time_limit) from None
    if error is not None:
        # A backend's text may quote what it was given; its kind says enough.
        raise VaultSealed(
            f"The OS keyring refused ({type(error).__name__}).",
            hint="Unlock it, then try again; or name a file in ASSAY_MASTER_KEY_FILE.",
        ) from None
    return answer.result()


def _no_answer(time_limit: float) -> VaultSealed:
    return VaultSealed(
        f"The OS keyring did not answer within {time_limit:g} s.",
        hint="Unlock it, then try again; or name a file in ASSAY_MASTER_KEY_FILE.",
    )
