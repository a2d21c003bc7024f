"""Discarded values: whether the code that called a line magic does anything with what it returns.

IPython shows the value of a cell's last expression alone, so that a line magic with other lines below it would
show nothing. Whether the value is thrown away stands in the caller's bytecode, in the instruction after the call,
and holds for every setting of `ast_node_interactivity`, in loops and in functions.
"""

from __future__ import annotations

import dis
import sys
from types import FrameType

_CALLER = "run_line_magic"
"""IPython's own method, which a cell calls for a line magic."""


def is_discarded() -> bool:
    """Say whether the line magic that runs now stands by itself, where nobody shows or keeps its value."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] - what `inspect` uses as well
    while frame is not None and frame.f_code.co_name != _CALLER:
        frame = frame.f_back
    typed = frame.f_back if frame is not None else None
    return typed is not None and _follows(typed) == "POP_TOP"


def _follows(frame: FrameType) -> str:
    """Return the name of the instruction after the one that a frame is at."""
    later = (one for one in dis.get_instructions(frame.f_code) if one.offset > frame.f_lasti)
    return next((one.opname for one in later), "")
