"""The ledger: one JSON file per run, and one per look, beside the notebook. It holds no secret.

Rows stand in it by hash and score, never by content. Prompts stand in it as text, since they are what
was measured; anything in them that is shaped like a key is blotted out.

A look is written before its verdict is shown, as a new file in `looks`, and no file there is ever written
twice: what was looked at stays counted, whatever becomes of the run. Files of their own merge well in git,
so that people who share the directory share the count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from assay_nb.errors import WrongUsage
from assay_nb.evaluation import combine_orders
from assay_nb.experiments.run.cache import digest
from assay_nb.text.redaction import redact

SCHEMA = "assay.ledger.v1"
LOOK_SCHEMA = "assay.look.v1"
DIRECTORY = "assay-ledger"
LOOKS = "looks"

_NAMING = frozenset({"id", "at", "pair", "prompts", "rows", "scores"})
"""A file that lacks one of these is not a look: it was edited."""

Pair = tuple["float | None", "float | None"]
"""The scores of one row, old and new; None where there was no whole reply."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A verdict on replies that were not seen before.

    Attributes:
        id: Names the look.
        at: When, in UTC.
        pair: Names what was compared, and how: both prompts, the model, the metric or the judge.
        prompts: Names the two prompts.
        terms: Names how it was tested: margin, clusters, seed. Empty for a run of an earlier version.
        number: Its place among the looks at its family of rows, from 1.
        alpha: The one-sided level of its test; None where the test set was used up.
        continues: The look that this one completes: the same replies, and more that were lost then.
        averaged: Earlier looks at the same pair, whose scores it is averaged with.
        repeats: Rows of which it saw a reply that one of those had seen already.
        unseen: Whether it was made on rows that no look had touched.
        practice: Whether the practice provider answered.
        rows: The rows by hash, numbered where they are equal.
        inputs: What the prompts were filled with, by hash: a column more makes no row another one.
        scores: Per row, old and new.
    """

    id: str
    at: str
    pair: str
    prompts: str
    terms: str = ""
    number: int = 0
    alpha: float | None = None
    continues: str | None = None
    averaged: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()
    unseen: bool = False
    practice: bool = False
    rows: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    scores: tuple[Pair, ...] = ()

    @cached_property
    def touched(self) -> frozenset[str]:
        """What tells its rows when they come again: their hashes, and those of their inputs."""
        return frozenset((*(name.partition("#")[0] for name in self.rows), *self.inputs))

    @cached_property
    def by_row(self) -> Mapping[str, Pair]:
        """Its scores by row."""
        return dict(zip(self.rows, self.scores, strict=False))


class Ledger:
    """The runs and the looks of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, entry: Mapping[str, Any]) -> Path:
        """Write a run's entry and return where. Showing the same look again replaces its own entry."""
        path = self.directory / f"{entry['at'][:10]}-{entry['id'][:12]}.json"
        self._put(path, redact(_to_json({"schema": SCHEMA, **entry})), "w")
        return path

    def append(self, look: Look) -> None:
        """Write a look, as a file of its own. When this returns, it counts."""
        path = self.directory / LOOKS / f"{look.at[:10]}-{look.number}-{look.id[:12]}.json"
        # Hashes and scores alone: nothing to blot out, and a hash that was would be another row.
        self._put(path, _to_json({"schema": LOOK_SCHEMA, **asdict(look)}), "x")

    def _put(self, path: Path, text: str, mode: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open(mode, encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            raise WrongUsage(
                f"The ledger cannot be written: {path} ({error.strerror}).",
                hint="Name another directory: ledger='my-ledger'. Replies that came are kept.",
            ) from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the earlier runs; other files are passed over."""
        yield from _read(self.directory, SCHEMA)

    def looks(self, *, practice: bool = False) -> list[Look]:
        """Return every look there was, in order of time: at real models, or at the practice provider.

        The two are counted apart: what the practice provider says of a row tells nothing of a model.
        Entries of earlier versions, which wrote no looks, count as one each; so does an entry whose look
        is gone.
        """
        written = _read(self.directory / LOOKS, LOOK_SCHEMA)
        found = [_make_look(one) for one in written if one.keys() >= _NAMING]
        told = [_look_of(entry) for entry in self.entries() if _has_looked(entry)]
        # Written last, they are what counts: a look that was shown again stands in two entries.
        found = {look.id: look for look in (*told, *found)}.values()
        chosen = [look for look in found if look.practice == practice]
        return sorted(chosen, key=lambda look: (look.at, look.number, look.id))

    def proposed(self, prompt: str) -> bool:
        """Return whether an earlier run here proposed this prompt, and so has seen dev rows for it."""
        name = digest(prompt)
        return any(
            name == candidate.get("sha256")
            for entry in self.entries()
            for candidate in entry.get("candidates", ())
        )


def _to_json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, indent=1, ensure_ascii=False, default=str)


def name_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Return the names of rows in the ledger: their hashes, equal ones with a number."""
    seen: dict[str, int] = {}
    names: list[str] = []
    for key in keys:
        short = key[:16]
        seen[short] = seen.get(short, -1) + 1
        names.append(f"{short}#{seen[short]}" if seen[short] else short)
    return tuple(names)


def _read(directory: Path, schema: str) -> Iterator[dict[str, Any]]:
    for path in sorted(directory.glob("*.json")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(entry, dict) and entry.get("schema") == schema:  # pyright: ignore[reportUnknownMemberType] - what a file holds is untyped
            yield cast("dict[str, Any]", entry)


def _make_look(told: Mapping[str, Any]) -> Look:
    known = {one.name for one in fields(Look)}
    values = {name: value for name, value in told.items() if name in known}
    for name in ("averaged", "repeats", "rows", "inputs"):
        values[name] = tuple(values.get(name, ()))
    values["scores"] = tuple((pair[0], pair[1]) for pair in values.get("scores", ()))
    return Look(**values)


def _has_looked(entry: Mapping[str, Any]) -> bool:
    """Whether a run tested anything: where it could compare nothing, it names no look."""
    return entry.get("verdict") is not None and entry.get("look", "not named") is not None


def _look_of(entry: Mapping[str, Any]) -> Look:
    """Return the look that a run's entry tells of; those of earlier versions name none."""
    sha: Mapping[str, Any] = entry.get("sha256") or {}
    named: Mapping[str, Any] = entry.get("look") or {}
    source: Mapping[str, Any] = entry.get("provenance") or {}
    return Look(
        id=str(named.get("id") or entry.get("id")),
        at=str(entry.get("at", "")),
        pair=name_legacy_pair(sha.get("old"), sha.get("new"), entry.get("model")),
        prompts=digest(sha.get("old"), sha.get("new")),
        number=int(named.get("number") or 0),
        practice=bool(source.get("practice")),
        rows=name_keys([str(key) for key in entry.get("test_rows", ())]),
        scores=tuple(_read_pair(pair) for pair in entry.get("scores", ())),
    )


def name_legacy_pair(old: str | None, new: str | None, model: str | None) -> str:
    """Return what names a pair as far as the entries of earlier versions tell."""
    return digest("before looks were written", old, new, model)


def _read_pair(pair: Any) -> Pair:
    """Return a row's scores: as they stand there, or from a judge's preferences in both orders."""
    first, second = pair
    if isinstance(first, str) or isinstance(second, str):
        score = combine_orders(cast("Any", first), cast("Any", second))
        return (None, None) if score is None else (0.0, float(score))
    return first, second
