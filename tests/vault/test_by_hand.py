"""The page on security is exact: a key is opened by what it states, without any code of ours.

All that is known here comes from docs/security.md. Beside it there are the standard library, AES-GCM, the file of
the master key and the database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import sqlite3
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, SUPPORT, House
from tests.vault.test_connections import BEFORE, old

__all__ = ["old"]

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
Row = dict[str, Any]


class DoesNotOpen(Exception):
    """What is stored does not open by what the page says."""


@dataclass
class Page:
    """What the page states, read from its tables and code."""

    text: str

    def section(self, heading: str) -> str:
        return self.text.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]

    def rows(self, part: str) -> list[list[str]]:
        found = [line.strip("|").split("|") for line in part.split("\n") if line.startswith("|")]
        return [[cell.strip() for cell in row] for row in found[2:]]

    def branches(self) -> dict[str, tuple[bytes, int]]:
        rows = self.rows(self.section("Keys above keys"))
        return {name: (info.strip("`").encode(), int(size)) for name, info, size, _ in rows}

    def offsets(self) -> list[int]:
        block = self.section("A sealed message").split("```")[1]
        return [int(found) for found in re.findall(r"^ +(\d+) ", block, re.MULTILINE)]

    def label(self) -> bytes:
        found = re.search(r"with the salt, and `([^`]+)` ‖ suite", self.text)
        assert found is not None
        return found[1].encode()

    def start_of_master_key(self) -> tuple[str, bytes]:
        part = " ".join(self.section("Keys above keys").split())
        found = re.search(
            r"master key as `([^`]+)` ‖ base64url .* of SHA-256\(`([^`]+)` ‖ the 32", part
        )
        assert found is not None
        return found[1], found[2].encode()

    def fields(self, kind: str) -> list[tuple[int, str, str]]:
        after = self.section("What a key is sealed to").split(f"\nOf a {kind}", 1)[1]
        rows = self.rows(after.split("\n\n")[1])
        return [(int(tag), value.strip("`"), form) for tag, _, value, form in rows]

    def absent_in_version_1(self) -> set[int]:
        found = re.search(r"Version 1 has neither (\d+) nor (\d+)", self.text)
        assert found is not None
        return {int(found[1]), int(found[2])}


def hkdf(secret: bytes, info: bytes, size: int, salt: bytes = b"") -> bytes:
    """HKDF-SHA512 of RFC 5869."""
    key = hmac.digest(salt or bytes(64), secret, "sha512")
    block = out = b""
    for number in range(1, -(-size // 64) + 1):
        block = hmac.digest(key, block + info + bytes([number]), "sha512")
        out += block
    return out[:size]


def encode(fields: list[tuple[int, str, str]], found: dict[str, Row], absent: set[int]) -> bytes:
    """Write the list of fields, the values taken from the database where the page says so."""
    encoded = b""
    for tag, value, form in sorted(fields):
        if tag in absent:
            continue
        table, _, column = value.partition(".")
        what = found[table][column] if table in found else value
        if form == "text":
            raw = str(what).encode()
        elif form == "id":
            raw = bytes(what)
        else:
            raw = int(what).to_bytes(int(form.removesuffix(" bits")) // 8, "big")
        encoded += bytes([tag]) + len(raw).to_bytes(4, "big") + raw
    return encoded


def unseal(page: Page, key: bytes, key_id: bytes, message: bytes, bound: bytes) -> bytes:
    cuts = [*page.offsets(), len(message)]
    magic, suite, used, salt, nonce, commitment, sealed = (
        message[start:end] for start, end in pairwise(cuts)
    )
    derived = hkdf(key, page.label() + suite + hashlib.sha256(bound).digest(), 64, salt)
    if (magic, suite, used) != (b"ANB1", b"\x01", key_id) or commitment != derived[32:]:
        raise DoesNotOpen
    try:
        return AESGCM(derived[:32]).decrypt(nonce, sealed, bound)
    except InvalidTag:
        raise DoesNotOpen from None


def read_master_keys(page: Page, file: Path) -> dict[bytes, bytes]:
    prefix, label = page.start_of_master_key()
    info, size = page.branches()["mk-id"]
    found: dict[bytes, bytes] = {}
    for line in file.read_text().split():
        body, _, digits = line.removeprefix(prefix).rpartition(".")
        secret = base64.urlsafe_b64decode(body + "=")
        if not line.startswith(prefix) or len(secret) != 32:
            raise DoesNotOpen
        if hashlib.sha256(label + secret).hexdigest()[:8] != digits:
            raise DoesNotOpen
        found[hkdf(secret, info, size)] = secret
    return found


def open_all(page: Page, home: Path) -> dict[tuple[bytes, str], str]:
    """Return every stored key, by workspace and connection."""
    connection = sqlite3.connect(home / "vault.sqlite")
    connection.row_factory = sqlite3.Row
    tables = {
        name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
        for name in ("vault", "provider_keys", "data_keys")
    }
    connection.close()
    masters = read_master_keys(page, home / "master.key")
    opened: dict[tuple[bytes, str], str] = {}
    for row in tables["provider_keys"]:
        (data_row,) = (one for one in tables["data_keys"] if one["dek_id"] == row["dek_id"])
        found = {"vault": tables["vault"][0], "provider_keys": row, "data_keys": data_row}
        if data_row["mk_id"] not in masters:
            raise DoesNotOpen
        info, size = page.branches()["kek-wrap"]
        wrapping = hkdf(masters[data_row["mk_id"]], info, size)
        bound = encode(page.fields("data key"), found, set())
        data_key = unseal(page, wrapping, data_row["mk_id"], data_row["wrapped"], bound)
        absent = page.absent_in_version_1() if row["bound_as"] == 1 else set[int]()
        bound = encode(page.fields("provider key"), found, absent)
        key = unseal(page, data_key, row["dek_id"], row["envelope"], bound)
        opened[row["workspace_id"], row["connection"]] = key.decode()
    return opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A vault with keys of two workspaces, one server without a key, a new master key and a new data key."""
    house = House.migrated(tmp_path / "home")
    house.save(RESEARCH, ANTHROPIC)
    house.save(SUPPORT, OPENAI)
    house.keyless(RESEARCH)
    house.vault.rotate_master()
    house.vault.rekey_workspace(SUPPORT)
    assert open_all(Page(PAGE.read_text()), house.home) == house.keys
    return house.home


