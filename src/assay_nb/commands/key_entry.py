"""Entering a key: what is said before it, where it comes from, and what an empty one means."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from assay_nb import config
from assay_nb.commands.outcome import Console
from assay_nb.commands.parser import Parser
from assay_nb.commands.registry import add_json, add_workspace
from assay_nb.commands.terminal import NotAsked
from assay_nb.connections.presets import Preset
from assay_nb.engine.control import KeyCheck, Setup
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDERS, Kind
from assay_nb.render.document import Block, Callout, Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key that is about to be entered for a connection, or that there is none.

    Attributes:
        connection: The connection's name.
        label: Whose key it is, as a sentence says it: `OpenAI`, `Groq`, `'local'`.
        endpoint: The SDK's base URL; None keeps what is stored, or takes the provider's own.
        service: The service there, which gives out keys; None for a server of somebody's own.
        held: Whether a key is stored, which this one replaces.
        lines: What is said before the prompt.
        again: The command that asks for it in a terminal.
        required: Whether an empty key is a mistake.
        asked: Whether a key is asked for at all.
        kind: What the server speaks; None keeps what is stored.
        placement: How the key is put on a request; None keeps what is stored.
    """

    connection: str
    label: str
    endpoint: str | None
    service: Preset | None
    held: bool
    lines: Sequence[str]
    again: str
    required: bool = False
    asked: bool = True
    kind: Kind | None = None
    placement: str | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of entering a key.

    Attributes:
        check: What came of testing it.
        keyless: Whether the server is called without one from now on.
        replaced: Whether one was stored before.
    """

    check: KeyCheck
    keyless: bool
    replaced: bool

    @property
    def note(self) -> str:
        """A sentence on the key that was stored before; empty where there was none."""
        return " It replaces the key that was stored." if self.replaced else ""


def add_entry(parser: Parser) -> None:
    """Add the options of a command that takes a key."""
    add_json(add_workspace(parser))
    parser.add_argument(
        "--endpoint", metavar="URL", help="the SDK's base URL, for a compatible server"
    )
    parser.add_argument(
        "--from-env", metavar="NAME", help="take the key over from this environment variable, once"
    )
    parser.add_argument("--no-key", action="store_true", help="the server needs no key: send none")
    parser.add_argument(
        "--unverified", action="store_true", help="store it without asking the provider"
    )


def enter_key(session: Session, args: Namespace, desk: Console, entry: Entry) -> Entered:
    """Take a key from standard input, a hidden prompt, or once from an environment variable; or none.

    It is tested, unless `--unverified` is given, and stored.

    Raises:
        WrongUsage: If an empty key would be stored where one is needed, or would take another's place unmeant.
    """
    _check_flags(args, entry)
    key = _take_key(args, desk, entry)
    keyless = entry.service is None and _is_blank(key)
    try:
        _check_empty(args, desk, entry, blank=_is_blank(key))

        async def save() -> KeyCheck:
            return await session.control.set_key(
                args.workspace,
                entry.connection,
                key,
                endpoint=entry.endpoint,
                check=not args.unverified,
                kind=entry.kind,
                placement=entry.placement,
            )

        check = session.portal.call(save)
    finally:
        key[:] = bytes(len(key))
    return Entered(check, keyless, entry.held)


def still_set(args: Namespace) -> list[Block]:
    """Return the reminder that a variable which a key was taken from keeps it."""
    if not args.from_env:
        return []
    unset = f"unset {args.from_env}"
    said = ["The variable is still set in your shell: ", Code(unset), " forgets it."]
    return [Callout("info", said)]


def ask_key(desk: Console, prompt: str, elsewhere: str) -> bytearray:
    """Return a key from the desk; where nobody can be asked there, say how else to give it."""
    try:
        return desk.read_key(prompt)
    except NotAsked as error:
        raise WrongUsage(error.message, hint=elsewhere) from None


def setup_lines(setup: Setup) -> list[str]:
    """Return how to get a service's key, as the lines that are shown before it is asked for."""
    lines = [
        f"{setup.name}: get a key at {setup.key_url}",
        f"It looks like {setup.looks_like}. {setup.cost}",
    ]
    return [*lines, setup.note] if setup.note else lines


def own_lines(endpoint: str) -> list[str]:
    """Return the same for a server of somebody's own, about whose keys only its manual knows."""
    return [f"{endpoint}: that server's manual says whether it needs a key, and which."]


def _check_flags(args: Namespace, entry: Entry) -> None:
    if args.no_key and args.from_env:
        raise WrongUsage(
            "--no-key and --from-env cannot be used together: one says that there is no key, the other where it is.",
            hint="Leave one of them out.",
        )
    if args.no_key and entry.service is not None:
        official = entry.service.name in PROVIDERS
        whose = "A provider's own endpoint" if official else entry.service.label
        raise WrongUsage(
            f"{whose} needs a key, so --no-key cannot be used with it.",
            hint="Leave --no-key out, or name a server that needs none with --endpoint URL.",
        )


def _take_key(args: Namespace, desk: Console, entry: Entry) -> bytearray:
    if args.from_env:
        return _from_environment(args.from_env)
    if args.no_key or not entry.asked:
        return bytearray()
    for line in entry.lines:
        desk.say(line)
    if entry.held:
        desk.say("A key is stored already: the one that you enter replaces it.")
    optional = entry.service is None and not entry.required
    how = "hidden; Enter alone if the server needs none" if optional else "hidden"
    elsewhere = f"Use `{entry.again}` in a terminal, or add --from-env NAME."
    return ask_key(desk, f"{entry.label} key ({how}): ", elsewhere)


def _from_environment(name: str) -> bytearray:
    value = config.take_variable(name)
    if value is None or not value.strip():
        raise WrongUsage(
            f"The environment variable {name} is not set here.",
            hint="Set it where this kernel or terminal was started, or leave --from-env out.",
        )
    return bytearray(value)


def _check_empty(args: Namespace, desk: Console, entry: Entry, *, blank: bool) -> None:
    """Refuse an empty key that is a mistake. A provider's own endpoint says itself what its keys are like."""
    if not blank or (entry.service is not None and entry.service.name in PROVIDERS):
        return
    if entry.required and not args.no_key:
        where = f"Make one at {entry.service.keys_url}, then e" if entry.service else "E"
        raise WrongUsage(
            f"{entry.label} needs a key, and none was given, so nothing was stored.",
            hint=f"{where}nter it at the prompt of `{entry.again}`, or pipe it in.",
        )
    if entry.held and not (args.no_key or (entry.asked and desk.answers)):
        what = "Standard input was empty" if entry.asked else "No key is asked for here"
        raise WrongUsage(
            f"{what}, so the stored {entry.label} key was kept.",
            hint="If the server needs no key, say so with `--no-key`.",
        )


def _is_blank(key: bytearray) -> bool:
    return not key or key.isspace()
