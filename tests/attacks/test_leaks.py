"""A key does not get out by a log, a traceback, an object or a reply, whichever step fails.

Each step runs as a person would take it, against a scripted provider; the filter that keeps the SDKs'
own logs quiet is switched off.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay_nb import errors
from assay_nb.egress import key_header
from assay_nb.egress.echo import EchoScanner
from assay_nb.engine.call import Call
from assay_nb.engine.session import Session
from assay_nb.providers import log_muting, retry, transport
from tests.attacks.looking import FORMS, reach, views_of, without_test_frames
from tests.canaries import find_canary
from tests.kernel.replies import PROMPT, chunks, critique
from tests.kernel.stage import Stage, open_stage
from tests.kernel.steps import FAILING, FINE, ask, remove, run_command

# --- the surroundings -------------------------------------------------------------------------------


class Recorder(logging.Handler):
    """Keeps everything that a record holds, and not only what its message shows."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [self.format(record), repr(vars(record)), repr(record.args)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@contextmanager
def every_logger(*, filtered: bool = False) -> Iterator[Recorder]:
    """Have every logger log everything, those that come later too; by default with no filter."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        if not filtered:
            patch.setattr(log_muting._Mute, "filter", lambda self, record: True)
        patch.setattr(logging.root, "level", logging.DEBUG)
        patch.setattr(logging.root.manager, "disable", 0)
        for logger in list(logging.root.manager.loggerDict.values()):
            if isinstance(logger, logging.Logger):
                patch.setattr(logger, "level", logging.NOTSET)
                patch.setattr(logger, "disabled", False)
                patch.setattr(logger, "propagate", True)
        logging.root.manager._clear_cache()  # type: ignore[attr-defined] # levels are remembered there
        logging.root.addHandler(recorder)
        try:
            yield recorder
        finally:
            logging.root.removeHandler(recorder)
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: 0.0)


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    with open_stage(home / "vault") as stage:
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(say=print, hasty=True)
    session.portal.call(_tell_of_every_callback)
    yield session
    session.close()


async def _tell_of_every_callback() -> None:
    """Let asyncio log each callback with its arguments, as it does for slow ones in debug mode."""
    asyncio.get_running_loop().slow_callback_duration = 0.0


def failure_of(name: str, stage: Stage, session: Session) -> BaseException:
    """Take a step that fails, and return what it failed with."""
    try:
        FAILING[name](stage, session)
    except BaseException as error:
        return error
    raise AssertionError(f"{name} did not fail")


# --- 29: logs and output ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a029_no_key_in_any_log_or_output_when_all_goes_well(
    stage: Stage, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every logger at DEBUG, asyncio's debug mode: save, call, list, rotate, remove → no trace."""
    with every_logger() as recorder:
        shown = [line for step in (*FINE, remove) for line in step(stage, session)]

    assert len(stage.fake.calls) > 6
    assert {call.key for call in stage.fake.calls} == set(stage.keys.values())
    assert stage.traces_in("\n".join([*shown, *capfd.readouterr(), recorder.text])) == {}


LOGGED_BY_OTHERS = "call: key quoted in a header"
"""At DEBUG the HTTP library logs response headers before we see them, and here one holds the key."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*FAILING} - {LOGGED_BY_OTHERS}))
def test_a029_no_key_in_any_log_or_output_when_a_step_fails(
    name: str, stage: Stage, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same while a step fails, in each way that there is → no trace."""
    with every_logger() as recorder:
        error = failure_of(name, stage, session)
        logging.getLogger("anybody").error("It failed.", exc_info=error)

    assert "It failed." in recorder.text
    assert stage.traces_in("\n".join([*capfd.readouterr(), recorder.text])) == {}


def test_a029_no_key_in_any_log_when_an_upstream_puts_it_into_a_header(
    stage: Stage, session: Session
) -> None:
    """The one case that the filter on other libraries' loggers is needed for: with it on → no trace."""
    with every_logger(filtered=True) as recorder:
        failure_of(LOGGED_BY_OTHERS, stage, session)

    assert stage.traces_in(recorder.text) == {}


