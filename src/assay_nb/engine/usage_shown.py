"""Usage in words, bars and CSV: one form for the terminal, the notebook, JupyterLab and the gateway's pages."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

from assay_nb.engine.usage import LimitFacts, UsageFacts, UsageLine, UsagePart
from assay_nb.render.document import (
    Block,
    Callout,
    Code,
    FinePrint,
    Heading,
    Inline,
    Meter,
    Paragraph,
    Scorecard,
    Table,
    sentence,
)
from assay_nb.render.figures import share
from assay_nb.text.csv_rows import write_rows
from assay_nb.text.english import count

PARTS: dict[str, UsagePart] = {
    "member": "user",
    "model": "model",
    "day": "day",
    "month": "month",
}
"""What usage is broken down by, as people say it, and as it is asked for."""

_FILLED = 62
"""Days of which each gets a bar from the first call on; of more, only those with calls."""
_COUNTS = tuple(
    one.name for one in fields(UsageLine) if one.name not in {"workspace", *PARTS.values()}
)


def describe_usage(facts: UsageFacts) -> list[Block]:
    """Return usage as it is shown: the sum, bars, a table, and what is left of the limits."""
    when = _when(facts)
    if not facts.total.calls:
        return [Paragraph([f"{when}: none."]), *describe_limits(facts.limits)]
    blocks: list[Block] = [
        Paragraph([f"{when}: {sum_up(facts.total)}."]),
        Scorecard(draw_bars(facts)),
        _table(facts),
    ]
    if facts.total.unpriced:
        unknown = count(facts.total.unpriced, "call")
        said = (
            f"The cost of {unknown} is not known: an estimate counts in its place, under “counted”."
        )
        blocks.append(FinePrint([said]))
    return [*blocks, *describe_limits(facts.limits)]


def _when(facts: UsageFacts) -> str:
    whose = "Everybody's calls" if facts.everyone else "Your calls"
    return f"{whose}, {facts.begin} to {facts.end} (UTC)"


def draw_bars(facts: UsageFacts) -> list[Meter]:
    """Return a bar for each line: of what is counted in dollars, or of calls where nothing costs any."""
    part = facts.by[0]
    lines = list(_fill_days(facts)) if part == "day" else list(facts.lines)
    in_dollars = any(line.counted for line in lines)
    sizes = [line.counted if in_dollars else float(line.calls) for line in lines]
    top = max(sizes, default=0.0)
    return [
        Meter(
            getattr(line, part),
            size,
            top,
            judged=False,
            words=say_dollars(line.counted) if in_dollars else count(line.calls, "call"),
        )
        for line, size in zip(lines, sizes, strict=True)
    ]


def describe_limits(limits: Sequence[LimitFacts]) -> list[Block]:
    """Return how much of each limit is left; a warning of those that are nearly used up."""
    if not limits:
        return []
    near = [Callout("warning", sentence(one.text)) for one in limits if one.is_near]
    return [Heading("Limits", 2), Scorecard(draw_limits(limits)), *near]


def draw_limits(limits: Sequence[LimitFacts]) -> list[Meter]:
    """Return a bar for each limit, of how much of it is counted."""
    return [
        Meter(
            name_limit(one),
            min(one.counted, one.limit),
            one.limit,
            words=say_left(one),
            judged=False,
        )
        for one in limits
    ]


def tell_usage(facts: UsageFacts) -> dict[str, Any]:
    """Return usage as a face draws it that knows neither dollars nor limits: words, and lengths from 0 to 1."""
    table = _table(facts)
    return {
        "everyone": facts.everyone,
        "by": next((name for name, part in PARTS.items() if part in facts.by), ""),
        "begin": facts.begin,
        "end": facts.end,
        "text": f"{_when(facts)}: {sum_up(facts.total) if facts.total.calls else 'none'}.",
        "bars": [_tell(meter) for meter in draw_bars(facts)] if facts.total.calls else [],
        "heads": list(table.columns),
        "rows": [[_plain(cell) for cell in row] for row in table.rows],
        "limits": [
            {**_tell(meter), "warning": limit.text if limit.is_near else ""}
            for meter, limit in zip(draw_limits(facts.limits), facts.limits, strict=True)
        ],
    }


def _tell(meter: Meter) -> dict[str, Any]:
    return {"label": meter.label, "share": share(meter), "words": meter.words}


def _plain(cell: Inline) -> str:
    return cell if isinstance(cell, str) else cell.text


def write_csv(facts: UsageFacts) -> str:
    """Return usage as CSV, with a line of names first."""
    out = io.StringIO()
    columns = (*facts.by, *_COUNTS)
    write_rows(out, columns, ([getattr(line, name) for name in columns] for line in facts.lines))
    return out.getvalue()


def _fill_days(facts: UsageFacts) -> Iterator[UsageLine]:
    """Yield a line for each day in order from the first with a call, so that a day without calls is seen as one."""
    first, last = date.fromisoformat(facts.begin), date.fromisoformat(facts.end)
    known = {line.day: line for line in facts.lines}
    if (last - first).days >= _FILLED:
        yield from facts.lines
        return
    first = min(map(date.fromisoformat, known), default=first)
    for number in range((last - first).days + 1):
        day = (first + timedelta(days=number)).isoformat()
        yield known.get(day) or UsageLine(day=day)


def sum_up(total: UsageLine) -> str:
    """Return calls, tokens and cost in words."""
    parts = [
        count(total.calls, "call"),
        f"{count(total.input_tokens, 'token')} in, {total.output_tokens:,} out",
        say_dollars(total.cost) if total.unpriced < total.calls else "cost unknown",
    ]
    return ", ".join(parts)


def _table(facts: UsageFacts) -> Table:
    names: dict[str, str] = {part: name for name, part in PARTS.items()}
    heads = [*(names[part] for part in facts.by if part in names)]
    heads += ["calls", "tokens in", "of them cached", "tokens out", "cost", "counted"]
    rows: list[list[Inline]] = [
        [
            *(_part(part, getattr(line, part)) for part in facts.by),
            f"{line.calls:,}",
            f"{line.input_tokens:,}",
            f"{line.cached_tokens:,}",
            f"{line.output_tokens:,}",
            say_dollars(line.cost) if line.unpriced < line.calls else "unknown",
            say_dollars(line.counted),
        ]
        for line in facts.lines
    ]
    return Table(heads, rows)


def _part(part: str, value: str) -> Inline:
    return Code(value) if part == "model" else value


def name_limit(limit: LimitFacts) -> str:
    """Return what is limited, for whom and of which models."""
    whose = "all together" if limit.together else "you"
    of = f", {limit.model}" if limit.model else ""
    return f"{limit.unit} a {limit.period}, {whose}{of}"


def say_left(limit: LimitFacts) -> str:
    """Return what is left of a limit, and of how much."""
    if limit.unit == "calls":
        return f"{limit.left:,.0f} of {count(round(limit.limit), 'call')} left"
    return f"{say_dollars(limit.left)} of {say_dollars(limit.limit)} left"


def say_dollars(amount: float) -> str:
    """Return dollars, with as many digits as say something of a small amount."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
