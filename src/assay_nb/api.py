"""The Python surface: what the magics do, as functions.

    from assay_nb import critique

    for name, prompt in prompts.items():
        print(name, critique(prompt).score)

Each function has an async twin with an `a` in front (`acritique`). Both take the workspace's key from
the vault or the gateway, as the magics do; there is no argument for a key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, cast

from assay_nb.engine.session import current_session, names_own, peek_session
from assay_nb.experiments.calls import (
    HasText,
    await_call,
    check_model,
    keeping,
    make_call,
    make_improve_call,
    make_playground_call,
    prepare_judging,
    prepare_playing,
    run_call,
    text_of,
)
from assay_nb.instruments.exchange.validation import check_names, check_size, check_text

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from assay_nb.experiments.batch import Batch
    from assay_nb.experiments.comparison import SideBySide
    from assay_nb.experiments.grading.judged_rows import Judgements
    from assay_nb.experiments.grading.metrics import Metric
    from assay_nb.experiments.measure.gepa import GepaTask
    from assay_nb.experiments.measure.result import Measurement
    from assay_nb.experiments.run.progress import OnProgress
    from assay_nb.experiments.spending.plan import Plan
    from assay_nb.instruments.critique import Critique
    from assay_nb.instruments.improve import Improvement
    from assay_nb.instruments.judge import Judgement, RubricLike
    from assay_nb.instruments.lint import LintReport
    from assay_nb.instruments.playground import Run
    from assay_nb.instruments.rewrite import Rewrite


def critique(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    repeat: int | None = None,
    **knobs: Any,
) -> Critique:
    """Score a prompt on six dimensions and anchor each finding to the words it is about.

    Args:
        prompt: The prompt, as it would be sent. `{{name}}` is a variable; nothing is filled in.
        workspace: Whose key pays; the active workspace by default.
        model: `"connection/model"`; the workspace's choice by default.
        repeat: Ask so many times and keep what the answers agree on. Each is paid for.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.

    Raises:
        AssayError: One sentence on what happened and the next step; see `assay_nb.errors`.
    """
    return cast(
        "Critique",
        run_call(make_call("critique", prompt, workspace, model, repeat=repeat, **knobs)),
    )


async def acritique(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    repeat: int | None = None,
    **knobs: Any,
) -> Critique:
    """Like `critique`, to await. Cancelling closes the connection to the provider."""
    call = make_call("critique", prompt, workspace, model, repeat=repeat, **knobs)
    return cast("Critique", await await_call(call))


def improve(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    feedback: str | None = None,
    accept: str | Sequence[int] | None = None,
    findings: Critique | None = None,
    **knobs: Any,
) -> Improvement:
    """Propose small edits, each tied to a finding; any subset of them can be applied.

    `improve(p).text` has the accepted edits applied, and `improve(p).apply([1, 3])` any others. Bytes
    outside an applied edit stay as they are.

    Args:
        prompt: The prompt, as it would be sent.
        workspace: Whose key pays; the active workspace by default.
        model: `"connection/model"`; the workspace's choice by default.
        feedback: What goes wrong with the prompt, in your words.
        accept: `"all"` (the default), `"none"`, or numbers such as `[1, 3]` or `"1,3"`.
        findings: An earlier critique of the same prompt, to mend what it found.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    call = make_improve_call(prompt, workspace, model, feedback, accept, findings, knobs)
    return cast("Improvement", run_call(call))


async def aimprove(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    feedback: str | None = None,
    accept: str | Sequence[int] | None = None,
    findings: Critique | None = None,
    **knobs: Any,
) -> Improvement:
    """Like `improve`, to await."""
    call = make_improve_call(prompt, workspace, model, feedback, accept, findings, knobs)
    return cast("Improvement", await await_call(call))


