"""Magics over many rows in a real kernel: the bar, the interrupt, and going on from there."""

from __future__ import annotations

import pytest

from tests.fakes.providers import Answer, FakeProviders
from tests.kernel.kernels import Kernel, Ran

MIME = "application/vnd.assay.runs.v1+json"
FORMS = {"text/plain", "text/markdown", "text/html"}


def posts(fake: FakeProviders) -> int:
    return sum(call.method == "POST" for call in fake.calls)


def make_rows(kernel: Kernel, name: str, count: int) -> None:
    kernel.run(f"{name} = [{{'word': f'{name} {{n}}'}} for n in range({count})]")


@pytest.mark.slow
def test_a_table_is_one_output_that_was_a_bar_while_it_ran(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answer_by(lambda call: Answer(chunks=("fine",), delay=0.1))
    make_rows(kernel, "bars", 20)

    ran = kernel.run("%%playground --data bars --concurrency 2\nSay {{word}}.")

    (output,) = ran.outputs
    assert set(output["data"]) == FORMS | {MIME}
    assert any("of 20" in data["text/plain"] for data in ran.drawn[:-1])
    assert any("█" in data["text/plain"] or "▏" in data["text/plain"] for data in ran.drawn[:-1])


@pytest.mark.slow
def test_an_interrupt_keeps_finished_rows_and_the_next_run_pays_for_none_twice(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answer_by(lambda call: Answer(chunks=("fine",), delay=0.1))
    make_rows(kernel, "cut", 40)
    cell = "%%playground --data cut --concurrency 2 -o table\nSay {{word}}."

    def is_on_its_way(ran: Ran) -> bool:
        return posts(fake) >= 10

    ran = kernel.run(cell, until=is_on_its_way, then=kernel.interrupt)
    first = int(kernel.run("table.done, table.stopped").data["text/plain"].split(",")[0][1:])
    asked = posts(fake)
    again = kernel.run(cell)

    assert ran.error == "Interrupted"
    assert 4 <= first < 40
    assert "Stopped" in ran.data["text/plain"]
    assert again.error is None
    assert kernel.run("table.done").data["text/plain"] == "40"
    assert posts(fake) - asked == 40 - first


@pytest.mark.slow
def test_a_metric_runs_in_the_main_thread_of_the_kernel(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answers("fine")
    make_rows(kernel, "own", 24)
    kernel.run(
        "import sqlite3, threading\n"
        "database = sqlite3.connect(':memory:')\n"  # may be used by its own thread only
        "def score(row, output):\n"
        "    return database.execute('select 1').fetchone()[0] == 1\n"
    )

    ran = kernel.run(
        "from assay_nb import measure\n"
        "measure('Say {{word}}.', 'Please say {{word}}.', own, score, ledger=False).verdict"
    )

    assert ran.error is None
    assert ran.data["text/plain"] == "'no detectable difference'"