def test_every_key_opens_by_what_the_page_states(home: Path) -> None:
    opened = open_all(Page(PAGE.read_text()), home)

    assert len(opened) == 3
    assert opened[RESEARCH, "openai"] == ""


def test_keys_of_the_release_before_open_by_it_too(old: Path) -> None:
    House(old).vault.list_keys(RESEARCH)  # brings the tables up to date

    opened = open_all(Page(PAGE.read_text()), old)

    assert {name: opened[RESEARCH, name] for name in BEFORE} == BEFORE


@pytest.mark.parametrize(
    ("stated", "changed"),
    [
        ("`assay_nb/v1/kek-wrap` | 32", "`assay_nb/v1/kek` | 32"),
        ("`assay_nb/v1/mk-id` | 16", "`assay_nb/v1/mk-id` | 15"),
        ("`assay_nb/v1/row` ‖ suite", "`assay_nb/v1/rows` ‖ suite"),
        ("`assay_nb/v1/mk-text`", "`assay_nb/v1/text`"),
        ("| 14 | generation", "| 16 | generation"),
        ("`data_keys.generation` | 64 bits", "`data_keys.generation` | 32 bits"),
        ("| 15 | id of the master key |", "| 17 | id of the master key |"),
        ("| 2 | schema version | `1`", "| 2 | schema version | `2`"),
        ("`provider_keys.bound_as` | 16 bits", "`provider_keys.bound_as` | 64 bits"),
        ("`provider_keys.origin`", "`provider_keys.endpoint`"),
        ("| 28 | the connection's name", "| 27 | the connection's name"),
        ("`assay_nb:dek`", "`assay_nb:data-key`"),
        ("    53      12   nonce", "    54      12   nonce"),
    ],
)
def test_page_that_is_wrong_in_one_fact_opens_nothing(
    home: Path, stated: str, changed: str
) -> None:
    text = PAGE.read_text()
    assert text.count(stated) == 1

    with pytest.raises(DoesNotOpen):
        open_all(Page(text.replace(stated, changed)), home)
