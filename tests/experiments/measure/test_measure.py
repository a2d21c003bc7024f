from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from assay_nb import Measurement, WrongUsage, measure
from assay_nb.engine.call import Call
from assay_nb.engine.session import set_session
from assay_nb.evaluation import Split, paired_verdict, row_key, split_rows
from assay_nb.experiments.grading import graders
from assay_nb.experiments.measure import candidates, design
from assay_nb.experiments.spending.plan import Plan
from assay_nb.instruments.invariants import checks as invariants
from tests.canaries import make_canary
from tests.experiments.simulated import (
    GAIN,
    NULL,
    OLD,
    Engine,
    Session,
    TaskModel,
    is_good,
    make_rows,
    propose_sentence,
)
from tests.instruments.driving import make_choice

NEW = f"{OLD} {GAIN}"


# --- old against new --------------------------------------------------------------------------------


def test_a_real_gain_is_improved(session: Session) -> None:
    assert measure(OLD, NEW, make_rows(120), is_good).verdict == "improved"


def test_a_sentence_that_does_nothing_is_not_improved(session: Session) -> None:
    result = measure(OLD, f"{OLD} {NULL}", make_rows(120), is_good)

    assert result.verdict == "no detectable difference"


def test_the_same_prompts_exchanged_have_regressed(session: Session) -> None:
    assert measure(NEW, OLD, make_rows(120), is_good).verdict == "regressed"


def test_below_twenty_rows_nothing_is_improved(session: Session, engine: Engine) -> None:
    engine.task = lambda call: "good" if GAIN in call.prompt else "bad"

    result = measure(OLD, NEW, make_rows(19), is_good)

    assert (result.exploratory, result.verdict) == (True, "no detectable difference")


def test_text_is_the_new_prompt_only_where_it_was_shown_to_be_better(session: Session) -> None:
    better = measure(OLD, NEW, make_rows(120), is_good)
    no_better = measure(OLD, f"{OLD} {NULL}", make_rows(120), is_good)

    assert (better.text, no_better.text) == (NEW, OLD)


def test_rows_fixed_are_rows_of_the_data(session: Session, engine: Engine) -> None:
    rows = make_rows(60)
    hard = {rows[number]["ticket"] for number in (3, 17, 20, 31, 44, 52, 58)}

    def task(call: Call) -> str:
        return (
            "bad"
            if call.options["values"]["ticket"] in hard and GAIN not in call.prompt
            else "good"
        )

    engine.task = task

    assert measure(OLD, NEW, rows, is_good).fixed == (3, 17, 20, 31, 44, 52, 58)


def test_a_new_prompt_that_is_given_is_tested_on_all_rows(session: Session) -> None:
    assert len(measure(OLD, NEW, make_rows(50), is_good).test) == 50


def test_a_new_prompt_that_was_searched_for_is_tested_on_the_rows_kept_back(
    session: Session,
) -> None:
    rows = make_rows(50)

    result = measure(OLD, NEW, rows, is_good, holdout=True)

    assert result.test == split_rows([row_key(row) for row in rows]).test


