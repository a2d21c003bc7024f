"""Rows of data, from whatever a notebook holds: a DataFrame, or a list of dictionaries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from assay_nb.errors import WrongUsage
from assay_nb.text.templates import find_variables


class Row(dict[str, Any]):
    """One row, by column name; `row.answer` reads the same as `row["answer"]`, as DSPy's metrics do."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"the row has no column '{name}'")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one data set.

    Attributes:
        items: The rows, in order.
        frame: The DataFrame that they came from; None for a list.
    """

    items: tuple[Row, ...]
    frame: Any = None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.items)

    def __getitem__(self, index: int) -> Row:
        return self.items[index]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that any row has, in order of first appearance."""
        return tuple(dict.fromkeys(name for row in self.items for name in row))

    def with_columns(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Return the data with more columns: a DataFrame if it came as one, else a list of dictionaries.

        A name that is taken already is not overwritten: the new column is `run_NAME` then.
        """
        named = {self._free(name): list(values) for name, values in columns.items()}
        if self.frame is not None and hasattr(self.frame, "assign"):
            return self.frame.assign(**named)
        if self.frame is not None and hasattr(self.frame, "with_columns"):  # polars
            return self.frame.with_columns(
                **{k: type(self.frame[:, 0])(v) for k, v in named.items()}
            )
        return [
            {**row, **{name: values[index] for name, values in named.items()}}
            for index, row in enumerate(self.items)
        ]

    def _free(self, name: str) -> str:
        return f"run_{name}" if name in self.columns else name


def read_rows(data: Any) -> Rows:
    """Return the rows of a DataFrame (pandas or polars), or of a list of dictionaries.

    Raises:
        WrongUsage: If it is something else, or has no rows.
    """
    if isinstance(data, Rows):
        return data
    if hasattr(data, "to_dicts"):
        rows = Rows(tuple(map(Row, data.to_dicts())), data)
    elif hasattr(data, "to_dict") and hasattr(data, "columns"):
        names = [str(name) for name in data.columns]
        if len(set(names)) < len(names):
            raise WrongUsage("Two columns of the data have the same name.")
        records = data.to_dict("records")
        rows = Rows(tuple(Row({str(k): v for k, v in row.items()}) for row in records), data)
    else:
        rows = Rows(tuple(_read_row(row, number) for number, row in enumerate(_iterate(data))))
    if not rows.items:
        raise WrongUsage("The data has no rows.")
    return rows


def _iterate(data: Any) -> Iterable[Any]:
    name = type(cast("object", data)).__name__
    if name in {"str", "bytes", "dict"} or not hasattr(data, "__iter__"):
        raise WrongUsage(
            f"Data is a DataFrame or a list of dictionaries, not a {name}.",
            hint="Such as [{'ticket': '…', 'label': 'billing'}, …].",
        )
    return data


def _read_row(row: object, number: int) -> Row:
    if not isinstance(row, Mapping):
        raise WrongUsage(f"Row {number} is a {type(row).__name__}, not a dictionary.")
    return Row({str(name): value for name, value in cast("Mapping[Any, Any]", row).items()})


@lru_cache(maxsize=16)  # a run asks again for each of its rows
def find_names(prompt: str) -> tuple[str, ...]:
    """Return the names of the variables that are ours to fill, `{{name}}`, each once."""
    ours = [v for v in find_variables(prompt) if v.family == "mustache" and v.kind == "variable"]
    return tuple(dict.fromkeys(variable.name for variable in ours))


def check_columns(prompt: str, rows: Rows) -> None:
    """Raise `WrongUsage` if the prompt has a variable that the data has no column for.

    A prompt without any variable is refused too: it would be sent once per row, the same each time.
    """
    names = find_names(prompt)
    if not names:
        raise WrongUsage(
            "The prompt has no variable, so every row would be the same call.",
            hint=f"Put a column into it: {{{{{(rows.columns or ('name',))[0]}}}}}.",
        )
    missing = [name for name in names if any(name not in row for row in rows)]
    if missing:
        listed = ", ".join(f"{{{{{name}}}}}" for name in missing)
        raise WrongUsage(
            f"The data has no column for {listed}.",
            hint=f"Its columns are {', '.join(rows.columns[:20])}.",
        )


def values_for(prompt: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Return what the prompt's variables stand for in a row. An empty cell is an empty text, not `nan`."""
    return {name: "" if is_empty(row[name]) else str(row[name]) for name in find_names(prompt)}


def is_empty(value: object) -> bool:
    """Return whether a cell holds nothing: None, or not-a-number."""
    return value is None or (isinstance(value, float) and math.isnan(value))