def rewrite(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    goal: str | None = None,
    **knobs: Any,
) -> Rewrite:
    """Restructure a prompt whole, and account for every constraint of the old one.

    Args:
        prompt: The prompt, as it would be sent.
        workspace: Whose key pays; the active workspace by default.
        model: `"connection/model"`; the workspace's choice by default.
        goal: What the new prompt should do better.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    return cast(
        "Rewrite", run_call(make_call("rewrite", prompt, workspace, model, goal=goal, **knobs))
    )


async def arewrite(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    goal: str | None = None,
    **knobs: Any,
) -> Rewrite:
    """Like `rewrite`, to await."""
    return cast(
        "Rewrite",
        await await_call(make_call("rewrite", prompt, workspace, model, goal=goal, **knobs)),
    )


def playground(
    prompt: str,
    values: Mapping[str, object] | None = None,
    *,
    data: Any = None,
    beside: str | None = None,
    beside_model: str | None = None,
    workspace: str | None = None,
    model: str | None = None,
    budget: float | None = None,
    max_calls: int | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    sample: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    keep_empty: bool = False,
    executor: Executor | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
    **knobs: Any,
) -> Run | Batch | SideBySide | Plan:
    """Run a prompt, or run it on every row of a table.

    Rows are cached by content as they come: a run that was stopped goes on, and pays for none twice.

    Args:
        prompt: The prompt; `{{name}}` is filled from `values`, or from the columns of `data`.
        values: What the variables stand for.
        data: A DataFrame, or a list of dictionaries: one call per row. `.frame` of the result is the
            data with the outputs beside it.
        beside: Another prompt, to see next to this one.
        beside_model: Another model, likewise.
        workspace: Whose key pays; the active workspace by default.
        model: `"connection/model"`; the workspace's choice by default.
        budget: Dollars. No call is sent that it would not cover; 0 lets nothing be sent. With data or
            beside something only, like all that follow.
        max_calls: Requests at most, with retries.
        concurrency: Calls under way at once; 8 by default.
        limit: Run the first so many rows only.
        sample: Run so many rows, drawn by a fixed seed.
        price_in: Dollars per million input tokens, for a model whose price is not known here.
        price_out: The same for output tokens.
        keep_empty: Send rows too that have nothing for a variable; they are left out otherwise, and named.
        executor: Any `concurrent.futures.Executor` whose workers make the calls.
        fresh: Ask again what was answered before.
        dry_run: Send nothing; return the plan: calls, tokens, dollars, and what was answered before.
        on_progress: Called with a `Progress` after each row.
        knobs: `system`, `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    playing = prepare_playing(**locals())
    if playing is None:
        return cast("Run", run_call(make_playground_call(prompt, values, workspace, model, knobs)))
    if dry_run:
        return current_session().portal.call(playing.plan)
    from assay_nb.experiments.run.progress import watch_steps

    with keeping(playing.result):
        watch_steps(playing.steps(), on_progress)
    return playing.result()


async def aplayground(
    prompt: str,
    values: Mapping[str, object] | None = None,
    *,
    data: Any = None,
    beside: str | None = None,
    beside_model: str | None = None,
    workspace: str | None = None,
    model: str | None = None,
    budget: float | None = None,
    max_calls: int | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    sample: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    keep_empty: bool = False,
    executor: Executor | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    **knobs: Any,
) -> Run | Batch | SideBySide | Plan:
    """Like `playground`, to await."""
    playing = prepare_playing(**locals())
    if playing is None:
        return cast(
            "Run", await await_call(make_playground_call(prompt, values, workspace, model, knobs))
        )
    portal = current_session().portal
    if dry_run:
        return await portal.wait(playing.plan)
    with keeping(playing.result):
        return await portal.wait(playing.run)


def judge(
    prompt: str,
    output: str | Run | Batch | None = None,
    *,
    against: str | Run | Batch | None = None,
    rubric: RubricLike | None = None,
    values: Mapping[str, object] | None = None,
    workspace: str | None = None,
    model: str | None = None,
    budget: float | None = None,
    max_calls: int | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    sample: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    count_cut: bool = False,
    executor: Executor | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    **knobs: Any,
) -> Judgement | Judgements | Plan:
    """Score an output by a rubric, or compare two in both orders.

    Args:
        prompt: The task that the output is an answer to.
        output: The output: text, or what `playground` returned; a table is judged row by row.
            Without one, the prompt is run first.
        against: Another output of the same task. It wins, or loses, only where both orders agree.
        rubric: Criteria, one a line: `- [2] It names the order id.`; `[must]` and `(1-5)` are known.
        values: What the prompt's variables stood for, so that the judge sees the task as it was sent.
        workspace: Whose key pays; the active workspace by default.
        model: The judge; by default one of another provider, where the workspace has its key.
        budget: Dollars, for a table; see `playground`, also for `max_calls`, `concurrency`, `limit`,
            `sample`, `price_in`, `price_out`, `executor`, `fresh` and `dry_run`.
        count_cut: Judge replies too that are not whole; they are left out otherwise.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    return current_session().portal.call(prepare_judging(**locals()))


async def ajudge(
    prompt: str,
    output: str | Run | Batch | None = None,
    *,
    against: str | Run | Batch | None = None,
    rubric: RubricLike | None = None,
    values: Mapping[str, object] | None = None,
    workspace: str | None = None,
    model: str | None = None,
    budget: float | None = None,
    max_calls: int | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    sample: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    count_cut: bool = False,
    executor: Executor | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    **knobs: Any,
) -> Judgement | Judgements | Plan:
    """Like `judge`, to await."""
    return await current_session().portal.wait(prepare_judging(**locals()))


def measure(
    old: str | HasText,
    new: str | HasText | None = None,
    data: Any = None,
    metric: Metric | None = None,
    *,
    rubric: RubricLike | None = None,
    workspace: str | None = None,
    model: str | None = None,
    judge_model: str | None = None,
    budget: float | None = None,
    max_calls: int | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    sample: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    margin: float | None = None,
    cluster: str | None = None,
    top: float | None = None,
    candidates: int = 3,
    feedback: str | None = None,
    count_cut: bool = False,
    keep_empty: bool = False,
    executor: Executor | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    holdout: bool = False,
    rows: Literal["all", "unseen"] = "all",
    seed: int = 0,
    ledger: str | Path | bool = True,
    on_progress: OnProgress | None = None,
    **knobs: Any,
) -> Measurement | Plan:
    """Return whether a new prompt is better than the old one on your data, as a tested claim.

    Without `new`, up to three candidates are proposed from dev rows, one is chosen on them, and only
    that one is tested, on rows that no proposer has seen. `.text` of the result is the new prompt where it
    was shown to be better, and else the old one.

    Args:
        old: The prompt as it is; `{{name}}` is filled from the data's columns.
        new: The prompt to test, or what `improve` or `rewrite` returned.
        data: A DataFrame, or a list of dictionaries.
        metric: `(row, output)` → True or False, a number (more is better), or `(score, feedback)`. A
            DSPy metric works unchanged. Without one, a judge compares old and new by the rubric.
        rubric: What the judge goes by; see `judge`.
        workspace: Whose key pays; the active workspace by default.
        model: Who answers; the workspace's choice by default.
        judge_model: Who judges; by default another provider's model, where there is a key for one.
        budget: Dollars. A run that would cost more is refused, and no call is sent that goes over.
        max_calls: Requests at most, with retries and repairs.
        concurrency: Calls under way at once; 8 by default.
        limit: Use the first so many rows only.
        sample: Use so many rows, drawn by a fixed seed.
        price_in: Dollars per million input tokens, for a model whose price is not known here.
        price_out: The same for output tokens.
        margin: A difference too small to care about; makes the verdict "equivalent" possible.
        cluster: The column that says what a row belongs to, where rows are not independent.
        top: The best possible score, if it is not 1.
        candidates: How many to propose, 1 to 3.
        feedback: What goes wrong, in your words, for whoever proposes.
        count_cut: Let the metric or the judge see replies too that are not whole. They are no observation
            otherwise, and where they could decide it the verdict is "invalid".
        keep_empty: Use rows too that have nothing for a variable; they are left out otherwise, and named.
        executor: Any `concurrent.futures.Executor` whose workers make the calls on rows.
        fresh: Ask again what was answered before. The verdict on it is a further look at the rows.
        dry_run: Send nothing; return the plan: calls, tokens, dollars, and what was answered before.
        holdout: Test on the test rows only, since `new` was searched for on the others.
        rows: `"unseen"` tests only rows that no earlier verdict stands on, and so starts afresh.
        seed: Draws the resamples.
        ledger: The directory for the run's record; `assay-ledger` by default, False for none.
        on_progress: Called with a `Progress` as it goes.
        knobs: `system`, `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    from assay_nb.experiments.measure.measure import Measuring
    from assay_nb.experiments.measure.settings import Settings
    from assay_nb.experiments.run.progress import watch_steps
    from assay_nb.experiments.spending.limits import Limits

    limits = Limits.of(
        budget=budget, max_calls=max_calls, concurrency=concurrency, limit=limit, sample=sample,
        price_in=price_in, price_out=price_out,
    )  # fmt: skip
    settings = Settings(
        metric=metric, rubric=rubric, workspace=workspace, model=model, judge_model=judge_model,
        limits=limits, margin=margin, cluster=cluster, top=top, candidates=candidates,
        feedback=feedback, executor=executor, fresh=fresh, count_cut=count_cut,
        keep_empty=keep_empty, holdout=holdout, rows=rows, seed=seed, ledger=ledger, options=knobs,
    )  # fmt: skip
    measuring = Measuring(
        current_session(), text_of(old), None if new is None else text_of(new), data, settings
    )
    if dry_run:
        return measuring.plan()
    with keeping(measuring.partial):
        watch_steps(measuring.steps(), on_progress)
    return measuring.result


