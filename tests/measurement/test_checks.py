"""Suites, judge-check, selfcheck and probes: what each counts, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay_nb import Critique, WrongUsage
from assay_nb.engine.call import Call
from assay_nb.measurement.bench import Bench
from assay_nb.measurement.judgecheck import LabelledPair, check_judge, read_pairs
from assay_nb.measurement.plan import Plan, Step
from assay_nb.measurement.probes import Probing
from assay_nb.measurement.purse import OverBudget, Purse
from assay_nb.measurement.selfcheck import check_self, load_corpus
from assay_nb.measurement.suites import Case, find_failed, read_suite, run_suite
from tests.instruments.driving import make_critique, make_finding
from tests.instruments.driving import run as drive
from tests.measurement.simulated import Engine, Session

# --- suites -----------------------------------------------------------------------------------------

SUITE = """
name: tickets
prompt: "Sort {{ticket}}."
threshold: 0.9
cases:
  - values: {ticket: invoice}
    expect: {equals: billing}
  - values: {ticket: parcel}
    expect: {contains: [ship], not_contains: [bill]}
"""


@pytest.fixture
def suite_file(tmp_path: Path) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    return path


def sorts(call: Call) -> str:
    return "billing" if call.options["values"]["ticket"] == "invoice" else "shipping"


@pytest.mark.parametrize(
    ("expect", "output", "failed"),
    [
        ({"equals": "x"}, " x\n", []),
        ({"contains": ["a", "B"]}, "ab", []),
        ({"contains": "c"}, "ab", ["contains"]),
        ({"not_contains": ["a"]}, "ab", ["not_contains"]),
        ({"matches": r"^\d{4}$"}, "1912", []),
        ({"json_keys": ["a"]}, '{"a": 1, "b": 2}', []),
        ({"json_keys": ["a"]}, "no json", ["json_keys"]),
        ({"json": {"a": 1}}, '{"a": 2}', ["json"]),
        ({"max_length": 2}, "abc", ["max_length"]),
    ],
)
def test_an_expectation_is_checked_by_code(
    expect: dict[str, Any], output: str, failed: list[str]
) -> None:
    assert find_failed(Case({}, expect), output) == failed


def test_a_suite_that_holds_passes(session: Session, engine: Engine, suite_file: Path) -> None:
    engine.task = sorts

    result = run_suite(session, read_suite(suite_file))

    assert (result.score, result.passed) == (1.0, True)


def test_a_suite_under_its_bar_fails_and_says_what_was_not_met(
    session: Session, engine: Engine, suite_file: Path
) -> None:
    engine.task = lambda call: "billing"

    result = run_suite(session, read_suite(suite_file))

    assert (result.score, result.passed) == (0.5, False)
    assert result.cases[1].failed == ("contains", "not_contains")
    assert run_suite(session, read_suite(suite_file), threshold=0.5).passed  # control


def test_what_code_checks_outranks_the_judge(
    session: Session, engine: Engine, suite_file: Path
) -> None:
    suite_file.write_text(f'{SUITE}rubric: ["- It is fine."]\n')
    engine.task = lambda call: "billing"
    one = {"criterion": "c1", "evidence": None, "reason": "", "answer": "yes"}
    engine.judge = lambda call, request: {"criteria": [one]}

    assert [case.score for case in run_suite(session, read_suite(suite_file)).cases] == [1.0, 0.0]


def test_a_version_that_regressed_fails_whatever_its_score(
    session: Session, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "suite.json"
    cases = [{"values": {"n": str(n)}, "expect": {"equals": "yes"}} for n in range(30)]
    path.write_text(json.dumps({"prompt": "New {{n}}", "cases": cases, "threshold": 0.2}))
    engine.task = lambda call: (
        "yes" if call.prompt.startswith("Old") or int(call.options["values"]["n"]) < 10 else "no"
    )

    alone = run_suite(session, read_suite(path))
    beside = run_suite(session, read_suite(path), against="Old {{n}}")

    assert alone.passed
    assert beside.verdict is not None
    assert (beside.verdict.verdict, beside.passed) == ("regressed", False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "mapping"),
        ("{}", "no prompt"),
        ('{"prompt": "x"}', "no cases"),
        ('{"prompt": "x", "cases": [{"expect": {"equal": 1}}]}', "equal"),
        ('{"prompt": "x", "cases": [{"expect": {"matches": "("}}]}', "pattern"),
        ('{"promt": "x"}', "promt"),
        ("{", "JSON"),
    ],
)
def test_a_suite_that_cannot_be_read_says_why(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "suite.json"
    path.write_text(text)

    with pytest.raises(WrongUsage, match=told):
        read_suite(path)


def test_a_yaml_file_that_would_make_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("prompt: !!python/object/apply:os.system ['true']")

    with pytest.raises(WrongUsage, match="YAML"):
        read_suite(path)


# --- judge-check ------------------------------------------------------------------------------------

PAIRS = [LabelledPair(f"task {n}", f"good {n}", f"poor {n}") for n in range(10)]


def _judge(pick: str) -> Any:
    def judge(call: Call, request: Any) -> Any:
        text = request.messages[0].text
        first = text.split("=====BEGIN FIRST ANSWER")[1].split("=====\n")[1]
        places = {"good": ("first", "second"), "poor": ("second", "first")}
        better = pick if pick not in places else places[pick][not first.startswith("good")]
        one = {"criterion": "c1", "first": None, "second": None, "reason": "", "better": better}
        return {"criteria": [one]}

    return judge


@pytest.mark.parametrize(
    ("pick", "agreed", "opposed", "torn"),
    [("good", 10, 0, 0), ("poor", 0, 10, 0), ("first", 0, 0, 10), ("tie", 0, 0, 0)],
)
def test_a_judge_is_counted_by_both_orders(
    session: Session, engine: Engine, pick: str, agreed: int, opposed: int, torn: int
) -> None:
    engine.judge = _judge(pick)

    check = check_judge(session, PAIRS, rubric="- It is good.")

    assert (check.agreed, check.opposed, check.torn) == (agreed, opposed, torn)


def test_the_interval_is_wilsons(session: Session, engine: Engine) -> None:
    engine.judge = _judge("good")

    low, high = check_judge(session, PAIRS, rubric="- It is good.").interval

    assert (round(low, 4), high) == (0.7225, 1.0)


def test_a_judge_that_picks_the_first_is_not_trusted(session: Session, engine: Engine) -> None:
    engine.judge = _judge("first")

    assert "no better than a coin" in check_judge(session, PAIRS, rubric="- Good.").trust


def test_pairs_are_read_from_a_list_and_from_lines(tmp_path: Path) -> None:
    pairs = [{"task": "t", "better": "a", "worse": "b"}] * 2
    (tmp_path / "a.json").write_text(json.dumps(pairs))
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, pairs)))

    assert read_pairs(tmp_path / "a.json") == read_pairs(tmp_path / "b.jsonl")
    (tmp_path / "c.json").write_text('[{"task": "t"}]')
    with pytest.raises(WrongUsage, match="no labelled pairs"):
        read_pairs(tmp_path / "c.json")


# --- selfcheck --------------------------------------------------------------------------------------


def test_the_corpus_has_twenty_faults_at_their_words_and_ten_clean_prompts() -> None:
    corpus = load_corpus()

    planted = [one for one in corpus if one.words]
    assert (len(corpus), len(planted)) == (30, 20)
    assert all(one.prompt.count(one.words or "") == 1 for one in planted)
    assert len({one.prompt for one in corpus}) == 30
    assert {one.dimension for one in planted} == {
        "task", "context", "output", "consistency", "examples", "robustness",
    }  # fmt: skip


def _critic(finds: bool, accuses: bool = False) -> Any:
    planted = {one.prompt: one.words for one in load_corpus()}

    def propose(call: Call) -> Any:
        words = planted[call.prompt]
        quote = words if finds and words else call.prompt[:20] if accuses else None
        findings = [] if quote is None else [_finding_at(call.prompt, quote)]
        return make_critique(*findings)

    return propose


def _finding_at(prompt: str, quote: str) -> dict[str, Any]:
    from assay_nb.text.segments import split_segments

    start = prompt.index(quote)
    segment = next(s for s in split_segments(prompt) if s.start <= start < s.end)
    evidence = [{"segment": segment.id, "quote": quote}]
    return {**make_finding(), "evidence": evidence}


def test_a_critic_that_finds_everything_has_full_recall(session: Session, engine: Engine) -> None:
    engine.propose = _critic(finds=True)

    check = check_self(session)

    assert (check.recall, check.false, check.verbatim == check.quotes) == (1.0, 0, True)


def test_a_critic_that_accuses_everything_is_counted_on_clean_prompts(
    session: Session, engine: Engine
) -> None:
    engine.propose = _critic(finds=False, accuses=True)

    check = check_self(session)

    assert check.false == 10
    assert check.recall is not None
    assert check.recall < 0.5


def test_a_critic_that_says_nothing_misses_every_fault(session: Session, engine: Engine) -> None:
    engine.propose = lambda call: make_critique()

    check = check_self(session)

    assert (check.recall, check.false, len(check.missed)) == (0.0, 0, 20)


# --- probes -----------------------------------------------------------------------------------------

PROMPT = "Summarise {{ticket}} briefly and be detailed."


def _review(probe: Any) -> Any:
    finding = make_finding("briefly", probe=probe, evidence=[{"segment": "s1", "quote": "briefly"}])
    return drive("critique", make_critique(finding), prompt=PROMPT)


def _probe(session: Session, engine: Engine, answer: str, probe: Any) -> str:
    one = {"criterion": "c1", "evidence": None, "reason": "", "answer": answer}
    engine.judge = lambda call, request: {"criteria": [one]}
    probing = Probing(Bench(session), _review(probe))  # type: ignore[arg-type]
    return session.portal.call(probing.run).findings[0].status


PROBE = {"inputs": [{"name": "ticket", "value": ""}], "predict": "It invents a ticket."}


@pytest.mark.parametrize(("answer", "status"), [("yes", "confirmed"), ("no", "refuted")])
def test_a_probe_confirms_or_refutes(
    session: Session, engine: Engine, answer: str, status: str
) -> None:
    assert _probe(session, engine, answer, PROBE) == status


def test_what_came_of_a_probe_is_shown_and_stands_in_the_json(
    session: Session, engine: Engine
) -> None:
    one = {"criterion": "c1", "evidence": None, "reason": "", "answer": "yes"}
    engine.judge = lambda call, request: {"criteria": [one]}
    probing = Probing(Bench(session), _review(PROBE))  # type: ignore[arg-type]

    critique = session.portal.call(probing.run)

    assert "confirmed" in repr(critique)
    assert Critique.from_dict(critique.to_dict()).findings == critique.findings


def test_a_probe_without_a_value_for_a_variable_is_not_run(
    session: Session, engine: Engine
) -> None:
    status = _probe(session, engine, "yes", {"inputs": [], "predict": "It fails."})

    assert (status, engine.calls) == ("untested", [])


# --- plan and purse ---------------------------------------------------------------------------------


def test_a_plan_whose_price_is_not_known_needs_a_limit_on_calls() -> None:
    plan = Plan((Step("rows", "playground", 10, None),))

    with pytest.raises(WrongUsage, match="cannot be kept"):
        plan.check(1.0, None)
    plan.check(1.0, 10)
    plan.check(None, None)


def test_the_purse_never_lets_more_out_than_the_budget() -> None:
    purse = Purse(1.0, estimates={"playground": 0.3})

    amounts = [purse.set_aside("playground") for _ in range(3)]

    with pytest.raises(OverBudget):
        purse.set_aside("playground")
    purse.settle("playground", amounts[0], 0.05)
    assert purse.set_aside("playground") == 0.3


def test_the_purse_learns_what_a_call_costs() -> None:
    purse = Purse(1.0, estimates={"playground": 0.01})
    purse.settle("playground", purse.set_aside("playground"), 0.4)

    assert purse.set_aside("playground") == 0.4
    with pytest.raises(OverBudget):
        purse.set_aside("playground")
