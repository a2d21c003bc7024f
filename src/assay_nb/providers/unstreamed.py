"""Replies that came whole, as the stream that they would have been: one reader serves both.

An organisation that is not verified may use some models only so, and a server that tells no error in a
stream, but ends it without a single part of a reply, says here what is wrong.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any


def as_chunks(reply: Any) -> AsyncIterator[Any]:
    """Return a stream of Chat Completions as it is, or the chunks of a whole one."""
    return reply if hasattr(reply, "__aiter__") else _chunks(reply)


def as_events(reply: Any) -> AsyncIterator[Any]:
    """Return a stream of the Responses API as it is, or the events of a whole Response."""
    return reply if hasattr(reply, "__aiter__") else _events(reply)


def as_responses(reply: Any) -> AsyncIterator[Any]:
    """Return a stream of Gemini's responses as it is, or a stream of the whole one."""
    return reply if hasattr(reply, "__aiter__") else _one(reply)


async def _one(reply: Any) -> AsyncIterator[Any]:
    yield reply


async def _chunks(reply: Any) -> AsyncIterator[Any]:
    yield reply


async def _events(reply: Any) -> AsyncIterator[Any]:
    # A status that is missing is not good news: the reply then has no mark of its end.
    status = "failed" if getattr(reply, "error", None) else getattr(reply, "status", None)
    yield SimpleNamespace(type=f"response.{status}", response=reply)
