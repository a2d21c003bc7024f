"""Rows of data, from whatever a notebook holds: a DataFrame, or a list of dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from assay_nb.errors import WrongUsage
from assay_nb.text.english import kind_of
from assay_nb.text.placeholders import (
    check_blocks,
    describe_placeholders,
    find_placeholders,
    refuse_unfilled,
)
from assay_nb.text.templates import find_bound_names, find_variables, is_ours


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
        numbers: The place of each in the data, where some were left out; None where none was.
    """

    items: tuple[Row, ...]
    frame: Any = None
    numbers: tuple[int, ...] | None = None

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

    def number(self, index: int) -> int:
        """Return the place of a row in the data, as its messages name it."""
        return index if self.numbers is None else self.numbers[index]

    def take(self, chosen: Sequence[int]) -> Rows:
        """Return some of the rows, by index."""
        frame = self.frame
        if frame is not None:  # pandas by position, polars by its own index
            frame = frame.iloc[list(chosen)] if hasattr(frame, "iloc") else frame[list(chosen)]
        numbers = tuple(self.number(index) for index in chosen)
        return Rows(tuple(self.items[index] for index in chosen), frame, numbers)

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


def read_rows(data: Any, prompt: str = "") -> Rows:
    """Return the rows of a DataFrame (pandas or polars), or of a list of dictionaries.

    A list of texts, or a Series, is a single column: for a prompt with a single variable that is enough.

    Args:
        data: The data.
        prompt: The prompt whose variable a single column is for.

    Raises:
        WrongUsage: If it is something else, or has no rows.
    """
    if isinstance(data, Rows):
        return data
    if (column := _single_column(data)) is not None:
        name = _only_name(data, prompt)
        rows = Rows(tuple(Row({name: value}) for value in column))
    elif hasattr(data, "to_dicts"):
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


def _single_column(data: Any) -> list[Any] | None:
    """Return the values of a Series (pandas or polars) or of a list of texts; None for anything else."""
    if hasattr(data, "to_list") and hasattr(data, "name"):
        return list(data.to_list())
    if isinstance(data, (list, tuple)):
        values = list(cast("Sequence[Any]", data))
        if values and all(isinstance(value, str) for value in values):
            return values
    return None


def _only_name(data: Any, prompt: str) -> str:
    """Return the variable that a single column is for."""
    names = find_names(prompt)
    if len(names) == 1:
        return names[0]
    if not names and find_variables(prompt):
        raise refuse_unfilled(prompt, ())
    listed = ", ".join(f"{{{{{name}}}}}" for name in names) or "none"
    raise WrongUsage(
        f"The data is a single column, and the prompt has {len(names) or 'no'} variables ({listed}).",
        hint="Give a DataFrame or a list of dictionaries, such as [{'ticket': '…', 'label': 'billing'}, …].",
    )


def _iterate(data: Any) -> Iterable[Any]:
    name = type(cast("object", data)).__name__
    if name in {"str", "bytes", "dict"} or not hasattr(data, "__iter__"):
        raise WrongUsage(
            f"Data is a DataFrame or a list of dictionaries, not {kind_of(data)}.",
            hint="Such as [{'ticket': '…', 'label': 'billing'}, …].",
        )
    return data


def _read_row(row: object, number: int) -> Row:
    if not isinstance(row, Mapping):
        raise WrongUsage(f"Row {number} is {kind_of(row)}, not a dictionary.")
    return Row({str(name): value for name, value in cast("Mapping[Any, Any]", row).items()})


@lru_cache(maxsize=16)  # a run asks again for each of its rows
def find_names(prompt: str) -> tuple[str, ...]:
    """Return the names of the variables that are ours to fill, `{{name}}`, each once."""
    return tuple(dict.fromkeys(v.name for v in find_variables(prompt) if is_ours(v)))


def check_columns(prompt: str, rows: Rows) -> None:
    """Raise `WrongUsage` if the prompt has a variable that the data has no column for.

    A prompt without any variable is refused too: it would be sent once per row, the same each time. So is
    one that has to be rendered first, since it has blocks of a template.
    """
    names, columns = find_names(prompt), rows.columns
    if not names:
        raise refuse_unfilled(prompt, columns)
    check_blocks(prompt)
    missing = [name for name in names if name not in columns]
    if missing:
        raise _refuse_missing(prompt, missing, columns)
    _check_keys(names, rows)


