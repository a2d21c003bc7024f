"""`keys list | set | test | remove`, and the operator's `platform-key`."""

from __future__ import annotations

import shlex
from argparse import Namespace
from typing import cast

from assay_nb import config
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import Parser
from assay_nb.commands.registry import Adder, add_json, add_workspace, program
from assay_nb.commands.terminal import NotAsked
from assay_nb.engine.control import KeyCheck, KeyFacts, Removal, Setup
from assay_nb.engine.endpoints import is_own_server, would_lose_key
from assay_nb.engine.remote.key_page import find_key_page
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Document,
    Inline,
    Paragraph,
    Table,
    Tone,
)
from assay_nb.text.english import count

KEY_STATES: dict[str, tuple[str, Tone]] = {
    "ready": ("ready", "good"),
    "keyless": ("no key needed", "good"),
    "unreadable": ("cannot be opened", "bad"),
    "sealed": ("sealed", "warning"),
    "missing": ("none yet", "neutral"),
}
"""What the state of a key is called, and how it is coloured: in the terminal and in the panels."""


def add_keys(add: Adder) -> None:
    """Add `keys` and what stands below it."""
    keys = add("keys", "the workspace's provider keys", None)
    add_json(add_workspace(keys("list", "what is stored: never the keys themselves", list_keys)))
    _arguments(
        keys("set", "store a key, after testing it with the provider's free listing call", set_key)
    )
    test = add_json(
        add_workspace(keys("test", "ask the provider whether a stored key works (free)", test_key))
    )
    _add_provider(test)
    remove = add_json(
        add_workspace(
            keys("remove", "forget a key; only revoking at the provider ends it", remove_key)
        )
    )
    _add_provider(remove)


def add_platform_key(add: Adder) -> None:
    """Add `platform-key`, with which an operator funds the demo calls."""
    platform = add("platform-key", "operator: the key that pays for demo calls", None)
    for name, text, run in (
        ("set", "store it", set_platform_key),
        ("remove", "forget it; the demo ends", remove_platform_key),
    ):
        _add_provider(platform(name, text, run))


