"""Status commands: status, model, models, budget, calls, doctor."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from assay_nb.commands.keys import keys_table
from assay_nb.commands.keyways import find_way, how_to_start
from assay_nb.commands.outcome import Console, Outcome, join
from assay_nb.commands.parser import MODEL
from assay_nb.commands.registry import Adder, add_json, add_workspace, program
from assay_nb.commands.workspaces import name_workspace
from assay_nb.connections.facts import shown_name
from assay_nb.engine.control import (
    BudgetFacts,
    CallFacts,
    Diagnosis,
    KeyFacts,
    Listing,
    ListingFailure,
    ModelFacts,
    Standing,
    WorkspaceFacts,
)
from assay_nb.engine.local.practice import WORKSPACE, no_key
from assay_nb.engine.session import Session
from assay_nb.engine.usage import UsageFacts
from assay_nb.engine.usage_shown import describe_limits, sum_up
from assay_nb.errors import WrongUsage, workspace_gone
from assay_nb.messages import PROVIDERS
from assay_nb.models.catalog import parse_model
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Document,
    FinePrint,
    Inline,
    Item,
    Items,
    Paragraph,
    Table,
    Tone,
    sentence,
)
from assay_nb.text.english import count

_LEVELS: dict[str, tuple[str, Tone]] = {
    "ok": ("ok", "good"),
    "info": ("note", "info"),
    "warning": ("warning", "warning"),
    "problem": ("problem", "bad"),
}


def add_status(add: Adder) -> None:
    """Add what tells and sets where one stands."""
    add_json(add("status", "workspace, model, keys and vault at a glance", status))
    model_parser = add_json(add_workspace(add("model", "show or set the workspace's model", model)))
    model_parser.add_argument("model", metavar=MODEL, nargs="?")
    model_parser.add_argument(
        "--reset", action="store_true", help="go back to the provider's default"
    )
    model_parser.add_argument(
        "--price-in",
        type=float,
        metavar="DOLLARS",
        help="set what a million input tokens cost here",
    )
    model_parser.add_argument(
        "--price-out", type=float, metavar="DOLLARS", help="the same for output"
    )
    model_parser.add_argument(
        "--no-price", action="store_true", help="forget the price that was set"
    )
    models_parser = add_json(
        add_workspace(add("models", "models with context window and price", models))
    )
    models_parser.add_argument(
        "--ask", action="store_true", help="ask the providers for their lists (free)"
    )
    add_json(add("budget", "your demo calls", budget))
    calls_parser = add_json(
        add_workspace(add("calls", "the log of calls: who, when, what; never content", calls))
    )
    calls_parser.add_argument(
        "-n", "--limit", type=int, default=20, metavar="N", help="how many (20)"
    )
    add_json(add("doctor", "look for the usual troubles and say what to do", doctor))


def status(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show workspace, model, keys and vault."""
    standing = session.portal.call(session.control.standing)
    if standing.workspace is None:
        mine = session.portal.call(session.control.workspaces)
        blocks = [_gone(args, [one.name for one in mine])]
    else:
        blocks = _workspace(session, args, standing, standing.workspace)
        blocks += _usage(session, standing.workspace)
    if standing.vault == "sealed":
        blocks.append(
            Callout(
                "bad",
                [
                    "The vault is sealed: its master key is not here. ",
                    Code("assay-nb doctor"),
                    " says more.",
                ],
            )
        )
    if standing.budget.granted:
        blocks.append(
            Paragraph([f"Demo calls left: {standing.budget.left} of {standing.budget.granted}."])
        )
    who = f"hub, as {standing.user}" if standing.mode == "hub" else standing.mode
    place = f"{who} · vault {standing.vault}: {standing.vault_place} · master key: {standing.master_key_place}"
    blocks.append(FinePrint([f"assay_nb {standing.version} · {place}"]))
    return Outcome(Document(blocks), standing.to_dict())


def _workspace(
    session: Session, args: Namespace, standing: Standing, where: WorkspaceFacts
) -> list[Block]:
    line: list[Inline] = ["You work in ", *name_workspace(where, standing.mode), "."]
    blocks: list[Block] = [
        Paragraph([*line, *_model_line(standing)]),
        *map(_warning, standing.warnings),
        keys_table(list(standing.keys)),
    ]
    if all(key.state == "missing" for key in standing.keys):
        blocks.append(Callout("info", _how_to_start(session, args, where)))
    elif standing.model is None:
        named = next(key.connection for key in standing.keys if key.state != "missing")
        hint = find_way(session, where.id).say_model(f"{named}/MODEL", program=program(args))
        blocks.append(Callout("info", sentence(hint)))
    elif _find_connection(standing) is None:
        name = parse_model(standing.model)[0]
        what = "key for" if name in PROVIDERS else "connection"
        lost = f"Calls that name no model fail: there is no {what} '{name}' in this workspace."
        hint = find_way(session, where.id).say_model(program=program(args))
        blocks.append(Callout("warning", sentence(f"{lost} {hint}")))
    return blocks


