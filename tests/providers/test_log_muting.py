"""Holding back the SDKs' logs and warnings within our calls, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import warnings
from collections.abc import AsyncGenerator

import pytest
from google.genai import types

from assay_nb.providers import log_muting
from assay_nb.providers.transport import Egress
from tests.fakes.providers import Answer, FakeProviders
from tests.fakes.providers_client import (
    collect,
    make_credential,
    make_provider,
    make_request,
    run_script,
    stop_of,
)


@pytest.fixture
def logger(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("anthropic.a_part_of_its_own")
    log_muting.install()
    return logger


def test_sdk_is_heard_outside_of_our_calls(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    logger.debug("a prompt")

    assert "a prompt" in caplog.text


def test_sdk_is_mute_within(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    with log_muting.muted():
        logger.error("a prompt")

    assert caplog.text == ""


def test_other_loggers_are_heard_within(caplog: pytest.LogCaptureFixture) -> None:
    with log_muting.muted():
        logging.getLogger("somebody_else").error("hello")

    assert "hello" in caplog.text


def test_generator_is_mute_while_it_works_and_its_consumer_is_not(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> AsyncGenerator[int, None]:
        for number in range(2):
            logger.warning("from the SDK")
            yield number

    async def consume() -> None:
        async for _ in run_script(work):
            logger.warning("from the consumer")

    asyncio.run(consume())

    assert "from the SDK" not in caplog.text
    assert caplog.text.count("from the consumer") == 2


def test_closing_the_outer_generator_closes_the_inner_one_at_once() -> None:
    closed: list[bool] = []

    async def work() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            closed.append(True)

    async def leave() -> None:
        events = run_script(work)
        await anext(events)
        await events.aclose()
        assert closed == [True]

    asyncio.run(leave())


# --- warnings


class NewWord(UserWarning):
    """What an SDK may warn of."""


def test_warning_within_our_calls_is_held_back_whatever_filters_there_are() -> None:
    for action in ("always", "default", "error", "once"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            with log_muting.muted():
                warnings.warn("from the SDK", NewWord, stacklevel=1)
                warnings.warn_explicit("from compiled code", NewWord, "x.py", 1)

        assert caught == []


def test_warning_elsewhere_is_heard_before_within_and_after() -> None:
    within, heard = threading.Event(), threading.Event()

    def call() -> None:
        with log_muting.muted():
            within.set()
            heard.wait(60)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        caller = threading.Thread(target=call)
        caller.start()
        within.wait(60)
        warnings.warn("the user's own, meanwhile", NewWord, stacklevel=1)
        heard.set()
        caller.join(60)
        warnings.warn("the user's own, later", NewWord, stacklevel=1)

    assert [str(one.message) for one in caught] == [
        "the user's own, meanwhile",
        "the user's own, later",
    ]


def test_filter_is_put_in_once() -> None:
    with warnings.catch_warnings():
        for _ in range(3):
            with log_muting.muted():
                pass
        ours = [one for one in warnings.filters if one[2].__module__ == log_muting.__name__]

    assert len(ours) == 1


@pytest.mark.anyio
async def test_words_that_googles_sdk_does_not_know_are_not_warned_of(
    egress: Egress, fake: FakeProviders
) -> None:
    chunk = {
        "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "NEW_OF_2031"}],
        "usageMetadata": {"promptTokenCount": 1, "trafficType": "NEW_OF_2031"},
    }
    fake.answer_by(lambda call: Answer(raw=[b"data: " + json.dumps(chunk).encode() + b"\n\n"]))
    stream = make_provider("google", egress, fake).stream(
        make_request(), model="m", credential=make_credential(fake.destination("google"))
    )

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        events = await collect(stream)
        with pytest.warns(UserWarning, match="NEW_OF_2031"):  # control: the SDK would say so
            types.FinishReason("NEW_OF_2031")

    assert caught == []
    assert stop_of(events).reason == "incomplete"
