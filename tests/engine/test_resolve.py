"""Which model answers: the engine, what status shows and the plan of a run say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from assay_nb.engine.call import Call
from assay_nb.engine.events import Started
from assay_nb.engine.local.resources import Resources
from assay_nb.engine.resolve import ALL_MODELS, choose_model, default_model, first_default
from assay_nb.engine.session import Session
from assay_nb.experiments.run.target import find_judge, find_target
from assay_nb.messages import PROVIDERS
from tests.kernel.stage import Stage, open_stage

ALONE = "openai/gpt-of-a-server/of-ones-own"


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with open_stage(home / "vault") as stage:
        stage.fake.answers("fine")
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(hasty=True)
    yield session
    session.close()


def answering(session: Session, model: str | None = None) -> str:
    """Return the model that the engine calls."""
    with session.stream(Call(instrument="playground", prompt="Hello.", model=model)) as events:
        started = next(event for event in events if isinstance(event, Started))
    return f"{started.provider}/{started.model}"


def planned(session: Session, model: str | None = None) -> str | None:
    """Return the model that a run plans with."""
    return session.portal.call(find_target, session.control, None, model).name


def shown(session: Session) -> str | None:
    """Return the model that status shows."""
    return session.portal.call(session.control.standing).model


def allow(monkeypatch: pytest.MonkeyPatch, session: Session, models: Sequence[str]) -> None:
    """Have an operator allow these models only."""
    monkeypatch.setattr(Resources, "usable_models", lambda self: models)
    monkeypatch.setattr(session.control, "known_models", lambda: list(models))


def test_without_a_choice_all_three_name_the_default(session: Session) -> None:
    assert answering(session) == shown(session) == planned(session) == default_model("anthropic")


def test_the_workspaces_model_is_what_all_three_name(session: Session) -> None:
    session.portal.call(session.control.set_model, None, "gemini-3-flash-preview")

    expected = "google/gemini-3-flash-preview"
    assert answering(session) == shown(session) == planned(session) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [("gemini-3-flash-preview", "google/gemini-3-flash-preview"), (ALONE, ALONE)],
)
def test_the_calls_own_model_comes_before_the_workspaces(
    session: Session, model: str, expected: str
) -> None:
    session.portal.call(session.control.set_model, None, "anthropic/claude-haiku-5-5")

    assert answering(session, model) == planned(session, model) == expected
    assert shown(session) == "anthropic/claude-haiku-5-5"


@pytest.mark.parametrize("backwards", [False, True])
def test_a_provider_whose_models_the_operator_does_not_allow_is_passed_over(
    session: Session, monkeypatch: pytest.MonkeyPatch, *, backwards: bool
) -> None:
    mine = [name for name in ALL_MODELS if name.startswith("openai/")]
    allow(monkeypatch, session, mine[::-1] if backwards else mine)

    assert answering(session) == shown(session) == planned(session) == default_model("openai")


def test_the_first_allowed_model_answers_where_the_default_is_not_allowed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [name for name in ALL_MODELS if name != default_model("anthropic")]
    allow(monkeypatch, session, others)

    expected = next(name for name in others if name.startswith("anthropic/"))
    assert answering(session) == shown(session) == planned(session) == expected


def test_a_judge_of_another_family_is_one_that_is_allowed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, session, [name for name in ALL_MODELS if name.startswith("anthropic/")])

    async def judge() -> str | None:
        target = await find_target(session.control, None, None)
        return (await find_judge(session.control, target, None)).name

    assert session.portal.call(judge) == default_model("anthropic")


def test_keys_in_any_order_lead_to_the_same_model() -> None:
    there, back = list(PROVIDERS), list(reversed(PROVIDERS))

    chosen = {choose_model(None, None, some, lambda: ALL_MODELS) for some in (there, back)}

    assert chosen == {first_default(there)} == {first_default(back)}


def test_every_default_is_in_the_table() -> None:
    assert {default_model(provider) for provider in PROVIDERS} <= set(ALL_MODELS)


def test_the_list_of_models_is_not_asked_for_where_a_model_is_named() -> None:
    def ask() -> Sequence[str]:
        raise AssertionError("it was asked")

    assert choose_model("a", "b", PROVIDERS, ask) == "a"
    assert choose_model(None, "b", PROVIDERS, ask) == "b"
    assert choose_model(None, None, [], ask) is None
