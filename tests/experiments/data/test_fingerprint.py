"""Which metric is it? What it does names it, and nothing else."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from assay_nb.experiments.data.fingerprint import fingerprint


def define(source: str, **names: Any) -> Any:
    """Return what a cell defines under the name `metric`."""
    space: dict[str, Any] = {"__name__": "__main__", "functools": functools, **names}
    exec(source, space)
    return space["metric"]


PAIRS = {
    "a constant": ("metric = lambda r, o: 'yes' in o", "metric = lambda r, o: 'no' in o"),
    "a name": ("metric = lambda r, o: o.upper() == r", "metric = lambda r, o: o.lower() == r"),
    "an inner function": (
        "def metric(r, o):\n  return any(map(lambda w: w == 'a', o))",
        "def metric(r, o):\n  return any(map(lambda w: w == 'b', o))",
    ),
    "a default": ("def metric(r, o, bar=0.5): return bar", "def metric(r, o, bar=0.6): return bar"),
    "a keyword default": (
        "def metric(r, o, *, bar=0.5): return bar",
        "def metric(r, o, *, bar=0.6): return bar",
    ),
    "what it closed over": (
        "def make(bar): return lambda r, o: o > bar\nmetric = make(1)",
        "def make(bar): return lambda r, o: o > bar\nmetric = make(2)",
    ),
    "a partial's argument": (
        "def f(w, r, o): return w in o\nmetric = functools.partial(f, 'yes')",
        "def f(w, r, o): return w in o\nmetric = functools.partial(f, 'no')",
    ),
    "an attribute": (
        "class M:\n  def __init__(s, w): s.w = w\n  def __call__(s, r, o): return s.w\nmetric = M(1)",
        "class M:\n  def __init__(s, w): s.w = w\n  def __call__(s, r, o): return s.w\nmetric = M(2)",
    ),
    "a bound method's object": (
        "class M:\n  w = 1\n  def f(s, r, o): return s.w\nmetric = M().f",
        "class M:\n  w = 2\n  def f(s, r, o): return s.w\nmetric = M().f",
    ),
    "a helper in the notebook": (
        "def help(o): return o.strip()\ndef metric(r, o): return help(o) == r",
        "def help(o): return o\ndef metric(r, o): return help(o) == r",
    ),
    "a value in the notebook": (
        "LABELS = ['a', 'b']\ndef metric(r, o): return o in LABELS",
        "LABELS = ['a', 'c']\ndef metric(r, o): return o in LABELS",
    ),
    "a set of constants": (
        "metric = lambda r, o: o in {'a', 'b', 'c'}",
        "metric = lambda r, o: o in {'a', 'b', 'd'}",
    ),
    "what a decorator wraps": (
        "@functools.lru_cache\ndef metric(r, o): return 'yes' in o",
        "@functools.lru_cache\ndef metric(r, o): return 'no' in o",
    ),
}


@pytest.mark.parametrize("what", PAIRS)
def test_another_metric_has_another_fingerprint(what: str) -> None:
    one, other = (define(source) for source in PAIRS[what])

    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(define(PAIRS[what][0]))  # control: run again


def test_comments_blank_lines_and_the_docstring_do_not_count() -> None:
    bare = define("def metric(r, o):\n    return 'yes' in o")
    told = define(
        "\n\n# why\ndef metric(r, o):\n    'It says yes.'\n\n    # so\n    return 'yes' in o"
    )

    assert fingerprint(bare) == fingerprint(told)


def test_a_counter_that_the_metric_writes_does_not_count() -> None:
    source = "calls = 0\ndef metric(r, o):\n  global calls\n  calls += 1\n  return o == r"
    metric = define(source)
    before = fingerprint(metric)

    metric("a", "a")

    assert metric.__globals__["calls"] == 1
    assert fingerprint(metric) == before


def test_a_metric_that_refers_to_itself_has_a_fingerprint() -> None:
    metric = define("def metric(r, o): return metric(r, o[1:]) if o else 0")

    assert fingerprint(metric) == fingerprint(metric)


def test_a_builtin_is_named_by_its_name() -> None:
    assert fingerprint(max) != fingerprint(min)


def test_a_table_that_a_metric_reads_does_not_make_another_metric_of_it() -> None:
    pandas = pytest.importorskip("pandas")
    metric = define("def make(t): return lambda r, o: o in set(t['label'])\nmetric = make(table)",
                    table=pandas.DataFrame({"label": ["a", "b"]}))  # fmt: skip
    before = fingerprint(metric)

    assert metric({}, "a")
    assert fingerprint(metric) == before
