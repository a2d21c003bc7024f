"""Rows of facts: each belongs to a workspace and a connection, and goes as the caller says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from assay_nb.connections.facts import Fact
from assay_nb.store.connection_fact_rows import forget, load, put
from assay_nb.store.database import Database

A, B = b"a" * 16, b"b" * 16
DAY = date(2026, 11, 30)


def fact(model: str, name: str, value: Any = 1) -> Fact:
    return Fact(model, name, value, "a listing", DAY)


def stored(database: Database, workspace: bytes = A, name: str = "openai") -> list[tuple[str, str]]:
    with database.read(workspace=workspace) as connection:
        return [(one.model, one.name) for one in load(connection, workspace, name)]


@pytest.mark.parametrize("value", [0, 8192, 0.3, "2026-12-11", ["a", "b"], None, True, {"rung": 2}])
def test_value_comes_back_as_it_was(any_database: Database, value: Any) -> None:
    with any_database.write() as connection:
        put(connection, A, "openai", [fact("m", "context", value)])

    with any_database.read(workspace=A) as connection:
        assert load(connection, A, "openai") == [fact("m", "context", value)]


def test_later_fact_takes_the_place_of_the_earlier(any_database: Database) -> None:
    later = Fact("m", "context", 2, "another listing", date(2026, 12, 1))
    with any_database.write() as connection:
        put(connection, A, "openai", [fact("m", "context"), fact("m", "max_output")])
        put(connection, A, "openai", [fact("m", "context", 9), later])  # twice in one listing
        put(connection, A, "openai", [])

    with any_database.read(workspace=A) as connection:
        assert load(connection, A, "openai", "m") == [later, fact("m", "max_output")]


def test_facts_are_those_of_one_workspace_connection_and_model(any_database: Database) -> None:
    with any_database.write() as connection:
        put(connection, A, "openai", [fact("m", "context"), fact("n", "context"), fact("", "rung")])
        put(connection, A, "google", [fact("m", "context")])
        put(connection, B, "openai", [fact("m", "context")])

    assert stored(any_database) == [("", "rung"), ("m", "context"), ("n", "context")]
    with any_database.read(workspace=A) as connection:
        assert load(connection, A, "openai", "") == [fact("", "rung")]


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({}, []),
        ({"model": "m"}, [("", "rung"), ("n", "context")]),
        ({"only": {"context"}}, [("", "rung"), ("m", "set_input_price")]),
        (
            {"only": set()},
            [("", "rung"), ("m", "context"), ("m", "set_input_price"), ("n", "context")],
        ),
        ({"but": {"set_input_price"}}, [("m", "set_input_price")]),
    ],
)
def test_forgetting_takes_what_it_is_told(
    any_database: Database, how: dict[str, Any], left: list[tuple[str, str]]
) -> None:
    mine = [
        fact("m", "context"),
        fact("m", "set_input_price"),
        fact("n", "context"),
        fact("", "rung"),
    ]
    with any_database.write() as connection:
        put(connection, A, "openai", mine)
        put(connection, A, "google", [fact("m", "context")])
        put(connection, B, "openai", [fact("m", "context")])
        forget(connection, A, "openai", **how)

    assert stored(any_database) == left
    assert stored(any_database, name="google") == [("m", "context")]
    assert stored(any_database, B) == [("m", "context")]


def test_a_workspace_is_forgotten_as_a_whole(any_database: Database) -> None:
    with any_database.write() as connection:
        put(connection, A, "openai", [fact("m", "context")])
        put(connection, A, "google", [fact("m", "context")])
        forget(connection, A)

    assert stored(any_database) == stored(any_database, name="google") == []


@pytest.mark.parametrize("damage", ["value = 'no json'", "day = 99999999999"])
def test_row_that_cannot_be_read_says_nothing(database: Database, damage: str) -> None:
    with database.write() as connection:
        put(connection, A, "openai", [fact("m", "context"), fact("n", "context")])
        connection.execute(text(f"UPDATE connection_facts SET {damage} WHERE model = 'm'"))

    assert stored(database) == [("n", "context")]