def _refuse_missing(prompt: str, missing: Sequence[str], columns: Sequence[str]) -> WrongUsage:
    """Return the refusal of variables without a column; Jinja is named where it would give them a value."""
    bound = find_bound_names(prompt)
    for name in missing:
        whole, _, attribute = name.partition(".")
        if name in bound:
            return WrongUsage(
                f"{{{{{name}}}}} gets its value from a Jinja block of the prompt, and Jinja is not run here.",
                hint="Render the template first, or take the blocks out.",
            )
        if attribute and whole in columns:
            return WrongUsage(
                f"{{{{{name}}}}} is Jinja for a part of {{{{{whole}}}}}, and Jinja is not run here.",
                hint=f"Write {{{{{whole}}}}}, or give the data a column '{name}'.",
            )
    listed = ", ".join(f"{{{{{name}}}}}" for name in missing)
    return WrongUsage(
        f"The data has no column for {listed}.", hint=f"Its columns are {', '.join(columns[:20])}."
    )


def find_notes(prompts: Iterable[str | None], rows: Rows) -> tuple[str, ...]:
    """Return what a run says of its prompts before the first call: placeholders that nothing fills."""
    columns = rows.columns
    if not columns:  # of a single run without values, nothing is filled in
        return ()
    given = [prompt for prompt in dict.fromkeys(prompts) if prompt is not None]
    return describe_placeholders(
        [one for prompt in given for one in find_placeholders(prompt, columns)]
    )


def values_for(prompt: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Return what the prompt's variables stand for in a row: the very text that is sent."""
    return {name: as_text(row[name]) for name in find_names(prompt)}


def _check_keys(names: Sequence[str], rows: Rows) -> None:
    """Raise `WrongUsage` where some rows have a column that others have not."""
    for name in names:
        without = [rows.number(index) for index, row in enumerate(rows) if name not in row]
        if without:
            listed = ", ".join(map(str, without[:20])) + (", …" if len(without) > 20 else "")
            raise WrongUsage(
                f"{len(without):,} of {len(rows):,} rows have no '{name}' (row {listed}).",
                hint="Give every row the same keys; None or '' stands for nothing.",
            )


def leave_out_blank(prompt: str, rows: Rows) -> tuple[Rows, tuple[int, ...]]:
    """Return the rows that have something for each variable, and the numbers of those that do not.

    Raises:
        WrongUsage: If that leaves none.
    """
    blank = [i for i, row in enumerate(rows) if find_blank(values_for(prompt, row)) is not None]
    if not blank:
        return rows, ()
    if len(blank) == len(rows):
        raise WrongUsage(
            "Every row has nothing for one of the prompt's variables.",
            hint="Look at the data; keep_empty=True (--keep-empty) sends such rows all the same.",
        )
    left = set(blank)
    kept = rows.take([i for i in range(len(rows)) if i not in left])
    return kept, tuple(rows.number(i) for i in blank)


def find_blank(values: Mapping[str, str]) -> str | None:
    """Return the first variable that a row has nothing for."""
    return next((name for name, value in values.items() if not value.strip()), None)


def as_text(value: Any) -> str:
    """Return a value as it is sent: whole, where Python's own text leaves the middle out.

    An empty cell is an empty text, not `nan`; a DataFrame or a Series is its CSV; an array is a list.
    """
    if isinstance(value, str):
        return value
    if hasattr(value, "to_csv"):  # pandas
        return str(value.to_csv(index=False))
    if hasattr(value, "write_csv"):  # polars
        return str(value.write_csv())
    if hasattr(value, "tolist") and getattr(value, "ndim", 0):
        return str(value.tolist())
    return "" if is_empty(value) else str(value)


def is_empty(value: Any) -> bool:
    """Return whether a cell holds nothing: None, and what is not a number, a time or a value (NaN, NaT, NA)."""
    if value is None or type(value).__name__ == "NAType":
        return True
    try:
        return bool(value != value)  # what is not a number is not equal to itself
    except (TypeError, ValueError):
        return False
