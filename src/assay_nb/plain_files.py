"""Files that somebody named, opened so that nothing can hang or be read without end.

A named pipe waits for its other end, and a device such as `/dev/zero` never ends. So only plain files are
read, up to a bound.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def open_plain(path: Path | str, *, follow: bool = True) -> int:
    """Open a plain file for reading and return its descriptor, which the caller closes.

    Args:
        path: The file.
        follow: Whether the name may be a symbolic link.

    Raises:
        OSError: If it cannot be opened, or is a directory, a pipe, a socket or a device. Its `strerror` can be
            shown.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | (0 if follow else _NO_FOLLOW))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is not a plain file", str(path))


def read_plain(path: Path | str, most: int) -> bytes:
    """Return a plain file's content.

    Args:
        path: The file.
        most: How many bytes it may have.

    Raises:
        OSError: As `open_plain`, and if the file is larger.
    """
    with os.fdopen(open_plain(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content