def list_keys(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show every provider, with the state of its key from a real decrypt check."""
    facts = session.portal.call(session.control.keys, args.workspace)
    blocks: list[Block] = [keys_table(facts)]
    if session.mode == "hub":
        blocks.append(Paragraph(how_to_add(session, args, "")))
    return Outcome(Document(blocks), [fact.to_dict() for fact in facts])


def set_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Take a key from standard input, a hidden prompt, or once from an environment variable; or none."""
    provider = cast("ProviderId", args.provider)
    setup = session.control.setup(provider)
    own = is_own_server(provider, args.endpoint)
    _check_flags(args, setup, own)
    held = _holds_key(session, args, provider)
    key = bytearray() if args.no_key else _take_key(args, desk, setup, own=own, held=held)
    keyless = own and _is_blank(key)
    if held and keyless and not (args.no_key or desk.answers):
        raise WrongUsage(
            f"Standard input was empty, so the stored {setup.name} key was kept.",
            hint="If the server needs no key, say so with `--no-key`.",
        )

    async def save() -> KeyCheck:
        return await session.control.set_key(
            args.workspace, provider, key, endpoint=args.endpoint, check=not args.unverified
        )

    try:
        check = session.portal.call(save)
    finally:
        key[:] = bytes(len(key))
    old = " It replaces the key that was stored." if held else ""
    lines: list[Inline] = [f"The {setup.name} key is stored. {say_check(check)}{old}"]
    if keyless:
        lines = [
            "No key is stored: requests to ",
            Code(args.endpoint),
            f" carry none. {say_check(check)}{old}",
        ]
    blocks = [Callout(tone_of(check), lines)]
    if args.from_env:
        unset = f"unset {args.from_env}"
        blocks.append(
            Callout(
                "info", ["The variable is still set in your shell: ", Code(unset), " forgets it."]
            )
        )
    return Outcome(Document(blocks), {**check.to_dict(), "replaced": held})


def test_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Open a stored key and ask the provider for its list of models."""
    check = session.portal.call(
        session.control.test_key, args.workspace, cast("ProviderId", args.provider)
    )
    done = 0 if check.outcome != "unchecked" else 1
    callout = Callout(tone_of(check), [say_check(check)])
    return Outcome(Document([callout]), check.to_dict(), exit_status=done)


def remove_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Delete the row and scrub the file, and say what that does not do."""
    removal = session.portal.call(
        session.control.remove_key, args.workspace, cast("ProviderId", args.provider)
    )
    blocks = [Callout("info", removal_line(removal, session.control.setup(removal.provider)))]
    if not removal.scrubbed:
        waiting = "Another process holds the database open, so its sealed bytes stay in the log file until it lets go."
        blocks.append(Callout("warning", [waiting]))
    return Outcome(Document(blocks), removal.to_dict())


def set_platform_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Store the operator's key for demo calls."""
    provider = cast("ProviderId", args.provider)
    pipe = f'printf %s "$KEY" | assay-nb platform-key set {provider}'
    key = _ask_key(desk, f"Platform key for {provider}: ", f"In a terminal: `{pipe}`.")
    try:
        session.portal.call(session.control.set_platform_key, provider, key)
    finally:
        key[:] = bytes(len(key))
    return Outcome(
        Document([Callout("good", ["The platform key is stored."])]), {"provider": provider}
    )


def remove_platform_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Forget the operator's key."""
    session.portal.call(session.control.remove_platform_key, cast("ProviderId", args.provider))
    return Outcome(
        Document([Callout("info", ["The platform key is removed."])]), {"provider": args.provider}
    )


def keys_table(facts: list[KeyFacts]) -> Table:
    """Return the table of key states that `keys list` and `status` share."""
    rows: list[list[Inline]] = []
    for fact in facts:
        word, tone = KEY_STATES["keyless" if fact.keyless else fact.state]
        rows.append(
            [
                Code(fact.provider),
                Badge(word, tone),
                f"…{fact.last4}" if fact.last4 else "",
                tested_word(fact),
                fact.added_by,
                fact.added_at,
                fact.endpoint,
            ]
        )
    return Table(["provider", "key", "ends in", "tested", "added by", "added", "endpoint"], rows)


def how_to_add(session: Session, args: Namespace, workspace: str) -> list[Inline]:
    """Return how a key gets into a workspace: by a command, or on a hub on the gateway's page."""
    if session.mode == "hub":
        page = find_key_page(session.config) or ""
        return ["An owner or admin adds keys on the key page: ", Code(page)]
    command = f"{program(args)} keys set PROVIDER -w {shlex.quote(workspace)}"
    return ["Add one: ", Code(command), "."]


def tested_word(fact: KeyFacts) -> str:
    """Return whether a key was tested; nothing where there is none."""
    if fact.state == "missing" or fact.keyless:
        return ""
    return "yes" if fact.verified else "no"


def tone_of(check: KeyCheck) -> Tone:
    """Return the tone for a test's outcome. One that is not known here is never good news."""
    tones: dict[str, Tone] = {"accepted": "good", "keyless": "info"}
    return tones.get(check.outcome, "warning")


def removal_line(removal: Removal, setup: Setup) -> list[Inline]:
    """Return what came of removing a key, and what that does not do."""
    if not removal.revoke_url:
        return [f"The {setup.name} endpoint is removed. No key was stored for it."]
    return [
        f"The {setup.name} key is removed. Backups may still hold it, sealed: only revoking it at ",
        Code(removal.revoke_url),
        " ends it.",
    ]


def setup_lines(setup: Setup, endpoint: str | None = None) -> list[str]:
    """Return how to get a key, as the lines that `keys set` shows before it asks.

    Args:
        setup: The provider's own way.
        endpoint: A server of somebody's own, about whose keys only its manual knows.
    """
    if endpoint is not None:
        return [f"{endpoint}: that server's manual says whether it needs a key, and which."]
    lines = [
        f"{setup.name}: get a key at {setup.key_url}",
        f"It looks like {setup.looks_like}. {setup.cost}",
    ]
    return [*lines, setup.note] if setup.note else lines


def _arguments(parser: Parser) -> None:
    add_json(add_workspace(parser))
    _add_provider(parser)
    parser.add_argument(
        "--endpoint", metavar="URL", help="the SDK's base URL, for a compatible server"
    )
    parser.add_argument(
        "--from-env", metavar="NAME", help="take the key over from this environment variable, once"
    )
    parser.add_argument(
        "--no-key", action="store_true", help="the server at --endpoint needs no key: send none"
    )
    parser.add_argument(
        "--unverified", action="store_true", help="store it without asking the provider"
    )


def _add_provider(parser: Parser) -> None:
    parser.add_argument(
        "provider", choices=PROVIDERS, metavar="PROVIDER", help=", ".join(PROVIDERS)
    )


def _check_flags(args: Namespace, setup: Setup, own: bool) -> None:
    if args.no_key and args.from_env:
        raise WrongUsage(
            "--no-key and --from-env cannot be used together: one says that there is no key, the other where it is.",
            hint="Leave one of them out.",
        )
    if args.no_key and not own:
        raise WrongUsage(
            "A provider's own endpoint needs a key, so --no-key cannot be used with it.",
            hint="Leave --no-key out, or name a server that needs none with --endpoint URL.",
        )


def _take_key(args: Namespace, desk: Console, setup: Setup, *, own: bool, held: bool) -> bytearray:
    if args.from_env:
        value = config.take_variable(args.from_env)
        if value is None or not value.strip():
            raise WrongUsage(
                f"The environment variable {args.from_env} is not set here.",
                hint="A kernel has the environment it was started with: set it there, or leave --from-env out.",
            )
        return bytearray(value)
    for line in setup_lines(setup, args.endpoint if own else None):
        desk.say(line)
    if held:
        desk.say("A key is stored already: the one that you enter replaces it.")
    how = "hidden; Enter alone if the server needs none" if own else "hidden"
    command = " ".join(["assay-nb keys set", setup.provider, *_where(args)])
    elsewhere = f"Use `{command}` in a terminal, or add --from-env NAME."
    return _ask_key(desk, f"{setup.name} key ({how}): ", elsewhere)


def _ask_key(desk: Console, prompt: str, elsewhere: str) -> bytearray:
    """Return a key from the desk; where nobody can be asked there, say how else to give it."""
    try:
        return desk.read_key(prompt)
    except NotAsked as error:
        raise WrongUsage(error.message, hint=elsewhere) from None


def _where(args: Namespace) -> list[str]:
    """Return the flags that a command in a hint needs to mean the same workspace and server."""
    flags = ("-w", args.workspace), ("--endpoint", args.endpoint)
    return [f"{flag} {shlex.quote(value)}" for flag, value in flags if value]


def _is_blank(key: bytearray) -> bool:
    return not key or key.isspace()


def _holds_key(session: Session, args: Namespace, provider: ProviderId) -> bool:
    """Say whether a key is stored that another one would replace. On a hub none is set from here."""
    if session.mode == "hub":
        return False
    return would_lose_key(session.portal.call(session.control.keys, args.workspace), provider)


def say_check(check: KeyCheck) -> str:
    """Return what came of testing a key, as a sentence."""
    match check.outcome:
        case "accepted":
            listed = f", and lists {count(check.models, 'model')} for it" if check.models else ""
            return f"The provider accepts it{listed}."
        case "limited":
            why = check.detail or "The provider knows it, but it may not list models."
            return f"{why} So it counts as untested."
        case _:
            return check.detail or "It was not tested."
