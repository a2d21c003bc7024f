"""Fake provider keys, and a search for every form in which one could get out.

A canary looks like its provider's keys and is new in each test run. It is put together here, at run
time, so that no file of the project holds anything a secret scanner would report.

Each ends in a core of 24 random letters and digits plus two more characters. The search is for the
core: nobody else writes those 24 characters, so a single hit is a leak, and showing a key's last four
characters is none.
"""

from __future__ import annotations

import base64
import secrets
import string
from pathlib import Path

CORE = 24
_TAIL = "AA"
_LETTERS = string.ascii_letters + string.digits


def make_canary(provider: str) -> str:
    """Return a new key of the shape that `provider` gives out."""
    core = _random(CORE)
    if provider == "anthropic":
        return "sk-" + "ant-api03-" + _random(93 - CORE) + core + _TAIL
    if provider == "openai":
        return "sk-" + "proj-" + _random(74) + "T3Blbk" + "FJ" + _random(48) + core + _TAIL
    if provider == "google":
        return "AI" + "za" + _random(35 - CORE - len(_TAIL)) + core + _TAIL
    raise ValueError(f"No canary is known for {provider!r}.")


def core_of(key: str | bytes) -> str:
    """Return the 24 characters of a canary that occur nowhere else."""
    text = key.decode() if isinstance(key, bytes) else key
    return text[-CORE - len(_TAIL) : -len(_TAIL)]


def forms_of(key: str | bytes) -> dict[str, bytes]:
    """Return a canary's core in each form that a leak is looked for.

    Half of the core counts as well, so that cutting or masking some of a key does not hide it.
    `hex`, `url` and `json` are written in lower case; `find_canary` ignores case for these three.
    """
    core = core_of(key)
    raw = core.encode()
    half = len(raw) // 2
    return {
        "raw": raw,
        "first half": raw[:half],
        "second half": raw[half:],
        "reversed": raw[::-1],
        "base64 at 0": _base64_within(raw, 0),
        "base64 at 1": _base64_within(raw, 1),
        "base64 at 2": _base64_within(raw, 2),
        "hex": raw.hex().encode(),
        "url": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "json": "".join(f"\\u{byte:04x}" for byte in raw).encode(),
        "utf-16le": core.encode("utf-16-le"),
    }


def find_canary(blob: bytes | str, key: str | bytes) -> list[str]:
    """Return the names of the forms in which `blob` holds the canary: `[]` when there is no leak."""
    data = blob.encode("utf-8", "surrogateescape") if isinstance(blob, str) else bytes(blob)
    lower = data.lower()
    return [
        name
        for name, form in forms_of(key).items()
        if form in (lower if name in {"hex", "url", "json"} else data)
    ]


def find_in_tree(root: Path, key: str | bytes) -> dict[str, list[str]]:
    """Return the files under `root` that hold the canary, with the forms found in each."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            forms = find_canary(path.read_bytes(), key)
            if forms:
                found[str(path.relative_to(root))] = forms
    return found


def _base64_within(raw: bytes, offset: int) -> bytes:
    """Encode `raw` as it reads `offset` bytes into a longer text, without the digits shared with it."""
    digits = base64.b64encode(bytes(offset) + raw)
    first = (offset * 8 + 5) // 6
    last = (offset + len(raw)) * 8 // 6
    return digits[first:last]


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
