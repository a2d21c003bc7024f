"""Key field: a password field whose value is in no widget's state, no echo and no log.

A key that is typed here travels from the browser to the kernel, as everything in a widget does, and
no further: it is taken out of the field at once, is never echoed back, and the field's state that a
notebook may save is empty.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false, reportUntypedBaseClass=false
# ipywidgets and traitlets ship no types that say what a widget is.

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
from traitlets import Unicode
from traitlets.log import get_logger


class _Unlogged(logging.Filter):
    """Keeps the messages of key fields out of the log of a kernel that logs every message, at DEBUG."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()

    def cover(self, comm_id: str) -> None:
        """Leave this widget's messages out from now on."""
        self._ids.add(comm_id)
        kernels: Any = get_logger()
        for logger in (getattr(kernels, "logger", kernels), logging.getLogger("Comm")):
            logger.addFilter(self)  # a filter that is there already is not added twice

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if any(comm_id in text for comm_id in self._ids):
            record.msg, record.args = "a message of a key field, which is not logged", ()
        return True


_unlogged = _Unlogged()


class KeyField(widgets.Password):
    """A password field whose value never stays in a widget's state.

    The kernel does not echo it back to other front ends, and `continuous_update` is off, so the value
    arrives once, when the person leaves the field, and is gone in the same message's handling. A kernel
    that logs its messages logs none of this field's.
    """

    value = Unicode("", help="what is typed").tag(sync=True, echo_update=False)

    def __init__(self, description: str) -> None:
        super().__init__(
            description=description,
            continuous_update=False,
            placeholder="paste it here",
            style={"description_width": "8em"},
        )
        self._typed = bytearray()
        _unlogged.cover(self.model_id)
        self.observe(self._take, names="value")

    @property
    def holds(self) -> int:
        """How many characters wait to be saved."""
        return len(self._typed)

    def take(self) -> bytearray:
        """Return what was typed, and forget it. The caller overwrites it."""
        typed, self._typed = self._typed, bytearray()
        return typed

    @contextmanager
    def taken(self) -> Generator[bytearray]:
        """Take what was typed for one act, and overwrite it in the end."""
        key = self.take()
        try:
            yield key
        finally:
            key[:] = bytes(len(key))

    def forget(self) -> None:
        """Overwrite what was typed."""
        typed = self.take()
        typed[:] = bytes(len(typed))

    def _take(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.forget()
            self._typed = bytearray(change["new"].encode())
            self.value = ""
