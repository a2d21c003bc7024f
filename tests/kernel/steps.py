"""What a person does with a key, and each way in which that fails.

A step takes a stage and a session. Those in `FAILING` raise; `FINE` holds the ones that do not. Keys go
in through the same command that a person types.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from assay_nb.commands import tree
from assay_nb.commands.outcome import Outcome
from assay_nb.egress import key_header
from assay_nb.engine.call import Call
from assay_nb.engine.events import Finished
from assay_nb.engine.session import Session
from assay_nb.experiments.run.progress import Progress
from assay_nb.instruments.base import Result
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.vault import vault as vault_module
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_tls import Authority
from tests.kernel.replies import PROMPT, critique
from tests.kernel.stage import Stage
from tests.tools import unused_port

Step = Callable[[Stage, Session], object]


class FixedDesk:
    """Somebody who types one key."""

    answers = True

    def __init__(self, key: str = "") -> None:
        self._key = key

    def read_key(self, prompt: str) -> bytearray:
        return bytearray(self._key.encode())

    def confirm(self, question: str) -> bool:
        return True

    def say(self, line: str) -> None:
        print(line)

    def watch(self, progress: Progress) -> None:
        print(progress.line)


def run_command(session: Session, line: str, key: str = "") -> Outcome:
    """Carry out a sub-command, as both faces do."""
    parser, _ = tree.build_parser("assay-nb", "")
    return tree.run(session, parser.parse_line(line), FixedDesk(key))


def ask(session: Session, provider: ProviderId = "anthropic") -> Result:
    """Make one call, reading its events as a magic does."""
    call = Call(instrument="critique", prompt=PROMPT, model=f"{provider}/some-model")
    with session.stream(call) as events:
        for event in events:
            if isinstance(event, Finished):
                return event.result
    raise AssertionError("a call ended without a result")


# --- what goes well ---------------------------------------------------------------------------------


def save(stage: Stage, session: Session) -> list[str]:
    """Save each key again, asking its provider."""
    lines = [f"keys set {name} --endpoint {stage.fake.endpoint(name)}" for name in PROVIDERS]
    saved = [
        run_command(session, line, stage.keys[name])
        for line, name in zip(lines, PROVIDERS, strict=True)
    ]
    return [repr(outcome) + repr(outcome.data) for outcome in saved]


def call(stage: Stage, session: Session) -> list[str]:
    stage.fake.answers(critique())
    results = [ask(session, provider) for provider in PROVIDERS]
    return [repr(result) + repr(result.to_dict()) for result in results]


def look(stage: Stage, session: Session) -> list[str]:
    lines = ("status", "keys list", "keys test google", "calls", "models --ask", "doctor")
    return [repr(shown := run_command(session, line)) + repr(shown.data) for line in lines]


def rotate(stage: Stage, session: Session) -> list[str]:
    lines = ("master rotate", "master status", "keys list")
    return [repr(run_command(session, line)) for line in lines]


def remove(stage: Stage, session: Session) -> list[str]:
    return [repr(run_command(session, f"keys remove {name}")) for name in PROVIDERS]


FINE: tuple[Step, ...] = (save, call, look, rotate)
"""In this order. `remove` is not among them, since nothing can be done after it."""

# --- what fails -------------------------------------------------------------------------------------


def save_refused(stage: Stage, session: Session) -> object:
    stage.fake.keys = {"another"}
    return save(stage, session)


def save_unreachable(stage: Stage, session: Session) -> object:
    line = f"keys set anthropic --endpoint http://127.0.0.1:{unused_port()}"
    return run_command(session, line, stage.keys["anthropic"])


def save_to_a_forbidden_place(stage: Stage, session: Session) -> object:
    line = "keys set anthropic --endpoint http://evil.example"
    return run_command(session, line, stage.keys["anthropic"])


def save_with_a_letter_that_no_header_has(stage: Stage, session: Session) -> object:
    return _save_one(stage, session, f"{stage.keys['anthropic']}é")


def save_with_a_line_break_within(stage: Stage, session: Session) -> object:
    key = stage.keys["anthropic"]
    return _save_one(stage, session, f"{key[:-30]}\r\n{key[-30:]}")


def save_while_another_process_writes(stage: Stage, session: Session) -> object:
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            return save(stage, session)
        finally:
            other.rollback()


def save_with_a_fault_of_ours(stage: Stage, session: Session) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault_module, "seal_row", _broken)
        return save(stage, session)


def call_refused(stage: Stage, session: Session) -> object:
    stage.fake.keys = {"another"}
    return ask(session)


def call_answered(**answer: object) -> Step:
    def step(stage: Stage, session: Session) -> object:
        stage.fake.answers(**answer)  # type: ignore[arg-type] # the fake checks its own options
        return ask(session)

    return step


def call_with_a_fault_of_ours(stage: Stage, session: Session) -> object:
    """Our own code breaks at the worst moment: the key is open, and about to be written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_header, "header_for", _broken)
        return ask(session)


