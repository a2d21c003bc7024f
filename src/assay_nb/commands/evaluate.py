"""Evaluation from a terminal: suites for a pipeline, and how far to trust a judge and a critic."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

from assay_nb.commands.magic_lines import add_count_cut, add_limits
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import MODEL, Parser
from assay_nb.commands.registry import Adder, add_json, add_workspace
from assay_nb.engine.session import Session

if TYPE_CHECKING:
    from assay_nb.experiments.run.runner import Runner


def add_measuring(add: Adder) -> None:
    """Add what runs many calls: `eval`, `judge-check`, `selfcheck`."""
    suite = _add_limits(
        add("eval", "run a suite of cases, and fail when it is under its bar", run_eval)
    )
    suite.add_argument(
        "suite", metavar="SUITE", help="a JSON or YAML file: prompt, cases, threshold"
    )
    suite.add_argument(
        "--against",
        metavar="FILE",
        help="an earlier version of the prompt: compare the two on the cases",
    )
    suite.add_argument(
        "--fail-under",
        type=_share,
        metavar="SHARE",
        help="the bar from 0 to 1, in place of the suite's",
    )
    add_count_cut(suite)
    suite.add_argument("--judge-model", metavar=MODEL, help="who judges, if it has a rubric")
    check = _add_limits(
        add(
            "judge-check",
            "ask a judge about pairs that you have labelled: how far to trust it",
            run_judge_check,
        )
    )
    check.add_argument(
        "pairs",
        metavar="FILE",
        help='a JSON list of {"task": …, "better": …, "worse": …}; ten or more',
    )
    check.add_argument("--rubric", metavar="FILE", help="criteria, one a line")
    _add_limits(
        add(
            "selfcheck",
            "how good a critic your model is, on thirty prompts that ship with this",
            run_selfcheck,
        )
    )


def _add_limits(parser: Parser) -> Parser:
    add_json(add_workspace(parser))
    parser.add_argument("-m", "--model", metavar=MODEL, help="the workspace's by default")
    add_limits(parser)
    return parser


def _share(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = nan
    if not 0 <= value <= 1:  # `nan` is not, though it is under no bar
        raise ArgumentTypeError(f"'{word}' is not a share from 0 to 1")
    return value


def _runner(session: Session, args: Namespace) -> Runner:
    from assay_nb.experiments.run.runner import make_runner
    from assay_nb.experiments.spending.modes import LIMITS

    limits = {name: getattr(args, name, None) for name in LIMITS}
    count_cut = getattr(args, "count_cut", False)
    return make_runner(session, fresh=args.fresh, count_cut=count_cut, **limits)


def run_eval(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Run a suite; a score under its bar fails."""
    from assay_nb.experiments.suites.file import read_suite, read_text
    from assay_nb.experiments.suites.run import plan_suite, run_suite

    suite = read_suite(Path(args.suite))
    against = read_text(Path(args.against)) if args.against else None
    if args.dry_run:
        plan = plan_suite(
            session, suite, _runner(session, args), against=against, workspace=args.workspace,
            model=args.model, judge_model=args.judge_model,
        )  # fmt: skip
        return Outcome(plan.to_document(), plan.to_dict())
    result = run_suite(
        session,
        suite,
        against=against,
        threshold=args.fail_under,
        workspace=args.workspace,
        model=args.model,
        judge_model=args.judge_model,
        runner=_runner(session, args),
        on_progress=desk.watch,
        on_note=desk.say,
    )
    return Outcome(result.to_document(), result.to_dict(), 0 if result.passed else 1)


def run_judge_check(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Ask a judge about labelled pairs."""
    from assay_nb.experiments.calibration.judge_check import (
        check_judge,
        plan_judge_check,
        read_pairs,
    )
    from assay_nb.experiments.suites.file import read_text

    pairs = read_pairs(Path(args.pairs))
    rubric = read_text(Path(args.rubric)) if args.rubric else None
    if args.dry_run:
        plan = plan_judge_check(
            session, pairs, _runner(session, args), rubric=rubric, workspace=args.workspace, model=args.model
        )  # fmt: skip
        return Outcome(plan.to_document(), plan.to_dict())
    result = check_judge(
        session,
        pairs,
        rubric=rubric,
        workspace=args.workspace,
        model=args.model,
        runner=_runner(session, args),
        on_progress=desk.watch,
    )
    return Outcome(result.to_document(), result.to_dict())


def run_selfcheck(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Check the model as a critic."""
    from assay_nb.experiments.calibration.self_check import check_self, plan_self_check

    if args.dry_run:
        plan = plan_self_check(
            session, _runner(session, args), workspace=args.workspace, model=args.model
        )
        return Outcome(plan.to_document(), plan.to_dict())
    result = check_self(
        session,
        workspace=args.workspace,
        model=args.model,
        runner=_runner(session, args),
        on_progress=desk.watch,
    )
    return Outcome(result.to_document(), result.to_dict())
