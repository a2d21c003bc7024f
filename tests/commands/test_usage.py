"""`usage`: what calls used and cost, for one's own vault, a team's admin and its members."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb import cli
from assay_nb.accounting.call_log import make_record
from assay_nb.config import Config
from assay_nb.engine.session import Session, set_session
from assay_nb.errors import WrongUsage
from tests.commands.walking import plain_words
from tests.gateway import threaded
from tests.kernel.steps import run_command

SPENT = (("ada", 2_000_000), ("bob", 500_000), ("bob", None))
"""Whose calls there are, and what each cost in millionths of a dollar; None is not known."""


class Hub(threaded.Hub):
    """A gateway with a team that Ada owns, Bob is a member of, and both have called in."""

    def furnish(self) -> None:
        resources = self.stage.services.resources
        made = resources.workspaces.create("research", "ada")
        resources.workspaces.add_member("ada", made.id, "bob")
        for user, micros in SPENT:
            record = make_record(
                workspace_id=made.id,
                user=user,
                instrument="critique",
                provider="anthropic",
                model="claude-haiku-5-5",
                funding="workspace",
                status="ok",
                input_tokens=1_000,
                output_tokens=10,
                cost_micros=micros,
                counted_micros=1_000_000 if micros is None else micros,
            )
            resources.calls.record(record)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with threaded.open_hub(tmp_path_factory.mktemp("hub")) as opened:
        hub = Hub(opened.stage, opened.token, opened.loop)
        hub.furnish()
        yield hub


@pytest.fixture
def session(
    request: pytest.FixtureRequest, hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    """The session of a kernel, by whose it is."""
    monkeypatch.setenv("ASSAY_GATEWAY_URL", hub.stage.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", hub.stage.token(request.param))
    session = Session(Config(home=home, gateway_url=hub.stage.url))
    run_command(session, "workspace use research")
    yield session
    session.close()


def lines(session: Session, more: str) -> dict[str, Any]:
    data = run_command(session, f"usage {more}").data
    [part] = data["by"]
    return {one[part]: (one["calls"], one["cost"], one["unpriced"]) for one in data["lines"]}


@pytest.mark.parametrize("session", ["ada"], indirect=True)
def test_admin_sees_everybody_by_member_and_model(session: Session) -> None:
    assert lines(session, "--by member") == {"ada": (1, 2.0, 0), "bob": (2, 0.5, 1)}
    assert lines(session, "--by model") == {"anthropic/claude-haiku-5-5": (3, 2.5, 1)}
    assert lines(session, "--by member --mine") == {"ada": (1, 2.0, 0)}
    assert "Everybody's calls" in plain_words(run_command(session, "usage"))


@pytest.mark.parametrize("session", ["bob"], indirect=True)
def test_member_sees_their_own(session: Session) -> None:
    assert lines(session, "--by member") == {"bob": (2, 0.5, 1)}
    said = plain_words(run_command(session, "usage"))
    assert "Your calls" in said
    assert "2 calls, 2,000 tokens in, 20 out, $0.5000" in said
    assert "ada" not in said


@pytest.mark.parametrize("session", ["bob"], indirect=True)
def test_status_tells_ones_own(session: Session) -> None:
    said = plain_words(run_command(session, "status"))

    assert "Your calls this month: 2 calls, 2,000 tokens in, 20 out, $0.5000." in said


@pytest.mark.parametrize("session", ["bob"], indirect=True)
def test_csv_is_printed_as_it_is(
    session: Session, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    set_session(None)

    status = cli.main(["usage", "--by", "member", "--csv", "-w", "research"])
    out, _ = capsys.readouterr()
    set_session(None)

    assert status == 0
    assert out.splitlines()[0].startswith("user,calls,")
    assert out.splitlines()[1].startswith("bob,2,")


@pytest.mark.parametrize("session", ["ada"], indirect=True)
@pytest.mark.parametrize("days", ["0", "-1", "5000"])
def test_days_that_are_none_are_refused(session: Session, days: str) -> None:
    with pytest.raises(WrongUsage, match="not a number of days"):
        run_command(session, f"usage --days={days}")


@pytest.mark.parametrize("session", ["ada"], indirect=True)
@pytest.mark.parametrize("days", [1, 7, 400])
def test_last_days_end_today(session: Session, days: int) -> None:
    data = run_command(session, f"usage --days {days}").data

    assert sum(one["calls"] for one in data["lines"]) == len(SPENT)
    assert data["begin"] <= data["end"]
