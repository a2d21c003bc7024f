"""What is known of one model: what its server says first, and what the tables say where it is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from assay_nb.connections import values
from assay_nb.connections.facts import Fact, Facts, count_of, day_of, output_limit, text_of
from assay_nb.engine.control import ModelFacts
from assay_nb.messages import Usage
from assay_nb.models import catalog
from assay_nb.models.prices import Cost, Price, estimate_cost
from assay_nb.models.retirements import Retirement, find_retirement

_TABLE = f"assay_nb's table of {catalog.TABLE_DATE}"
_ENDING = frozenset({"deprecated", "retired"})
"""Stages of a model's life at whose end calls fail. Some listings name them without a day."""
_A_CALL = 1000
"""Tokens at which a price list is asked for a price per million: those of an ordinary call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A model where a workspace's key leads.

    Attributes:
        provider: The name of the connection.
        model: Its name.
        endpoint: Where calls go.
        official: Whether that is the provider itself, whose own announcements hold.
        live: What the server has said of it, and what people have set.
        operator: The price that the operator has set, if any.
    """

    provider: str
    model: str
    endpoint: str
    official: bool
    live: Facts = field(default_factory=dict[str, Fact])
    operator: Price | None = None

    @property
    def prices(self) -> tuple[Price, ...]:
        """The prices of this connection, the one that goes first at the beginning."""
        workspace = _price(self.live, "set_input_price", "set_output_price")
        listed = _price(self.live, "input_price", "output_price", "cached_price")
        return tuple(price for price in (workspace, self.operator, listed) if price is not None)

    def cost(self, usage: Usage) -> Cost | None:
        """Return about what a call cost, and by whose price; None when nobody knows."""
        return estimate_cost(self.model, usage, endpoint=self.endpoint, known=self.prices)

    @property
    def output_limit(self) -> int | None:
        """How many tokens of output a request may ask for; None where nobody has said."""
        table = catalog.find_model(self.model)
        return output_limit(self.live, table.max_output if table else None)

    @property
    def retirement(self) -> Retirement | None:
        """The model's end: the day that its server names, else the provider's announcement."""
        announced = find_retirement(self.model) if self.official else None
        day = day_of(self.live, "retires")
        if day is None:
            return announced
        fact = self.live["retires"]
        successor = text_of(self.live, "successor") or (announced.successor if announced else None)
        return Retirement(day=day, successor=successor, source=fact.source, read=fact.day)

    def warn(self, today: date) -> tuple[str, str] | None:
        """Return what to say of a shutdown that is near or overdue, and the next step; None otherwise."""
        end, name = self.retirement, f"{self.provider}/{self.model}"
        if end is not None:
            text = end.describe(name, today)
            return (text, end.advice) if text else None
        stage = text_of(self.live, "lifecycle")
        if stage not in _ENDING:
            return None
        successor = text_of(self.live, "successor")
        advice = f"Use {successor} instead." if successor else "Choose another model."
        return f"{name} is {stage}, says {self.live['lifecycle'].source}: it names no day.", advice

    def facts(self) -> ModelFacts:
        """Return what faces show of it."""
        sources: dict[str, str] = {}
        table = catalog.find_model(self.model)
        found = {
            "context": count_of(self.live, "context"),
            "max_output": count_of(self.live, "max_output"),
        }
        for name, value in found.items():
            if value is not None:
                sources[name] = self.live[name].origin
            elif table is not None:
                found[name] = getattr(table, name)
                sources[name] = _TABLE
        into, out = self.cost(Usage(_A_CALL, 0)), self.cost(Usage(0, _A_CALL))
        if into and out:
            sources["price"] = into.source
        end = self.retirement
        if end:
            sources["retires"] = f"{end.source} of {end.read}"
        return ModelFacts(
            name=self.model,
            provider=self.provider,
            **found,
            input_price=_per_million(into) if out else None,
            output_price=_per_million(out) if into else None,
            retires=end.day.isoformat() if end else None,
            retires_earliest=end.is_earliest if end else False,
            successor=end.successor if end else None,
            sources=sources,
            note="demo" if self.model == catalog.DEMO_MODEL else "",
        )


def read_end(facts: ModelFacts, today: date) -> Retirement | None:
    """Return the end that a model's server names, where it is another than the provider's announcement.

    Args:
        facts: What is known of the model.
        today: The day on which that is read.
    """
    announced = find_retirement(facts.name)
    if facts.retires is None or (announced and announced.day.isoformat() == facts.retires):
        return None
    day = date.fromisoformat(facts.retires)
    source = facts.sources.get("retires", "")
    return Retirement(day=day, successor=facts.successor, source=source, read=today)


def _per_million(cost: Cost | None) -> float | None:
    return None if cost is None else round(cost.dollars * 1e6 / _A_CALL, 4)


def _price(live: Facts, into: str, out: str, kept: str = "") -> Price | None:
    """Return a price of which both halves are known."""
    halves = _amount(live, into), _amount(live, out)
    if halves[0] is None or halves[1] is None:
        return None
    return Price(
        read=halves[0], written=halves[1], cached=_amount(live, kept), source=live[into].origin
    )


def _amount(live: Mapping[str, Fact], name: str) -> float | None:
    return values.as_price(live[name].value) if name in live else None
