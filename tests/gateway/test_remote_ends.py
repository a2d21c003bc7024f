"""How a reply ended, on a hub: from a provider through the gateway into a kernel that has no key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay_nb import (
    BadReply,
    Batch,
    ProviderError,
    Run,
    cli,
    critique,
    judge,
    playground,
)
from assay_nb.engine.call import Call
from assay_nb.engine.session import current_session, set_session
from assay_nb.experiments.grading.judged_rows import Judgements
from tests.fakes.providers import Answer, FakeProviders
from tests.fakes.providers import Call as Request
from tests.gateway.processes import place, threaded_hub
from tests.instruments.driving import make_mark
from tests.kernel.replies import critique as critique_reply
from tests.magics.shells import Shell, open_shell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROMPT = "Sort this ticket: {{ticket}}"
MODELS = {
    "anthropic": "anthropic/claude-sonnet-4-6",
    "openai": "openai/gpt-6.2-sol",
    "google": "google/gemini-3.8-flash",
}
CUT = Answer(chunks=("half of i",), stop="length")
BAD = {
    "length": CUT,
    "filtered": Answer(chunks=("half",), stop="filtered"),
    "refusal": Answer(chunks=("",), stop="refusal"),
    "incomplete": Answer(chunks=("half",), finish=""),
    "empty": Answer(chunks=("",)),
}


@dataclass
class Hub:
    """A running gateway before a scripted provider, and a person's token for it."""

    fake: FakeProviders
    url: str
    token: str

    def answer(self, **bad: Answer) -> None:
        """Answer the rows that are named with these, and the others "fine"."""
        fine = Answer(chunks=("fine",))

        def choose(call: Request) -> Answer:
            if "criteria" in call.text:
                one = make_mark("yes")
                return Answer(chunks=(json.dumps(one),))
            return next((bad[name] for name in bad if f"<{name}>" in call.text), fine)

        self.fake.calls.clear()
        self.fake.answer_by(choose)

    def asked(self) -> int:
        return len([call for call in self.fake.calls if call.method == "POST"])


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    limits = "[limits]\ncalls_per_minute = 100000\ncalls_at_once = 64\n"
    with threaded_hub() as hub, FakeProviders() as fake, place(hub, fake, toml=limits) as where:
        gateway = where.start().wait_ready()
        try:
            one = Hub(fake, gateway.url, hub.add("ada"))
            headers = {"Authorization": f"token {one.token}"}
            told = httpx2.get(f"{gateway.url}api/v1/workspaces/-", headers=headers).json()
            for provider in ("anthropic", "openai", "google"):
                where.store_key(bytes.fromhex(told["id"]), provider)
            yield one
        finally:
            gateway.stop()


