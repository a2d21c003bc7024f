"""Models named in forms: the fields of a form, and the files of requests that it uploads.

Servers read forms each in their own way, so only a form that all of them read alike is taken: no text before
its first part or after its last, no boundary within a part, no header that re-codes a part.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote_plus

from assay_nb.gateway.proxy.named_models import (
    NamedModels,
    UnreadableModels,
    clean,
    names_model,
    read_json_models,
)

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"

_MOST_PARTS = 1_000
_NO_REQUESTS = frozenset({"assistants", "evals", "fine-tune", "user_data", "vision"})
"""Purposes of OpenAI's uploads whose content is never taken for requests. `batch` is the one that is."""

_BOUNDARY = re.compile(
    r"""multipart/form-data[ ]*;[ ]*boundary=(?:"([\w'()+,./:=?-]{1,70})"|([\w'+.-]{1,70}))""",
    re.IGNORECASE | re.ASCII,
)
_DISPOSITION = re.compile(
    rb"""form-data;[ ]?name=(?:"([\w.\[\]-]{1,200})"|([\w.-]{1,200}))"""
    rb"""(;[ ]?filename=(?:"[^"\\\r\n]*"|[\w.-]*))?(;[ ]?filename\*=[\w.'%-]*)?""",
    re.IGNORECASE,
)
_HARMLESS = {
    b"content-type": re.compile(rb"[^\r\n]*"),
    b"content-length": re.compile(rb"\d+"),
    b"content-transfer-encoding": re.compile(rb"binary|8bit|7bit", re.IGNORECASE),
}
_FORM = re.compile(rb"[\w.~%+*&=\[\]:/@!,-]*+")
"""What an encoded form consists of. With a brace or a quotation mark it could be JSON as well."""


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    is_file: bool
    content: bytes


def read_form_models(body: bytes, content_type: str) -> Generator[None, None, NamedModels]:
    """Return the models that an uploaded form names in its fields and files; yield between slices of work.

    Raises:
        UnreadableModels: If the form could be read in more than one way, or a file that may hold requests
            is not JSON Lines.
    """
    parts: list[_Part] = []
    for piece in _split(body, content_type):
        parts.append(_read_part(piece))
        yield
    # A server may take a file for a field, so a file's name counts; what is in it does below.
    fields = [(part.name, b"" if part.is_file else part.content) for part in parts]
    named = yield from _named_by(fields)
    purposes = {part.content for part in parts if part.name == "purpose"}
    if purposes and purposes <= {one.encode() for one in _NO_REQUESTS}:
        return NamedModels(named, complete=True)
    files = [part.content for part in parts if part.is_file]
    if named and not purposes:  # audio and images, for a model that the form names
        return NamedModels(named, complete=True)
    found, complete = list(named), bool(files)
    for content in files:
        lines = yield from read_json_models(content)
        found += lines.models
        complete = complete and lines.complete
    return NamedModels(tuple(dict.fromkeys(found)), complete)


def read_urlencoded_models(body: bytes) -> Generator[None, None, NamedModels]:
    """Return the models that the fields of an encoded form name; yield between slices of work.

    Raises:
        UnreadableModels: If it could be something else as well.
    """
    if not _FORM.fullmatch(body) or body.count(b"&") > _MOST_PARTS:
        raise UnreadableModels("is not a plain form")
    pairs = (pair.partition(b"=") for pair in body.split(b"&"))
    fields = [(_decode(name), unquote_plus(value.decode()).encode()) for name, _, value in pairs]
    named = yield from _named_by(fields)
    return NamedModels(named, complete=bool(named))


def _split(body: bytes, content_type: str) -> list[bytes]:
    """Return the parts, each with its headers."""
    given = _BOUNDARY.fullmatch(content_type.strip())
    if given is None:
        raise _odd()
    delimiter = b"--" + (given[1] or given[2]).encode()
    if body.count(delimiter) > _MOST_PARTS:
        raise UnreadableModels("has too many parts to be read")
    before, *pieces = body.split(delimiter)
    if before or not pieces or pieces.pop() not in {b"--", b"--\r\n"}:
        raise _odd()
    if not all(one.startswith(b"\r\n") and one.endswith(b"\r\n") for one in pieces):
        raise _odd()
    return [one[2:-2] for one in pieces]


def _read_part(piece: bytes) -> _Part:
    head, end, content = piece.partition(b"\r\n\r\n")
    found: re.Match[bytes] | None = None
    for line in head.split(b"\r\n") if end else ():
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == b"content-disposition" and found is None:
            found = _DISPOSITION.fullmatch(value)
            if found is None:
                raise _odd()
        elif not colon or name not in _HARMLESS or not _HARMLESS[name].fullmatch(value):
            raise _odd()
    if found is None:
        raise _odd()
    return _Part((found[1] or found[2]).decode(), bool(found[3] or found[4]), content)


def _named_by(fields: list[tuple[str, bytes]]) -> Generator[None, None, tuple[str, ...]]:
    """Return the models of the fields, those of `model[]`, `session[model]` and of JSON in a field too."""
    found: list[str] = []
    for name, content in fields:
        yield
        if any(names_model(step) for step in re.split(r"[\[\].]+", name)):
            try:
                found.append(clean(content.decode()))
            except UnicodeDecodeError:
                raise _odd() from None
        elif content.startswith((b"{", b"[")):
            with suppress(UnreadableModels):  # what is not JSON is a text that begins like it
                found += (yield from read_json_models(content)).models
    return tuple(dict.fromkeys(found))


def _decode(name: bytes) -> str:
    return unquote_plus(name.decode())


def _odd() -> UnreadableModels:
    return UnreadableModels("is a form that could be read in more than one way")
