"""Hardening of the gateway's process, and the checks of its surroundings before it listens.

The gateway holds the keys of everybody on the hub. Where somebody else could read its memory or its files,
it refuses to start, and says why in one line.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from assay_nb import config
from assay_nb.config import HubEnvironment
from assay_nb.errors import AssayError, StoreUnavailable, WrongUsage
from assay_nb.gateway.database_lock import sqlite_file
from assay_nb.gateway.settings import HubSettings, Settings
from assay_nb.plain_files import read_plain

_PR_SET_DUMPABLE = 4
_LONGEST_TOKEN = 64 * 1024
_MASTER_KEY = "anbmk1."
_KEPT = ("HOME", "LANG", "NOTIFY_SOCKET", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")
_KEPT_PREFIXES = ("LC_", "PYTHONUNBUFFERED")
_CREDENTIALS = {"master": "assay-master-key", "token": "assay-hub-token"}
_SINGLE_USER = (b"jupyterhub-singleuser", b"jupyterhub.singleuser", b"ipykernel_launcher")


class Refused(AssayError):
    """The gateway refuses to start where its keys would not be safe."""

    code = "refused_to_start"


def harden() -> None:
    """Keep other processes of this user out of this one's memory, and its memory out of files.

    Its files are private; no core is dumped; `/proc/PID/mem` and ptrace are closed to everybody but root. This
    comes before anything else, while there is no key to read yet.
    """
    os.umask(0o077)
    if os.name != "posix":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise Refused("This process cannot close its memory to other processes.")


def scrub_environment() -> None:
    """Remove everything from the environment that could influence an SDK, a proxy or a child process."""
    config.keep_only(_KEPT, _KEPT_PREFIXES)


def settings_of(environment: HubEnvironment) -> Settings:
    """Return the settings from the hub, the service manager and the `ASSAY_` variables."""
    said = config.load_config()
    hub = HubSettings()
    if environment.api_url:
        hub = replace(hub, api_url=environment.api_url)
    if environment.service:
        hub = replace(hub, service=environment.service)
    if environment.base_url:
        hub = replace(hub, base_url=environment.base_url)
    public_url = environment.public_hub_url or environment.public_url
    if public_url:
        parts = urlsplit(public_url)
        hub = replace(hub, public_url=f"{parts.scheme}://{parts.netloc}")
    token_file = _credential(environment, "token")
    if token_file:
        hub = replace(hub, api_token_file=token_file)
    settings = Settings(
        hub=hub,
        database_url=said.database_url,
        master_key_file=said.master_key_file or _credential(environment, "master"),
    )
    if config.is_set("ASSAY_HOME"):
        settings = replace(settings, home=said.home)
    if environment.service_url:
        settings = replace(settings, listen=urlsplit(environment.service_url).netloc)
    return settings


def check_surroundings(settings: Settings) -> None:
    """Refuse to start where keys would not be safe.

    Raises:
        Refused: With the reason in one line.
        WrongUsage: If the hub's API is not set.
    """
    _check_no_secret_in_environment()
    _check_directory(settings.home, needed=settings.database_url is None)
    for path in _files(settings):
        _check_file(path)
    if not settings.hub.api_url:
        raise WrongUsage(
            "hub.api_url is not set, so no token could be checked.",
            hint="Set it, for example to http://127.0.0.1:8081/hub/api.",
        )


def read_api_token(settings: Settings, environment: HubEnvironment) -> str:
    """Return the service's token at the hub.

    Raises:
        WrongUsage: If it is missing.
    """
    path = settings.hub.api_token_file
    if path is not None:
        _check_file(path)
        try:
            token = read_plain(path, _LONGEST_TOKEN).decode("ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise WrongUsage(f"{path} cannot be read as a token.") from None
    else:
        token = environment.api_token or ""
    if len(token) < 16:
        raise WrongUsage(
            "The gateway has no token at the hub.",
            hint="Set hub.api_token_file to a file with the `api_token` of its entry in c.JupyterHub.services.",
        )
    return token


def check_user() -> None:
    """Refuse root, and a user who runs notebooks as well. This comes before the settings are read.

    Raises:
        Refused: With the user that the gateway needs.
    """
    if not hasattr(os, "geteuid"):
        raise Refused("The gateway runs only on POSIX systems.")
    if os.geteuid() == 0:
        raise Refused(
            "The gateway does not run as root.",
            hint="Give it its own user: see the unit in docs/operator.md, or `configure_hub(user=…)` for a "
            "gateway that the hub starts.",
        )
    other = _find_single_user(os.geteuid())
    if other is not None:
        raise Refused(
            f"Process {other}, a notebook server or a kernel, runs as the same user.",
            hint="Give the gateway its own user: anyone with a kernel could read the keys.",
        )


def _find_single_user(uid: int) -> int | None:
    """Return a process of this user that is a notebook server or a kernel, or None."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or we may not read it
            command = (entry / "cmdline").read_bytes() if entry.stat().st_uid == uid else b""
            if any(name in command for name in _SINGLE_USER):
                return int(entry.name)
    return None


def _check_no_secret_in_environment() -> None:
    names = config.names_of_values(_MASTER_KEY)
    if config.is_set("ASSAY_MASTER_KEY"):
        names.append("ASSAY_MASTER_KEY")
    if names:
        raise Refused(
            f"A master key is in the environment, in {names[0]}.",
            hint="Put it into a file that only the gateway's user may read, name that file in "
            "master_key_file, and make a new master key with `assay-nb master rotate`: other processes "
            "could read this one.",
        )


def _files(settings: Settings) -> Iterable[Path]:
    for path in (settings.master_key_file, settings.hub.api_token_file):
        if path is not None:
            yield path
    if (database := sqlite_file(settings)) is not None:
        yield database


def _check_directory(path: Path, *, needed: bool) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        if needed:
            _check_can_make(path)
        return
    except OSError as error:
        raise _unusable(path, error) from None
    _check_private(path, found, stat.S_ISDIR(found.st_mode), "a directory", "700")
    if needed and not os.access(path, os.W_OK | os.X_OK):
        raise Refused(
            f"{path} cannot be written to.", hint=f"Run `chmod 700 {shlex.quote(str(path))}`."
        )


def _check_can_make(path: Path) -> None:
    """Refuse where the gateway's directory is missing and cannot be made: a system user's is made by nobody."""
    parent = next(one for one in path.parents if one.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return  # made later, private
    import pwd

    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user has no name
        user = str(os.geteuid())
    raise Refused(
        f"{path} does not exist, and its place belongs to another user.",
        hint=f"Make it: `install -d -o {user} -m 0700 {shlex.quote(str(path))}`, or set `home` in gateway.toml.",
    )


def _unusable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"{path} cannot be checked: {error.strerror}.")


def _check_file(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from None
    _check_private(path, found, stat.S_ISREG(found.st_mode), "a plain file", "600")


def _check_private(
    path: Path, found: os.stat_result, right_kind: bool, kind: str, mode: str
) -> None:
    from assay_nb.vault.keystores.key_file import others_of

    if not right_kind:
        raise Refused(
            f"{path} is not {kind}.", hint="Name the real path: a link could lead elsewhere."
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise Refused(f"{path} belongs to another user.", hint="Make the gateway's user its owner.")
    if found.st_mode & others_of(found):
        raise Refused(
            f"{path} is open to other users of this machine.",
            hint=f"Run `chmod {mode} {shlex.quote(str(path))}`.",
        )


def _credential(environment: HubEnvironment, which: str) -> Path | None:
    if environment.credentials is None:
        return None
    path = environment.credentials / _CREDENTIALS[which]
    return path if path.exists() else None
