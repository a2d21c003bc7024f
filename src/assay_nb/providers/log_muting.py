"""Log muting: keep prompts out of other libraries' logs while a call of ours is running.

At DEBUG the Anthropic SDK logs whole request bodies, and httpcore logs response headers. Only what is
logged within one of our calls is held back: somebody who uses the same SDK in the same notebook keeps
their logs and their levels.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_NOISY = ("anthropic", "openai", "google_genai", "google.genai", "httpx2", "httpcore2")

_muted: ContextVar[bool] = ContextVar("assay_nb_muted", default=False)


class _Mute(logging.Filter):
    """Drops every record that is made within a call of ours. Our errors say what went wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _muted.get()


_MUTE = _Mute()
_loggers_seen = 0


def install() -> None:
    """Put the filter on every logger of the SDKs that exists by now.

    A filter on a logger does not see its children's records, so each one needs it. Done again only
    where there are new loggers, so that it costs a call nothing.
    """
    global _loggers_seen
    if _loggers_seen == len(logging.root.manager.loggerDict):
        return
    _loggers_seen = len(logging.root.manager.loggerDict)
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _NOISY or name.startswith("google.genai"):
            logging.getLogger(name).addFilter(_MUTE)


@contextmanager
def muted() -> Generator[None]:
    """Mute the SDKs' loggers within the block, for this task alone.

    An asynchronous generator runs in its consumer's context, so it enters a new block for every step; held
    across a `yield` it would mute the consumer as well.
    """
    token = _muted.set(True)
    try:
        yield
    finally:
        _muted.reset(token)
