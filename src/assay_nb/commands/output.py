"""Writing to a terminal, a pipe or a file: the reader may be gone, the disk full, the stream closed."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO

from assay_nb.errors import AssayError


class OutputLost(AssayError):
    """Standard output does not take what a command has to say."""

    code = "output_lost"


class ReaderGone(AssayError):
    """What reads standard output has seen enough, as `head` does. Nothing is wrong, and nothing is said."""

    code = "reader_gone"
    exit_status = 141
    """What a shell shows for a program that such a pipe ended (128 + SIGPIPE)."""


def write_out(text: str, *, end: str = "\n") -> None:
    """Write to standard output at once, so that what goes wrong is known here.

    Raises:
        ReaderGone: If what was to read it has ended.
        OutputLost: If it cannot be written: the disk is full, or the stream closed.
    """
    if sys.stdout is None:  # it was closed: `>&-`
        raise _lost(OSError(errno.EBADF, os.strerror(errno.EBADF)))
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        _let_go(sys.stdout)
        raise ReaderGone("The reader of standard output has ended.") from None
    except OSError as error:
        _let_go(sys.stdout)
        raise _lost(error) from None


def write_err(text: str) -> None:
    """Write a line to standard error; where that is not possible, there is nobody to tell."""
    if sys.stderr is None:  # `print` would write to standard output instead
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _let_go(sys.stderr)


def _lost(error: OSError) -> OutputLost:
    return OutputLost(f"Standard output cannot be written: {error.strerror}.")


def _let_go(stream: TextIO) -> None:
    """Send what the stream still holds nowhere: Python would try it again at its end, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
