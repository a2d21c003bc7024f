"""The echo scanner: notices a key that comes back in a response, before it is handed on.

An upstream that quotes the request's headers, a debugging proxy, or a model that was tricked into
repeating them would otherwise put the key on the screen and into the notebook.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, hexlify
from dataclasses import dataclass

_SHORTEST_KEY = 20
"""Below this it is a local server's dummy (`ollama`, `none`), a word that any reply may hold."""

_MARKER = re.compile(rb"sk-(?:ant-(?:[a-z]+\d\d-)?|proj-|svcacct-|admin-|or-v1-)?|AIza|AQ\.")
"""The public beginning of a key, the same in everybody's."""

_FRAGMENT = 12
_OF_ONE_KIND = 20
"""Bytes of the fragment of a key that is made of one kind of characters, and so perhaps of words."""

_SPREAD = 16
"""Bytes that a form may have for each byte of the key: a list of numbers on lines of their own has eleven."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_SUSPECT = 4
"""Characters that make a tail likely to be a beginning. Three are no likelihood."""

_ALL = bytes(range(256))
_LOWER = bytes.maketrans(b"ABCDEF", b"abcdef")
_DIGITS = b"0123456789"
_NO_DIGIT = _ALL.translate(None, _DIGITS)
_NO_HEX = _ALL.translate(None, _DIGITS + b"abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class _View:
    """A way to read bytes in which whatever stands between a form's digits or characters is left out.

    Attributes:
        left_out: The bytes that do not count.
        table: What the other bytes are read as.
        needles: What is looked for.
        suspect: Bytes at the end that make it likely that a needle begins there.
    """

    left_out: bytes
    table: bytes | None
    needles: tuple[bytes, ...]
    suspect: int

    def has_echo(self, data: bytes) -> bool:
        return _holds(data.translate(self.table, self.left_out), self.needles)

    def suspect_from(self, data: bytes) -> int:
        """Return where the longest tail begins that is the beginning of a needle."""
        seen = data.translate(self.table, self.left_out)
        from_end = len(seen) - _suspect_from(seen, self.needles, self.suspect)
        at = len(data)
        while from_end:
            at -= 1
            from_end -= data[at] not in self.left_out
        return at


class EchoScanner:
    """Looks for a key in a stream of bytes, in the forms that software writes headers in.

    It keeps no key, only two short fragments: one from where the secret part begins, so that nothing
    secret has passed when it is noticed, and one from near the end. Each is looked for

    - as it is, and in UTF-16 or UTF-32;
    - in base64, at any alignment and in both alphabets;
    - as the numbers of its bytes, hexadecimal or decimal, whatever stands between them: percent and JSON
      escapes, HTML entities, `73 6b`, `73:6b`, `0x73, 0x6b`, a list of numbers.

    A form that straddles two pieces is found: the last bytes are remembered, and a tail that is likely its
    beginning is held back until the next piece. Of a key whose fragments are made of one kind of characters,
    which a reply may hold as words, one longer fragment is looked for.

    An upstream that wants to hide a key can always do so. This is for the ones that do not.
    """

    def __init__(self) -> None:
        self._needles: tuple[bytes, ...] = ()
        self._views: tuple[_View, ...] = ()
        self._window = 0
        self._passed: bytes = b""
        self._held: bytes = b""

    def arm(self, key: bytes | bytearray | memoryview) -> None:
        """Take the fragments of the key that is about to be sent."""
        if len(key) < _SHORTEST_KEY:
            return
        fragments = _fragments(key)
        self._window = _SPREAD * max(map(len, fragments))
        needles: set[bytes] = set()
        hexadecimal: list[bytes] = []
        decimal: list[bytes] = []
        for piece in fragments:
            needles.update(_forms(piece))
            hexadecimal += _hexadecimal(piece)
            decimal.append("".join(map(str, piece)).encode())
        self._needles = tuple(needles)
        self._views = (
            _View(_NO_HEX, _LOWER, tuple(hexadecimal), 2 * _SUSPECT),
            _View(_NO_DIGIT, None, tuple(decimal), 2 * _SUSPECT),
            _View(b"\0", None, self._needles, _SUSPECT),
        )

    def arm_like(self, other: EchoScanner) -> None:
        """Take the fragments of another scanner's key: making their forms is most of what arming costs."""
        self._needles, self._views, self._window = other._needles, other._views, other._window

    def disarm(self) -> None:
        """Forget the fragments, and what was held back."""
        self._needles, self._views, self._window = (), (), 0
        self._passed, self._held = b"", b""

    def feed(self, piece: bytes) -> bytes | None:
        """Return what may be passed on by now, or None when the key is in it."""
        if not self._needles:
            return piece
        if self._held:
            piece = self._held + piece
            self._held = b""
        data = self._passed + piece
        if self.has_echo(data):
            self.disarm()
            return None
        cut = self._suspect_from(data)
        if cut == len(data):  # as for nearly every event of a stream
            self._passed = data[-self._window :]
            return piece
        start = len(self._passed)
        cut = max(start, cut)
        self._passed, self._held = data[max(0, cut - self._window) : cut], data[cut:]
        return data[start:cut]

    def flush(self) -> bytes:
        """Return what was held back; the stream is over, so it was not the beginning of anything."""
        held, self._held = self._held, b""
        return held

    def has_echo(self, data: bytes) -> bool:
        """Say whether `data`, complete in itself, holds the key."""
        if _holds(data, self._needles):
            return True
        for view in self._views_of(data):  # noqa: SIM110 - as in `_holds`
            if view.has_echo(data):
                return True
        return False

    def _suspect_from(self, data: bytes) -> int:
        first = len(data)
        line = data.rfind(b"\n") + 1  # few forms have a line end, and most pieces end with one
        if line == first:
            return first
        tail = data[max(line, first - self._window) :]
        before = first - len(tail)
        found = _suspect_from(tail, self._needles, _SUSPECT)
        for view in self._views_of(tail):
            found = min(found, view.suspect_from(tail))
        return before + found

    def _views_of(self, data: bytes) -> tuple[_View, ...]:
        return self._views if b"\0" in data else self._views[:2]


