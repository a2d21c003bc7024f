"""`usage` and `calls export`: what all workspaces use and cost, as a table and as CSV."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.session import Session
from assay_nb.engine.usage import UsageLine, UsagePart
from assay_nb.errors import WrongUsage
from assay_nb.operating.session import OperatorSession
from assay_nb.render.document import Block, Callout, Document, Inline, Paragraph, Table
from assay_nb.text.csv_rows import write_rows
from assay_nb.text.english import count

if TYPE_CHECKING:
    from assay_nb.accounting.reports import Days
    from assay_nb.gateway.resources import GatewayResources
    from assay_nb.store.call_rows import CallRecord

_COUNTS = tuple(
    one.name
    for one in fields(UsageLine)
    if one.name not in {"workspace", "month", "day", "user", "model"}
)
_CALL_COLUMNS = (
    "at",
    "workspace",
    "user",
    "instrument",
    "connection",
    "model",
    "funding",
    "status",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost",
    "counted",
    "milliseconds",
)


def add_usage(add: Adder) -> None:
    """Add `usage`, `calls` and what stands below them."""
    usage = add("usage", "what all workspaces use and cost", None)
    _add_days(add_json(usage("list", "as a table", list_usage)))
    exporting = add_json(usage("export", "as CSV", export_usage))
    _add_days(exporting)
    _add_file(exporting)
    calls = add("calls", "the log of all workspaces' calls", None)
    exporting = add_json(
        calls("export", "as CSV: who, when, what, how many tokens; never content", export_calls)
    )
    _add_days(exporting, parts=False)
    _add_file(exporting)


def list_usage(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show what all workspaces use and cost."""
    by, lines = _read_usage(_resources(session), args)
    if not lines:
        return Outcome(Document([Paragraph(["No calls were made on these days."])]), [])
    header = [*by, "calls", "input tokens", "output tokens", "cost", "counted"]
    rows: list[list[Inline]] = [
        [
            *(str(getattr(one, part)) for part in by),
            f"{one.calls:,}",
            f"{one.input_tokens:,}",
            f"{one.output_tokens:,}",
            f"${one.cost:,.2f}",
            f"${one.counted:,.2f}",
        ]
        for one in lines
    ]
    blocks: list[Block] = [Table(header, rows)]
    unpriced = sum(one.unpriced for one in lines)
    if unpriced:
        said = (
            f"Of {count(unpriced, 'call')} the cost is not known. They count with an estimate, which is in "
            "the last column alone."
        )
        blocks.append(Callout("info", [said]))
    return Outcome(Document(blocks), [one.to_dict() for one in lines])


def export_usage(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Write what all workspaces use and cost as CSV."""
    by, lines = _read_usage(_resources(session), args)
    columns = (*by, *_COUNTS)
    rows = ([getattr(one, name) for name in columns] for one in lines)
    return _export(args.csv, columns, rows, "line")


def export_calls(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Write the lines of the calls log as CSV."""
    resources = _resources(session)
    resources.calls.settle_cut_off()
    names = resources.reports.workspace_names()
    rows = (_call_row(one, names) for one in resources.calls.export(*_days(args).seconds))
    return _export(args.csv, _CALL_COLUMNS, rows, "call")


def _add_days(parser: Any, *, parts: bool = True) -> None:
    parser.add_argument(
        "--from", dest="begin", metavar="DAY", help="the first day (the first of the month)"
    )
    parser.add_argument("--to", dest="end", metavar="DAY", help="the last day (today), in UTC")
    if parts:
        parser.add_argument(
            "--by",
            default="workspace,month",
            metavar="PARTS",
            help="workspace, month, day, user, model, with commas between (workspace,month)",
        )


def _add_file(parser: Any) -> None:
    parser.add_argument(
        "--csv", required=True, metavar="FILE", help="a new file; - for standard output"
    )


def _resources(session: Session) -> GatewayResources:
    return cast("OperatorSession", session).resources


def _days(args: Namespace) -> Days:
    from assay_nb.accounting.reports import read_days

    return read_days(args.begin, args.end)


def _read_usage(
    resources: GatewayResources, args: Namespace
) -> tuple[tuple[UsagePart, ...], list[UsageLine]]:
    from assay_nb.engine.local.usage import check_parts, show_row

    by = check_parts([part.strip() for part in args.by.split(",") if part.strip()])
    rows = resources.reports.usage(by, _days(args))
    names = resources.reports.workspace_names()
    return by, [show_row(row, names) for row in rows]


def _call_row(call: CallRecord, names: dict[str, str]) -> list[Any]:
    workspace = call.workspace_id.hex()
    return [
        datetime.fromtimestamp(call.at, UTC).isoformat(),
        names.get(workspace, workspace),
        call.user,
        call.instrument,
        call.provider,
        call.model,
        call.funding,
        call.status,
        call.input_tokens,
        call.output_tokens,
        call.cached_tokens,
        _in_dollars(call.cost_micros),
        _in_dollars(call.counted_micros),
        call.milliseconds,
    ]


def _in_dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / 1_000_000


def _export(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], what: str) -> Outcome:
    with _open_new(name) as file:
        written = write_rows(file, columns, rows)
    if name == "-":
        return Outcome(Document([]), None)
    said = f"{count(written, what)} written to {name}."
    return Outcome(Document([Callout("good", [said])]), {"file": name, "lines": written})


@contextmanager
def _open_new(name: str) -> Generator[TextIO]:
    if name == "-":
        yield sys.stdout
        return
    try:
        with Path(name).open("x", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise WrongUsage(
            f"{name} cannot be written: {error.strerror}.", hint="Name a file that is not there."
        ) from None
