"""A real server that dies in the middle of a reply: the call ends with an error that says so."""

from __future__ import annotations

import pytest

from assay_nb import Batch, ProviderUnavailable, playground
from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta
from assay_nb.engine.session import current_session
from assay_nb.experiments.run.progress import Progress
from tests.servers.product import NAME, assay, connect
from tests.servers.running import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LONG = "Count from one to one thousand, in words."


def read_and_kill(call: Call, server: Server, text: list[str]) -> None:
    """Keep the text of a reply, whose server is killed at the first piece."""
    with current_session().stream(call) as events:
        for event in events:
            if isinstance(event, Delta):
                text.append(event.text)
                server.kill()


def test_reply_that_breaks_off_ends_with_an_error(doomed_server: Server) -> None:
    connect(doomed_server)
    options = {"max_output_tokens": 2_000, "temperature": 0}
    call = Call(instrument="playground", prompt=LONG, model=NAME, options=options)
    text: list[str] = []

    with pytest.raises(ProviderUnavailable, match="closed the connection before the reply was"):
        read_and_kill(call, doomed_server, text)

    assert "".join(text)


def test_rows_of_a_server_that_died_say_so_and_those_before_are_kept(
    doomed_server: Server,
) -> None:
    connect(doomed_server)
    rows = [{"thing": f"number {index}"} for index in range(24)]

    def kill_after_three(progress: Progress) -> None:
        if progress.done == 3:
            doomed_server.kill()

    done = playground(
        "Say one word about {{thing}}.",
        data=rows,
        model=NAME,
        max_output_tokens=12,
        temperature=0,
        on_progress=kill_after_three,
    )

    assert isinstance(done, Batch)
    errors = [answer.error for answer in done.answers if answer and answer.error]
    outputs = [output for output in done.outputs if output]
    left = sum(answer is None for answer in done.answers)
    assert done.stopped == "unreachable"
    assert len(outputs) >= 3
    assert left > 0
    assert len(errors) + len(outputs) + left == len(rows)
    assert all(doomed_server.endpoint.removesuffix("/v1") in error for error in errors)
    assert f"{left} row" in str(done)


def test_command_that_asks_a_dead_server_says_that_it_cannot_be_reached(
    doomed_server: Server,
) -> None:
    connect(doomed_server)
    doomed_server.kill()

    done = assay("models", "--ask")

    assert done.status == 1
    assert "cannot be reached" in done.err
