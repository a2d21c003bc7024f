"""Forms for connections: what one filled in becomes a stored connection, alike in the panel and in JupyterLab.

A form has fields where a command has flags: no error from here names a flag or a command.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from assay_nb.connections.names import SPOKEN
from assay_nb.connections.presets import Preset, find_preset, preset_of
from assay_nb.engine.control import STORE_UNTESTED, Control, KeyCheck, KeyFacts
from assay_nb.engine.endpoints import would_lose_key
from assay_nb.errors import ProviderError, WrongUsage
from assay_nb.messages import PROVIDERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What people may want to know of the server that a connection leads to.

    Attributes:
        speaks: The protocol, in words.
        label: Whose service it is; `""` for a server of somebody's own.
        key_url: Where its keys are made; `""` for a server of somebody's own.
    """

    speaks: str
    label: str
    key_url: str


def is_first(fact: KeyFacts) -> bool:
    """Say whether a connection is one of the three that every workspace has from the start."""
    return fact.connection in PROVIDERS


def describe_service(fact: KeyFacts) -> Service:
    """Return what is known of the server behind a connection."""
    preset = preset_of(fact.endpoint)
    speaks = next((words for kind, words in SPOKEN.items() if kind == fact.kind), fact.kind)
    if preset is None:
        return Service(speaks=speaks, label="", key_url="")
    return Service(speaks=speaks, label=preset.label, key_url=preset.keys_url)


async def connect(
    control: Control,
    workspace: str | None,
    connection: str,
    key: bytearray,
    *,
    preset: str,
    parts: Mapping[str, str],
    endpoint: str | None,
    check: bool,
) -> KeyCheck:
    """Store a new connection, made from a preset.

    Args:
        control: Where it is stored.
        workspace: Whose it is; None is the active one.
        connection: Its name.
        key: Its key, which is overwritten; empty for a server that needs none.
        preset: The preset's name.
        parts: What fills the holes in the preset's address.
        endpoint: Another address than the preset's; None takes that one.
        check: Whether the server is asked for its models first.

    Raises:
        WrongUsage: If a field is missing or wrong, or the name is taken: filling in a form for a new connection
            must not cost a stored key.
    """
    chosen = find_preset(preset)
    if not connection:
        raise WrongUsage("The name is missing.", hint=f"Name the connection, such as {preset}.")
    check_key_given(chosen, given=bool(key.strip()))
    address = endpoint or fill_in(chosen, parts)
    for fact in await control.keys(workspace):
        if fact.connection == connection and fact.state != "missing":
            raise WrongUsage(
                f"There is a connection '{connection}' already.",
                hint="Choose another name, or replace the key of that connection.",
            )
    with _without_commands():
        return await control.set_key(
            workspace,
            connection,
            key,
            endpoint=address,
            check=check,
            kind=chosen.kind,
            placement=chosen.placement or None,
        )


async def replace_key(
    control: Control,
    workspace: str | None,
    connection: str,
    key: bytearray,
    *,
    endpoint: str | None,
    check: bool,
) -> KeyCheck:
    """Store another key, or address, for a connection that there is.

    Raises:
        WrongUsage: If no key was entered and one is stored, which would be lost.
    """
    if not key.strip() and would_lose_key(await control.keys(workspace), connection):
        raise WrongUsage(
            "No key was entered, so the stored one was kept.",
            hint="Paste the key, also for another address; or remove the connection and make it again.",
        )
    with _without_commands():
        return await control.set_key(workspace, connection, key, endpoint=endpoint, check=check)


async def save_key(
    control: Control,
    workspace: str | None,
    connection: str,
    key: bytearray,
    *,
    endpoint: str | None,
    check: bool,
) -> KeyCheck:
    """Store a key for one of the three first connections, on whose form nothing is stored untested."""
    with _without_commands(untested=""):
        return await control.set_key(workspace, connection, key, endpoint=endpoint, check=check)


def check_key_given(preset: Preset, *, given: bool) -> None:
    """Refuse a form without the key that its preset's service needs.

    Raises:
        WrongUsage: If it needs one, and none was given.
    """
    if preset.key == "required" and not given:
        raise WrongUsage(f"{preset.label} needs a key, and there is none.", hint="Enter its key.")


def fill_in(preset: Preset, parts: Mapping[str, str]) -> str:
    """Return the address of a preset whose holes were filled in on a form.

    Raises:
        WrongUsage: If a part is missing or is not a name, or the preset leaves the whole address to people.
    """
    try:
        filled = preset.fill(parts)
    except WrongUsage as error:
        hint = "Enter its name alone, letters, digits and hyphens, or the server's whole address."
        raise WrongUsage(error.message, hint=hint) from None
    if not filled:
        raise WrongUsage("The server's address is missing.", hint=f"Enter it. {preset.to_begin}")
    return filled


@contextmanager
def _without_commands(
    untested: str = "To store it untested, untick “Test first”.",
) -> Generator[None]:
    """Say in a form's words how a connection is stored that could not be tested."""
    try:
        yield
    except ProviderError as error:
        if error.hint and error.hint.endswith(STORE_UNTESTED):
            step = error.hint.removesuffix(STORE_UNTESTED).strip()
            step = "Try again." if "`" in step else step
            error.hint = f"{step} {untested}".rstrip()
        raise