@pytest.fixture
def hub(running: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A kernel's surroundings: the gateway's address, a hub token, and an empty directory to work in."""
    monkeypatch.setenv("ASSAY_HOME", str(home / "assay"))
    monkeypatch.setenv("ASSAY_GATEWAY_URL", running.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", running.token)
    monkeypatch.chdir(home)
    set_session(None)
    running.answer()
    yield running
    set_session(None)


@pytest.fixture
def shell(hub: Hub, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with open_shell(capsys) as shell:
        yield shell


def make_rows(count: int) -> list[dict[str, str]]:
    return [{"ticket": f"<t{number}>"} for number in range(count)]


def play(count: int = 3, provider: str = "anthropic", **settings: Any) -> Batch:
    batch = playground(PROMPT, data=make_rows(count), model=MODELS[provider], **settings)
    assert isinstance(batch, Batch)
    return batch


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("end", BAD)
def test_a_table_says_how_each_reply_ended_and_asks_again(
    hub: Hub, provider: str, end: str
) -> None:
    hub.answer(t1=BAD[end])
    batch = play(provider=provider)
    hub.answer()

    again = play(provider=provider)

    told = "refusal" if (provider, end) == ("anthropic", "filtered") else end
    assert batch.stops == ["end", told, "end"]
    assert batch.ends == {"whole": 2, told: 1}
    assert (again.ends, hub.asked()) == ({"whole": 3}, 1)


@pytest.mark.parametrize("provider", MODELS)
def test_thoughts_are_known_of_on_this_side_too(hub: Hub, provider: str) -> None:
    hub.answer(t0=Answer(chunks=("",), thinking="Let me think.", thinking_tokens=20))

    run = playground(PROMPT, {"ticket": "<t0>"}, model=MODELS[provider])

    assert isinstance(run, Run)
    assert (run.stop, run.thought) == ("empty", True)
    assert "used its output tokens for thinking" in repr(run)


@pytest.mark.parametrize("end", ["length", "refusal", "incomplete"])
def test_an_error_about_a_reply_keeps_why_it_ended(hub: Hub, end: str) -> None:
    hub.fake.answer_by(lambda call: BAD[end])

    with pytest.raises(BadReply) as caught:
        critique("Summarise the ticket.", model=MODELS["anthropic"])

    assert caught.value.stop == end
    assert caught.value.hint


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_row_that_the_provider_refuses_is_one_rows_affair(hub: Hub, status: int) -> None:
    hub.answer(t1=Answer(status=status))

    assert play().ends == {"whole": 2, "failed": 1}


def test_a_status_that_would_hit_every_row_ends_the_run_with_what_is_there(hub: Hub) -> None:
    hub.answer(t2=Answer(status=402))

    with pytest.raises(ProviderError) as caught:
        play(9, concurrency=1)

    assert (caught.value.partial.done, caught.value.partial.stopped) == (2, "failed")


def test_a_cut_reply_is_not_judged(hub: Hub) -> None:
    hub.answer(t1=CUT)
    batch = play()

    judged = judge(PROMPT, batch, rubric="- It is fine.")
    every = judge(PROMPT, batch, rubric="- It is fine.", count_cut=True)

    assert isinstance(judged, Judgements)
    assert isinstance(every, Judgements)
    assert judged.scores == [1.0, None, 1.0]
    assert every.scores == [1.0, 1.0, 1.0]


def test_a_suite_counts_a_cut_reply_as_nothing(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.answer(t1=CUT)
    cases = [{"values": row, "expect": {"contains": "fine"}} for row in make_rows(2)]
    suite = {"prompt": PROMPT, "cases": cases, "model": MODELS["anthropic"]}
    Path("suite.json").write_text(json.dumps(suite))

    assert cli.main(["eval", "suite.json"]) == 1

    assert "counts 0: 1 cut at the token limit." in " ".join(capsys.readouterr().out.split())


def test_a_magic_keeps_what_is_there_of_a_run_that_failed(hub: Hub, shell: Shell) -> None:
    hub.answer(t1=CUT, t3=Answer(status=401))
    shell.ip.user_ns["rows"] = make_rows(6)

    ran = shell.run(
        f"%%playground --data rows --concurrency 1 -m {MODELS['anthropic']} -o out\n{PROMPT}"
    )

    assert ran.error is not None
    assert shell["out"].ends == {"whole": 2, "length": 1, "not reached": 3}


# --- requests that a call may make ------------------------------------------------------------------


def ask(max_requests: int | None) -> Any:
    """Ask for a critique that may make so many requests."""
    session = current_session()
    call = Call(
        instrument="critique",
        prompt="Summarise the ticket.",
        model=MODELS["anthropic"],
        max_requests=max_requests,
    )
    return session.portal.call(session.engine.ask, call)


def test_a_call_makes_no_more_requests_than_it_may(hub: Hub) -> None:
    hub.fake.calls.clear()
    hub.fake.queue(Answer(chunks=("no JSON",)))
    hub.fake.answers(critique_reply())

    with pytest.raises(BadReply, match="its limit of 1 is reached"):
        ask(1)

    assert hub.asked() == 1


@pytest.mark.parametrize("number", [2, None])
def test_a_call_repairs_a_reply_where_it_may(hub: Hub, number: int | None) -> None:
    hub.fake.calls.clear()
    hub.fake.queue(Answer(chunks=("no JSON",)))
    hub.fake.answers(critique_reply())

    assert ask(number).verdict is not None
    assert hub.asked() == 2


def test_a_provider_that_is_down_is_asked_no_more_often_than_a_call_may(hub: Hub) -> None:
    hub.fake.calls.clear()
    hub.fake.answers("x", status=503)

    with pytest.raises(ProviderError):
        ask(1)

    assert hub.asked() == 1
