"""`connect`, and `connections list | test | rename | remove`: the servers that a workspace's calls can go to."""

from __future__ import annotations

import shlex
from argparse import SUPPRESS, Namespace
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace

from assay_nb.commands.key_entry import (
    Entered,
    Entry,
    add_entry,
    enter_key,
    own_lines,
    setup_lines,
    still_set,
)
from assay_nb.commands.keys import (
    KEY_HEADS,
    add_connection,
    check_known,
    key_cells,
    remove_key,
    say_check,
    set_key,
    test_key,
    tone_of,
)
from assay_nb.commands.keyways import KEY_IN_KERNEL, how_to_add, refuse_on_hub
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import PRESET, nearest
from assay_nb.commands.registry import Adder, add_json, add_workspace, adder, program
from assay_nb.connections.names import PLACEMENTS, SPOKEN, check_kind
from assay_nb.connections.presets import PRESETS, Preset, find_preset
from assay_nb.engine.control import STORE_UNTESTED, KeyCheck, KeyFacts, Setup
from assay_nb.engine.endpoints import find_service, usual_placement, would_lose_key
from assay_nb.engine.session import Session
from assay_nb.errors import ProviderUnavailable, WrongUsage
from assay_nb.messages import NO_KEY, PROVIDERS
from assay_nb.render.document import (
    Block,
    Callout,
    Code,
    Document,
    FinePrint,
    Inline,
    Paragraph,
    Table,
    sentence,
)

_TAKES: dict[str, str] = {
    "required": "key",
    "optional": "key or none",
    "none": "no key",
}
"""What the list of presets says of a key, by `Preset.key`."""


def add_connections(add: Adder) -> None:
    """Add `connect` and `connections`, with what is below it."""
    _add_connect(add)
    listing = add_json(
        add_workspace(
            add(
                "connections",
                "the servers that calls can go to: list, test, rename, remove",
                list_connections,
            )
        )
    )
    below = adder(listing)
    for name, text, run in (
        ("list", "each connection: what it speaks, where it leads, its key's state", list_connections),
        ("test", "ask a server whether the stored key works (free)", test_connection),
        ("rename", "give a connection another name; its key stays as it is", rename_connection),
        ("remove", "forget a connection and its key", remove_connection),
    ):  # fmt: skip
        parser = add_json(add_workspace(below(name, text, run)))
        for action in parser.optionals():
            action.default = SUPPRESS  # `connections -w research list`: what came before is kept
        if name != "list":
            add_connection(parser)
        if name == "rename":
            parser.add_argument("new_name", metavar="NEW", help="its new name")


def _add_connect(add: Adder) -> None:
    parser = add("connect", "connect a server; alone, list what can be connected", connect)
    parser.add_argument(
        "preset", metavar=PRESET, nargs="?", help="what to connect: `connect` alone lists them"
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="what to call it; the preset's name by default"
    )
    add_entry(parser)
    parser.add_argument("--resource", metavar="NAME", help="the resource in an Azure address")
    parser.add_argument("--region", metavar="NAME", help="the region in an AWS address")
    parser.add_argument(
        "--kind", choices=tuple(SPOKEN), help="what the server speaks, if not what the preset says"
    )
    parser.add_argument(
        "--placement", choices=PLACEMENTS, help="how the server takes its key, likewise"
    )


# --- connect


