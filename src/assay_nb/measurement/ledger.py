"""The ledger: one JSON file per run, beside the notebook. It says what was done, and holds no secret.

Rows stand in it by hash and score, never by content. Prompts stand in it as text, since they are what
was measured; anything in them that is shaped like a key is blotted out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assay_nb.measurement.cache import digest
from assay_nb.text.redaction import redact

SCHEMA = "assay.ledger.v1"
DIRECTORY = "assay-ledger"


class Ledger:
    """The runs of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, entry: Mapping[str, Any]) -> Path:
        """Write a run's entry and return where. A repeated run replaces its own entry."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{entry['at'][:10]}-{entry['id'][:12]}.json"
        text = json.dumps({"schema": SCHEMA, **entry}, indent=1, ensure_ascii=False, default=str)
        path.write_text(redact(text) + "\n", encoding="utf-8")
        return path

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the earlier runs; files that are none are passed over."""
        for path in sorted(self.directory.glob("*.json")):
            try:
                entry = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(entry, dict) and entry.get("schema") == SCHEMA:  # pyright: ignore[reportUnknownMemberType] - what a file holds is untyped
                yield entry

    def looks_at(self, test_id: str, run_id: str) -> list[str]:
        """Return the test sets that earlier runs looked at. Repeating a run is no new look."""
        return [
            str(entry["test_id"])
            for entry in self.entries()
            if entry.get("verdict") is not None
            and entry.get("id") != run_id
            and entry.get("test_id") == test_id
        ]

    def proposed(self, prompt: str) -> bool:
        """Return whether an earlier run here proposed this prompt, and so has seen dev rows for it."""
        name = digest(prompt)
        return any(
            name == candidate.get("sha256")
            for entry in self.entries()
            for candidate in entry.get("candidates", ())
        )