def call_with_a_fault_of_the_http_library(stage: Stage, session: Session) -> object:
    """The library beneath breaks while it has the header in its hands."""
    import h11

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h11.Connection, "send", _broken)
        return ask(session)


def call_to_a_server_that_cannot_prove_its_name(stage: Stage, session: Session) -> object:
    with TemporaryDirectory() as folder:
        context = Authority(Path(folder)).context("elsewhere.example", own=True)
        with FakeProviders(tls=context) as other:
            endpoint = f"https://localhost:{other.port}/anthropic"
            line = f"keys set anthropic --unverified --endpoint {endpoint}"
            run_command(session, line, stage.keys["anthropic"])
            return ask(session)


def call_cancelled(stage: Stage, session: Session) -> object:
    """The task that awaits a call is cancelled while the reply streams."""
    stage.fake.answers("Hello", fault="stall")

    async def work() -> object:
        asking = asyncio.create_task(session.portal.wait(_first_of, session))
        await asyncio.to_thread(stage.fake.arrived.wait, 30)
        asking.cancel()
        return await asking

    return asyncio.run(work())


def call_interrupted(stage: Stage, session: Session) -> object:
    """Somebody presses Ctrl-C while the reply streams."""
    stage.fake.answers("Hello", fault="stall")

    def press() -> None:
        stage.fake.arrived.wait(30)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        return ask(session)
    finally:
        presser.join()


def call_with_an_edited_row(stage: Stage, session: Session) -> object:
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        other.execute("UPDATE provider_keys SET origin = 'https://evil.example:443'")
        other.commit()
    return ask(session)


def call_without_the_master_key(stage: Stage, session: Session) -> object:
    (stage.home / "master.key").rename(stage.home / "master.away")
    return ask(session)


FAILING: dict[str, Step] = {
    "save: 401": save_refused,
    "save: no server": save_unreachable,
    "save: forbidden place": save_to_a_forbidden_place,
    "save: é in the key": save_with_a_letter_that_no_header_has,
    "save: line break in the key": save_with_a_line_break_within,
    "save: locked database": save_while_another_process_writes,
    "save: fault of ours": save_with_a_fault_of_ours,
    "call: 401": call_refused,
    "call: 403": call_answered(status=403),
    "call: 429": call_answered(status=429, retry_after="60"),
    "call: 500": call_answered(status=500),
    "call: silence": call_answered(fault="stall"),
    "call: cut": call_answered(fault="cut"),
    "call: garbage": call_answered(fault="garbage"),
    "call: redirect": call_answered(status=307, location="http://127.0.0.1:9/"),
    "call: key quoted in an error": call_answered(fault="echo_error"),
    "call: key quoted in a reply": call_answered(fault="echo_body"),
    "call: key quoted in a header": call_answered(fault="echo_header"),
    "call: fault of ours": call_with_a_fault_of_ours,
    "call: fault of the library": call_with_a_fault_of_the_http_library,
    "call: TLS": call_to_a_server_that_cannot_prove_its_name,
    "call: cancelled": call_cancelled,
    "call: interrupted": call_interrupted,
    "call: edited row": call_with_an_edited_row,
    "call: sealed vault": call_without_the_master_key,
}


async def _first_of(session: Session) -> object:
    request = Call(instrument="critique", prompt=PROMPT)
    async for event in session.engine.run(request):
        if isinstance(event, Finished):
            return event.result
    return None


def _save_one(stage: Stage, session: Session, key: str) -> object:
    return run_command(
        session, f"keys set anthropic --endpoint {stage.fake.endpoint('anthropic')}", key
    )


def _broken(*_: object, **__: object) -> object:
    raise RuntimeError("something broke")
