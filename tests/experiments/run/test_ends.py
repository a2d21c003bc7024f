"""How a reply ended travels with it: through every provider's SDK into tables, judgements and suites."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay_nb import AssayError, BadReply, Batch, Run, critique, judge, playground
from assay_nb.engine.session import current_session
from assay_nb.experiments.suites.file import read_suite
from assay_nb.experiments.suites.result import SuiteResult
from assay_nb.experiments.suites.run import run_suite
from tests.fakes.providers import Answer, Call
from tests.fakes.providers_client import WIRES
from tests.instruments.driving import make_mark
from tests.kernel.replies import critique as critique_reply
from tests.kernel.stage import Stage

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is not a valid FinishReason"
)  # Google's SDK says so

PROMPT = "Sort this ticket: {{ticket}}"
MODELS = {
    "anthropic": "anthropic/claude-sonnet-4-6",
    "openai-responses": "openai/gpt-6.2-sol",
    "openai-chat": "openai/gpt-6.2-sol",
    "google": "google/gemini-3.8-flash",
}
BAD: dict[str, Answer] = {
    "length": Answer(chunks=("half of i",), stop="length"),
    "filtered": Answer(chunks=("half",), stop="filtered"),
    "refusal": Answer(chunks=("",), stop="refusal"),
    "incomplete": Answer(chunks=("half",), finish="a_word_of_tomorrow"),
    "empty": Answer(chunks=("",)),
}
"""A reply of each kind that is not whole, by the word for its end."""


@dataclass
class Table:
    """Rows `t0`, `t1` and so on, answered by one provider, of which some are answered otherwise."""

    stage: Stage
    wire: str

    @property
    def model(self) -> str:
        return MODELS[self.wire]

    def answer(self, **bad: Answer) -> None:
        """Answer the rows that are named with these, and the others "fine"."""

        def choose(call: Call) -> Answer:
            if "criteria" in call.text:
                return Answer(chunks=(judged("yes"),))
            return next(
                (bad[name] for name in bad if f"<{name}>" in call.text), Answer(chunks=("fine",))
            )

        self.stage.fake.answer_by(choose)

    def run(self, count: int = 3, **settings: Any) -> Batch:
        batch = playground(PROMPT, data=make_rows(count), model=self.model, **settings)
        assert isinstance(batch, Batch)
        return batch

    def asked(self) -> list[str]:
        """Return the rows that were sent since the last look, and forget them."""
        calls = [call.text for call in self.stage.fake.calls if call.method == "POST"]
        self.stage.fake.calls.clear()
        return sorted(f"t{n}" for n in range(50) for text in calls if f"<t{n}>" in text)


def make_rows(count: int) -> list[dict[str, str]]:
    return [{"ticket": f"<t{number}>"} for number in range(count)]


def judged(answer: str, reason: str = "") -> str:
    one = make_mark(answer, reason)
    return json.dumps(one)


def expected(wire: str, end: str) -> str:
    return (
        "refusal" if (wire, end) == ("anthropic", "filtered") else end
    )  # it has one word for both


@pytest.fixture(
    params=[pytest.param(wire, marks=pytest.mark.slow) for wire in WIRES[1:]] + [WIRES[0]]
)
def table(request: pytest.FixtureRequest, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Table:
    if request.param == "openai-responses":
        monkeypatch.setattr("assay_nb.messages.OPENAI_ORIGIN", stage.fake.origin)
    return Table(stage, request.param)


@pytest.fixture
def here(stage: Stage) -> Table:
    """A table at one provider, for what does not depend on which."""
    return Table(stage, "anthropic")


# --- in the table, at every provider ----------------------------------------------------------------


@pytest.mark.parametrize("end", BAD)
def test_the_table_says_how_each_reply_ended(table: Table, end: str) -> None:
    table.answer(t1=BAD[end])

    batch = table.run()

    reason = expected(table.wire, end)
    assert [row["stop"] for row in batch.frame] == ["end", reason, "end"]
    assert batch.ends == {"whole": 2, reason: 1}
    assert (batch.done, batch.observed()) == (2, ["fine", None, "fine"])


@pytest.mark.parametrize("end", BAD)
def test_a_reply_that_is_not_whole_is_asked_for_again(table: Table, end: str) -> None:
    table.answer(t1=BAD[end])
    table.run()
    table.asked()
    table.answer()

    again = table.run()

    assert table.asked() == ["t1"]
    assert again.ends == {"whole": 3}


@pytest.mark.parametrize("end", ["length", "empty"])
def test_a_reply_that_is_not_whole_is_not_judged(table: Table, end: str) -> None:
    table.answer(t1=BAD[end])
    batch = table.run()

    result = judge(PROMPT, batch, rubric="- It is fine.", model=table.model)

    assert result.scores == [1.0, None, 1.0]
    assert result.lost == {"judged": {expected(table.wire, end): 1}}
    assert "Judge: 100% over 2 of 3 rows" in repr(result)


@pytest.mark.parametrize("end", BAD)
def test_a_case_without_a_whole_reply_counts_nothing_and_says_why(
    table: Table, end: str, home: Path
) -> None:
    table.answer(t1=BAD[end])

    result = run_cases(table, home)

    lost = result.cases[1]
    reason = expected(table.wire, end)
    assert [case.score for case in result.cases] == [1.0, None, 1.0]
    assert (round(result.score, 2), result.passed) == (0.67, False)
    assert (lost.stop, lost.lost) == (reason, reason)
    assert WHY[reason] in lost.reasons[0]
    assert lost.reasons[0].split(":")[0].split(".")[0] in repr(result).replace("\n", " ")


WHY = {
    "length": "reached the limit on output tokens",
    "filtered": "content filter",
    "refusal": "declined",
    "incomplete": "did not mark it as complete",
    "empty": "sent an empty reply",
}


def run_cases(table: Table, home: Path, **more: Any) -> SuiteResult:
    cases = [{"values": row, "expect": {"contains": "fine"}} for row in make_rows(3)]
    path = home / "suite.json"
    path.write_text(json.dumps({"prompt": PROMPT, "cases": cases, "model": table.model, **more}))
    return run_suite(current_session(), read_suite(path))


def test_a_single_run_shows_what_came_and_why_it_is_not_all(table: Table) -> None:
    table.answer(t0=BAD["length"])

    run = playground(PROMPT, {"ticket": "<t0>"}, model=table.model)

    assert isinstance(run, Run)
    assert (run.output, run.stop) == ("half of i", "length")
    assert "is cut there" in repr(run)


@pytest.mark.parametrize("sign", [{"thinking": "Let me think."}, {"thinking_tokens": 400}])
def test_an_empty_reply_after_thoughts_names_the_ceiling(
    table: Table, sign: dict[str, Any]
) -> None:
    table.answer(t1=Answer(chunks=("",), **sign))
    run = playground(PROMPT, {"ticket": "<t1>"}, model=table.model)
    batch = table.run()

    assert isinstance(run, Run)
    assert (run.stop, run.thought, batch.stops[1]) == ("empty", True, "empty")
    for shown in (repr(run), repr(batch)):
        assert "used its output tokens for thinking" in shown
        assert "ax_output_tokens" in shown
    assert "for thinking" not in repr(table.run(1))  # control: row 0 alone is whole


@pytest.mark.parametrize("end", ["length", "refusal", "incomplete"])
def test_an_instrument_says_why_the_reply_ended(table: Table, end: str) -> None:
    table.stage.fake.answer_by(lambda call: BAD[end])

    with pytest.raises(BadReply) as caught:
        critique("Summarise the ticket.", model=table.model)

    assert caught.value.stop == end
    assert caught.value.hint


def test_an_instrument_that_got_thoughts_only_names_the_ceiling(table: Table) -> None:
    table.stage.fake.answers("", thinking_tokens=400)

    with pytest.raises(BadReply, match="for thinking") as caught:
        critique("Summarise the ticket.", model=table.model)

    assert "max_output_tokens" in (caught.value.hint or "")
    assert len(table.stage.fake.calls) == 1


def test_an_instrument_asks_again_for_a_reply_that_is_simply_empty(table: Table) -> None:
    table.stage.fake.queue(Answer(chunks=("",)))
    table.stage.fake.answers(critique_reply())

    assert critique("Summarise the ticket.", model=table.model).verdict is not None
    assert len(table.stage.fake.calls) == 2


def test_an_instrument_that_gets_nothing_twice_says_so(table: Table) -> None:
    table.stage.fake.answers("")

    with pytest.raises(BadReply, match="empty reply") as caught:
        critique("Summarise the ticket.", model=table.model)

    assert (caught.value.stop, len(table.stage.fake.calls)) == ("empty", 2)


# --- rows that fail ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_row_that_the_provider_refuses_does_not_stop_the_others(
    table: Table, status: int
) -> None:
    table.answer(t1=Answer(status=status))

    batch = table.run()

    assert (batch.failed, batch.ends) == ((1,), {"whole": 2, "failed": 1})
    assert batch.frame[1]["error"]
    assert batch.frame[1]["error"].split(".")[0] in repr(batch).replace("\n┃ ", " ")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_status_that_would_hit_every_row_ends_the_run(table: Table, status: int) -> None:
    table.answer(t3=Answer(status=status))

    with pytest.raises(AssayError) as caught:
        table.run(40, concurrency=1)

    partial = caught.value.partial
    assert isinstance(partial, Batch)
    assert (partial.stopped, partial.done) == ("failed", 3)
    assert len(table.asked()) < 40


def test_a_run_of_which_every_row_failed_ends_with_the_first_error(here: Table) -> None:
    here.answer(**{f"t{n}": Answer(status=413) for n in range(3)})

    with pytest.raises(AssayError, match="longer than") as caught:
        here.run()

    assert caught.value.partial.ends == {"failed": 3}


def test_the_rest_of_a_run_that_an_error_ended_is_asked_and_no_row_twice(here: Table) -> None:
    here.answer(t3=Answer(status=401))
    with pytest.raises(AssayError):
        here.run(6, concurrency=1)
    here.asked()
    here.answer()

    assert here.run(6).ends == {"whole": 6}
    assert here.asked() == ["t3", "t4", "t5"]


def test_a_row_with_a_secret_is_never_sent_and_the_others_are(here: Table) -> None:
    here.answer()
    rows = [*make_rows(2), {"ticket": f"my key is {here.stage.keys['openai']}"}]

    batch = playground(PROMPT, data=rows, model=here.model)

    assert isinstance(batch, Batch)
    assert batch.outputs == ["fine", "fine", None]
    assert "Column 'ticket' holds something shaped like" in batch.frame[2]["error"]
    assert here.stage.keys["openai"] not in "".join(call.text for call in here.stage.fake.calls)
    assert here.stage.traces_in(batch.frame[2]["error"]) == {}


def test_a_row_that_is_too_long_is_not_sent_and_the_others_are(here: Table) -> None:
    here.answer()
    rows = [*make_rows(1), {"ticket": "x" * 3_000_000}]

    batch = playground(PROMPT, data=rows, model=here.model)

    assert isinstance(batch, Batch)
    assert batch.ends == {"whole": 1, "not sent": 1}
    assert here.asked() == ["t0"]


# --- what is shown ----------------------------------------------------------------------------------


def test_the_headline_counts_by_reason(here: Table) -> None:
    here.answer(t1=BAD["length"], t2=BAD["length"], t3=BAD["refusal"], t4=Answer(status=413))

    shown = " ".join(repr(here.run(6)).split())

    assert "2 whole, 2 cut at the token limit, 1 declined, 1 failed." in shown
    assert "Row 4 failed: The prompt is longer than claude-sonnet-4-6 takes. Shorten it" in shown


def test_a_table_of_whole_replies_speaks_of_no_other_end(here: Table) -> None:
    here.answer()

    shown = repr(here.run())

    assert "3 of 3 rows" in shown
    assert "whole" not in shown


def test_a_table_with_mixed_ends_survives_json(here: Table) -> None:
    here.answer(t1=BAD["length"], t2=BAD["incomplete"], t3=BAD["empty"])
    batch = here.run(4)

    told = json.loads(json.dumps(batch.to_dict()))

    assert told["ends"] == batch.ends
    assert [row["stop"] for row in told["rows"]] == ["end", "length", "incomplete", "empty"]
    assert Batch.from_dict(told).to_dict() == batch.to_dict()
    assert Batch.from_dict(told).ends == batch.ends


def test_two_sides_say_each_thing_once(here: Table) -> None:
    here.answer(t1=BAD["length"])
    both = playground(PROMPT, data=make_rows(3), beside=f"Please. {PROMPT}", model=here.model)

    shown = repr(both)

    assert shown.count("1 cut at the token limit") == 1
    assert "2 of 2 pairs of whole outputs are the same" in shown
    assert both.frame[1]["stop_left"] == both.frame[1]["stop_right"] == "length"


def test_what_went_wrong_on_one_side_stands_below_its_name(here: Table) -> None:
    here.stage.fake.answer_by(
        lambda call: BAD["length"] if "Please" in call.text and "<t1>" in call.text else "fine"
    )

    shown = repr(
        playground(PROMPT, data=make_rows(3), beside=f"Please. {PROMPT}", model=here.model)
    )

    assert shown.index("the other:") < shown.index("2 whole, 1 cut at the token limit")
    assert "this prompt:" not in shown


# --- counted all the same ---------------------------------------------------------------------------


@pytest.mark.parametrize(("count_cut", "scores"), [(True, [1.0, 1.0]), (False, [1.0, None])])
def test_a_cut_reply_is_judged_only_where_that_was_asked_for(
    here: Table, count_cut: bool, scores: list[float | None]
) -> None:
    here.answer(t1=BAD["length"])

    result = judge(PROMPT, here.run(2), rubric="- It is fine.", count_cut=count_cut)

    assert result.scores == scores


# --- suites -----------------------------------------------------------------------------------------


def test_a_failing_case_names_the_expectation_the_criterion_and_the_judges_reason(
    here: Table, home: Path
) -> None:
    def choose(call: Call) -> str:
        return judged("no", "It names no team.") if "criteria" in call.text else "hello"

    here.stage.fake.answer_by(choose)

    result = run_cases(here, home, rubric=["It names the team."])

    why = ('contains "fine" is not met', "It names the team (no): It names no team.")
    assert result.cases[0].reasons == why
    assert json.loads(json.dumps(result.to_dict()))["cases"][0]["reasons"] == list(why)
    shown = " ".join(repr(result).split())
    assert all(part in shown for part in ('contains "fine" is not met', "It names no team."))
