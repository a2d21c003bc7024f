"""Live facts in use: kept when a server lists its models, found at each call, gone with the key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay_nb.api import lint
from assay_nb.config import Config
from assay_nb.connections.facts import Fact
from assay_nb.engine.call import Call
from assay_nb.engine.control import ModelFacts
from assay_nb.engine.local.live_facts import LiveFacts
from assay_nb.engine.session import Session, set_session
from assay_nb.errors import WrongUsage
from assay_nb.experiments.run.target import find_target
from assay_nb.models.retirements import RETIREMENTS, Retirement
from assay_nb.store.changes import Changes
from assay_nb.store.connection_fact_rows import put
from assay_nb.store.database import Database
from tests.fakes.providers import only
from tests.kernel.stage import Stage, open_stage
from tests.kernel.steps import run_command

TODAY = datetime.now(UTC).date()
MODEL = "openai/lab/x"
ENTRY: dict[str, Any] = {
    "id": "lab/x",
    "object": "model",
    "context_length": 9000,
    "top_provider": {"max_completion_tokens": 500},
    "pricing": {"prompt": "0.000003", "completion": "0.000015"},
}


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    """An empty vault, before a server that lists one model of its own."""
    with open_stage(home / "vault", empty=True) as stage:
        stage.fake.keys = None
        list_models(stage, ENTRY)
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(hasty=True)
    yield session
    session.close()


def list_models(stage: Stage, *entries: dict[str, Any]) -> None:
    stage.fake.listings["openai"] = {"object": "list", "data": list(entries)}


def connect(stage: Stage, session: Session, *, path: str = "", check: bool = True) -> None:
    """Store a key, and have it tested."""
    endpoint = stage.fake.endpoint("openai") + path

    async def save() -> None:
        key = bytearray(b"any-key-at-all")
        await session.control.set_key(None, "openai", key, endpoint=endpoint, check=check)

    session.portal.call(save)


def about(session: Session, model: str = MODEL) -> ModelFacts:
    return session.portal.call(session.control.about_model, None, model)


def stored(stage: Stage) -> set[str]:
    """The names of the facts on the disk."""
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as connection:
        return {row[0] for row in connection.execute("SELECT fact FROM connection_facts")}


def play(session: Session, **options: Any) -> Any:
    call = Call(instrument="playground", prompt="Hi.", model=MODEL, options=options)
    return session.portal.call(session.engine.ask, call)


def test_testing_a_key_keeps_what_the_listing_says(stage: Stage, session: Session) -> None:
    connect(stage, session)

    facts = about(session)
    assert (facts.context, facts.max_output) == (9000, 500)
    assert (facts.input_price, facts.output_price) == (3.0, 15.0)
    assert facts.sources["price"] == f"127.0.0.1's listing of {TODAY}"


def test_key_that_is_not_tested_has_nothing_kept(stage: Stage, session: Session) -> None:
    connect(stage, session, check=False)

    assert stored(stage) == set()
    assert about(session) == ModelFacts(name="lab/x", provider="openai")


def test_newer_listing_replaces_all_that_the_older_said(stage: Stage, session: Session) -> None:
    connect(stage, session)
    list_models(stage, {"id": "lab/x", "object": "model", "max_model_len": 4096})

    session.portal.call(session.control.test_key, None, "openai")

    assert about(session) == ModelFacts(
        name="lab/x", provider="openai", context=4096,
        sources={"context": f"127.0.0.1's listing of {TODAY}"},
    )  # fmt: skip


def test_asking_for_the_models_shows_and_keeps_the_facts(stage: Stage, session: Session) -> None:
    connect(stage, session, check=False)

    shown = run_command(session, "models --ask").data

    assert shown == [about(session).to_dict()]
    assert shown[0]["max_output"] == 500  # type: ignore[index]


def test_call_costs_what_the_listing_says_and_says_whose_price_it_is(
    stage: Stage, session: Session
) -> None:
    connect(stage, session)
    stage.fake.answers("ok", input_tokens=1000, output_tokens=100)

    provenance = play(session).provenance

    assert provenance.cost == pytest.approx(0.0045)
    assert provenance.cost_source == f"127.0.0.1's listing of {TODAY}"


def test_call_asks_for_no_more_than_the_server_can_give(stage: Stage, session: Session) -> None:
    connect(stage, session)
    stage.fake.calls.clear()

    play(session)
    play(session, max_output_tokens=20)

    assert [call.body["max_tokens"] for call in stage.fake.calls] == [500, 20]


def test_run_is_planned_with_the_price_of_the_listing(stage: Stage, session: Session) -> None:
    connect(stage, session)

    target = session.portal.call(find_target, session.control, None, MODEL)

    assert target.price(1_000_000, 1_000_000) == pytest.approx(18.0)


def test_facts_go_with_the_key_and_a_price_that_was_set_stays(
    stage: Stage, session: Session
) -> None:
    connect(stage, session)
    run_command(session, f"model {MODEL} --price-in 1 --price-out 2")

    session.portal.call(session.control.remove_key, None, "openai")

    assert stored(stage) == {"set_input_price", "set_output_price"}


def test_facts_of_another_server_are_not_taken_over(stage: Stage, session: Session) -> None:
    connect(stage, session)
    run_command(session, f"model {MODEL} --price-in 1 --price-out 2")

    connect(stage, session, path="/", check=False)

    assert stored(stage) == set()


def test_another_key_for_the_same_server_keeps_the_facts(stage: Stage, session: Session) -> None:
    connect(stage, session)
    connect(stage, session, check=False)

    assert "context" in stored(stage)


@pytest.mark.parametrize("days", [59, 0, -3])
def test_status_warns_before_the_model_in_use_is_shut_down(
    stage: Stage, session: Session, days: int
) -> None:
    day = TODAY + timedelta(days=days)
    list_models(stage, {**ENTRY, "shutdown_date": str(day), "replacement_model": "lab/y"})
    connect(stage, session)
    run_command(session, f"model {MODEL}")

    verb = "is" if days >= 0 else "was"
    expected = f"{MODEL} {verb} due to be shut down on {day}."
    standing = session.portal.call(session.control.standing)
    found = session.portal.call(session.control.doctor)

    assert standing.warnings == [f"{expected} Use lab/y instead."]
    assert [one.text for one in found if one.subject == "model"] == [expected]
    assert "lab/y" in run_command(session, "models --ask").document.blocks[0].rows[0][5]  # type: ignore[union-attr]


@pytest.mark.parametrize("stage_word", ["deprecated", "retired"])
def test_status_warns_of_a_model_whose_end_has_no_day(
    stage: Stage, session: Session, stage_word: str
) -> None:
    list_models(stage, {**ENTRY, "lifecycle": stage_word, "replacement_model": "lab/y"})
    connect(stage, session)
    run_command(session, f"model {MODEL}")

    (warning,) = session.portal.call(session.control.standing).warnings

    assert warning.startswith(f"{MODEL} is {stage_word}, says ")
    assert warning.endswith("it names no day. Use lab/y instead.")


@pytest.mark.parametrize("word", ["active", "preview", "resting"])
def test_nothing_is_said_of_a_model_that_lives(stage: Stage, session: Session, word: str) -> None:
    list_models(stage, {**ENTRY, "lifecycle": word})
    connect(stage, session)
    run_command(session, f"model {MODEL}")

    assert session.portal.call(session.control.standing).warnings == []


@pytest.mark.parametrize("day", [TODAY + timedelta(days=90), "soon", None])
def test_nothing_is_said_of_a_model_that_has_time(
    stage: Stage, session: Session, day: date | str | None
) -> None:
    list_models(stage, {**ENTRY, "shutdown_date": None if day is None else str(day)})
    connect(stage, session)
    run_command(session, f"model {MODEL}")

    assert session.portal.call(session.control.standing).warnings == []


def test_price_that_somebody_sets_goes_before_the_listing(stage: Stage, session: Session) -> None:
    connect(stage, session)

    run_command(session, f"model {MODEL} --price-in 0 --price-out 0.5")
    facts = about(session)
    assert (facts.input_price, facts.output_price) == (0.0, 0.5)
    assert facts.sources["price"].endswith(f"on {TODAY}")
    assert facts.sources["price"].startswith("set by ")

    run_command(session, f"model {MODEL} --no-price")
    assert about(session).input_price == 3.0
    assert session.portal.call(session.control.model, None) is None  # a price chooses no model


@pytest.mark.parametrize(
    "line",
    [
        f"model {MODEL} --price-in 1",
        f"model {MODEL} --price-out 1",
        "model --price-in 1 --price-out 2",
        "model --no-price",
        f"model {MODEL} --price-in 1 --price-out 2 --no-price",
        f"model {MODEL} --price-in -1 --price-out 2",
        f"model {MODEL} --price-in nan --price-out 2",
        f"model {MODEL} --price-in 1 --price-out 1e9",
    ],
)
def test_half_a_price_or_none_at_all_is_refused(stage: Stage, session: Session, line: str) -> None:
    connect(stage, session, check=False)

    with pytest.raises(WrongUsage):
        run_command(session, line)

    assert stored(stage) == set()


def test_model_that_is_a_file_is_shown_by_its_name(stage: Stage, session: Session) -> None:
    list_models(stage, {"id": "/srv/models/x.gguf", "object": "model", "meta": {"n_ctx": 8192}})
    connect(stage, session)

    outcome = run_command(session, "models --ask")

    assert [cell.text for cell in outcome.document.blocks[0].rows[0][:1]] == ["openai/x.gguf"]  # type: ignore[union-attr]
    assert outcome.data[0]["name"] == "/srv/models/x.gguf"  # type: ignore[index]


def test_table_is_shown_without_a_vault_that_opens(stage: Stage, session: Session) -> None:
    connect(stage, session)
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as connection, connection:
        connection.execute("UPDATE provider_keys SET envelope = x'00'")

    assert run_command(session, "models").data
    assert session.portal.call(session.control.standing).keys


@pytest.fixture
def current(session: Session) -> Iterator[Session]:
    """The session as this process's own, which faces without arguments use."""
    set_session(session)
    yield session
    set_session(None)


