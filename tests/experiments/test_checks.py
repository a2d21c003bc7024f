"""Suites, judge-check, selfcheck and probes: what each counts, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay_nb import Critique, ProviderError, WrongUsage
from assay_nb.engine.call import Call
from assay_nb.experiments.calibration.judge_check import (
    JudgeCheck,
    LabelledPair,
    check_judge,
    read_pairs,
    wilson,
)
from assay_nb.experiments.calibration.self_check import check_self, load_corpus
from assay_nb.experiments.probes import Probing
from assay_nb.experiments.run.runner import Runner
from assay_nb.experiments.spending.limits import Limits
from assay_nb.experiments.suites.expectations import Case, find_failed
from assay_nb.experiments.suites.file import read_suite
from assay_nb.experiments.suites.run import run_suite
from assay_nb.messages import Reply
from tests.experiments.simulated import Engine, Session
from tests.instruments.driving import make_choice, make_critique, make_finding, make_mark
from tests.instruments.driving import run as drive

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
    one = make_mark("yes")
    engine.judge = lambda call, request: one

    assert [case.score for case in run_suite(session, read_suite(suite_file)).cases] == [1.0, 0.0]


def _cut(call: Call) -> str | Reply:
    """Answer the suite's first case, and cut the other's reply."""
    said = sorts(call)
    return said if said == "billing" else Reply("ship", "length")


def test_a_case_whose_reply_is_cut_is_not_scored_and_counts_nothing(
    session: Session, engine: Engine, suite_file: Path
) -> None:
    engine.task = _cut

    result = run_suite(session, read_suite(suite_file))

    assert [case.score for case in result.cases] == [1.0, None]
    assert (result.score, result.passed) == (0.5, False)
    assert result.cases[1].failed == (), "it is not known which expectation it would have met"
    assert "reached the limit on output tokens" in result.cases[1].reasons[0]
    assert "1 cut at the token limit" in repr(result)


def test_a_case_whose_reply_is_cut_is_scored_where_that_was_asked_for(
    session: Session, engine: Engine, suite_file: Path
) -> None:
    engine.task = _cut

    result = run_suite(session, read_suite(suite_file), runner=Runner(session, count_cut=True))

    assert [case.score for case in result.cases] == [1.0, 1.0]
    assert "cut at the token limit" not in repr(result)


def test_a_case_that_the_provider_refuses_says_so_and_the_others_are_scored(
    session: Session, engine: Engine, suite_file: Path
) -> None:
    def task(call: Call) -> str:
        if sorts(call) == "shipping":
            raise ProviderError("The prompt is too long.", hint="Shorten it.", status=413)
        return "billing"

    engine.task = task

    result = run_suite(session, read_suite(suite_file))

    assert [case.score for case in result.cases] == [1.0, None]
    assert result.cases[1].reasons == ("The prompt is too long. Shorten it.",)
    assert result.cases[1].lost == "failed"


def test_each_expectation_that_is_not_met_is_named_with_what_was_expected(
    session: Session, engine: Engine, suite_file: Path
) -> None:
    engine.task = lambda call: "bill"

    result = run_suite(session, read_suite(suite_file))

    assert result.cases[0].reasons == ('equals "billing" is not met',)
    assert result.cases[1].reasons == (
        'contains ["ship"] is not met',
        'not_contains ["bill"] is not met',
    )
    assert 'contains ["ship"] is not met' in " ".join(repr(result).split())


def test_cases_that_a_sample_chose_are_held_against_their_own_expectations(
    session: Session, engine: Engine, tmp_path: Path
) -> None:
    cases = [{"values": {"n": str(n)}, "expect": {"equals": str(n)}} for n in range(40)]
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"prompt": "Say {{n}}", "cases": cases}))
    engine.task = lambda call: call.options["values"]["n"]
    runner = Runner(session, Limits(sample=5))

    result = run_suite(session, read_suite(path), runner=runner)

    assert result.score == 1.0
    assert [case.output for case in result.cases] == [str(case.number) for case in result.cases]
    assert [case.number for case in result.cases] != [0, 1, 2, 3, 4]


def test_a_suite_says_which_of_two_versions_lost_replies(
    session: Session, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "suite.json"
    cases = [{"values": {"n": str(n)}, "expect": {"equals": "yes"}} for n in range(30)]
    path.write_text(json.dumps({"prompt": "New {{n}}", "cases": cases}))
    engine.task = lambda call: (
        Reply("ye", "length")
        if call.prompt.startswith("New") and int(call.options["values"]["n"]) < 12
        else "yes"
    )

    result = run_suite(session, read_suite(path), against="Old {{n}}")

    assert result.verdict is not None
    assert result.verdict.lost["new"] == {"length": 12}
    assert not result.passed


@pytest.mark.slow
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
        return make_choice(better)

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

    assert "contradicts itself on 100%" in check_judge(session, PAIRS, rubric="- Good.").trust


def _count(agreed: int, opposed: int, torn: int, ties: int = 0) -> JudgeCheck:
    pairs = agreed + opposed + torn + ties
    return JudgeCheck("j", pairs, agreed, opposed, torn, wilson(agreed, agreed + opposed))


def test_an_abstention_is_no_error() -> None:
    check = _count(agreed=7, opposed=0, torn=3)

    assert (check.agreement, check.torn_share, round(check.p, 4)) == (1.0, 0.3, 0.0078)
    assert check.interval == wilson(7, 7)
    assert "large differences" in check.trust
    assert "7 of 10 pairs that it decides; it contradicts itself on 30%" in repr(check).replace(
        "\n", " "
    )


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((5, 0, 3, 2), "no better than a coin"),
        ((7, 3, 0), "no better than a coin"),
        ((30, 2, 8), "Well enough"),
        ((5, 5, 0), "Not at all"),
        ((6, 0, 5), "contradicts itself on 45%"),
        ((0, 0, 0, 10), "prefers neither"),
        ((9, 0, 0), "too few"),
    ],
)
def test_trust_goes_by_the_pairs_that_a_judge_decides(counts: tuple[int, ...], told: str) -> None:
    assert told in _count(*counts).trust


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
    evidence = [{"segment": "s1", "quote": "briefly"}]
    finding = make_finding("briefly", **probe, evidence=evidence)
    return drive("critique", make_critique(finding), prompt=PROMPT)


def _probe(session: Session, engine: Engine, answer: str, probe: Any) -> str:
    one = make_mark(answer)
    engine.judge = lambda call, request: one
    probing = Probing(Runner(session), _review(probe))  # type: ignore[arg-type]
    return session.portal.call(probing.run).findings[0].status


PROBE = {"probe": [{"name": "ticket", "value": ""}], "predict": "It invents a ticket."}


@pytest.mark.parametrize(("answer", "status"), [("yes", "confirmed"), ("no", "refuted")])
def test_a_probe_confirms_or_refutes(
    session: Session, engine: Engine, answer: str, status: str
) -> None:
    assert _probe(session, engine, answer, PROBE) == status


def test_what_came_of_a_probe_is_shown_and_stands_in_the_json(
    session: Session, engine: Engine
) -> None:
    one = make_mark("yes")
    engine.judge = lambda call, request: one
    probing = Probing(Runner(session), _review(PROBE))  # type: ignore[arg-type]

    critique = session.portal.call(probing.run)

    assert "confirmed" in repr(critique)
    assert Critique.from_dict(critique.to_dict()).findings == critique.findings


@pytest.mark.parametrize("stop", ["length", "filtered", "refusal", "empty"])
def test_a_reply_that_is_not_whole_leaves_its_finding_untested(
    session: Session, engine: Engine, stop: Any
) -> None:
    engine.task = lambda call: Reply("half", stop)

    assert _probe(session, engine, "yes", PROBE) == "untested"
    assert engine.count("judge") == 0


def test_a_probe_without_a_value_for_a_variable_is_not_run(
    session: Session, engine: Engine
) -> None:
    status = _probe(session, engine, "yes", {"inputs": [], "predict": "It fails."})

    assert (status, engine.calls) == ("untested", [])