def test_rows_of_a_cluster_count_as_one(session: Session, engine: Engine) -> None:
    engine.task = lambda call: "good" if GAIN in call.prompt else "bad"
    rows = [{**row, "customer": number // 30} for number, row in enumerate(make_rows(120))]

    assert measure(OLD, NEW, rows, is_good, cluster="customer").verdict != "improved"
    assert measure(OLD, NEW, rows, is_good).verdict == "improved"  # control


def test_a_margin_makes_equivalence_possible(session: Session, engine: Engine) -> None:
    engine.task = lambda call: "good"

    assert measure(OLD, NEW, make_rows(80), is_good, margin=0.1).verdict == "equivalent"


# --- money ------------------------------------------------------------------------------------------


def test_a_run_above_the_budget_sends_nothing(session: Session, engine: Engine) -> None:
    with pytest.raises(WrongUsage, match="Nothing was sent"):
        measure(OLD, NEW, make_rows(200), is_good, budget=0.01)

    assert engine.calls == []


def test_the_budget_is_kept_when_calls_cost_more_than_planned(
    session: Session, engine: Engine
) -> None:
    engine.price = 0.05

    result = measure(OLD, NEW, make_rows(100), is_good, budget=1.0, concurrency=1)

    assert (result.verdict, result.stopped_at) == (None, "budget")
    assert result.provenance.cost is not None
    assert result.provenance.cost <= 1.0


def test_a_larger_budget_goes_on_from_where_the_smaller_one_ended(
    session: Session, engine: Engine
) -> None:
    engine.price = 0.02
    measure(OLD, NEW, make_rows(60), is_good, budget=1.0)
    before = len(engine.calls)

    result = measure(OLD, NEW, make_rows(60), is_good, budget=10.0)

    assert result.verdict is not None
    assert before + len(engine.calls[before:]) == 132  # 60 rows twice and 12 for the noise


def test_a_budget_without_known_prices_needs_a_limit_on_calls(session: Session) -> None:
    with pytest.raises(WrongUsage, match="not known"):
        measure(OLD, NEW, make_rows(40), is_good, model="openai/some-local-model", budget=1.0)


def test_a_limit_on_calls_is_never_passed(session: Session, engine: Engine) -> None:
    with pytest.raises(WrongUsage, match="limit is 50"):
        measure(OLD, NEW, make_rows(60), is_good, max_calls=50)

    assert len(engine.calls) <= 50


def test_measuring_again_costs_nothing(session: Session, engine: Engine) -> None:
    first = measure(OLD, NEW, make_rows(40), is_good)
    before = len(engine.calls)

    again = measure(OLD, NEW, make_rows(40), is_good)

    assert (len(engine.calls), again.provenance.cost) == (before, 0.0)
    assert again.paired == first.paired


# --- noise and headroom -----------------------------------------------------------------------------


def test_the_noise_floor_is_measured_before_the_test(session: Session) -> None:
    result = measure(OLD, NEW, make_rows(60), is_good)

    assert result.noise is not None
    assert (result.noise.rows, result.noise.changed > 0) == (12, True)


def test_without_headroom_no_candidate_is_paid_for(session: Session, engine: Engine) -> None:
    engine.task = lambda call: "good"

    result = measure(OLD, None, make_rows(60), is_good)

    assert (result.stopped_at, result.verdict) == ("headroom", None)
    assert engine.count("improve") == engine.count("rewrite") == engine.count("critique") == 0


# --- candidates -------------------------------------------------------------------------------------


def test_a_proposed_gain_is_found_and_confirmed(session: Session) -> None:
    result = measure(OLD, None, make_rows(200), is_good)

    assert result.verdict == "improved"
    assert result.new is not None
    assert GAIN in result.new


def test_no_proposer_ever_sees_a_test_row(session: Session, engine: Engine) -> None:
    rows = make_rows(100)

    result = measure(OLD, None, rows, is_good)

    told = json.dumps([call.to_dict() for call in engine.calls if call.instrument != "playground"])
    seen = {number for number, row in enumerate(rows) if row["ticket"] in told}
    assert seen  # the proposer is shown rows at all
    assert seen <= set(result.dev)
    assert not seen & set(result.test)


@pytest.mark.slow
def test_dev_and_test_have_no_row_in_common(session: Session) -> None:
    result = measure(OLD, None, make_rows(100), is_good)

    assert not set(result.dev) & set(result.test)
    assert len(result.dev) + len(result.test) == 100


def test_the_worst_rows_reach_the_proposer_with_the_metrics_words(
    session: Session, engine: Engine
) -> None:
    measure(OLD, None, make_rows(60), is_good)

    feedback = [c.options["feedback"] for c in engine.calls if c.instrument == "improve"]
    assert all("expected good" in text for text in feedback)


def test_the_proposers_get_the_knobs(session: Session, engine: Engine) -> None:
    measure(OLD, None, make_rows(60), is_good, max_output_tokens=300, temperature=0.5)

    asked = [call for call in engine.calls if call.instrument != "playground"]
    assert {call.instrument for call in asked} == {"critique", "improve", "rewrite"}
    for call in asked:
        assert (call.options["max_output_tokens"], call.options["temperature"]) == (300, 0.5)


def test_a_candidate_that_breaks_an_invariant_is_never_run(
    session: Session, engine: Engine
) -> None:
    def propose(call: Call) -> Any:
        reply = propose_sentence(GAIN)(call)
        text = json.dumps(reply).replace("{{ticket}}", "the text")
        return json.loads(text.replace(GAIN, "Use {{secret_column}}."))

    engine.propose = propose

    result = measure(OLD, None, make_rows(60), is_good)

    assert result.stopped_at == "proposing"
    assert all(candidate.refused for candidate in result.candidates)
    assert {call.prompt for call in engine.calls if call.instrument == "playground"} == {OLD}


def test_a_candidate_that_does_no_better_on_dev_is_not_tested(
    session: Session, engine: Engine
) -> None:
    engine.task = TaskModel(features={GAIN: -0.4})

    result = measure(OLD, None, make_rows(100), is_good)

    assert (result.stopped_at, result.verdict) == ("screening", None)


def test_screening_figures_are_never_called_a_result(session: Session) -> None:
    result = measure(OLD, None, make_rows(200), is_good)

    assert "says nothing of how good it is" in repr(result)


def test_a_prompt_proposed_here_is_measured_again_on_test_rows_only(session: Session) -> None:
    rows = make_rows(200)
    found = measure(OLD, None, rows, is_good)
    assert found.new is not None

    again = measure(OLD, found.new, rows, is_good)

    assert again.test == found.test


def copy_rows(call: Call) -> Any:
    """A proposer that overfits: it writes the rows that it is shown into the prompt."""
    shown = re.findall(r"“(ticket [^”]+)”", str(call.options.get("feedback", "")))
    sentence = "Known: " + ", ".join(shown) + "." if shown else NULL
    return propose_sentence(sentence)(call)


def knows_rows_in_the_prompt(call: Call) -> str:
    """A model that is right on rows whose text stands in the prompt, and a coin on others."""
    ticket = call.options["values"]["ticket"]
    known = ticket in call.prompt
    return "good" if known or random.Random(ticket).random() < 0.4 else "bad"


@pytest.fixture
def overfitting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Everything is set for a gain on seen rows that is none on others: many rows are shown."""
    monkeypatch.setattr(candidates, "WORST_SHOWN", 60)
    monkeypatch.setattr(invariants, "_CHECKS", ())
    engine.propose = copy_rows
    engine.task = knows_rows_in_the_prompt
    return engine


def test_a_gain_on_seen_rows_alone_is_not_improved(session: Session, overfitting: Engine) -> None:
    result = measure(OLD, None, make_rows(100), is_good)

    assert result.stopped_at is None
    assert any((candidate.gain or 0) > 0.2 for candidate in result.candidates)
    assert result.verdict == "no detectable difference"


@pytest.mark.slow
def test_without_the_split_that_gain_would_pass(
    session: Session, overfitting: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = tuple(range(100))
    leaky = Split(everything, everything, False, "leaky")
    monkeypatch.setattr(design, "split_rows", lambda *args, **kwargs: leaky)

    assert measure(OLD, None, make_rows(100), is_good).verdict == "improved"


def test_without_both_orders_a_judge_that_picks_the_first_would_decide(
    session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The safeguard of `test_a_judge_that_picks_the_first_gives_no_verdict`, taken away."""
    engine.judge = judge_by("first")

    def believe_one_order(old_first: Any, new_first: Any, **terms: Any) -> Any:
        terms.pop("lengths")
        scores = [None if place is None else int(place == "first") for place in new_first]
        return paired_verdict([0] * len(scores), scores, **terms)

    monkeypatch.setattr(graders, "pairwise_verdict", believe_one_order)

    assert measure(OLD, NEW, make_rows(60), rubric="- It is good.").verdict == "improved"


# --- a judge in place of a metric -------------------------------------------------------------------


def judge_by(better: str) -> Any:
    """Return a judge: `truth` prefers the good output, `first` whatever it sees first."""

    def judge(call: Call, request: Any) -> Any:
        text = request.messages[0].text
        first = text.split("=====BEGIN FIRST ANSWER")[1].split("=====\n")[1]
        second = text.split("=====BEGIN SECOND ANSWER")[1].split("=====\n")[1]
        picked = "first"
        if better == "truth":
            good = first.startswith("good"), second.startswith("good")
            picked = "tie" if good[0] == good[1] else "first" if good[0] else "second"
        return make_choice(picked)

    return judge


def test_a_judge_that_knows_confirms_a_real_gain(session: Session, engine: Engine) -> None:
    engine.judge = judge_by("truth")

    result = measure(OLD, NEW, make_rows(120), rubric="- It is good.")

    assert (result.verdict, result.judge) == ("improved", "openai/gpt-6.2-sol")


def test_a_judge_that_picks_the_first_gives_no_verdict(session: Session, engine: Engine) -> None:
    engine.judge = judge_by("first")

    result = measure(OLD, NEW, make_rows(60), rubric="- It is good.")

    assert result.verdict == "invalid"


def test_a_judge_can_choose_and_confirm_a_candidate(session: Session, engine: Engine) -> None:
    engine.judge = judge_by("truth")

    assert measure(OLD, None, make_rows(200), rubric="- It is good.").verdict == "improved"


# --- the ledger -------------------------------------------------------------------------------------


def test_the_ledger_is_one_file_and_holds_no_row(session: Session, home: Path) -> None:
    rows = make_rows(40)

    result = measure(OLD, NEW, rows, is_good)

    (path,) = (home / "assay-ledger").glob("*.json")
    assert str(path).endswith(str(result.ledger))
    assert not any(row["ticket"] in path.read_text() for row in rows)


def test_the_ledger_holds_no_key_that_stood_in_a_prompt(session: Session, home: Path) -> None:
    key = make_canary("anthropic")

    measure(OLD, f"{OLD} The key is {key}.", make_rows(40), is_good)

    (path,) = (home / "assay-ledger").glob("*.json")
    assert key not in path.read_text()
    assert "redacted" in path.read_text()  # the place where it stood


def test_a_second_prompt_on_the_same_test_rows_is_a_second_look(session: Session) -> None:
    rows = make_rows(60)
    first = measure(OLD, NEW, rows, is_good)

    second = measure(OLD, f"{OLD} {NULL}", rows, is_good)

    assert (first.looks, second.looks) == (1, 2)
    assert "Second look at these rows" in " ".join(repr(second).split())


def test_repeating_a_run_is_no_new_look(session: Session) -> None:
    rows = make_rows(60)
    measure(OLD, NEW, rows, is_good)

    assert measure(OLD, NEW, rows, is_good).looks == 1


def test_no_ledger_is_written_when_none_is_wanted(session: Session, home: Path) -> None:
    measure(OLD, NEW, make_rows(30), is_good, ledger=False)

    assert not (home / "assay-ledger").exists()


# --- what it returns --------------------------------------------------------------------------------


def test_a_measurement_survives_the_way_through_json(session: Session) -> None:
    result = measure(OLD, None, make_rows(100), is_good)

    again = Measurement.from_dict(json.loads(json.dumps(result.to_dict())))

    assert again.to_dict() == result.to_dict()


def test_a_prompt_without_a_column_for_its_variable_is_refused(session: Session) -> None:
    with pytest.raises(WrongUsage, match=r"no column for \{\{tickt\}\}"):
        measure("Read {{tickt}}.", NEW, make_rows(30), is_good)


NOTE = "`{answer}` in line 4 is sent as it stands: write `{{answer}}` to put the column there."


def test_a_placeholder_that_is_sent_is_named_before_the_first_call_and_with_the_result(
    session: Session, engine: Engine
) -> None:
    seen: list[str] = []

    result = measure(
        f"{OLD}\nNot {{answer}}.",
        NEW,
        make_rows(30),
        is_good,
        on_progress=lambda p: seen.append(p.step),
    )

    assert seen[0].startswith(NOTE)
    assert isinstance(result, Measurement)
    assert result.notes == (NOTE,)
    assert "`{answer}` in line 4 is sent as it stands" in " ".join(repr(result).split())


def test_a_dry_run_names_a_placeholder_of_the_new_prompt(session: Session, engine: Engine) -> None:
    plan = measure(OLD, f"{OLD}\nNot {{answer}}.", make_rows(30), is_good, dry_run=True)

    assert isinstance(plan, Plan)
    assert (plan.notes, engine.calls) == ((NOTE,), [])


def test_a_new_prompt_with_blocks_of_a_template_is_refused(
    session: Session, engine: Engine
) -> None:
    with pytest.raises(WrongUsage, match="The prompt has Jinja blocks from line 4 on"):
        measure(OLD, f"{OLD}\n{{% if x %}}Hurry.{{% endif %}}", make_rows(30), is_good)

    assert engine.calls == []


# --- truth, end to end ------------------------------------------------------------------------------


def _share_improved(home: Path, sentence: str, runs: int, rows: int) -> float:
    improved = 0
    for seed in range(runs):
        engine = Engine(task=TaskModel(seed=seed), propose=propose_sentence(sentence))
        session: Any = Session(home / str(seed), engine)
        set_session(session)
        result = measure(OLD, None, make_rows(rows, seed), is_good, ledger=False)
        improved += result.verdict == "improved"
    set_session(None)
    return improved / runs


@pytest.mark.slow
def test_real_gains_are_kept(home: Path) -> None:
    assert _share_improved(home, GAIN, runs=20, rows=200) >= 0.85


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_null_edits_are_refused(home: Path) -> None:
    assert _share_improved(home, NULL, runs=40, rows=100) <= 0.1  # 2.5% and Monte Carlo error
