"""The OpenAPI document, and what the gateway does when it is taken at its word, and not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.openapi import describe

DOCUMENT = describe(ROUTES, "/services/assay/")


def test_the_document_holds_every_listed_route_and_no_other() -> None:
    listed = {(route.method.lower(), f"/{route.path}") for route in ROUTES if route.listed}

    assert listed == {(m, path) for path, methods in DOCUMENT["paths"].items() for m in methods}


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [one["operationId"] for path in DOCUMENT["paths"].values() for one in path.values()]

    assert len(names) == len(set(names))


def test_every_schema_is_one() -> None:
    def schemas(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            if "schema" in value:
                yield value["schema"]
            for part in value.values():
                yield from schemas(part)

    found = list(schemas(DOCUMENT["paths"]))

    assert len(found) > 50
    for schema in found:
        Draft202012Validator.check_schema(schema)


def test_document_is_json_without_a_key_or_a_place_of_this_machine() -> None:
    text = json.dumps(DOCUMENT)

    assert "/home" not in text
    assert "/tmp" not in text