def test_a029_control_without_the_filter_that_header_is_logged(
    stage: Stage, session: Session
) -> None:
    """Positive control: the same with the filter off → the key is in the HTTP library's log."""
    with every_logger() as recorder:
        failure_of(LOGGED_BY_OTHERS, stage, session)

    assert "raw" in stage.traces_in(recorder.text)["anthropic"]


def test_a029_control_a_key_logged_by_the_http_library_within_a_call_is_found(
    stage: Stage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: a library that logs the header it writes → found, since no filter is on."""
    make_header = key_header.header_for

    def telling(*arguments: object) -> object:
        header = make_header(*arguments)  # type: ignore[arg-type]
        logging.getLogger("httpcore2.http11").debug("sending %r", header)
        return header

    monkeypatch.setattr(key_header, "header_for", telling)
    stage.fake.answers(critique())
    with every_logger() as recorder:
        ask(session, "openai")

    assert "raw" in stage.traces_in(recorder.text)["openai"]


@pytest.mark.parametrize("sink", ["stdout", "stderr"])
def test_a029_control_a_key_in_the_output_is_found(
    sink: str, stage: Stage, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    """Positive control: the key written to the descriptor itself → found."""
    os.write(1 if sink == "stdout" else 2, stage.keys["google"].encode())

    assert "google" in stage.traces_in("".join(capfd.readouterr()))


def test_a029_no_key_in_the_files_of_the_vault(stage: Stage, session: Session) -> None:
    """The audit, the log of calls, the database and what lies beside it, after everything → no trace."""
    for step in FINE:
        step(stage, session)
    failure_of("call: 401", stage, session)

    assert len(list(stage.home.iterdir())) >= 2
    assert stage.traces_under(stage.home) == {}


def test_a029_control_a_key_in_a_file_of_the_vault_is_found(stage: Stage) -> None:
    """Positive control: the key appended to the database → found."""
    with (stage.home / "vault.sqlite").open("ab") as file:
        file.write(stage.keys["openai"].encode())

    assert list(stage.traces_under(stage.home)["openai"]) == ["vault.sqlite"]


# --- 30: tracebacks ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILING)
def test_a030_no_key_in_a_traceback_with_local_variables(
    name: str, stage: Stage, session: Session
) -> None:
    """Verbose tracebacks of Python, IPython and rich, and a walk over all locals → no trace."""
    error = without_test_frames(failure_of(name, stage, session))

    shown = {form: show(error) for form, show in FORMS.items()}

    assert all(shown.values())
    assert {form: hits for form, text in shown.items() if (hits := stage.traces_in(text))} == {}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a030_control_a_key_in_a_local_variable_is_found(
    form: str, stage: Stage, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: one local variable of a failing frame holds the key → found by each form."""
    key = stage.keys["anthropic"]
    place = tmp_path / "planted.py"
    place.write_text(
        "def broken(self, name):\n    key = bring()\n    raise RuntimeError(len(key))\n"
    )
    scope: dict[str, object] = {"bring": lambda: key}
    exec(compile(place.read_text(), str(place), "exec"), scope)
    monkeypatch.setattr("assay_nb.engine.local.control.LocalControl._workspace", scope["broken"])
    with pytest.raises(RuntimeError) as caught:
        run_command(session, "keys list")

    shown = FORMS[form](without_test_frames(caught.value))

    assert "raw" in find_canary(shown, key)


def test_a030_control_the_library_by_itself_keeps_the_header_in_its_frames(
    stage: Stage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: with our transport's cut taken out, the frames beneath show the key."""
    seen: list[str] = []
    send = transport.Transport._send

    async def uncut(self: object, *arguments: object) -> object:
        try:
            return await send(self, *arguments)  # type: ignore[arg-type]
        except RuntimeError as error:
            seen.append(FORMS["reach"](error))
            raise

    monkeypatch.setattr(transport.Transport, "_send", uncut)

    failure_of("call: fault of the library", stage, session)

    assert "raw" in stage.traces_in(seen[0])["anthropic"]


# --- 31: objects ------------------------------------------------------------------------------------


def public_objects(stage: Stage, session: Session) -> dict[str, object]:
    """Return one of everything that a person's own code can get hold of without reaching for a key."""
    stage.fake.answers(critique())
    call = Call(instrument="critique", prompt=PROMPT)
    with session.stream(call) as events:
        seen = list(events)
    control, engine = session.control, session.engine
    resources = vars(engine)["_resources"]
    workspace = resources.workspaces.active("me")
    return {
        "session": session,
        "portal": session.portal,
        "engine": engine,
        "control": control,
        "backing": resources,
        "vault": resources.vault,
        "database": resources.database,
        "key store": resources.keystore,
        "egress": resources.egress,
        "stored keys": resources.vault.find_keys(workspace.id),
        "credential": engine._credential(
            session.portal.call(engine._planner.plan, call, _instrument())
        ),
        "call": call,
        "events": seen,
        "result": seen[-1].result,
        "standing": session.portal.call(control.standing),
        "keys": session.portal.call(control.keys, None),
        "calls": session.portal.call(control.calls, None, 10),
        "doctor": session.portal.call(control.doctor),
        "outcome": run_command(session, "status"),
        "error": failure_of("call: 401", stage, session),
    }


def _instrument() -> object:
    from assay_nb.instruments.catalog import INSTRUMENTS

    return INSTRUMENTS["critique"]


def test_a031_no_form_of_a_public_object_holds_a_key(stage: Stage, session: Session) -> None:
    """repr, str, format, vars, asdict, json, copy, deepcopy, pickle of each → no trace, or refused."""
    objects = public_objects(stage, session)

    found = {name: stage.traces_in("\n".join(views_of(thing))) for name, thing in objects.items()}

    assert {name: hits for name, hits in found.items() if hits} == {}


def test_a031_nothing_that_a_public_object_leads_to_holds_a_key(
    stage: Stage, session: Session
) -> None:
    """Hidden fields and closures, many steps deep, after a call → no trace."""
    objects = public_objects(stage, session)

    found = {
        name: stage.traces_in("\n".join(reach([thing], depth=12)))
        for name, thing in objects.items()
    }

    assert {name: hits for name, hits in found.items() if hits} == {}


def test_a031_an_open_key_shows_itself_in_no_form(stage: Stage, session: Session) -> None:
    """The same while a key is open, of the opened key and its secret → no trace, or refused."""
    resources = vars(session.engine)["_resources"]
    workspace = resources.workspaces.active("me")

    with resources.vault.open_key(workspace.id, "anthropic") as opened:
        texts = [text for thing in (opened, [opened], {"k": opened}) for text in shapes(thing)]

    assert stage.traces_in("\n".join(texts)) == {}


def shapes(thing: object) -> Iterator[str]:
    """Yield the forms that show a thing, without those that reach for what it hides."""
    yield from (repr(thing), str(thing), f"{thing}", f"{thing!r:>40}")
    try:
        yield pickle.dumps(thing).decode("latin-1")
    except TypeError as refused:
        yield str(refused)


@pytest.mark.parametrize("name", ["credential", "vault", "session"])
def test_a031_what_leads_to_a_key_cannot_be_pickled(
    name: str, stage: Stage, session: Session
) -> None:
    """Pickled into a cache or to a worker → refused."""
    thing = public_objects(stage, session)[name]

    with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
        pickle.dumps(thing)


def test_a031_control_a_key_in_a_hidden_field_is_found(stage: Stage, session: Session) -> None:
    """Positive control: the key in a private field of the engine → found by looking and by reach."""
    session.engine._hidden = {"headers": [("x-api-key", stage.keys["google"])]}  # type: ignore[attr-defined]

    assert "google" in stage.traces_in("\n".join(views_of(session.engine)))
    assert "google" in stage.traces_in("\n".join(reach([session], depth=12)))


# --- 32: keys that no header can hold ---------------------------------------------------------------

DAMAGE = {
    "a line feed within": "{0}\n{1}",
    "a carriage return within": "{0}\r{1}",
    "both within": "{0}\r\n{1}",
    "a space within": "{0} {1}",
    "a letter outside ASCII": "{0}é{1}",
    "a header of its own": "{0}\r\nX-Evil: {1}",
    "NUL": "{0}\x00{1}",
}


@pytest.mark.parametrize("how", ["", " --unverified"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a032_a_damaged_key_is_refused_without_a_part_of_it(
    damage: str, how: str, stage: Stage, session: Session
) -> None:
    """Typed with a line end, a blank, an accent inside → refused before anything is sent or stored."""
    key = stage.keys["anthropic"]
    typed = DAMAGE[damage].format(key[:-30], key[-30:])
    before = session.portal.call(session.control.keys, None)
    line = f"keys set anthropic --endpoint {stage.fake.endpoint('anthropic')}{how}"

    with pytest.raises(errors.WrongUsage) as caught:
        run_command(session, line, typed)

    shown = "".join(show(without_test_frames(caught.value)) for show in FORMS.values())
    assert stage.traces_in(str(caught.value) + shown) == {}
    assert key[:-30] not in shown
    assert session.portal.call(session.control.keys, None) == before
    assert stage.fake.calls == []


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "  {}\t", "\n{}"])
def test_a032_blanks_that_pasting_brings_along_are_no_part_of_the_key(
    around: str, stage: Stage, session: Session
) -> None:
    """A key with a line end behind it, as `echo` pipes it → stored and sent without."""
    key = stage.keys["anthropic"]

    run_command(
        session,
        f"keys set anthropic --endpoint {stage.fake.endpoint('anthropic')}",
        around.format(key),
    )

    assert stage.fake.calls[-1].key == key


@pytest.mark.parametrize("damage", DAMAGE)
def test_a032_control_an_error_that_quotes_a_damaged_key_is_found(
    damage: str, stage: Stage
) -> None:
    """Positive control: what was typed, quoted as the HTTP library would → found."""
    key = stage.keys["anthropic"]
    typed = DAMAGE[damage].format(key[:-30], key[-30:]).encode()

    assert "raw" in stage.traces_in(f"Illegal header value {typed!r}")["anthropic"]


# --- 33: what comes back ----------------------------------------------------------------------------

ECHOES = ("body", "split", "base64", "url", "json", "header", "error")


@pytest.mark.slow
@pytest.mark.parametrize("form", ECHOES)
@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_a033_an_upstream_that_quotes_the_key_gets_nothing_of_it_to_the_person(
    provider: str, form: str, stage: Stage, session: Session
) -> None:
    """Headers quoted in a reply, an error, a header, split, encoded → cut off; no event has a part."""
    stage.fake.answers(*chunks(critique()), fault=f"echo_{form}", fault_after=1)
    call = Call(instrument="critique", prompt=PROMPT, model=f"{provider}/some-model")
    seen: list[object] = []

    with session.stream(call) as events, pytest.raises(errors.ProviderError) as caught:
        seen.extend(events)

    shown = "".join(show(without_test_frames(caught.value)) for show in FORMS.values())
    assert stage.traces_in(repr(seen) + str(caught.value) + shown) == {}
    assert stage.fake.calls[-1].key == stage.keys[provider]  # type: ignore[index]


def test_a033_control_with_the_scanner_asleep_the_key_comes_through(
    stage: Stage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: the same server, nobody looking → the key is in the events."""
    monkeypatch.setattr(EchoScanner, "arm", lambda self, key: None)
    stage.fake.answers(*chunks(critique()), fault="echo_body", fault_after=1)
    seen: list[object] = []

    call = Call(instrument="critique", prompt=PROMPT)
    with session.stream(call) as events:
        seen.extend(events)

    assert "raw" in stage.traces_in(repr(seen))["anthropic"]


# --- 107: the promise -------------------------------------------------------------------------------


def test_a107_doctor_says_who_can_get_at_a_key(stage: Stage, session: Session) -> None:
    """Somebody takes solo mode for isolation from notebook code → `doctor` says that it is none."""
    text = " ".join(repr(run_command(session, "doctor")).split())

    assert "Code that runs as you, notebook cells and installed packages included, can" in text
    assert "Hub mode keeps keys out of reach of notebook code" in text
