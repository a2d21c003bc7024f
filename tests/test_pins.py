"""Names that others hold on to: what was there once stays, wherever the code behind it moves.

`pins.json` lists them: public functions and their parameters, schema ids, routes, error codes, tables and
columns, environment variables, commands and options, magics, and the labels that the vault's bytes are bound
to. A test fails when one is gone; a new name passes, and is added to the file once it is public.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import assay_nb
import assay_nb.evaluation
from assay_nb.cli import _parser
from assay_nb.commands.magic_lines import MAGICS, parser_for
from assay_nb.errors import AssayError
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.labserver.handlers import ROUTES as LAB_ROUTES
from assay_nb.magics.extension import AssayMagics
from assay_nb.store.tables import metadata

ROOT = Path(__file__).resolve().parent.parent
PINS: dict[str, dict[str, Any]] = json.loads((ROOT / "tests" / "pins.json").read_text("utf-8"))


def list_errors(kind: type[AssayError] = AssayError) -> dict[str, list[Any]]:
    """Return each error's code and exit status, by class name."""
    found = {kind.__name__: [kind.code, kind.exit_status]}
    for child in kind.__subclasses__():
        if child.__module__ == "assay_nb.errors":
            found |= list_errors(child)
    return found


def list_words(parser: argparse.ArgumentParser, name: str) -> dict[str, list[str]]:
    """Return the options and positionals of a command and of every command below it."""
    found = {name: sorted(s for action in parser._actions for s in _words(action))}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, sub in action.choices.items():
                found |= list_words(sub, f"{name} {word}")
    return found


def _words(action: argparse.Action) -> list[str]:
    if isinstance(action, argparse._SubParsersAction):
        return sorted(action.choices)
    return list(action.option_strings) or [action.dest]


def _in_sources(pattern: str) -> list[str]:
    texts = (path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    return sorted({hit for text in texts for hit in re.findall(pattern, text)})


def _parameters(module: Any) -> dict[str, list[str]]:
    public = {name: getattr(module, name) for name in module.__all__}
    return {
        name: list(inspect.signature(value).parameters) if inspect.isfunction(value) else []
        for name, value in public.items()
    }


def collect() -> dict[str, dict[str, Any]]:
    """Return everything that is pinned, as it is now: a table of lists by name, for each kind."""
    return {
        "assay_nb": _parameters(assay_nb),
        "assay_nb.evaluation": _parameters(assay_nb.evaluation),
        "schemas": {"ids": _in_sources(r"\bassay\.[a-z]+\.v\d+\b")},
        "errors": list_errors(),
        "routes": {
            "gateway": sorted(f"{route.method} {route.path}" for route in ROUTES),
            "lab": sorted(pattern for pattern, _ in LAB_ROUTES),
        },
        "tables": {
            table.name: sorted(column.name for column in table.columns)
            for table in metadata.sorted_tables
        },
        "environment": {"names": _in_sources(r"\bASSAY_[A-Z_]+\b")},
        "commands": list_words(_parser(), "assay-nb"),
        "magics": {
            "names": sorted({*AssayMagics.magics["cell"], *AssayMagics.magics["line"]}),
            **{f"%%{name}": list_words(parser_for(name), name)[name] for name in MAGICS},
        },
        "labels": {"vault": _in_sources(r"\bassay_nb(?:/v1/[a-z-]*|:[a-z-]+)(?=\")")},
    }


NOW = collect()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PINS for name in PINS[kind]])
def test_a_pinned_name_is_still_there(kind: str, name: str) -> None:
    assert name in NOW[kind]

    gone = [part for part in PINS[kind][name] if part not in NOW[kind][name]]

    assert gone == []


def test_every_kind_of_name_is_pinned() -> None:
    assert {kind: bool(names) for kind, names in PINS.items()} == dict.fromkeys(NOW, True)
