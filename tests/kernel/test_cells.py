"""The magics in a real kernel: what a notebook shows while a call runs, and what it keeps."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from assay_nb.instruments.rubric import QUESTION_OF_KEY
from tests.fakes.providers import Answer, FakeProviders
from tests.instruments.driving import make_mark, make_plain_critique, make_slot
from tests.kernel.kernels import Kernel, Ran, open_kernel
from tests.kernel.replies import PROMPT, chunks, critique, improvement, rewriting
from tests.kernel.stage import Stage

MIME = "application/vnd.assay.critique.v1+json"
FORMS = {"text/plain", "text/markdown", "text/html"}
FOUND = "The length is left open."


def said(fake: FakeProviders) -> str:
    """What the last call told the model."""
    return fake.calls[-1].body["messages"][0]["content"]


# --- loading ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_loading_prints_nothing_opens_nothing_and_loads_no_sdk(home: Path, tmp_path: Path) -> None:
    heavy = "anthropic openai google.genai sqlalchemy alembic ipywidgets httpx2 keyring cryptography anyio pydantic"
    with open_kernel(tmp_path, load=False) as kernel:
        kernel.run(
            "import sys, threading\n"
            "before, threads, audited = set(sys.modules), threading.active_count(), []\n"
            "sys.addaudithook(lambda event, a: event in {'socket.connect', 'sqlite3.connect'} and audited.append(event))"
        )
        loading = kernel.run("%load_ext assay_nb")
        after = kernel.run(
            f"[m for m in '{heavy}'.split() if m in set(sys.modules) - before],"
            "threading.active_count() - threads, audited"
        )

    assert loading.outputs == []
    assert after.data["text/plain"] == "([], 0, [])"
    assert not (home / ".local" / "share" / "assay_nb").exists()


def test_reloading_and_unloading_leave_no_magic_behind_and_none_twice(kernel: Kernel) -> None:
    reloaded = kernel.run("%reload_ext assay_nb")
    unloaded = kernel.run("%unload_ext assay_nb\n%critique x")
    kernel.run("%load_ext assay_nb")

    assert reloaded.outputs == []
    assert unloaded.error == "UsageError" or "not found" in unloaded.text
    assert kernel.run("%critique -h").error is None


# --- what a cell shows ------------------------------------------------------------------------------


@pytest.mark.slow
def test_critique_leaves_one_output_with_every_form(fake: FakeProviders, kernel: Kernel) -> None:
    fake.answers(*chunks(critique()), pause=0.01)

    ran = kernel.run(f"%%critique -o review\n{PROMPT}")

    (output,) = ran.outputs
    assert set(output["data"]) == FORMS | {MIME}
    assert output["data"][MIME]["findings"][0]["problem"] == FOUND
    assert kernel.run("review.score").data["text/plain"] == "5.0"


@pytest.mark.slow
def test_probed_critique_leaves_one_output_that_was_a_scorecard_all_along(
    fake: FakeProviders, kernel: Kernel
) -> None:
    slot = make_slot("briefly", probe="none", predict="It invents a ticket.")
    judged = make_mark("yes", "So.")
    fake.queue(
        Answer(chunks=(json.dumps(make_plain_critique(slot)),)),
        Answer(chunks=("The ticket says …",)),
    )
    fake.answers(json.dumps(judged))

    ran = kernel.run(
        "%%critique --probe\nYou are an agent. Summarise {{ticket}} briefly and be detailed."
    )

    (output,) = ran.outputs
    assert output["data"]["text/plain"].count("Critique\n────") == 1
    assert output["data"][MIME]["findings"][0]["status"] == "confirmed"
    probing = [drawn for drawn in ran.drawn if "Probing" in drawn["text/plain"]]
    assert probing
    assert all("Critique\n────" in drawn["text/plain"] for drawn in probing)


@pytest.mark.parametrize("asked", ["-h", "--help", "?"])
def test_help_of_a_cell_magic_needs_no_body(asked: str, kernel: Kernel) -> None:
    ran = kernel.run(f"%%critique {asked}")

    assert ran.error is None
    assert ran.text.startswith("usage: %%critique ")


def test_cell_magic_without_a_body_is_an_error_with_the_next_step(kernel: Kernel) -> None:
    ran = kernel.run("%%critique")

    assert ran.error == "WrongUsage"
    assert "Write the prompt on the lines below it" in ran.reply["evalue"]


def test_each_instrument_leaves_its_own_type(fake: FakeProviders, kernel: Kernel) -> None:
    fake.queue(Answer(chunks=(improvement(),)), Answer(chunks=(rewriting(),)))

    improved = kernel.run(f"%%improve\n{PROMPT}").data
    rewritten = kernel.run(f"%%rewrite\n{PROMPT}").data
    linted = kernel.run(f"%%lint\n{PROMPT}").data

    kinds = [set(data) - FORMS for data in (improved, rewritten, linted)]
    assert kinds == [
        {f"application/vnd.assay.{name}.v1+json"} for name in ("improvement", "rewrite", "lint")
    ]


@pytest.mark.slow
def test_findings_are_shown_while_the_reply_still_streams(
    fake: FakeProviders, kernel: Kernel
) -> None:
    whole = critique()
    fake.answers(whole[:-1], whole[-1], hold=True)

    def found(ran: Ran) -> bool:
        return bool(ran.drawn) and FOUND in ran.drawn[-1]["text/plain"]

    ran = kernel.run(f"%%critique\n{PROMPT}", until=found, then=fake.release)

    early = [data["text/plain"] for data in ran.drawn[:-1]]
    assert "Asking anthropic/" in early[0]
    assert FOUND in early[-1]


def test_a_reply_of_a_thousand_pieces_is_drawn_at_most_ten_times_a_second(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answers(*chunks(critique(), 2))
    began = time.monotonic()

    ran = kernel.run(f"%%critique\n{PROMPT}")

    assert len(fake.calls) == 1
    assert len(ran.drawn) <= 10 * (time.monotonic() - began) + 3


@pytest.mark.slow
def test_only_the_last_state_of_the_display_is_saved(fake: FakeProviders, kernel: Kernel) -> None:
    fake.answers(*chunks(critique()), pause=0.02)

    ran = kernel.run(f"%%critique\n{PROMPT}")

    assert len(ran.drawn) > 2
    assert len(ran.outputs) == 1
    assert MIME in ran.outputs[0]["data"]
    assert not any(MIME in data for data in ran.drawn[:-1])


def test_prompt_goes_to_the_provider_with_its_braces(fake: FakeProviders, kernel: Kernel) -> None:
    fake.answers(critique())
    kernel.run("ticket = 'no'")

    kernel.run('%%critique\n{"a": {ticket}} $HOME {{ticket}} briefly\n')

    assert '{"a": {ticket}} $HOME {{ticket}} briefly' in said(fake)


def test_variable_of_python_is_the_prompt_of_a_line_magic(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answers(critique())
    kernel.run(f"draft = {PROMPT!r}")

    kernel.run("%critique draft")

    assert "Summarise {{ticket}} briefly." in said(fake)


# --- what fails -------------------------------------------------------------------------------------


def test_failing_call_fails_the_cell_with_one_line(fake: FakeProviders, kernel: Kernel) -> None:
    fake.keys = {"another-key-entirely"}

    ran = kernel.run(f"%%critique\n{PROMPT}")

    assert ran.error == "ProviderAuthError"
    assert len(ran.reply["traceback"]) == 1
    assert "keys set" in ran.reply["evalue"]


def test_failing_call_takes_away_what_it_had_shown_for_the_time_being(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answers(*chunks(critique())[:3], fault="cut", fault_after=3, pause=0.1)

    ran = kernel.run(f"%%critique\n{PROMPT}")

    assert ran.error == "ProviderUnavailable"
    assert ran.data == {"text/plain": ""}


def test_score_under_the_bar_fails_the_cell_and_keeps_the_result(
    fake: FakeProviders, kernel: Kernel
) -> None:
    poor = dict.fromkeys(QUESTION_OF_KEY, "no")
    fake.answers(critique(answers=poor))

    ran = kernel.run(f"%%critique --fail-under 2.5 -o barred\n{PROMPT}")

    assert [output["output_type"] for output in ran.outputs] == ["display_data", "error"]
    assert ran.error == "BelowThreshold"
    assert kernel.run("barred.score").data["text/plain"] == "1.0"


@pytest.mark.slow
def test_verbose_tracebacks_do_not_change_what_an_error_says(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answers(status=500)
    kernel.run("%xmode Verbose")

    ran = kernel.run(f"%%critique\n{PROMPT}")
    kernel.run("%xmode Context")

    assert len(ran.reply["traceback"]) == 1


# --- what is stopped --------------------------------------------------------------------------------


def test_interrupt_closes_the_upstream_connection_and_keeps_what_came(
    fake: FakeProviders, kernel: Kernel
) -> None:
    whole = chunks(critique())
    fake.answers(*whole, fault="stall", fault_after=len(whole) - 1)

    ran = kernel.run(
        f"%%critique -o stopped\n{PROMPT}",
        until=lambda ran: shows(ran, FOUND),
        then=kernel.interrupt,
    )

    assert fake.calls[-1].closed.wait(60)
    assert ran.error == "Interrupted"
    assert ran.data[MIME]["provenance"]["stopped"] is True
    assert FOUND in ran.data["text/plain"]


def test_interrupt_before_anything_came_says_so(fake: FakeProviders, kernel: Kernel) -> None:
    fake.answers("x", fault="stall_headers")

    ran = kernel.run(
        f"%%critique\n{PROMPT}",
        until=lambda ran: bool(fake.arrived.is_set() and ran.drawn),
        then=kernel.interrupt,
    )

    assert ran.error == "Interrupted"
    assert "Stopped before anything had come." in ran.data["text/plain"]


def test_next_cell_works_after_an_interrupt(fake: FakeProviders, kernel: Kernel) -> None:
    fake.queue(Answer(chunks=("x",), fault="stall_headers"))
    fake.answers(critique())
    kernel.run(
        f"%%critique\n{PROMPT}",
        until=lambda ran: bool(fake.arrived.is_set() and ran.drawn),
        then=kernel.interrupt,
    )

    assert kernel.run(f"%%critique\n{PROMPT}").error is None


def shows(ran: Ran, text: str) -> bool:
    return bool(ran.drawn) and text in ran.drawn[-1].get("text/plain", "")


# --- the Python surface, in a notebook --------------------------------------------------------------


def test_a_call_can_be_awaited_in_a_cell(fake: FakeProviders, kernel: Kernel) -> None:
    fake.answers(critique())

    ran = kernel.run(f"from assay_nb import acritique\nawait acritique({PROMPT!r})")

    assert MIME in ran.data


@pytest.mark.slow
def test_many_awaited_calls_run_at_the_same_time(fake: FakeProviders, kernel: Kernel) -> None:
    """The server answers none before all eight are there."""
    fake.answers(critique(), together=8)

    ran = kernel.run(
        "import asyncio\nfrom assay_nb import acritique\n"
        f"done = await asyncio.gather(*(acritique({PROMPT!r}) for _ in range(8)))\nlen(done)"
    )

    assert ran.data["text/plain"] == "8"
    assert len(fake.calls) == 8


@pytest.mark.slow
def test_a_cancelled_call_closes_its_connection(
    fake: FakeProviders, kernel: Kernel, tmp_path: Path
) -> None:
    fake.answers("x", fault="stall")
    arrived = tmp_path / "arrived"
    threading.Thread(target=lambda: fake.arrived.wait(60) and arrived.touch()).start()

    ran = kernel.run(
        "import asyncio\nfrom pathlib import Path\nfrom assay_nb import acritique\n"
        f"task = asyncio.ensure_future(acritique({PROMPT!r}))\n"
        f"while not Path({str(arrived)!r}).exists():\n    await asyncio.sleep(0.01)\n"
        "task.cancel()\n"
        "try:\n    await task\nexcept asyncio.CancelledError:\n    print('cancelled')"
    )

    assert ran.text == "cancelled\n"
    assert fake.calls[-1].closed.wait(5)


def test_an_ordinary_call_works_in_a_cell_although_a_loop_runs(
    fake: FakeProviders, kernel: Kernel
) -> None:
    fake.answers(critique())

    assert MIME in kernel.run(f"import assay_nb\nassay_nb.critique({PROMPT!r})").data


# --- %assay -----------------------------------------------------------------------------------------


def test_assay_alone_shows_where_one_stands(stage: Stage, kernel: Kernel) -> None:
    shown = kernel.run("%assay").data["text/plain"]

    assert "You work in your personal workspace." in shown
    assert all(name in shown for name in stage.keys)


def test_a_workspace_chosen_in_a_kernel_is_this_kernels_and_the_next_ones_default(
    fake: FakeProviders, stage: Stage, kernel: Kernel
) -> None:
    kernel.run("%assay workspace create elsewhere")
    kernel.run("%assay workspace use elsewhere")
    here = kernel.run(f"%%critique\n{PROMPT}")
    session = stage.session()
    stored = session.portal.call(session.control.standing).workspace.name
    session.close()
    kernel.run("%assay workspace use personal")

    assert here.error == "ProviderKeyMissing"
    assert "elsewhere" in here.reply["evalue"]
    assert stored == "elsewhere"
