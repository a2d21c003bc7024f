"""Lint against planted faults: the figures that docs/lint.md publishes, and the marks they must reach."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assay_nb.instruments.lint import RULES, lint
from assay_nb.instruments.lint.rule import LEVELS
from tests.corpus.planted import Pair, load_pairs

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_lint", ROOT / "benchmarks" / "lint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_lint"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return load_pairs()


@pytest.fixture(scope="module")
def counts(runner: ModuleType, pairs: list[Pair]) -> dict[str, Any]:
    """Return the counts of each class; one measurement for all tests."""
    tally = runner.measure(pairs)
    return {level: tally.of_level(level) for level in LEVELS}


def test_corpus_has_eighty_pairs_in_four_languages(pairs: list[Pair]) -> None:
    assert len(pairs) == len({pair.clean.text for pair in pairs}) == 80
    assert {pair.language for pair in pairs} == {"en", "fr", "de", "es"}
    assert {pair.kind for pair in pairs} == {"classifier", "extraction", "rag", "agent", "chat"}
    assert len({pair.dimension for pair in pairs}) == 6


def test_every_rule_has_five_pairs(pairs: list[Pair]) -> None:
    planted = Counter(pair.faulty.rule for pair in pairs)

    assert planted == {rule.id: 5 for rule in RULES}


@pytest.mark.parametrize(
    ("level", "precision", "recall"),
    [("error", 0.98, 0.85), ("warning", 0.95, 0.85), ("hint", 0.95, 0.85)],
)
def test_class_reaches_its_marks(
    counts: dict[str, Any], level: str, precision: float, recall: float
) -> None:
    count = counts[level]

    assert count.precision >= precision
    assert count.recall >= recall


def test_line_ends_of_windows_change_no_finding(pairs: list[Pair]) -> None:
    for prompt in (prompt for pair in pairs for prompt in (pair.clean, pair.faulty)):
        unix = lint(prompt.text, **prompt.known).findings
        windows = lint(prompt.text.replace("\n", "\r\n"), **prompt.known).findings

        assert [(f.rule, f.line) for f in windows] == [(f.rule, f.line) for f in unix]


def test_docs_are_up_to_date(runner: ModuleType) -> None:
    page = runner.PAGE.read_text("utf-8")

    assert page == runner.render_page(page), "run: python benchmarks/lint.py --write-docs"


@pytest.mark.slow
def test_wilson_interval_matches_scipy(runner: ModuleType) -> None:
    from scipy.stats import binomtest

    for right, total in [(0, 5), (5, 5), (43, 45), (1, 3)]:
        theirs = binomtest(right, total).proportion_ci(method="wilson")

        assert runner.wilson(right, total) == pytest.approx((theirs.low, theirs.high), abs=1e-6)
