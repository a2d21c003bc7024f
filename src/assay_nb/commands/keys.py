"""`keys list | set | test | remove`, and the operator's `platform-key`."""

from __future__ import annotations

import shlex
from argparse import Namespace
from typing import cast

from assay_nb.commands.key_entry import (
    Entry,
    add_entry,
    ask_key,
    enter_key,
    own_lines,
    still_set,
)
from assay_nb.commands.key_entry import setup_lines as setup_lines
from assay_nb.commands.keyways import KEY_IN_KERNEL, find_way, how_to_add, refuse_on_hub
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import CONNECTION, Parser
from assay_nb.commands.registry import Adder, add_json, add_workspace, program
from assay_nb.connections.keyway import Keyway, act_of_entering
from assay_nb.connections.missing import explain_missing
from assay_nb.engine.control import KeyCheck, KeyFacts, Removal, Setup
from assay_nb.engine.endpoints import find_service, would_lose_key
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDERS, ProviderId, label_of
from assay_nb.models.catalog import parse_model
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
    add_connection(test, "provider")
    remove = add_json(
        add_workspace(
            keys("remove", "forget a key; only revoking at the provider ends it", remove_key)
        )
    )
    add_connection(remove, "provider")


def add_platform_key(add: Adder) -> None:
    """Add `platform-key`, with which an operator funds the demo calls."""
    platform = add("platform-key", "operator: the key that pays for demo calls", None)
    add_json(platform("list", "which are stored, and whether they open", list_platform_keys))
    setting = add_json(platform("set", "store it", set_platform_key))
    _add_provider(setting)
    setting.add_argument(
        "--endpoint",
        metavar="URL",
        help="another server than the provider's own, as its SDK takes it",
    )
    _add_provider(
        add_json(platform("test", "ask the provider whether it works (free)", test_platform_key))
    )
    _add_provider(add_json(platform("remove", "forget it; the demo ends", remove_platform_key)))