def _usage(session: Session, where: WorkspaceFacts) -> list[Block]:
    """Return what one's own calls used this month, and what is left; nothing while there is neither."""

    async def ask() -> UsageFacts:
        return await session.control.usage(where.id, by=())

    facts = session.portal.call(ask)
    said: list[Block] = []
    if facts.total.calls:
        said = [Paragraph([f"Your calls this month: {sum_up(facts.total)}."])]
    return [*said, *describe_limits(facts.limits)]


def _warning(text: str) -> Block:
    return Callout("warning", sentence(text))


def _model_line(standing: Standing) -> list[Inline]:
    """Return which model answers, and where its calls go."""
    if standing.model is None:
        return [" It has no model yet."]
    found = _find_connection(standing)
    there: list[Inline] = [", at ", found.endpoint] if found and found.endpoint else []
    return [" Its model is ", Code(_shown(standing.model)), *there, "."]


def _find_connection(standing: Standing) -> KeyFacts | None:
    """Return the connection that calls go to which name no model, if it is there."""
    name = parse_model(standing.model)[0] if standing.model else None
    stored = (key for key in standing.keys if key.state != "missing")
    return next((key for key in stored if key.connection == name), None)


def _how_to_start(session: Session, args: Namespace, where: WorkspaceFacts) -> list[Inline]:
    if session.mode == "solo" and where.name == WORKSPACE:
        return sentence(str(no_key()))
    return ["No key yet. ", *how_to_start(session, args, where.id)]


def _gone(args: Namespace, names: list[str]) -> Block:
    """Say that the active workspace is gone, and which others there are."""
    use = f"{program(args)} workspace use NAME"
    quoted = [f"'{name}'" for name in names]
    others = f". Yours: {join(quoted)}."
    return Callout(
        "warning", [f"{workspace_gone().message} Choose another one: ", Code(use), others]
    )