def to_gepa(
    prompt: str | HasText,
    data: Any,
    metric: Metric,
    *,
    workspace: str | None = None,
    model: str | None = None,
    reflection_model: str | None = None,
    budget: float | None = None,
    max_calls: int | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    sample: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    executor: Executor | None = None,
    ledger: str | Path | bool = True,
    **knobs: Any,
) -> GepaTask:
    """Return what `gepa.optimize` takes, so that GEPA searches and our test gives the verdict.

        task = to_gepa(prompt, data, metric)
        found = gepa.optimize(**task.arguments, max_metric_calls=150)
        task.measure(found)

    GEPA sees dev rows only, and calls go through the workspace's key: it needs none of its own. The limits
    are those of `measure`, for search and test together: the test has what the search leaves.
    """
    from assay_nb.experiments.measure.gepa import make_gepa_task
    from assay_nb.experiments.measure.settings import Settings
    from assay_nb.experiments.spending.limits import Limits

    limits = Limits.of(
        budget=budget, max_calls=max_calls, concurrency=concurrency, limit=limit, sample=sample,
        price_in=price_in, price_out=price_out,
    )  # fmt: skip
    settings = Settings(
        metric=metric, workspace=workspace, model=model, limits=limits, executor=executor, holdout=True, ledger=ledger, options=knobs,
    )  # fmt: skip
    return make_gepa_task(current_session(), text_of(prompt), data, settings, reflection_model)


def lint(
    prompt: str,
    *,
    variables: Collection[str] | None = None,
    model: str | None = None,
    knobs: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> LintReport:
    """Check a prompt against sixteen fixed rules: offline, no key, no model, no cost.

    Args:
        prompt: The prompt, as it would be sent.
        variables: Names that `{{name}}` may take; unknown ones are then reported.
        model: `"connection/model"` that it is meant for, for the rules that depend on it.
        knobs: Sampling parameters it would be sent with.
        today: The date that retirements are judged by; today by default.
    """
    from assay_nb.instruments.lint import lint as run

    check_size(check_text(prompt), "nothing was checked")
    check_model(model)
    check_names(variables, "variables")
    session = current_session() if model and names_own(model) else peek_session()
    end = session.find_end(model) if session and model else None
    return run(prompt, variables=variables, model=model, knobs=knobs, today=today, retirement=end)
