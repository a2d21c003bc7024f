"""A session without a network: a model with known truth answers, through the real instruments.

What a sentence in a prompt does to the pass rate is set here, so a test knows whether a new prompt is truly
better, and can hold the verdict against it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay_nb.config import Config
from assay_nb.engine import call as seams
from assay_nb.engine.call import Call
from assay_nb.engine.control import KeyFacts, ModelFacts, WorkspaceFacts
from assay_nb.engine.events import Event, Finished, Started
from assay_nb.engine.portal import Portal
from assay_nb.experiments.run.pace import Clock
from assay_nb.instruments.base import Provenance
from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.exchange.validation import ENDS_LISTS
from assay_nb.messages import Reply, Request, Usage
from assay_nb.models.catalog import parse_model
from tests.instruments.driving import make_critique, make_edit, make_improvement, make_rewrite

OLD = "Extract the order from the ticket.\n<ticket>{{ticket}}</ticket>\nBe brief."
GAIN = "Return JSON with the keys id and city."
NULL = "You are a world-class expert."
FEATURES: Mapping[str, float] = {GAIN: 0.3, NULL: 0.0}


def make_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows, each with a difficulty of its own; no two are alike."""
    rng = random.Random(seed)
    return [
        {"ticket": f"ticket {seed}-{number} of {rng.random():.12f}", "answer": "good"}
        for number in range(count)
    ]


def is_good(row: Mapping[str, Any], output: str) -> tuple[bool, str]:
    return output == row["answer"], f"expected {row['answer']}"


@dataclass
class TaskModel:
    """Says "good" with a probability that the prompt's sentences and the row decide."""

    base: float = 0.45
    features: Mapping[str, float] = field(default_factory=lambda: dict(FEATURES))
    spread: float = 0.2
    seed: int = 0
    _count: Counter[str] = field(default_factory=Counter)

    def __call__(self, call: Call) -> str:
        ticket = call.options["values"]["ticket"]
        gain = sum(effect for sentence, effect in self.features.items() if sentence in call.prompt)
        difficulty = random.Random(ticket).uniform(-self.spread, self.spread)
        self._count[call.prompt + ticket] += 1
        luck = random.Random(f"{self.seed}{call.prompt}{ticket}{self._count[call.prompt + ticket]}")
        return "good" if luck.random() < self.base + gain + difficulty else "bad"


def propose_sentence(sentence: str) -> Callable[[Call], Any]:
    """Return a proposer that adds one sentence to the old prompt."""

    def propose(call: Call) -> Any:
        if call.instrument == "critique":
            return make_critique()
        if call.instrument == "rewrite":
            return make_rewrite(call.prompt.replace("Be brief.", f"{sentence} Be brief."))
        edit = make_edit("Be brief.", f" {sentence}", op="insert_after", segment="s3")
        evidence = [{"segment": "s3", "quote": "Be brief."}]
        return make_improvement(edit, evidence=evidence)

    return propose


@dataclass
class Engine(seams.Engine):
    """Runs the instruments' own scripts, with replies from functions.

    Attributes:
        task: What the task model says to a playground call: a text, or a reply that is not whole.
        propose: What critique, improve and rewrite are answered.
        judge: What the judge says to a call, as the JSON of one order.
        price: Dollars per call.
        delay: Seconds per call.
        stall_after: How many calls are answered; a later one never ends by itself.
        now: How many are under way.
        calls: Every call, in order.
    """

    task: Callable[[Call], str | Reply] = field(default_factory=TaskModel)
    propose: Callable[[Call], Any] = field(default_factory=lambda: propose_sentence(GAIN))
    judge: Callable[[Call, Request], Any] | None = None
    price: float | None = 0.001
    delay: float = 0.0
    stall_after: int | None = None
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0
    now: int = 0

    async def run(self, call: Call) -> AsyncIterator[Event]:
        self.calls.append(call)
        number = len(self.calls)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            yield Started(workspace="mine", provider="anthropic", model="sim")
            if self.stall_after is not None and number > self.stall_after:
                await asyncio.Event().wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            yield Finished(self._answer(call))
        finally:
            self.now -= 1

    async def aclose(self) -> None:
        pass

    def count(self, instrument: str) -> int:
        return sum(call.instrument == instrument for call in self.calls)

    def _answer(self, call: Call) -> Any:
        script = INSTRUMENTS[call.instrument].start(call.prompt, {ENDS_LISTS: True, **call.options})
        requests = next(script)
        try:
            while True:
                requests = script.send(tuple(self._reply(call, request) for request in requests))
        except StopIteration as done:
            provider, _, model = (call.model or "anthropic/sim").partition("/")
            source = Provenance(
                workspace="mine",
                provider=provider,
                model=model,
                usage=Usage(100, 10),
                cost=self.price,
                seconds=0.01,
                requests=1,
            )
            return done.value.with_provenance(source)

    def _reply(self, call: Call, request: Request) -> Reply:
        if call.instrument == "playground":
            said = self.task(call)
            return said if isinstance(said, Reply) else Reply(said, "end")
        if call.instrument == "judge":
            assert self.judge is not None
            return Reply(json.dumps(self.judge(call, request)), "end")
        return Reply(json.dumps(self.propose(call)), "end")


class Control:
    """One workspace, with keys for two providers."""

    selected: str | None = None

    def __init__(self, providers: tuple[str, ...] = ("anthropic", "openai")) -> None:
        self._providers = providers

    async def show_workspace(self, name: str | None) -> WorkspaceFacts:
        return WorkspaceFacts(
            id="w1", name="mine", kind="personal", role="owner", model=None, active=True
        )

    async def keys(self, workspace: str | None) -> list[KeyFacts]:
        endpoints = {
            "anthropic": "https://api.anthropic.com",
            "openai": "https://api.openai.com/v1",
        }
        return [
            KeyFacts(provider=name, state="ready", endpoint=endpoints[name])
            for name in self._providers
        ]

    async def about_model(self, workspace: str | None, model: str) -> ModelFacts:
        provider, name = parse_model(model)
        return ModelFacts(name=name, provider=provider)

    def known_models(self) -> list[str]:
        return ["anthropic/claude-sonnet-4-6", "openai/gpt-6.2-sol"]


@dataclass
class Hours:
    """A clock that waits move on, at once.

    Attributes:
        waits: What was waited, in seconds, in order.
    """

    waits: list[float] = field(default_factory=list[float])

    @property
    def clock(self) -> Clock:
        return Clock(lambda: sum(self.waits), self._sleep, lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


class Session:
    """What the measuring room needs of a session."""

    def __init__(self, home: Path, engine: Engine | None = None, control: Any = None) -> None:
        self.config = Config(home=home)
        self.portal = Portal()
        self.engine = engine or Engine()
        self.control = control or Control()

    def address(self, call: Call) -> Call:
        return call

    def explaining(self, call: Call) -> Any:
        return nullcontext()

    def close(self) -> None:
        self.portal.close()
