"""The OpenAPI document, made from the table of routes, so that the two cannot differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from aiohttp import web

from assay_nb.gateway.http.route import Route
from assay_nb.messages import PROVIDERS

DOCUMENT = web.AppKey[Callable[[], dict[str, Any]]]("openapi")
"""Where the application keeps the document of its routes, which is made when it is first read."""

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
            },
            "required": ["code", "message", "hint"],
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}

_WORDS = {
    400: "The request is not valid",
    401: "The token is missing, or the hub does not know it",
    402: "The demo calls are used up",
    403: "The caller may not do this",
    404: "It does not exist, or the caller cannot see it",
    409: "The workspace's key is missing or cannot be opened",
    413: "The request is too large",
    429: "A limit is reached",
    502: "The provider refused or failed",
    503: "The hub, the database or the master key cannot be reached",
}

_IDENTIFIED = (401, 403, 503)


def describe(routes: Iterable[Route], prefix: str) -> dict[str, Any]:
    """Return the OpenAPI document of the listed routes."""
    from assay_nb._version import read_version

    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.listed:
            paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "assay_nb gateway",
            "version": read_version(),
            "description": "Workspaces, their keys and calls. Keys go in and never come out.",
        },
        "servers": [{"url": prefix.rstrip("/")}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A JupyterHub token"},
                "run": {"type": "http", "scheme": "bearer", "description": "A run token"},
                "session": {"type": "apiKey", "in": "cookie", "name": "assay-session"},
                "xsrf": {"type": "apiKey", "in": "header", "name": "X-XSRFToken"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": route.handler.__name__,
        "responses": _responses(route),
        "security": _security(route),
    }
    parts = [
        _parameter(name, "path", _parts().get(name, {"type": "string"}), required=True)
        for name in parts_of(route)
    ]
    query = [
        _parameter(name, "query", schema, required=False) for name, schema in route.query.items()
    ]
    if parts or query:
        operation["parameters"] = [*parts, *query]
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": route.body}},
        }
    if route.action:
        operation["description"] = (
            f"The caller's role must allow: {route.action.replace('_', ' ')}."
        )
    return operation


@cache
def _parts() -> dict[str, dict[str, Any]]:
    """Return the schemas of the variable parts of paths."""
    # 4 MB, which few gateways need at the start.
    from assay_nb.instruments.catalog import INSTRUMENTS

    return {
        "provider": {"enum": list(PROVIDERS)},
        "instrument": {"enum": list(INSTRUMENTS)},
        "workspace": {
            "type": "string",
            "minLength": 1,
            "description": "Name or id; - is the active one",
            "examples": ["-"],
        },
        "user": {"type": "string", "minLength": 1},
        "id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,31}$"},
    }


def parts_of(route: Route) -> list[str]:
    """Return the names of the variable parts of a route's path."""
    return re.findall(r"{(\w+)(?::[^}]*)?}", route.path)


def _responses(route: Route) -> dict[str, Any]:
    ok: dict[str, Any] = {"description": "Done"}
    if route.reply is not None:
        ok["content"] = {route.media: {"schema": route.reply}}
    responses = {str(route.status): ok}
    for status in sorted(_statuses(route)):
        responses[str(status)] = {
            "description": _WORDS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    if route.path == "health":
        responses["503"] = {"description": _WORDS[503], "content": ok["content"]}
    return responses


def _statuses(route: Route) -> set[int]:
    found = {*route.errors, *(() if route.who == "open" else _IDENTIFIED)}
    if parts_of(route) or route.body or route.query:
        found |= {400, 404}
    if route.body:
        found.add(413)
    return found


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.who == "open":
        return []
    browser: dict[str, list[str]] = {"session": []}
    if route.method != "GET":
        browser["xsrf"] = []
    if route.who in ("session", "page"):
        return [browser]
    return [{"token": []}, *([{"run": []}] if route.run_tokens else []), browser]


def _parameter(name: str, place: str, schema: Any, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": dict(schema)}
