"""Suites as a pipeline sees them: `assay-nb eval`, with the real engine and SDKs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay_nb import cli
from assay_nb.engine.session import set_session
from assay_nb.experiments.suites.file import read_suite
from assay_nb.experiments.suites.run import run_suite
from tests.fakes.providers import Answer, Call
from tests.instruments.driving import make_mark
from tests.kernel.stage import Stage

CASES = [{"values": {"ticket": f"<t{n}>"}, "expect": {"contains": "fine"}} for n in range(4)]
SUITE = {"name": "tickets", "prompt": "Sort {{ticket}}.", "threshold": 0.75, "cases": CASES}
CUT = Answer(chunks=("it is fi",), stop="length")


def judged(answer: str, reason: str) -> Answer:
    one = make_mark(answer, reason)
    return Answer(chunks=(json.dumps(one),))


def answer(stage: Stage, judgement: Answer | None = None, **bad: Answer) -> None:
    """Answer the cases that are named with these, the others "fine", and the judge's calls as given."""
    fine = Answer(chunks=("fine",))

    def choose(call: Call) -> Answer:
        if "criteria" in call.text and judgement is not None:
            return judgement
        return next((bad[name] for name in bad if f"<{name}>" in call.text), fine)

    stage.fake.answer_by(choose)


def run(*words: str, **changed: Any) -> int:
    Path("suite.json").write_text(json.dumps({**SUITE, **changed}))
    set_session(None)
    return cli.main(["eval", "suite.json", *words])


def test_a_suite_counts_a_case_without_a_whole_reply_as_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(stage, t1=CUT, t2=Answer(chunks=("",), stop="refusal"))

    status = run()

    shown = " ".join(capsys.readouterr().out.split())
    assert status == 1
    assert "50% over 4 cases; the bar is 75%." in shown
    assert "counts 0: 1 cut at the token limit, 1 declined." in shown
    assert "The reply reached the limit on output tokens" in shown
    assert "The model declined to answer." in shown


def test_a_suite_reaches_its_bar_without_the_case_that_was_cut(stage: Stage) -> None:
    answer(stage, t1=CUT)

    assert run() == 0
    assert run("--fail-under", "0.8") == 1


def test_a_cut_reply_is_checked_with_count_cut(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(stage, t1=Answer(chunks=("it is fine, since",), stop="length"))

    assert run("--fail-under", "1", "--count-cut") == 0
    assert "100% over 4 cases" in capsys.readouterr().out


def test_the_json_of_a_suite_says_of_each_case_why_it_failed(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(stage, judged("no", "It names no team."), t1=CUT, t2=Answer(status=413))

    run("--json", rubric=["It names the team."])

    told = json.loads(capsys.readouterr().out)
    whole, cut, refused, _ = told["cases"]
    assert whole["reasons"] == ["It names the team (no): It names no team."]
    assert (cut["stop"], cut["lost"], cut["score"]) == ("length", "length", None)
    assert (refused["stop"], refused["lost"]) == (None, "failed")
    assert refused["reasons"][0].startswith("The prompt is longer than")


def test_a_failing_case_shows_expectation_criterion_and_reason(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(stage, judged("no", "It names no team."), t1=Answer(chunks=("bad",)))

    assert run(rubric=["It names the team."]) == 1

    shown = " ".join(capsys.readouterr().out.split())
    assert 'contains "fine" is not met' in shown
    assert "It names the team (no): It names no team." in shown


def test_a_suite_that_an_error_ends_is_one_line_and_goes_on_from_there(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(stage, t2=Answer(status=401))
    status = run("--concurrency", "1")
    told = capsys.readouterr()
    stage.fake.calls.clear()
    answer(stage)

    again = run("--concurrency", "1")

    assert (status, again) == (1, 0)
    assert told.out == ""
    assert "does not accept the workspace's key" in told.err
    assert len([call for call in stage.fake.calls if call.method == "POST"]) == 2


@pytest.mark.parametrize("part", ["case", "judgement"])
def test_a_suite_that_a_days_quota_ends_says_so_and_gives_no_score(
    part: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    spent = Answer(
        status=429, body={"error": {"message": "tokens per day", "type": "rate_limit_error"}}
    )
    good = judged("yes", "It is.")
    judgements = iter([good, good])

    def choose(call: Call) -> Answer:
        if "criteria" in call.text:
            return next(judgements, spent)
        return spent if part == "case" and "<t2>" in call.text else Answer(chunks=("fine",))

    stage.fake.answer_by(choose)

    status = run("--concurrency", "1", rubric="- It is fine.")

    told = capsys.readouterr()
    assert (status, told.out) == (1, "")
    assert "Today's quota" in told.err
    assert "Raise --budget" not in told.err


def test_a_suite_that_is_stopped_keeps_the_cases_that_were_answered(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def watch(self: object, progress: Any) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    answer(stage)
    with monkeypatch.context() as patched:
        patched.setattr(cli.TerminalDesk, "watch", watch)
        stopped = run("--concurrency", "1")
    kept = sum(len(path.read_text().split()) for path in (stage.home / "runs").glob("*.jsonl"))
    stage.fake.calls.clear()

    assert (stopped, run()) == (130, 0)
    assert kept >= 2
    assert len([call for call in stage.fake.calls if call.method == "POST"]) == 4 - kept


# --- placeholders that nothing fills ------------------------------------------------------------------

NOTE = "`{team}` is sent as it stands: write `{{team}}` to put the column there."


def with_teams(prompt: str) -> dict[str, Any]:
    cases = [{"values": {"ticket": f"<t{n}>", "team": "billing"}} for n in range(4)]
    return {"prompt": prompt, "cases": cases}


def test_a_placeholder_that_is_sent_is_named_before_the_first_case(stage: Stage) -> None:
    answer(stage)
    told: list[tuple[str, int]] = []
    Path("suite.json").write_text(json.dumps({**SUITE, **with_teams("{{ticket}} {team}")}))
    suite = read_suite(Path("suite.json"))

    result = run_suite(
        stage.session(), suite, on_note=lambda note: told.append((note, len(stage.fake.calls)))
    )

    assert told == [(NOTE, 0)]
    assert result.to_dict()["notes"] == [NOTE]


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_terminal_shows_a_placeholder_that_is_sent(
    stage: Stage, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    answer(stage)

    assert run(*words, **with_teams("{{ticket}} {team}")) == 0

    assert "`{team}` is sent as it stands" in " ".join(capsys.readouterr().out.split())
    assert bool(stage.fake.calls) == (not words)


def test_a_suite_with_blocks_of_a_template_is_refused_and_nothing_is_sent(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(**with_teams("{{#if team}}{{ticket}}{{/if}}"))

    assert status == 2
    assert "The prompt has Handlebars blocks from line 1 on" in capsys.readouterr().err
    assert stage.fake.calls == []