def connect(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Connect a server from a preset: take its key, test it, store both, and say how to use it."""
    if args.preset is None:
        return list_presets(session, args)
    preset = _find_preset(args.preset)
    is_first = preset.name in PROVIDERS and args.name in {None, preset.name}
    refuse_on_hub(session, args, KEY_IN_KERNEL, "add" if is_first else "connect", preset.name)
    if is_first and not _is_changed(args):
        args.provider = preset.name
        return set_key(session, args, desk)
    entry = _entry(session, args, preset)
    with _explaining_start(preset):
        entered = enter_key(session, args, desk, entry)
    blocks = _say_connected(args, preset, entry, entered)
    data = {
        **entered.check.to_dict(),
        "replaced": entered.replaced,
        "endpoint": entry.endpoint,
        "kind": entry.kind,
    }
    return Outcome(Document(blocks), data)


def list_presets(session: Session, args: Namespace) -> Outcome:
    """Show what can be connected."""
    rows: list[list[Inline]] = [
        [Code(one.name), f"{one.label} · {_TAKES[one.key]} · {one.endpoint or '--endpoint URL'}"]
        for one in PRESETS.values()
    ]
    blocks: list[Block] = [Table(["preset", "what it is · key · address"], rows)]
    if session.mode == "hub":
        blocks.append(Paragraph(how_to_add(session, args, args.workspace)))
        blocks.append(FinePrint(["That page shows which of them this hub is open to."]))
    else:
        command = f"{program(args)} connect PRESET [NAME]"
        blocks.append(Paragraph(["Connect one: ", Code(command), "."]))
        blocks.append(
            FinePrint(["Then ", Code("NAME/MODEL"), " is a model of it, wherever one is named."])
        )
    return Outcome(Document(blocks), [asdict(one) for one in PRESETS.values()])


def _is_changed(args: Namespace) -> bool:
    return args.kind is not None or args.placement is not None


def _find_preset(word: str) -> Preset:
    if "://" in word:
        raise WrongUsage(
            "An address alone does not say what its server speaks.",
            hint="Name what it speaks: `assay-nb connect openai-compatible NAME --endpoint URL`.",
        )
    near = nearest(word.lower(), PRESETS)
    if near and word.lower() not in PRESETS:
        raise WrongUsage(f"There is no preset '{word[:40]}'.", hint=f"Did you mean {near}?")
    return find_preset(word)


def _entry(session: Session, args: Namespace, preset: Preset) -> Entry:
    """Return what is known of the connection that is about to be made, or changed."""
    name = preset.name if args.name is None else args.name
    kind = args.kind or preset.kind
    provider = check_kind(name, kind) or preset.provider
    endpoint = _find_endpoint(args, preset)
    service = find_service(provider, endpoint)
    facts = session.portal.call(session.control.keys, args.workspace)
    placement = args.placement or preset.placement or usual_placement(provider)
    if placement == NO_KEY:
        args.no_key, placement = True, usual_placement(provider)
    return Entry(
        connection=name,
        label=preset.label if preset.endpoint else f"'{name}'",
        endpoint=endpoint,
        service=service,
        held=would_lose_key(facts, name),
        lines=_lines(preset, service, endpoint),
        again=_again(args),
        required=preset.key == "required" or service is not None,
        asked=preset.key != "none",
        kind=kind,
        placement=placement,
    )


def _find_endpoint(args: Namespace, preset: Preset) -> str:
    """Return the address: what is typed, or the preset's, filled in."""
    args.endpoint = args.endpoint and args.endpoint.strip()
    parts = {name: vars(args)[name] for name in ("resource", "region") if vars(args)[name]}
    unused = [name for name in parts if args.endpoint or name not in preset.holes]
    if unused:
        raise WrongUsage(
            f"--{unused[0]} has no place in the address of this server.",
            hint=f"Leave --{unused[0]} out.",
        )
    if not (args.endpoint or preset.endpoint):
        raise WrongUsage(
            f"{preset.name} needs the server's address.",
            hint=f"Add --endpoint URL. {preset.to_begin}",
        )
    return args.endpoint or preset.fill(parts)


def _lines(preset: Preset, service: Preset | None, endpoint: str) -> list[str]:
    """Return what is said before the key is asked for; what to be careful about comes after it is stored."""
    if service is not None:
        return setup_lines(replace(Setup.of(service), note=""))
    if preset.key == "required":
        return setup_lines(replace(Setup.of(preset), note=""))
    if preset.endpoint:
        return [f"{preset.label} at {endpoint}. {preset.to_begin}"]
    return own_lines(endpoint)


def _again(args: Namespace) -> str:
    """Return the command that does the same in a terminal."""
    flags = ("workspace", "endpoint", "resource", "region", "kind", "placement")
    given = [(f"--{flag}", vars(args)[flag]) for flag in flags if vars(args)[flag]]
    words = [args.preset, *([args.name] if args.name else [])]
    return shlex.join(["assay-nb", "connect", *words, *(word for pair in given for word in pair)])


@contextmanager
def _explaining_start(preset: Preset) -> Generator[None]:
    """Say how a server of one's own is started, where nobody answers at its usual address."""
    try:
        yield
    except ProviderUnavailable as error:
        if preset.keys_url or not preset.endpoint or error.status is not None:
            raise
        hint = f"Start it, then try again: {preset.to_begin} {STORE_UNTESTED}"
        raise ProviderUnavailable(error.message, hint=hint, provider=error.provider) from None


def _say_connected(args: Namespace, preset: Preset, entry: Entry, entered: Entered) -> list[Block]:
    """Return what was stored, what the server has, and what to type next."""
    check = entered.check
    how = ", without a key. " if entered.keyless else ", with its key. "
    line: list[Inline] = ["Connection ", Code(entry.connection), " leads to "]
    line += [Code(entry.endpoint or ""), f"{how}{say_check(check)}{entered.note}"]
    blocks: list[Block] = [Callout(tone_of(check), line)]
    if preset.caution:
        caution = f"{preset.caution[:1].lower()}{preset.caution[1:]}"
        blocks.append(Callout("info", sentence(f"About {preset.label}: {caution}")))
    return [*blocks, *_say_next(args, preset, entry, check), *still_set(args)]


def _say_next(args: Namespace, preset: Preset, entry: Entry, check: KeyCheck) -> list[Block]:
    name, blocks = entry.connection, list[Block]()
    names = [] if preset.model else list(check.names)
    if names:
        blocks.append(Paragraph(["Its models: ", *_listed(name, names, check.models), "."]))
    first = names[0] if names else preset.model or "MODEL"
    model = f"{name}/{first}"
    command = [program(args), "model", model, *(["-w", args.workspace] if args.workspace else [])]
    blocks.append(
        Paragraph(
            [
                "Use it for the workspace's calls: ",
                Code(shlex.join(command)),
                ". Or for one call: ",
                Code(f"-m {shlex.quote(model)}"),
                ".",
            ]
        )
    )
    return blocks


def _listed(connection: str, names: Sequence[str], models: int) -> list[Inline]:
    """Return the first models as a sentence lists them, with how many more there are."""
    parts: list[Inline] = []
    for number, name in enumerate(names):
        parts += [", " if number else "", Code(f"{connection}/{name}")]
    more = models - len(names)
    return [*parts, f" and {more:,} more"] if more > 0 else parts


# --- connections


def list_connections(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show every connection, with the state of its key from a real decrypt check."""
    facts = session.portal.call(session.control.keys, args.workspace)
    rows: list[list[Inline]] = [
        [Code(fact.connection), _speaks(fact), fact.endpoint, *key_cells(fact)] for fact in facts
    ]
    blocks: list[Block] = [Table(["connection", "speaks", "leads to", *KEY_HEADS], rows)]
    if session.mode == "hub":
        blocks.append(Paragraph(how_to_add(session, args, args.workspace)))
    else:
        listing = f"{program(args)} connect"
        blocks.append(FinePrint([Code(listing), " lists what else can be connected."]))
    return Outcome(Document(blocks), [fact.to_dict() for fact in facts])


def test_connection(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Ask a server whether the stored key works."""
    args.provider = args.connection
    return test_key(session, args, desk)


def rename_connection(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Give a connection another name. The workspace's model goes along; what names it elsewhere does not."""
    check_known(session, args, args.connection)
    renamed = "On a hub, connections are renamed in a browser and not in a kernel, where any code could do it."
    refuse_on_hub(session, args, renamed, "rename", args.connection)
    control, old, new = session.control, args.connection, args.new_name
    session.portal.call(control.rename_connection, args.workspace, old, new)
    line: list[Inline] = ["Connection ", Code(old), " is now ", Code(new), ". Write "]
    line += [Code(f"{new}/MODEL"), f" where a notebook or a script names {old}/MODEL."]
    return Outcome(Document([Callout("good", line)]), {"connection": new, "was": old})


def remove_connection(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Forget a connection and its key."""
    args.provider = args.connection
    return remove_key(session, args, desk)


def _speaks(fact: KeyFacts) -> str:
    """Return what a connection's server speaks, in words; of one without a key, what its provider does."""
    kind = fact.kind or PRESETS[fact.provider].kind
    return next((words for known, words in SPOKEN.items() if known == kind), kind)
