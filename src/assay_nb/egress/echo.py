"""The echo scanner: notices a key that comes back in a response, before it is handed on.

An upstream that quotes the request's headers, a debugging proxy, or a model that was tricked into
repeating them would otherwise put the key on the screen and into the notebook.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, hexlify
from collections.abc import Iterator

_SHORTEST_KEY = 20
"""Below this it is a local server's dummy (`ollama`, `none`), a word that any reply may hold."""

_MARKER = re.compile(rb"sk-(?:ant-(?:[a-z]+\d\d-)?|proj-|svcacct-|admin-|or-v1-)?|AIza|AQ\.")
"""The public beginning of a key, the same in everybody's."""

_FRAGMENT = 12
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_SUSPECT = 4
_REMEMBERED = 6 * _FRAGMENT  # the longest form: JSON escapes

_KINDS = bytes(
    ord("a" if chr(one).islower() else "A" if chr(one).isupper() else "0" if chr(one).isdigit() else " ")
    for one in range(128)
).ljust(256)  # fmt: skip
"""Which kind of character each byte is: a small letter, a capital, a digit, or none of them."""


class EchoScanner:
    """Looks for a key in a stream of bytes, in the forms that software writes headers in.

    It keeps no key, only two short fragments: one from where the secret part begins, so that nothing
    secret has passed when it is noticed, and one from near the end. Each is looked for as it is, in
    base64 at any alignment, percent-encoded, JSON-escaped and in hex. A form that straddles two pieces
    is found: the last bytes are remembered, and a tail that is likely its beginning is held back until
    the next piece. Three characters are no likelihood; holding those back would make text stutter.

    An upstream that wants to hide a key can always do so. This is for the ones that do not.
    """

    def __init__(self) -> None:
        self._fragments: tuple[bytes, ...] = ()
        self._plain: tuple[bytes, ...] = ()
        self._hexed: tuple[bytes, ...] = ()
        self._every: tuple[bytes, ...] | None = None
        self._passed = b""
        self._held = b""

    def arm(self, key: bytes | bytearray | memoryview) -> None:
        """Take the fragments of the key that is about to be sent."""
        if len(key) < _SHORTEST_KEY:
            return
        size = min(_FRAGMENT, len(key) // 3)
        marker = _MARKER.match(key)
        start = min(marker.end() if marker else 0, len(key) - size)
        pieces = {bytes(key[start : start + size]), bytes(key[-size - 4 : -4])}
        self._fragments = tuple([piece for piece in pieces if _is_random(piece)])
        # A call in a thousand needs more: the other forms are made where a response may hold them.
        self._plain = tuple({form for piece in self._fragments for form in _plain_forms(piece)})
        self._hexed = tuple([hexlify(piece) for piece in self._fragments])
        self._every = None

    def arm_like(self, other: EchoScanner) -> None:
        """Take the fragments of another scanner's key: making their forms is most of what arming costs."""
        self._fragments, self._plain, self._hexed = other._fragments, other._plain, other._hexed
        self._every = other._every

    def disarm(self) -> None:
        """Forget the fragments, and what was held back."""
        self._fragments = self._plain = self._hexed = ()
        self._every, self._passed, self._held = None, b"", b""

    def feed(self, piece: bytes) -> bytes | None:
        """Return what may be passed on by now, or None when the key is in it."""
        if not self._fragments:
            return piece
        data = self._passed + self._held + piece
        if self.has_echo(data):
            self.disarm()
            return None
        start = len(self._passed)
        cut = max(start, self._suspect_from(data))
        self._passed, self._held = data[max(0, cut - _REMEMBERED) : cut], data[cut:]
        return data[start:cut]

    def flush(self) -> bytes:
        """Return what was held back; the stream is over, so it was not the beginning of anything."""
        held, self._held = self._held, b""
        return held

    def has_echo(self, data: bytes) -> bool:
        """Say whether `data`, complete in itself, holds the key."""
        if not self._fragments:
            return False
        if any(map(data.__contains__, self._plain)):
            return True
        lower = data.lower()  # of what is written in hex: either case
        if any(map(lower.__contains__, self._hexed)):
            return True
        if b"%" in lower and any(_percented(one) in lower for one in self._hexed):
            return True
        return b"\\u00" in lower and any(_escaped(one) in lower for one in self._hexed)

    @property
    def _needles(self) -> tuple[bytes, ...]:
        """Every form of every fragment."""
        if self._every is None:
            written = [
                form for one in self._hexed for form in (one, _percented(one), _escaped(one))
            ]
            upper = [form.upper().replace(b"\\U", b"\\u") for form in written]
            self._every = tuple({*self._plain, *written, *upper})
        return self._every

    def _suspect_from(self, data: bytes) -> int:
        """Return where the longest tail begins that is the beginning of a needle."""
        first = len(data)
        line = data.rfind(b"\n") + 1  # no form has a line end, and most pieces end with one
        if line == first:
            return first
        for needle in self._needles:
            beginning = needle[:_SUSPECT]
            at = data.find(beginning, max(line, len(data) - len(needle) + 1))
            while -1 < at < first:
                if needle.startswith(data[at:]):
                    first = at
                    break
                at = data.find(beginning, at + 1)
        return first


def _is_random(piece: bytes) -> bool:
    """Say whether a fragment can't be a word of somebody's reply: a dummy key is made of words."""
    return len({*piece.translate(_KINDS)} - {ord(" ")}) >= 2


def _percented(digits: bytes) -> bytes:
    """Return hex digits as a URL has them."""
    return b"%" + b"%".join([digits[at : at + 2] for at in range(0, len(digits), 2)])


def _escaped(digits: bytes) -> bytes:
    """Return hex digits as JSON may escape characters."""
    return _percented(digits).replace(b"%", b"\\u00")


def _plain_forms(piece: bytes) -> Iterator[bytes]:
    """Yield a fragment as it is, and in base64 at any alignment."""
    yield piece
    for offset in range(3):
        digits = _base64_within(piece, offset)
        yield digits
        yield digits.translate(_URL_SAFE)


def _base64_within(piece: bytes, offset: int) -> bytes:
    """Encode as it reads `offset` bytes into a longer text, without the digits shared with it."""
    digits = b2a_base64(bytes(offset) + piece, newline=False)
    return digits[(offset * 8 + 5) // 6 : (offset + len(piece)) * 8 // 6]
