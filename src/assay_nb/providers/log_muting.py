"""Log muting: keep prompts out of other libraries' logs, and their warnings out of the notebook.

At DEBUG the Anthropic SDK logs whole request bodies, and httpcore logs response headers. Only what is
logged or warned of within one of our calls is held back: somebody who uses the same SDK in the same notebook
keeps their logs, their levels and their warnings.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_NOISY = ("anthropic", "openai", "google_genai", "google.genai", "httpx2", "httpcore2")

_muted: ContextVar[bool] = ContextVar("assay_nb_muted", default=False)


class _Mute(logging.Filter):
    """Drops every record that is made within a call of ours. Our errors say what went wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _muted.get()


class _WhenMuted(type):
    """Makes a class of which every warning is an instance within a call of ours, and none elsewhere."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        return _muted.get()


class _OfOurCalls(Warning, metaclass=_WhenMuted):
    """The category of the filter below.

    `warnings.catch_warnings` changes the whole process, and so would hold back what another task or the user's
    own thread warns of meanwhile. Filters ask `issubclass(category, …)`, which here asks the running task.
    """


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
    """Mute the SDKs' loggers and warnings within the block, for this task alone.

    An asynchronous generator runs in its consumer's context, so it enters a new block for every step; held
    across a `yield` it would mute the consumer as well.
    """
    _ignore_warnings()
    token = _muted.set(True)
    try:
        yield
    finally:
        _muted.reset(token)


def _ignore_warnings() -> None:
    """Put our filter before all others. Whoever adds one, or resets them, puts theirs before ours."""
    if not warnings.filters or warnings.filters[0][2] is not _OfOurCalls:
        warnings.simplefilter("ignore", _OfOurCalls)
