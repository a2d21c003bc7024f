"""Holding back the SDKs' logs within our calls, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from assay_nb.providers import log_muting
from tests.fakes.providers_client import run_script


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