def model(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show the workspace's model, or set it; or set what a model costs."""
    control = session.control
    if args.no_price or args.price_in is not None or args.price_out is not None:
        return _set_price(session, args)
    if args.model or args.reset:
        now = session.portal.call(control.set_model, args.workspace, args.model)
    else:
        now = session.portal.call(control.model, args.workspace)
    shown: list[Inline] = (
        ["Model: ", Code(now), "."]
        if now
        else [
            "No model chosen: the first provider with a key gives its default. Other connections have none."
        ]
    )
    return Outcome(Document([Paragraph(shown)]), {"model": now})


def _set_price(session: Session, args: Namespace) -> Outcome:
    """Set what a model costs in the workspace, or forget it. The workspace's model stays as it is."""
    given = args.price_in, args.price_out
    if args.reset or not args.model or (None in given) != args.no_price or given.count(None) == 1:
        raise WrongUsage(
            "A price belongs to one model and has two parts, --price-in and --price-out.",
            hint="Write it like `model CONNECTION/MODEL --price-in 0.15 --price-out 0.60`, in dollars per "
            "million tokens. `model CONNECTION/MODEL --no-price` forgets it.",
        )
    price = None if args.no_price else given
    facts = session.portal.call(session.control.set_price, args.workspace, args.model, price)
    known = facts.input_price is not None and facts.output_price is not None
    text = "not known here"
    if known:
        text = f"${facts.input_price:g} in, ${facts.output_price:g} out ({facts.sources['price']})"
    shown: list[Inline] = [Code(args.model), f", per million tokens: {text}."]
    return Outcome(Document([Paragraph(shown)]), facts.to_dict())


def models(session: Session, args: Namespace, desk: Console) -> Outcome:
    """List models; any other name that the provider accepts works too."""

    async def ask() -> Listing:
        return await session.control.models(args.workspace, ask=args.ask)

    listing = session.portal.call(ask)
    facts = list(listing)
    rows: list[list[Inline]] = [
        [
            Code(_shown(f"{f.provider}/{f.name}")),
            _number(f.context),
            _number(f.max_output),
            _price(f.input_price),
            _price(f.output_price),
            _retirement(f),
            f.note,
        ]
        for f in facts
    ]
    heads = ["model", "context", "output", "$ / M in", "$ / M out", "retires", ""]
    note = "Any model name that the provider accepts works. Prices are estimates."
    fine = FinePrint([f"{note} {_sources(facts)}".rstrip()])
    silent = [_silent(failure) for failure in listing.failures]
    return Outcome(Document([Table(heads, rows), *silent, fine]), [f.to_dict() for f in facts])


def _silent(failure: ListingFailure) -> Block:
    """Return why a connection's models are missing from the list, and the next step."""
    why = f": {failure.message} {failure.hint}".rstrip()
    return Callout("warning", [Code(failure.connection), *sentence(why)])


def _shown(model: str) -> str:
    """Return a model's name for people, behind its connection's."""
    connection, slash, name = model.partition("/")
    return f"{connection}{slash}{shown_name(name)}"


def _retirement(facts: ModelFacts) -> str:
    if not facts.retires:
        return ""
    day = f"from {facts.retires} on" if facts.retires_earliest else facts.retires
    return f"{day}: {facts.successor}" if facts.successor else day


def _sources(facts: list[ModelFacts]) -> str:
    """Return who says what is in the table, each of them once."""
    named = dict.fromkeys(source for one in facts for source in one.sources.values())
    return f"Sources: {'; '.join(named)}." if named else ""


def budget(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show the demo calls that are left."""
    facts = session.portal.call(session.control.budget)
    text = (
        f"Demo calls left: {facts.left} of {facts.granted}."
        if facts.granted
        else "There are no demo calls here: calls use the workspace's own key."
    )
    return Outcome(
        Document([Paragraph([text]), *_after_demo(session, args, facts)]), facts.to_dict()
    )


def _after_demo(session: Session, args: Namespace, facts: BudgetFacts) -> list[Block]:
    """Return how to begin without a demo call, where the active workspace has no key."""
    where = session.portal.call(session.control.standing)
    if facts.left or where.workspace is None or any(key.state != "missing" for key in where.keys):
        return []
    return [Callout("info", _how_to_start(session, args, where.workspace))]


def calls(session: Session, args: Namespace, desk: Console) -> Outcome:
    """List the latest calls of the workspace."""
    facts = session.portal.call(session.control.calls, args.workspace, args.limit)
    rows: list[list[Inline]] = [
        [
            f.at,
            f.user,
            f.instrument,
            Code(f"{f.provider}/{f.model}"),
            f.status,
            _number(f.input_tokens),
            _number(f.output_tokens),
            "" if f.cost is None else _dollars(f.cost),
        ]
        for f in facts
    ]
    table = Table(["when (UTC)", "who", "what", "model", "status", "in", "out", "cost"], rows)
    blocks: list[Block] = [table, Paragraph([_total(facts)])]
    if not facts:
        blocks = [Paragraph(["No calls yet." if args.limit > 0 else "No calls were asked for."])]
    return Outcome(Document(blocks), [f.to_dict() for f in facts])


def _total(facts: list[CallFacts]) -> str:
    """Return what the listed calls come to. What is not known of some is said, and not taken for zero."""
    read = sum(fact.input_tokens or 0 for fact in facts)
    written = sum(fact.output_tokens or 0 for fact in facts)
    uncounted = sum(fact.input_tokens is None for fact in facts)
    parts = [
        f"{count(len(facts), 'call')} listed: {count(read, 'token')} in, {written:,} out",
        f"{count(uncounted, 'call')} without a count of tokens" if uncounted else "",
        _money([fact.cost for fact in facts]),
    ]
    return f"{', '.join(part for part in parts if part)}."


def _money(costs: list[float | None]) -> str:
    known = [cost for cost in costs if cost is not None]
    unknown = len(costs) - len(known)
    if not known:
        return "cost unknown"
    rest = f", and {count(unknown, 'call')} of unknown cost" if unknown else ""
    return f"{_dollars(sum(known))}{rest}"


def _dollars(cost: float) -> str:
    return f"≈ ${cost:.4f}" if cost else "$0"


def doctor(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Look for the usual troubles."""
    return show_findings(session.portal.call(session.control.doctor))


def show_findings(findings: Sequence[Diagnosis]) -> Outcome:
    """Return what `doctor` shows; it fails where there is a problem."""
    failed = any(finding.level == "problem" for finding in findings)
    return Outcome(
        Document([Items([_item(f) for f in findings])]),
        [f.to_dict() for f in findings],
        exit_status=int(failed),
    )


def _item(finding: Diagnosis) -> Item:
    word, tone = _LEVELS[finding.level]
    return Item(
        finding.subject,
        sentence(finding.text),
        badges=[Badge(word, tone)],
        lines=[sentence(finding.hint)] if finding.hint else [],
    )


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _price(dollars: float | None) -> str:
    return "" if dollars is None else f"{dollars:g}"
