"""Whether a value was generated, as keys and passwords are, or written by a person.

Measured in pairs of neighbouring characters. In words nearly every pair of letters is a common one, capitals
begin a word, and digits stand at an end (`siehe-handbuch-2024`, `YOUR_API_KEY_HERE`). In generated values
most pairs are odd: a rare pair of letters, a capital within a word, a digit between letters.

Of random values of 20 letters and digits, 2 in 1,000 are taken for words, and of 32 fewer than 1 in 10,000. Of
two to six words with numbers, out of programs' messages in 22 languages, 1 to 7 in 1,000 are taken for
generated, and nearly all of those are abbreviations such as `gdkpixbuf-2024-svcudp`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import log2

_READ = 300
"""Characters that decide. No key needs more, and a value of a megabyte costs no more than one of these."""

_FOLLOWERS = {
    "a": "abcdefghijklmnoprstuvwyz", "b": "aeiloru", "c": "acehiklortuz", "d": "aeilnorsuz",
    "e": "abcdefghijklmnoprstuvwxyz", "f": "aefioru", "g": "aeghilnorstu", "h": "aeiortu",
    "i": "abcdefgijklmnoprstuvxz", "j": "aeiou", "k": "aehiklorstuy", "l": "adegilmnostuy",
    "m": "abeimopsu", "n": "acdefgijknostuvy", "o": "abcdefgijklmnoprstuvwz", "p": "aehiloprstuy",
    "q": "u", "r": "abcdegiklmnorstuvyz", "s": "acehiklmnopstuyz", "t": "aehiklnorstuy",
    "u": "abcdegijklmnoprstz", "v": "aeioy", "w": "aeinorsy", "x": "it", "y": "aemopst", "z": "adeinouwy",
}  # fmt: skip
"""The letters that are common after each: the 315 of 676 pairs that make up 95 % of the words of European
languages that are written in Latin letters, accents left out."""

_ROWS = "abcdefghijklmnopqrstuvwxyz qwertyuiop asdfghjkl zxcvbnm 01234567890"
_PIECE = re.compile(r"[A-Za-z0-9]+")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_DIGITS_BETWEEN = re.compile(r"(?<=[A-Za-z])[0-9]+(?=[A-Za-z])")
_SIGN_BETWEEN = re.compile(r"(?<=[A-Za-z0-9])[!#%^~](?=[A-Za-z0-9])")
_CAPITAL_WITHIN = re.compile(r"[a-z][A-Z]")
_HEX = re.compile(r"[0-9a-f]{20,}|[0-9A-F]{20,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PAPER_NUMBER = re.compile(r"[A-Z]{2,8}[-_](?=(?:[A-Z0-9]+[-_])*[0-9]{4,}(?![A-Z0-9]))[A-Z0-9_-]+")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_STAND_IN = re.compile(
    r"EXAMPLE|(?i:placeholder|changeme|redacted)|([xX*.0_-])\1{7}"
    r"|(?i:(?<![a-z])(?:your|example|dummy|fake|insert|replace|here)(?![a-z]))"
)


def is_generated(value: str) -> bool:
    """Whether a value is random beyond doubt, where nothing but a word before it says that it is secret.

    A UUID, the number of an order or ticket (`ORD-2024-8F3A2B`) and an address on a blockchain are not: they
    name something, and are in every log and table.
    """
    value = value[:_READ]
    if any(shape.fullmatch(value) for shape in (_UUID, _PAPER_NUMBER, _ADDRESS)):
        return False
    if is_stand_in(value):
        return False
    odd, pairs = _count_odd_pairs(value)
    share = 0.28 if any(map(str.isdigit, value)) else 0.32 if _CAPITAL_WITHIN.search(value) else 1.1
    return (odd >= 5 and odd >= share * pairs and _entropy(value) >= 3) or _is_hex(value)


def is_stand_in(value: str, share: float = 0.15) -> bool:
    """Whether a value that begins like a key is the stand-in of a manual: `sk-your-key-here`, `ghp_xxxx…`.

    Args:
        value: The whole value.
        share: The share of odd pairs below which it consists of words.
    """
    value = value[:_READ]
    odd, pairs = _count_odd_pairs(value)
    worded = odd < max(2, share * pairs)
    return bool(_STAND_IN.search(value)) or is_sequence(value) or (worded and not _is_hex(value))


def is_uuid(value: str) -> bool:
    """Whether it is a UUID, in its usual form with hyphens."""
    return _UUID.fullmatch(value) is not None


def is_path(value: str) -> bool:
    """Whether it is a file's path or an address's, such as `/run/secrets/db-2024`: it begins with words."""
    pieces = [piece for piece in value.split("/") if piece]
    return len(pieces) > 2 and all(map(_is_word, pieces[:2]))


def _is_word(piece: str) -> bool:
    return len(piece) >= 3 and piece.isalpha() and _count_odd_pairs(piece)[0] == 0


def _is_hex(value: str) -> bool:
    """Whether it holds a long hexadecimal number: half of its pairs are digits, which say nothing."""
    value = _longest_piece(value)
    mixed = any(map(str.isdigit, value)) and sum(map(str.isalpha, value)) >= 3
    return mixed and bool(_HEX.fullmatch(value)) and _entropy(value) >= 3


def is_sequence(value: str) -> bool:
    """Whether letters and digits each go up or along the keyboard: `abc123def456`, `a1b2c3d4`, `qwertz`.

    What stands before the longest piece may be the beginning of a key: `sk-ant-api03-abc123def456`.
    """
    longest = _longest_piece(value)
    return _is_row(value) or (len(longest) >= 16 and _is_row(longest))


def _longest_piece(value: str) -> str:
    return max(_PIECE.findall(value), key=len, default="")


def _is_row(value: str) -> bool:
    return _goes_on("".join(filter(str.isalpha, value))) and _goes_on(
        "".join(filter(str.isdigit, value))
    )


def _goes_on(row: str) -> bool:
    row = row.lower()
    steps = sum(a == b or a + b in _ROWS for a, b in pairwise(row))
    return steps >= 0.6 * (len(row) - 1)


def _entropy(value: str) -> float:
    """Return the Shannon entropy of the characters, in bits: few different ones give little."""
    counts = [value.count(character) for character in set(value)]
    return -sum(n / len(value) * log2(n / len(value)) for n in counts)


def _count_odd_pairs(value: str) -> tuple[int, int]:
    """Return how many pairs are odd, and how many there are; two digits or a mark in between say nothing."""
    odd = pairs = 2 * len(_DIGITS_BETWEEN.findall(value)) + len(_SIGN_BETWEEN.findall(value))
    for piece in _PIECE.findall(value):
        if not piece.isdigit():
            pairs += piece[0].isdigit() + piece[-1].isdigit()
        for letters in _LETTERS.findall(piece):
            pairs += len(letters) - 1
            odd += sum(_is_odd(letters, place) for place in range(1, len(letters)))
    return odd, pairs


def _is_odd(letters: str, place: int) -> bool:
    before, after = letters[place - 1 : place + 1]
    if before.islower() and after.isupper():
        return not _begins_word(letters, place)
    goes_on = ord(after) - ord(before) in (0, 1)
    return not goes_on and after.lower() not in _FOLLOWERS[before.lower()]


def _begins_word(letters: str, place: int) -> bool:
    """Whether a capital begins a word within others: two small letters before it, and more after it."""
    return place >= 2 and letters[place - 2 : place].islower() and place + 1 < len(letters)