def list_keys(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show every provider, with the state of its key from a real decrypt check."""
    facts = session.portal.call(session.control.keys, args.workspace)
    way = find_way(session, args.workspace)
    blocks: list[Block] = [keys_table(facts)]
    blocks += remind_of(facts)
    if session.mode == "hub":
        blocks.append(Paragraph(how_to_add(session, args, args.workspace)))
    pages = [way.address("change", fact.connection) or None for fact in facts]
    listed = [{**fact.to_dict(), "page": page} for fact, page in zip(facts, pages, strict=True)]
    return Outcome(Document(blocks), listed)


def remind_of(facts: list[KeyFacts]) -> list[Block]:
    """Return a reminder for each key that has served for long."""
    then = "Make a new one at the provider, store it in its place, and revoke the old one there."
    return [
        Callout("info", [f"The {label_for(one.connection)} key was added {_ago(one)}. {then}"])
        for one in facts
        if one.old
    ]


def set_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Take a key from standard input, a hidden prompt, or once from an environment variable; or none."""
    if session.mode == "hub":
        check_known(session, args, args.provider)
    refuse_on_hub(session, args, KEY_IN_KERNEL, act_of_entering(args.provider), args.provider)
    entry = _entry(session, args, session.portal.call(session.control.keys, args.workspace))
    entered = enter_key(session, args, desk, entry)
    check = entered.check
    lines: list[Inline] = [f"The {entry.label} key is stored. {say_check(check)}{entered.note}"]
    if entered.keyless:
        lines = [
            "No key is stored: requests to ",
            Code(entry.endpoint or ""),
            f" carry none. {say_check(check)}{entered.note}",
        ]
    blocks = [Callout(tone_of(check), lines), *still_set(args)]
    return Outcome(Document(blocks), {**check.to_dict(), "replaced": entered.replaced})


def test_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Open a stored key and ask the provider for its list of models."""
    check_known(session, args, args.provider)
    tested = (
        "On a hub, keys are tested in a browser and not in a kernel, where any code could do it."
    )
    refuse_on_hub(session, args, tested, "test", args.provider)
    check = session.portal.call(session.control.test_key, args.workspace, args.provider)
    done = 0 if check.outcome != "unchecked" else 1
    callout = Callout(tone_of(check), [say_check(check)])
    return Outcome(Document([callout]), check.to_dict(), exit_status=done)


def remove_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Delete the row and scrub the file, and say what that does not do."""
    check_known(session, args, args.provider)
    removed = (
        "On a hub, keys are removed in a browser and not in a kernel, where any code could do it."
    )
    refuse_on_hub(session, args, removed, "remove", args.provider)
    removal = session.portal.call(session.control.remove_key, args.workspace, args.provider)
    blocks = [Callout("info", removal_line(removal))]
    if not removal.scrubbed:
        waiting = "Another process holds the database open, so its sealed bytes stay in the log file until it lets go."
        blocks.append(Callout("warning", [waiting]))
    where = session.portal.call(session.control.show_workspace, args.workspace)
    if where.model and parse_model(where.model)[0] == args.provider:
        lost = f"The workspace's model is {where.model}, so calls that name no model fail now. Choose another: "
        command = f"{program(args)} model CONNECTION/MODEL"
        blocks.append(Callout("warning", [lost, Code(command), "."]))
    return Outcome(Document(blocks), removal.to_dict())


def check_known(session: Session, args: Namespace, connection: str) -> None:
    """Refuse a name that no connection of the workspace has.

    Raises:
        WrongUsage: With the name that was probably meant, or how to make such a connection.
    """
    names = session.portal.call(session.control.connection_names, args.workspace)
    if connection not in names:
        raise unknown_connection(connection, names, find_way(session, args.workspace))


def unknown_connection(connection: str, names: list[str], way: Keyway) -> WrongUsage:
    """Return the error for a name that no connection has."""
    return WrongUsage(
        f"There is no connection '{connection[:40]}' in this workspace.",
        hint=explain_missing(connection, names, way),
    )


def list_platform_keys(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show the operator's keys for demo calls, each after opening it."""
    facts = session.portal.call(session.control.platform_keys)
    blocks: list[Block] = [keys_table(facts), *remind_of(facts)]
    if not facts:
        blocks = [Paragraph(["There is no platform key, so there are no demo calls."])]
    return Outcome(Document(blocks), [fact.to_dict() for fact in facts])


def test_platform_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Open the operator's key and ask the provider for its list of models."""
    provider = cast("ProviderId", args.provider)
    check = session.portal.call(session.control.test_platform_key, provider)
    done = 0 if check.outcome != "unchecked" else 1
    callout = Callout(tone_of(check), [say_check(check)])
    return Outcome(Document([callout]), check.to_dict(), exit_status=done)


def set_platform_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Store the operator's key for demo calls."""
    provider = cast("ProviderId", args.provider)
    pipe = f'printf %s "$KEY" | assay-nb platform-key set {provider}'
    key = bytearray()  # on a hub the control refuses, so nobody is asked for one
    if session.mode == "solo":
        key = ask_key(desk, f"Platform key for {provider}: ", f"In a terminal: `{pipe}`.")
    try:
        session.portal.call(_keep_platform_key, session, provider, key, args.endpoint)
    finally:
        key[:] = bytes(len(key))
    return Outcome(
        Document([Callout("good", ["The platform key is stored."])]), {"provider": provider}
    )


async def _keep_platform_key(
    session: Session, provider: ProviderId, key: bytearray, endpoint: str | None
) -> None:
    await session.control.set_platform_key(provider, key, endpoint=endpoint)


def remove_platform_key(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Forget the operator's key."""
    session.portal.call(session.control.remove_platform_key, cast("ProviderId", args.provider))
    return Outcome(
        Document([Callout("info", ["The platform key is removed."])]), {"provider": args.provider}
    )


def keys_table(facts: list[KeyFacts]) -> Table:
    """Return the table of key states that `keys list` and `status` share."""
    rows: list[list[Inline]] = [
        [Code(fact.connection), *key_cells(fact), fact.endpoint] for fact in facts
    ]
    return Table(["connection", *KEY_HEADS, "endpoint"], rows)


KEY_HEADS = ("key", "ends in", "tested", "added by", "added")


def key_cells(fact: KeyFacts) -> list[Inline]:
    """Return what is shown of a key in each of the columns `KEY_HEADS`."""
    word, tone = KEY_STATES["keyless" if fact.keyless else fact.state]
    last4 = f"…{fact.last4}" if fact.last4 else ""
    return [Badge(word, tone), last4, tested_word(fact), fact.added_by, added_word(fact)]


def added_word(fact: KeyFacts) -> str:
    """Return when a key was stored, with how long ago that is where it is old."""
    return f"{fact.added_at}, {_ago(fact)}" if fact.old else fact.added_at


def _ago(fact: KeyFacts) -> str:
    return f"{count(fact.age_days or 0, 'day')} ago"


def tested_word(fact: KeyFacts) -> str:
    """Return whether a key was tested; nothing where there is none."""
    if fact.state == "missing" or fact.keyless:
        return ""
    return "yes" if fact.verified else "no"


def tone_of(check: KeyCheck) -> Tone:
    """Return the tone for a test's outcome. One that is not known here is never good news."""
    tones: dict[str, Tone] = {"accepted": "good", "keyless": "info"}
    return tones.get(check.outcome, "warning")


def removal_line(removal: Removal) -> list[Inline]:
    """Return what came of removing a key, and what that does not do."""
    label = label_for(removal.connection)
    if not removal.revoke_url:
        return [f"The {label} endpoint is removed. No key was stored for it."]
    return [
        f"The {label} key is removed. Backups may still hold it, sealed: only revoking it at ",
        Code(removal.revoke_url),
        " ends it.",
    ]


def label_for(connection: str) -> str:
    """Return a connection's name as a sentence has it: the provider's own, or the name in quotes."""
    return label_of(connection) if connection in PROVIDERS else f"'{connection}'"


def add_connection(parser: Parser, name: str = "connection") -> None:
    """Add the argument that names a connection; `keys` calls it by its first name, `provider`."""
    parser.add_argument(
        name, metavar=CONNECTION, help=f"{', '.join(PROVIDERS)}, or a name that `connect` gave"
    )


def _arguments(parser: Parser) -> None:
    add_entry(parser)
    add_connection(parser, "provider")


def _add_provider(parser: Parser) -> None:
    parser.add_argument(
        "provider", choices=PROVIDERS, metavar="PROVIDER", help=", ".join(PROVIDERS)
    )


def _entry(session: Session, args: Namespace, facts: list[KeyFacts]) -> Entry:
    """Return what is known of the key that `keys set` asks for.

    Raises:
        WrongUsage: If no connection has this name.
    """
    name = args.provider
    fact = next((one for one in facts if one.connection == name), None)
    if fact is None:
        known = [one.connection for one in facts]
        raise unknown_connection(name, known, find_way(session, args.workspace))
    kept = None if name in PROVIDERS else fact.endpoint
    endpoint = args.endpoint or kept
    service = find_service(fact.provider, endpoint)
    return Entry(
        connection=name,
        label=service.label if service and name not in PROVIDERS else label_for(name),
        endpoint=endpoint,
        service=service,
        held=would_lose_key(facts, name),
        lines=setup_lines(Setup.of(service)) if service else own_lines(endpoint or ""),
        again=" ".join(["assay-nb keys set", name, *where_flags(args)]),
        required=service is not None,
    )


def where_flags(args: Namespace) -> list[str]:
    """Return the flags that a command in a hint needs to mean the same workspace and server."""
    flags = ("-w", args.workspace), ("--endpoint", args.endpoint)
    return [f"{flag} {shlex.quote(value)}" for flag, value in flags if value]


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
