"""Files that hold one prompt each: read whole, in the encoding that their first bytes name."""

from __future__ import annotations

import codecs
import os
from typing import BinaryIO

from assay_nb.errors import WrongUsage
from assay_nb.instruments.exchange.validation import LARGEST_PROMPT
from assay_nb.plain_files import open_plain

_MOST_READ = 5 * LARGEST_PROMPT
"""Bytes of a file. A prompt of the largest size has four times as many in UTF-32."""

_MARKS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)


def read_prompt_file(name: str) -> str:
    """Return the prompt in a file.

    Raises:
        WrongUsage: If it cannot be read, is too large, or is not text.
    """
    try:
        with os.fdopen(open_plain(name), "rb") as file:
            return read_prompt(file, name)
    except OSError as exc:
        raise WrongUsage(f"{name} cannot be read: {exc.strerror}.") from exc


def read_prompt(stream: BinaryIO, name: str) -> str:
    """Return the prompt in a stream of bytes, each line of it ended by a line feed.

    A byte order mark at the beginning says which encoding it is and is not part of the prompt; without
    one it is UTF-8.

    Raises:
        WrongUsage: If it is too large, or is not text.
    """
    data = stream.read(_MOST_READ + 1)
    if len(data) > _MOST_READ:
        raise WrongUsage(
            f"{name} has more than {_MOST_READ // 1000:,} kB and the limit of a prompt is "
            f"{LARGEST_PROMPT // 1000} kB, so nothing was checked.",
            hint="Put the data into a variable such as {{document}} and keep the instructions here.",
        )
    mark, encoding = next((one for one in _MARKS if data.startswith(one[0])), (b"", "UTF-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise WrongUsage(
            f"{name} is not {encoding} text.",
            hint="A prompt file holds one prompt, as text.",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
