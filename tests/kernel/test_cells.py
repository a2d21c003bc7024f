"""The magics in a real kernel, as a notebook runs them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from nbclient.exceptions import CellExecutionError
from tests.fakes.providers import FakeProviders
from tests.kernel.conftest import RunNotebook
from tests.kernel.replies import PROMPT, chunks, critique

MIME = "application/vnd.assay.critique.v1+json"


def said(fake: FakeProviders) -> str:
    """What the last call told the model."""
    return fake.calls[-1].body["messages"][0]["content"]


def test_loading_prints_nothing_and_loads_no_sdk(home: Path, run_notebook: RunNotebook) -> None:
    heavy = "anthropic openai google.genai sqlalchemy alembic ipywidgets httpx2 keyring cryptography anyio pydantic"
    notebook = run_notebook(
        "import sys, threading\nbefore, threads = set(sys.modules), threading.active_count()",
        "%load_ext assay_nb",
        f"print([m for m in '{heavy}'.split() if m in set(sys.modules) - before])",
        "print(threading.active_count() - threads)",
    )

    assert notebook.cells[1].outputs == []
    assert notebook.cells[2].outputs[0].text == "[]\n"
    assert notebook.cells[3].outputs[0].text == "0\n"


def test_critique_leaves_one_output_with_every_form(
    vault: Path, fake: FakeProviders, run_notebook: RunNotebook
) -> None:
    fake.answers(*chunks(critique()), pause=0.01)

    notebook = run_notebook("%load_ext assay_nb", f"%%critique -o review\n{PROMPT}", "review.score")

    (output,) = notebook.cells[1].outputs
    assert set(output.data) == {"text/plain", "text/markdown", "text/html", MIME}
    assert output.data[MIME]["findings"][0]["problem"] == "The length is left open."
    assert notebook.cells[2].outputs[0].data["text/plain"] == "5.0"


def test_prompt_goes_to_the_provider_with_its_braces(
    vault: Path, fake: FakeProviders, run_notebook: RunNotebook
) -> None:
    fake.answers(critique())

    run_notebook("%load_ext assay_nb\nticket = 'no'", '%%critique\n{"a": {ticket}} $HOME {{ticket}} briefly\n')

    assert '{"a": {ticket}} $HOME {{ticket}} briefly' in said(fake)


def test_variable_of_python_is_the_prompt_of_a_line_magic(
    vault: Path, fake: FakeProviders, run_notebook: RunNotebook
) -> None:
    fake.answers(critique())

    run_notebook("%load_ext assay_nb", f"draft = {PROMPT!r}", "%critique draft")

    assert "Summarise {{ticket}} briefly." in said(fake)


def test_failing_call_fails_the_cell_with_one_line(
    vault: Path, fake: FakeProviders, run_notebook: RunNotebook
) -> None:
    fake.keys = {"another-key-entirely"}

    notebook = run_notebook("%load_ext assay_nb", f"%%critique\n{PROMPT}", allow_errors=True)

    (error,) = [o for o in notebook.cells[1].outputs if o.output_type == "error"]
    assert error.ename == "ProviderAuthError"
    assert len(error.traceback) == 1
    assert "keys set" in error.evalue


def test_notebook_stops_at_a_failing_cell(
    vault: Path, fake: FakeProviders, run_notebook: RunNotebook
) -> None:
    fake.answers(status=500)

    with pytest.raises(CellExecutionError, match="ProviderUnavailable"):
        run_notebook("%load_ext assay_nb", f"%%critique\n{PROMPT}")


def test_score_under_the_bar_fails_the_cell_and_keeps_the_result(
    vault: Path, fake: FakeProviders, run_notebook: RunNotebook
) -> None:
    fake.answers(critique())

    notebook = run_notebook(
        "%load_ext assay_nb", f"%%critique --fail-under 5.5 -o review\n{PROMPT}", "review.score", allow_errors=True
    )

    assert [o.output_type for o in notebook.cells[1].outputs] == ["display_data", "error"]
    assert notebook.cells[2].outputs[0].data["text/plain"] == "5.0"


def test_interrupt_closes_the_upstream_connection_and_keeps_what_came(
    vault: Path, fake: FakeProviders
) -> None:
    whole = critique()
    fake.answers(*chunks(whole), fault="stall", fault_after=len(chunks(whole)) - 1)
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive("%load_ext assay_nb", timeout=30)
        updates: list[dict[str, object]] = []
        message = client.execute(f"%%critique -o review\n{PROMPT}")
        _collect_until_findings(client, updates)

        began = time.monotonic()
        manager.interrupt_kernel()
        closed = fake.calls[-1].closed.wait(5)
        closing = time.monotonic() - began
        reply = client.get_shell_msg(timeout=30)
        _drain(client, updates)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

    assert reply["parent_header"]["msg_id"] == message
    assert closed
    assert closing < 2
    assert reply["content"]["ename"] == "Interrupted"
    assert updates[-1][MIME]["provenance"]["stopped"] is True  # type: ignore[index]
    assert "The length is left open." in str(updates[-1]["text/plain"])


def _collect_until_findings(client: object, updates: list[dict[str, object]]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=90)  # type: ignore[attr-defined]
        if message["msg_type"] in {"display_data", "update_display_data"}:
            updates.append(message["content"]["data"])
            if "The length is left open." in str(updates[-1].get("text/plain")):
                return
    raise AssertionError("no finding was shown while the reply streamed")


def _drain(client: object, updates: list[dict[str, object]]) -> None:
    while True:
        message = client.get_iopub_msg(timeout=10)  # type: ignore[attr-defined]
        if message["msg_type"] in {"display_data", "update_display_data"}:
            updates.append(message["content"]["data"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return