def lint_ends(model: str) -> list[tuple[str, str]]:
    findings = lint("Add it up.", model=model).findings
    return [(one.level, one.message) for one in findings if one.rule == "A012"]


def test_day_that_is_only_the_first_possible_one_is_not_shown_as_the_end(
    stage: Stage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Retirement(
        day=date(2029, 5, 7), successor="new-1", source="the page", read=TODAY, is_earliest=True
    )
    monkeypatch.setitem(RETIREMENTS, "gpt-6-luna", end)
    monkeypatch.setitem(RETIREMENTS, "gpt-6-sol", replace(end, is_earliest=False))

    outcome = run_command(session, "models")

    text = " ".join(repr(outcome).split())
    assert text.count("from 2029-05-07 on: new-1") == 1
    assert text.count("2029-05-07: new-1") == 1
    marked = {fact["name"]: fact["retires_earliest"] for fact in outcome.data}
    assert (marked["gpt-6-luna"], marked["gpt-6-sol"]) == (True, False)


def test_lint_heeds_the_end_that_the_server_names(stage: Stage, current: Session) -> None:
    day = TODAY + timedelta(days=10)
    list_models(stage, {**ENTRY, "id": "x-1", "shutdown_date": str(day)})
    connect(stage, current)

    assert lint_ends("openai/x-1") == [
        ("warning", f"x-1 is due to be shut down on {day}. Choose another model.")
    ]
    assert lint_ends("openai/x-2") == []


def test_lint_of_an_own_connections_model_asks_a_vault_that_nobody_has_used(
    stage: Stage, session: Session
) -> None:
    day = TODAY + timedelta(days=10)
    stage.fake.keys = None
    list_models(stage, {**ENTRY, "shutdown_date": str(day), "replacement_model": "lab/y"})
    endpoint = stage.fake.endpoint("openai")
    run_command(session, f"connect openai-compatible own --no-key --endpoint {endpoint}")
    set_session(Session(session.config))

    assert lint_ends("own/lab/x") == [
        ("warning", f"x is due to be shut down on {day}. Use lab/y instead.")
    ]
    assert lint_ends("nobodys/x") == []
    set_session(None)


@pytest.mark.parametrize("model", ["own/x", "openai/gpt-x", "gpt-x", "x"])
def test_lint_makes_no_vault(home: Path, model: str) -> None:
    set_session(Session(Config(home=home / "unused")))

    with suppress(WrongUsage):  # a bare name that is nobody's
        assert lint_ends(model) == []
    set_session(None)
    assert not (home / "unused").exists()


def test_lint_opens_no_vault(home: Path) -> None:
    session = Session(Config(home=home / "unused"))
    set_session(session)
    assert session.control is not None

    assert lint_ends("openai/x-1") == []
    set_session(None)
    assert not (home / "unused").exists()


class Unknown(Changes):
    """A database of which nobody can tell whether it was changed, as PostgreSQL's is."""

    @property
    def are_known(self) -> bool:
        return False


def test_facts_are_read_once_a_minute_where_changes_go_unnoticed(home: Path) -> None:
    database = Database.open(home / "vault.sqlite")
    now = 100.0
    facts = LiveFacts(database, Unknown(database), clock=lambda: now)
    fact = Fact("m", "context", 8192, "a listing", TODAY)
    assert facts.find(b"w", "openai", "m") == {}
    with database.write() as connection:
        put(connection, b"w", "openai", [fact])

    assert facts.find(b"w", "openai", "m") == {}
    now = 160.0
    assert facts.find(b"w", "openai", "m") == {"context": fact}
    database.close()


def test_request_that_lists_models_is_one_and_free(stage: Stage, session: Session) -> None:
    connect(stage, session)

    assert only(stage.fake.calls).method == "GET"
