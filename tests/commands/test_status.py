"""`calls`: what the listed calls come to, with what is not known said and not taken for zero."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.accounting.call_log import make_record
from assay_nb.config import Config
from assay_nb.engine.session import Session
from tests.commands.walking import plain_words
from tests.kernel.steps import run_command


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    session = Session(Config(home=home / "vault"), say=lambda _: None)
    yield session
    session.close()


def note(session: Session, *, tokens: int | None = 1000, cost: float | None = None) -> None:
    """Put one call into the log."""
    control: Any = session.control
    where = session.portal.call(control.show_workspace, None)
    record = make_record(
        workspace_id=bytes.fromhex(where.id),
        user="me",
        instrument="critique",
        provider="openai",
        model="gpt-6-luna",
        funding="workspace",
        status="ok" if tokens is not None else "stopped",
        input_tokens=tokens,
        output_tokens=None if tokens is None else 7,
        cost_micros=None if cost is None else round(cost * 1_000_000),
    )
    control._resources.calls.record(record)


def total(session: Session, more: str = "") -> str:
    return plain_words(run_command(session, f"calls {more}")).partition("calls listed")[2]


def test_calls_come_to_a_total(session: Session) -> None:
    for _ in range(3):
        note(session, cost=0.0125)

    assert total(session) == ": 3,000 tokens in, 21 out, ≈ $0.0375."


def test_total_is_of_what_is_listed(session: Session) -> None:
    for _ in range(5):
        note(session, cost=0.01)

    assert total(session, "-n 2") == ": 2,000 tokens in, 14 out, ≈ $0.0200."


def test_unknown_cost_is_not_taken_for_zero(session: Session) -> None:
    note(session, cost=0.01)
    note(session, cost=None)

    assert total(session) == ": 2,000 tokens in, 14 out, ≈ $0.0100, and 1 call of unknown cost."


def test_no_known_cost_at_all_is_said(session: Session) -> None:
    note(session)
    note(session)

    assert total(session) == ": 2,000 tokens in, 14 out, cost unknown."


def test_stopped_call_counts_no_tokens_as_none(session: Session) -> None:
    note(session, tokens=None)
    note(session, cost=0.5)

    said = plain_words(run_command(session, "calls"))

    assert "2 calls listed: 1,000 tokens in, 7 out, 1 call without a count of tokens, ≈ $0.5000, and 1 call of unknown cost." in said  # fmt: skip
    assert "$0.0000" not in said


def test_one_call_is_singular(session: Session) -> None:
    note(session, tokens=1, cost=0.01)

    assert "1 call listed: 1 token in, 7 out" in plain_words(run_command(session, "calls"))


def test_log_without_calls_has_no_total(session: Session) -> None:
    assert plain_words(run_command(session, "calls")) == "No calls yet."


def test_json_stays_a_list_of_calls(session: Session) -> None:
    note(session, cost=0.01)

    assert [call["cost"] for call in run_command(session, "calls").data] == [0.01]