def _holds(data: bytes, needles: tuple[bytes, ...]) -> bool:
    for needle in needles:  # noqa: SIM110 - a generator takes twice as long, for each event of a stream
        if needle in data:
            return True
    return False


def _suspect_from(data: bytes, needles: tuple[bytes, ...], suspect: int) -> int:
    """Return where the longest tail begins that is the beginning of a needle."""
    first = len(data)
    for needle in needles:
        beginning = needle[:suspect]
        at = data.find(beginning, max(0, len(data) - len(needle) + 1))
        while -1 < at < first:
            if needle.startswith(data[at:]):
                first = at
                break
            at = data.find(beginning, at + 1)
    return first


def _fragments(key: bytes | bytearray | memoryview) -> set[bytes]:
    marker = _MARKER.match(key)
    secret = marker.end() if marker else 0
    size = min(_FRAGMENT, len(key) // 3)
    start = min(secret, len(key) - size)
    fragments = {bytes(key[start : start + size]), bytes(key[-size - 4 : -4])}
    random = {piece for piece in fragments if _is_random(piece)}
    if random:
        return random
    start = min(secret, len(key) - _OF_ONE_KIND)
    return {bytes(key[start : start + _OF_ONE_KIND])}


def _is_random(piece: bytes) -> bool:
    """Say whether a fragment can't be a word of somebody's reply: a dummy key is made of words."""
    lower, upper = piece != piece.upper(), piece != piece.lower()
    return lower + upper + (piece != piece.translate(None, _DIGITS)) >= 2


def _forms(piece: bytes) -> list[bytes]:
    """Return a fragment as it is, and in base64 as it reads 0, 1 or 2 bytes into a longer text, in both alphabets.

    Digits that are shared with that text are left out.
    """
    size = len(piece)
    plain = [
        b2a_base64(piece, newline=False)[: size * 8 // 6],
        b2a_base64(b"\0" + piece, newline=False)[2 : (size + 1) * 8 // 6],
        b2a_base64(b"\0\0" + piece, newline=False)[3 : (size + 2) * 8 // 6],
    ]
    return [piece, *plain, *b" ".join(plain).translate(_URL_SAFE).split(b" ")]


def _hexadecimal(piece: bytes) -> tuple[bytes, ...]:
    """Return the digits as in `73`, as in `0x73`, of which the zero counts, and with two zeros as in JSON."""
    apart = hexlify(piece, " ")
    return (
        apart.replace(b" ", b""),
        b"0" + apart.replace(b" ", b"0"),
        b"00" + apart.replace(b" ", b"00"),
    )
