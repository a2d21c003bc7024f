"""What the vault's construction costs beside bare AES-GCM with one HKDF, in one run.

    python benchmarks/vault.py [--rounds 2000]

`bare` is what somebody would write with cryptography alone: derive a key, encrypt, decrypt. `sealed` is
the envelope: two derived keys, a commitment that is compared first, and bound associated data.
`open_key` is the whole way from the database: row, data key, manifest, envelope.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from assay_nb.messages import Destination
from assay_nb.store.database import Database
from assay_nb.vault.envelope import SealingKey
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.secret import SecretBytes
from assay_nb.vault.vault import Vault

KEY = b"benchmark-" + b"0123456789abcdef" * 6
CONTEXT = b"associated data of about the length that a row has" * 4


def bare() -> None:
    """Seal and open once with cryptography alone."""
    secret, salt, nonce = bytes(32), os.urandom(32), os.urandom(12)

    def derive() -> AESGCM:
        return AESGCM(HKDF(hashes.SHA512(), 32, salt, b"bench").derive(secret))

    sealed = derive().encrypt(nonce, KEY, CONTEXT)
    derive().decrypt(nonce, sealed, CONTEXT)


def microseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median of five runs, per call."""
    runs: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(rounds):
            work()
        runs.append((time.perf_counter() - began) / rounds * 1e6)
    return statistics.median(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    sealing_key, secret = SealingKey(bytes(16), SecretBytes(bytes(32))), SecretBytes(KEY)

    def sealed() -> None:
        sealing_key.open(sealing_key.seal(secret, CONTEXT), CONTEXT)

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "vault"
        database = Database.open(place / "vault.sqlite")
        vault = Vault.open(database, KeyFile(place / "master.key"))
        workspace, origin = os.urandom(16), "https://api.anthropic.com:443"
        there = Destination("anthropic", "https://api.anthropic.com", origin, "bearer")
        vault.save_key(workspace, there, SecretBytes(KEY), added_by="me", verified=True)

        def open_key() -> None:
            with vault.open_key(workspace, "anthropic"):
                pass

        figures = {
            "bare seal + open": microseconds(bare, rounds),
            "sealed seal + open": microseconds(sealed, rounds),
            "open_key, from SQLite": microseconds(open_key, max(100, rounds // 10)),
        }
        database.close()
    base = figures["bare seal + open"]
    print(f"{'':24} {'median us':>10} {'x bare':>8}")
    for name, figure in figures.items():
        print(f"{name:24} {figure:10.1f} {figure / base:8.2f}")


if __name__ == "__main__":
    main()
