"""The Python surface, from a script: plain calls, awaited calls, threads."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay_nb import (
    KeyPasted,
    ProviderKeyMissing,
    ProviderUnavailable,
    WorkspaceNotFound,
    WrongUsage,
    acritique,
    aimprove,
    ajudge,
    aplayground,
    arewrite,
    critique,
    improve,
    judge,
    lint,
    measure,
    playground,
    rewrite,
    to_gepa,
)
from assay_nb.engine.session import set_session
from tests.canaries import make_canary
from tests.kernel.replies import PROMPT, improvement, rewriting
from tests.kernel.replies import critique as critique_reply
from tests.kernel.stage import Stage, open_stage, store_key
from tests.text.credentials import chars


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    with open_stage(home / "vault") as stage:
        set_session(stage.session(hasty=True))
        yield stage
        set_session(None)


# --- results ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_critique_has_a_score_and_findings(stage: Stage) -> None:
    stage.fake.answers(critique_reply())

    review = critique(PROMPT)

    assert review.score == 5.0
    assert review.findings[0].problem == "The length is left open."
    assert review.to_dict()["schema"] == "assay.critique.v1"


@pytest.mark.slow
@pytest.mark.parametrize("key", ["", "ollama"])
def test_server_of_ones_own_answers_with_a_short_key_or_none(stage: Stage, key: str) -> None:
    stage.fake.keys = None
    session = stage.session()
    store_key(session, "openai", key, stage.fake.endpoint("openai"))
    session.close()
    stage.fake.answers(critique_reply())

    assert critique(PROMPT, model="openai/llama").score == 5.0
    assert playground("Say hello.", model="openai/llama").output == critique_reply()

    assert [call.key for call in stage.fake.calls] == [key or None] * 2
    assert all(("authorization" in call.headers) is bool(key) for call in stage.fake.calls)


def test_improvement_applies_any_subset(stage: Stage) -> None:
    stage.fake.answers(improvement())

    better = improve(PROMPT)

    assert better.text == better.apply([1]) == PROMPT.replace("briefly", "in two sentences")
    assert better.apply([]) == PROMPT


def test_improvement_takes_an_earlier_critique(stage: Stage) -> None:
    stage.fake.answers(critique_reply())
    review = critique(PROMPT)
    stage.fake.answers(improvement(of_findings=True))

    better = improve(PROMPT, findings=review)

    assert "in two sentences" in better.text
    assert "The length is left open." in stage.fake.calls[-1].text


def test_rewrite_has_a_text(stage: Stage) -> None:
    stage.fake.answers(rewriting())

    assert "{{ticket}}" in rewrite(PROMPT, goal="shorter").text


def test_lint_needs_no_vault_at_all() -> None:
    assert lint("Use {{name}} and {name}.").findings


def test_result_says_what_it_used(stage: Stage) -> None:
    stage.fake.answers(critique_reply())

    source = critique(PROMPT, model="openai/gpt-6-luna").provenance

    assert (source.provider, source.model) == ("openai", "gpt-6-luna")
    assert (source.usage.input_tokens, source.usage.output_tokens) == (12, 5)
    assert source.cost is None  # not the provider's own endpoint, so no price is known


# --- awaiting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plain", "awaited"),
    [
        (critique, acritique),
        (improve, aimprove),
        (rewrite, arewrite),
        (playground, aplayground),
        (judge, ajudge),
    ],
    ids=lambda function: function.__name__,
)
def test_async_twins_take_and_return_the_same(plain: Any, awaited: Any) -> None:
    wanted, found = inspect.signature(plain), inspect.signature(awaited)
    only_plain = {"on_progress"}  # what is awaited is watched by its own task

    taken = [one for one in wanted.parameters.values() if one.name not in only_plain]

    assert list(found.parameters.values()) == taken
    assert found.return_annotation == wanted.return_annotation
    assert inspect.iscoroutinefunction(awaited)
    assert plain.__name__ in (awaited.__doc__ or "")


def test_async_twins_give_the_same_results(stage: Stage) -> None:
    async def work() -> list[object]:
        stage.fake.answers(critique_reply())
        results: list[object] = [await acritique(PROMPT)]
        stage.fake.answers(improvement())
        results.append(await aimprove(PROMPT))
        stage.fake.answers(rewriting())
        return [*results, await arewrite(PROMPT)]

    schemas = [result.schema for result in asyncio.run(work())]  # type: ignore[attr-defined]

    assert schemas == ["assay.critique.v1", "assay.improvement.v1", "assay.rewrite.v1"]


def test_awaited_calls_run_at_the_same_time(stage: Stage) -> None:
    stage.fake.answers(critique_reply(), together=10)

    async def work() -> list[object]:
        return await asyncio.gather(*(acritique(PROMPT) for _ in range(10)))

    assert len(asyncio.run(work())) == 10


def test_cancelling_closes_the_connection(stage: Stage) -> None:
    stage.fake.answers("x", fault="stall_headers")

    async def work() -> None:
        task = asyncio.create_task(acritique(PROMPT))
        await asyncio.to_thread(stage.fake.arrived.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())

    assert stage.fake.calls[0].closed.wait(2)


@pytest.mark.slow
def test_time_limit_of_the_caller_closes_the_connection(stage: Stage) -> None:
    stage.fake.answers("x", fault="stall_headers")

    async def work() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(acritique(PROMPT), 0.3)

    asyncio.run(work())

    assert stage.fake.calls[0].closed.wait(2)


def test_one_call_that_fails_leaves_the_others_alone(stage: Stage) -> None:
    stage.fake.answers(critique_reply())

    async def work() -> list[object]:
        calls = [acritique(PROMPT), acritique(""), acritique(PROMPT)]
        return await asyncio.gather(*calls, return_exceptions=True)

    first, second, third = asyncio.run(work())

    assert isinstance(second, WrongUsage)
    assert first.score == third.score == 5.0  # type: ignore[attr-defined]


# --- threads ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_threads_share_the_session(stage: Stage) -> None:
    others = _loops()  # other tests' own
    stage.fake.answers(critique_reply(), delay=0.1)

    with ThreadPoolExecutor(8) as pool:
        scores = {review.score for review in pool.map(lambda _: critique(PROMPT), range(24))}

    assert scores == {5.0}
    assert len(stage.fake.calls) == 24
    assert len(_loops() - others) <= 1


def _loops() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "assay_nb"}


def test_plain_call_works_within_a_running_loop(stage: Stage) -> None:
    stage.fake.answers(critique_reply())

    async def work() -> float | None:
        return critique(PROMPT).score

    assert asyncio.run(work()) == 5.0


def test_many_calls_keep_one_connection_each_and_no_more(stage: Stage) -> None:
    stage.fake.answers(critique_reply())

    for _ in range(5):
        critique(PROMPT)

    assert len(stage.fake.connections) == 1


# --- mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda: critique(""), WrongUsage),
        (lambda: critique("a\x00b"), WrongUsage),
        (lambda: critique("w" * 300_000), WrongUsage),
        (lambda: critique(PROMPT, workspace="nowhere"), WorkspaceNotFound),
        (lambda: critique(PROMPT, model="nope"), WrongUsage),
        (lambda: critique(PROMPT, modle="x"), WrongUsage),
        (lambda: critique(PROMPT, repeat=0), WrongUsage),
        (lambda: improve(PROMPT, accept="1,x"), WrongUsage),
        (lambda: improve(PROMPT, accept=1), WrongUsage),
        (lambda: improve(PROMPT, findings="review"), WrongUsage),
        (lambda: improve(PROMPT, feedback=5), WrongUsage),
        (lambda: rewrite(PROMPT, goal=5), WrongUsage),
        (lambda: critique(PROMPT, model=5), WrongUsage),
        (lambda: critique(PROMPT, workspace=5), WrongUsage),
        (lambda: critique(PROMPT, temperature=float("nan")), WrongUsage),
        (lambda: lint(PROMPT, model=5), WrongUsage),
        (lambda: lint(PROMPT, variables="ticket"), WrongUsage),
        (lambda: lint("w" * 300_000), WrongUsage),
        (lambda: critique(f"Use {make_canary('openai')}."), KeyPasted),
    ],
)
def test_mistake_is_an_error_of_ours_and_nothing_is_sent(ask, error, stage: Stage) -> None:
    with pytest.raises(error):
        ask()

    assert stage.fake.calls == []


FOR_MANY = (
    *({"budget": value} for value in (1.0, 0, 0.0)),
    *({"max_calls": value} for value in (5, 0)),
    {"concurrency": 2},
    {"limit": 1},
    {"sample": 1},
    {"price_in": 1.0, "price_out": 1.0},
    {"fresh": True},
    {"dry_run": True},
)
DATA = [{"word": "a"}, {"word": "b"}]


@pytest.mark.parametrize("given", FOR_MANY, ids=str)
@pytest.mark.parametrize(
    "ask",
    [
        lambda given: playground("Say it.", **given),
        lambda given: asyncio.run(aplayground("Say it.", **given)),
        lambda given: judge("Say it.", "It.", **given),
        lambda given: asyncio.run(ajudge("Say it.", "It.", **given)),
    ],
    ids=["playground", "aplayground", "judge", "ajudge"],
)
def test_a_limit_on_many_calls_is_refused_for_a_single_one(ask, given, stage: Stage) -> None:
    with pytest.raises(WrongUsage, match=rf"^{next(iter(given))} is for .* Nothing was sent\."):
        ask(given)

    assert stage.fake.calls == []


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda: playground("{{word}}", {"word": "c"}, data=DATA), "values is for a single run"),
        (lambda: playground("Hi.", beside="Ho.", limit=1), "limit is for a run over data"),
        (lambda: playground("Hi.", beside="Ho.", keep_empty=True), "keep_empty is for a run over"),
        (lambda: playground("Hi.", keep_empty=True), "keep_empty is for a run over data"),
        (lambda: judge("Hi.", "Ho.", count_cut=True), "count_cut is for a table of outputs"),
        (
            lambda: measure(
                "{{word}}", "Say {{word}}", DATA, lambda row, said: 1.0, judge_model="openai/o"
            ),
            "judge_model is for a run that a judge scores",
        ),
    ],
)
def test_a_setting_that_would_be_passed_over_is_refused(ask, named, stage: Stage) -> None:
    with pytest.raises(WrongUsage, match=f"^{named}"):
        ask()

    assert stage.fake.calls == []


@pytest.mark.slow
def test_a_dry_run_returns_the_plan_that_awaiting_it_returns(stage: Stage) -> None:
    plan = playground("Say {{word}}.", data=DATA, dry_run=True)

    assert plan.to_dict()["calls"] == 2
    assert asyncio.run(aplayground("Say {{word}}.", data=DATA, dry_run=True)) == plan
    assert stage.fake.calls == []


NO_TEXT = {
    "None": (None, "Give the prompt itself"),
    "an int": (5, "Give the prompt itself"),
    "bytes": (b"text", '`.decode("utf-8")`'),
    "a list": (["one", "two"], "Give one prompt at a time"),
    "a dict": ({"prompt": "one"}, "Give one prompt at a time"),
    "a Path": (Path("prompt.txt"), "`Path.read_text()`"),
}
TAKING_A_PROMPT = {
    "critique": critique,
    "improve": improve,
    "rewrite": rewrite,
    "lint": lint,
    "playground": playground,
    "playground with data": lambda prompt: playground(prompt, data=[{"a": 1}]),
    "judge": lambda prompt: judge(prompt, "An answer."),
    "measure": lambda prompt: measure(prompt, data=[{"a": 1}], metric=lambda row, output: 1),
    "to_gepa": lambda prompt: to_gepa(prompt, [{"a": 1}], lambda row, output: 1),
    "acritique": lambda prompt: asyncio.run(acritique(prompt)),
    "aimprove": lambda prompt: asyncio.run(aimprove(prompt)),
    "arewrite": lambda prompt: asyncio.run(arewrite(prompt)),
    "aplayground": lambda prompt: asyncio.run(aplayground(prompt)),
    "ajudge": lambda prompt: asyncio.run(ajudge(prompt, "An answer.")),
}


@pytest.mark.parametrize("kind", NO_TEXT)
@pytest.mark.parametrize("name", TAKING_A_PROMPT)
def test_what_is_not_a_prompt_is_told_what_it_is_and_what_to_give(
    name: str, kind: str, stage: Stage
) -> None:
    value, hint = NO_TEXT[kind]
    named = kind.replace("Path", type(value).__name__)  # PosixPath, WindowsPath

    with pytest.raises(WrongUsage) as caught:
        TAKING_A_PROMPT[name](value)

    assert caught.value.message == f"The prompt has to be text, and this is {named}."
    assert hint in (caught.value.hint or "")
    assert stage.fake.calls == []


def test_secret_is_refused_by_the_engine_without_a_word_of_a_history(stage: Stage) -> None:
    with pytest.raises(KeyPasted) as caught:
        rewrite(PROMPT, goal=f"Use password: {chars(24)}.")

    assert caught.value.message == (
        "The value of 'goal' holds something shaped like a secret (password: …), "
        "so this call was not sent to a model."
    )
    assert caught.value.hint == (
        "Take it out, or put it in other words. If it is real, replace it."
    )
    assert stage.fake.calls == []


def test_missing_key_says_where_to_get_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    set_session(None)

    with pytest.raises(ProviderKeyMissing) as caught:
        critique(PROMPT)
    set_session(None)

    assert "https://" in str(caught.value)
    assert "keys set google" in str(caught.value)


@pytest.mark.slow
def test_silent_provider_is_given_up(stage: Stage) -> None:
    stage.fake.answers("x", fault="stall_headers")

    with pytest.raises(ProviderUnavailable):
        critique(PROMPT)


# --- a script ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "print(critique(P).score)",
        "import asyncio; print(asyncio.run(acritique(P)).score)",
        "import asyncio; print(asyncio.run(acritique(P)).score); print(critique(P).score)",
        "import threading; t = threading.Thread(target=lambda: print(critique(P).score)); t.start(); t.join()",
    ],
)
def test_script_ends_by_itself_and_warns_of_nothing(script: str, stage: Stage) -> None:
    stage.fake.answers(critique_reply())

    done = run_script(script, "-W", "always::ResourceWarning")

    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == {"5.0"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_child_makes_calls_of_its_own_and_ends(stage: Stage) -> None:
    stage.fake.answers(critique_reply())
    script = (
        "import os, sys; print(critique(P).score, flush=True)\n"
        "child = os.fork()\n"
        "print(critique(P).score, flush=True)\n"
        "if child: sys.exit(os.waitpid(child, 0)[1])\n"
    )

    done = run_script(script, "-W", "ignore::DeprecationWarning")  # Python 3.12 warns of any fork

    assert (done.returncode, done.stdout.split()) == (0, ["5.0"] * 3)


@pytest.mark.slow
def test_script_that_stops_in_the_middle_of_a_call_ends(stage: Stage) -> None:
    stage.fake.answers("x", fault="stall_headers")
    script = (
        "import sys, threading\n"
        "threading.Thread(target=critique, args=(P,), daemon=True).start()\n"
        "sys.stdin.read()\n"
    )

    with subprocess.Popen(command_of(script), stdin=subprocess.PIPE) as child:
        arrived = stage.fake.arrived.wait(30)
        child.communicate(timeout=30)

    assert arrived
    assert child.returncode == 0
    assert stage.fake.calls[0].closed.wait(5)


def run_script(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = command_of(script, *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def command_of(script: str, *options: str) -> list[str]:
    code = f"from assay_nb import critique, acritique\nP = {PROMPT!r}\n{script}"
    return [sys.executable, *options, "-c", code]
