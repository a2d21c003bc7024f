"""Attacks on the sealed message, the master key and the places where it is kept."""

from __future__ import annotations

import ast
import copy
import dataclasses
import json
import os
import pickle
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

import assay_nb
from assay_nb.config import Config
from assay_nb.errors import VaultIntegrityError, VaultSealed, WrongUsage
from assay_nb.vault.aad import encode_fields
from assay_nb.vault.envelope import CannotOpen, SealingKey
from assay_nb.vault.hierarchy import MasterKey, parse_master_key
from assay_nb.vault.keystores import os_keyring
from assay_nb.vault.keystores.choose import choose_keystore
from assay_nb.vault.keystores.os_keyring import OsKeyring
from assay_nb.vault.secret import SecretBytes
from assay_nb.vault.vault import Vault
from tests.canaries import core_of, find_canary, make_canary
from tests.fakes.keyrings import HangingKeyring, LockedKeyring, name_of
from tests.vault.builders import ANTHROPIC, GOOGLE, OPENAI, RESEARCH, SUPPORT, House, secret
from tests.vault.forgery import forge
from tests.vectors import make_envelopes

SOURCE = Path(assay_nb.__file__).parent
VECTORS = Path(__file__).parents[1] / "vectors"
ID, BOUND = b"i" * 16, b"what it belongs to"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.migrated(tmp_path / "home")


@pytest.fixture
def full(house: House) -> House:
    for workspace in (RESEARCH, SUPPORT):
        for destination in (ANTHROPIC, OPENAI):
            house.save(workspace, destination)
    return house


# --- sealed messages --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a001_hundred_thousand_seals_share_no_salt_nonce_or_key() -> None:
    """Wait for a nonce to repeat under one key → every message has its own salt, nonce and key."""
    key, plaintext = SealingKey(ID, SecretBytes(os.urandom(32))), secret("x")

    sealed = [key.seal(plaintext, BOUND) for _ in range(100_000)]

    assert len({one[21:53] for one in sealed}) == 100_000
    assert len({one[53:65] for one in sealed}) == 100_000
    # Half of what is derived is the commitment; two equal keys would show there.
    assert len({one[65:97] for one in sealed}) == 100_000


def test_a002_repeated_nonce_meets_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the random generator repeat the nonce → the messages are under different keys."""
    real = os.urandom
    monkeypatch.setattr(os, "urandom", lambda n: b"n" * 12 if n == 12 else real(n))
    key = SealingKey(ID, SecretBytes(real(32)))
    one, other = b"A" * 64, b"B" * 64

    first, second = (key.seal(secret(text), BOUND) for text in (one, other))

    assert first[53:65] == second[53:65] == b"n" * 12
    masks = [
        bytes(a ^ b for a, b in zip(s[97:161], t, strict=True))
        for s, t in ((first, one), (second, other))
    ]
    assert masks[0] != masks[1]


def test_a003_wycheproof_vectors_are_judged_as_published() -> None:
    """Feed AES-GCM its known edge cases → 39 of the 66 are accepted, 27 rejected."""
    tests = json.loads((VECTORS / "wycheproof_aes_256_gcm.json").read_text())["tests"]
    judged = {"valid": 0, "invalid": 0}

    for test in tests:
        part = {
            name: bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        }
        try:
            plaintext = AESGCM(part["key"]).decrypt(
                part["iv"], part["ct"] + part["tag"], part["aad"]
            )
        except InvalidTag:
            result = "invalid"
        else:
            result = "valid"
            assert plaintext == part["msg"]
        assert result == test["result"], test["comment"]
        judged[result] += 1

    assert judged == {"valid": 39, "invalid": 27}


@pytest.mark.parametrize("cut", [*range(1, 16), 16, 20, -1])
def test_a004_cut_or_extended_envelope_does_not_open(cut: int) -> None:
    """Cut tag or ciphertext, or add a byte → nothing opens, and never a shorter plaintext."""
    key = SealingKey(ID, SecretBytes(os.urandom(32)))
    sealed = key.seal(secret("x" * 40), BOUND)

    with pytest.raises(CannotOpen):
        key.open(sealed[:-cut] if cut > 0 else sealed + b"\0", BOUND)


def test_a005_any_flipped_bit_reads_the_same_and_opens_nothing(full: House) -> None:
    """Flip each bit of envelope and associated data → all rejected, with one text for all."""
    key = SealingKey(ID, SecretBytes(os.urandom(32)))
    bound = make_envelopes.ROW.encode()
    sealed = key.seal(secret("x" * 40), bound)
    assert bytes(key.open(sealed, bound).reveal()) == b"x" * 40

    for position in range(len(sealed) * 8):
        with pytest.raises(CannotOpen):
            key.open(_flip(sealed, position), bound)
    for position in range(len(bound) * 8):
        with pytest.raises(CannotOpen):
            key.open(sealed, _flip(bound, position))


@pytest.mark.slow
def test_a005_every_cause_has_one_public_text(tmp_path: Path) -> None:
    """Tell tampering apart by its message → the same message, whatever was done."""
    texts: set[tuple[str, str | None]] = set()
    for number, change in enumerate(
        [
            "envelope = x'00'",
            "envelope = substr(envelope, 1, length(envelope) - 1)",
            "origin = 'https://evil.example:443'",
            "origin = 'https://\u00e9vil.example:443'",
            "last4 = 'zzzz'",
            "row_version = -1",
            "dek_id = (SELECT d.dek_id FROM data_keys d WHERE d.dek_id != provider_keys.dek_id)",
        ]
    ):
        house = House(tmp_path / str(number))
        house.save(RESEARCH)
        house.save(SUPPORT)
        house.sql(f"UPDATE provider_keys SET {change} WHERE workspace_id = ?", RESEARCH)
        with pytest.raises(VaultIntegrityError) as caught:
            house.open().open_key(RESEARCH, "anthropic")
        texts.add((caught.value.message, caught.value.hint))

    assert len(texts) == 1


def test_a006_ciphertext_for_two_keys_opens_under_neither() -> None:
    """Forge one ciphertext for two keys → plain GCM opens it twice, an envelope under neither key."""
    key1, key2, nonce = os.urandom(32), os.urandom(32), os.urandom(12)
    forged = forge(key1, key2, nonce, BOUND, blocks=3)
    plaintexts = {AESGCM(key).decrypt(nonce, forged, BOUND) for key in (key1, key2)}
    assert len(plaintexts) == 2

    header = b"ANB1\x01" + ID + os.urandom(32) + nonce
    for key in (key1, key2):
        for commitment in (os.urandom(32), bytes(32)):
            with pytest.raises(CannotOpen):
                SealingKey(ID, SecretBytes(key)).open(header + commitment + forged, BOUND)


def test_a006_ciphertext_for_two_derived_keys_opens_under_one_at_most() -> None:
    """Forge with both data keys in hand, for the keys derived from them → the commitment names one."""
    keys = [SealingKey(ID, SecretBytes(os.urandom(32))) for _ in range(2)]
    salt, nonce = os.urandom(32), os.urandom(12)
    derived = [bytes(key._derive(salt, BOUND).reveal()) for key in keys]
    forged = forge(derived[0][:32], derived[1][:32], nonce, BOUND, blocks=3)

    opened = 0
    for commitment in (derived[0][32:], derived[1][32:]):
        envelope = b"ANB1\x01" + ID + salt + nonce + commitment + forged
        results = [_opens(key, envelope) for key in keys]
        assert sum(results) == 1
        opened += sum(results)

    assert opened == 2


@given(
    st.tuples(st.text(max_size=12), st.text(max_size=12)),
    st.tuples(st.text(max_size=12), st.text(max_size=12)),
)
def test_a007_no_two_tuples_share_associated_data(one, other) -> None:
    """Move a separator between two values → the bytes differ (a longer set is in tests/vault)."""

    def encoded(pair: tuple[str, str]) -> bytes:
        return encode_fields([(1, pair[0].encode()), (2, pair[1].encode())])

    assert (encoded(one) == encoded(other)) == (one == other)


@pytest.mark.parametrize("length", [8, 16, 128])
def test_a008_nonce_of_another_length_is_refused(length: int) -> None:
    """Put in a nonce that cryptography would take → there is no parameter, and the length is fixed."""
    key = SealingKey(ID, SecretBytes(os.urandom(32)))
    sealed = key.seal(secret("x" * 40), BOUND)

    with pytest.raises(TypeError):
        key.seal(secret("x"), BOUND, nonce=bytes(length))  # type: ignore[call-arg]
    with pytest.raises(CannotOpen):
        key.open(sealed[:53] + bytes(length) + sealed[65:], BOUND)


@pytest.mark.parametrize("nothing", [None, b""])
def test_a008_nothing_is_sealed_to_nothing(nothing: bytes) -> None:
    """Leave out the associated data → refused, where cryptography would go on."""
    key = SealingKey(ID, SecretBytes(os.urandom(32)))

    with pytest.raises(ValueError):
        key.seal(secret("x"), nothing)
    with pytest.raises(ValueError):
        key.open(bytes(200), nothing)


def test_a015_frozen_vectors_open_as_ever() -> None:
    """Ship a release that reads old envelopes otherwise → the frozen file says so."""
    vectors = json.loads((VECTORS / "envelope.json").read_text())
    assert len(vectors["negative"]) >= 40

    for vector in vectors["positive"]:
        assert _open_vector(vector) == bytes.fromhex(vector["plaintext"]), vector["name"]
    for vector in vectors["negative"]:
        with pytest.raises(CannotOpen):
            _open_vector(vector)


def test_a015_frozen_vectors_come_back_from_sqlite_unchanged(house: House) -> None:
    """Lose a bit on the way through the database → the frozen file says so."""
    house.save()
    for vector in json.loads((VECTORS / "envelope.json").read_text())["positive"]:
        house.sql("UPDATE provider_keys SET envelope = ?", bytes.fromhex(vector["envelope"]))
        with house.database.read() as connection:
            from assay_nb.store import vault_rows

            stored = vault_rows.load_workspace(connection, RESEARCH).keys[0].envelope
        assert stored.hex() == vector["envelope"]


def test_a015_frozen_vectors_are_what_this_code_makes() -> None:
    """Change the construction unnoticed → the vectors would come out otherwise."""
    made = json.loads(json.dumps(make_envelopes.make()))

    assert made == json.loads((VECTORS / "envelope.json").read_text())


# --- the master key ---------------------------------------------------------------------------------


def test_a009_wrong_master_key_is_sealed_and_writes_nothing(full: House) -> None:
    """Come with another master key → sealed, not "tampered"; the list shows unreadable."""
    full.key_file.write_bytes(bytes(MasterKey.generate().write().reveal()) + b"\n")
    before = full.sql("SELECT * FROM audit"), full.sql("SELECT epoch FROM vault")
    vault = full.open()

    with pytest.raises(VaultSealed):
        vault.open_key(RESEARCH, "anthropic")

    assert {key.state for key in vault.list_keys(RESEARCH)} == {"unreadable"}
    assert vault.state().name == "sealed"
    assert (full.sql("SELECT * FROM audit"), full.sql("SELECT epoch FROM vault")) == before


def test_a010_missing_master_key_is_not_made_anew(full: House) -> None:
    """Lose the key file while keys are stored → no new master key, and how to recover is said."""
    full.key_file.unlink()
    vault = full.open()

    for use in (
        lambda: vault.open_key(RESEARCH, "anthropic"),
        lambda: full.save(RESEARCH, GOOGLE),
        vault.rotate_master,
        vault.accept_restore,
    ):
        with pytest.raises(VaultSealed) as caught:
            use()
        assert caught.value.exit_status == 1
        assert "ASSAY_MASTER_KEY_FILE" in (caught.value.hint or "")

    assert not full.key_file.exists()


def test_a010_vault_row_that_is_gone_is_no_first_start(full: House) -> None:
    """Delete the vault's own row, so that it looks new → sealed, and no master key is made."""
    for statement in ("DELETE FROM vault", "DELETE FROM manifests"):
        full.sql(statement)
    before = full.key_file.read_bytes()
    vault = full.open()

    with pytest.raises(VaultSealed):
        full.save(RESEARCH, GOOGLE)

    assert vault.state().name == "sealed"
    assert full.key_file.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "keyring.backends.null:Keyring",
        "keyring.backends.fail:Keyring",
        "keyring.backends.chainer:ChainerBackend",
        "keyrings.alt.file:PlaintextKeyring",
        "tests.fakes.keyrings:MemoryKeyring",
    ],
)
def test_a011_backend_that_is_not_trusted_gets_no_secret(name: str) -> None:
    """Install or configure a keyring that keeps nothing, or plain text → refused before any secret."""
    from importlib import import_module

    module, _, qualname = name.partition(":")
    backend = getattr(import_module(module), qualname)()

    with pytest.raises(VaultSealed):
        OsKeyring(backend)


EVIL = """
import keyring.backend
class K(keyring.backend.KeyringBackend):
    priority = 99
    def get_password(self, service, username): open(__file__ + ".asked", "a").write(username)
    def set_password(self, service, username, password): open(__file__ + ".got", "a").write(password)
"""

USE = """
import pathlib, sys
from assay_nb.config import load_config
from assay_nb.vault.keystores.choose import choose_keystore
from assay_nb.vault.hierarchy import MasterKey
store = choose_keystore(load_config(), print)
store.put(b"v" * 16, MasterKey.generate())
print(store.describe())
"""


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    place = tmp_path / "evil"
    place.mkdir()
    (place / "evil.py").write_text(EVIL)
    return place


@pytest.mark.parametrize("how", ["environment", "keyringrc", "installed"])
def test_a011_planted_backend_is_never_asked(
    evil: Path, tmp_path: Path, home: Path, how: str
) -> None:
    """Plant a backend by variable, keyringrc or merely on the path → it never sees a secret."""
    environment = {**os.environ, "ASSAY_HOME": str(tmp_path / "assay")}
    if how != "keyringrc":
        environment["PYTHONPATH"] = os.pathsep.join([str(evil), *sys.path])
    if how == "environment":
        environment["PYTHON_KEYRING_BACKEND"] = "evil.K"
    if how == "keyringrc":
        rc = home / ".config" / "python_keyring" / "keyringrc.cfg"
        rc.parent.mkdir(parents=True)
        rc.write_text(f"[backend]\ndefault-keyring=evil.K\nkeyring-path={evil}\n")
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        assert _planted_is_chosen(environment), "the keyringrc must be one that keyring obeys"

    done = subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip

    assert "the key file" in done.stdout
    assert not list(evil.glob("evil.py.*"))


def test_a012_keyring_that_hangs_seals_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let D-Bus wait for a prompt that nobody sees → given up in time, no loop, no new master key."""
    monkeypatch.setitem(os_keyring.ALLOWED, name_of(HangingKeyring), "test")
    HangingKeyring.over_now.clear()
    store = OsKeyring(HangingKeyring.over({}), time_limit=0.2)

    for _ in range(5):
        with pytest.raises(VaultSealed):
            store.list_ids(b"v" * 16)  # it returns although the keyring never does

    HangingKeyring.over_now.set()
    assert os_keyring.TIME_LIMIT <= 20


def test_a012_dismissed_prompt_is_not_an_empty_keyring(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dismiss the prompt, or keep the collection locked → sealed; it is never taken for a first start."""
    monkeypatch.setitem(os_keyring.ALLOWED, name_of(LockedKeyring), "test")
    vault = Vault.open(house.database, OsKeyring(LockedKeyring.over({})))

    with pytest.raises(VaultSealed):
        vault.save_key(RESEARCH, ANTHROPIC, secret("x" * 40), added_by="ada", verified=True)

    assert vault.state().name == "empty"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda value: value[:-3], "not a whole"),
        (lambda value: value + b"\n", "not a whole"),
        (lambda value: value[:-8] + b"00000000", "check digits"),
    ],
)
def test_a013_spoilt_master_key_is_told_apart(spoil, text: str) -> None:
    """Cut the master key, change a digit, add a line end → refused, with a message of its own."""
    value = bytes(MasterKey.generate().write().reveal())

    with pytest.raises(VaultSealed, match=text) as caught:
        parse_master_key(spoil(value))

    assert value[7:50].decode() not in str(caught.value)


def test_a014_master_key_in_the_environment_stops_the_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pass the master key by variable, where every process reads it → refused, not used."""
    monkeypatch.setenv("ASSAY_MASTER_KEY", bytes(MasterKey.generate().write().reveal()).decode())

    with pytest.raises(VaultSealed, match="never taken from the environment"):
        choose_keystore(Config(home=house.home), print)


# --- the code ---------------------------------------------------------------------------------------


def _modules(root: Path = SOURCE) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted(root.rglob("*.py"))]


@pytest.mark.slow
def test_a016_no_other_cipher_random_or_pickle_is_in_the_code() -> None:
    """Slip in a weaker primitive → found: only AESGCM and HKDF, no random, no pickle."""
    wrong: list[str] = []
    for path, tree in _modules():
        for node in ast.walk(tree):
            names = _imported(node)
            if any(name.split(".")[0] in {"pickle", "shelve", "marshal", "dill"} for name in names):
                wrong.append(f"{path}: {names}")
            if "vault" in path.parts and any(
                n.split(".")[0] in {"random", "secrets"} for n in names
            ):
                wrong.append(f"{path}: {names}")
            if any(re.search(r"ciphers\.(modes|algorithms)|Fernet", n) for n in names):
                wrong.append(f"{path}: {names}")
    assert not wrong

    used = {
        name
        for _, tree in _modules()
        for node in ast.walk(tree)
        for name in _imported(node)
        if name.startswith("cryptography")
    }
    assert used == {
        "cryptography.exceptions.InvalidTag",
        "cryptography.hazmat.primitives.ciphers.aead.AESGCM",
        "cryptography.hazmat.primitives.hashes.SHA512",
        "cryptography.hazmat.primitives.kdf.hkdf.HKDF",
    }


def test_a016_digests_are_not_compared_with_equals() -> None:
    """Time a comparison of MACs → they are compared in constant time, never with ==."""
    secretive = re.compile(
        r"mac$|digest|commitment|check_value|check_digits|fingerprint", re.IGNORECASE
    )
    wrong = [
        f"{path.name}:{node.lineno}"
        for path, tree in _modules(SOURCE / "vault")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        and any(secretive.search(ast.unparse(side)) for side in (node.left, *node.comparators))
    ]

    assert not wrong


def test_a016_no_sql_is_put_together_from_strings() -> None:
    """Inject SQL through a formatted string → there is none to inject into."""
    verbs = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|DROP|ALTER|CREATE)\b", re.IGNORECASE)
    wrong = [
        f"{path.name}:{node.lineno}"
        for path, tree in _modules(SOURCE / "store")
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        and node.values
        and isinstance(node.values[0], ast.Constant)
        and verbs.match(str(node.values[0].value))
    ]

    assert not wrong


@pytest.mark.slow
def test_a016_keys_are_opened_in_one_place_outside_the_vault() -> None:
    """Reach for a decrypted key from a handler → only the sender's side of the engine opens keys."""
    callers = {
        path.relative_to(SOURCE).as_posix()
        for path, tree in _modules()
        if not path.is_relative_to(SOURCE / "vault")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "open_key"
    }

    assert callers <= {"engine/local/credentials.py"}


# --- what gets out ----------------------------------------------------------------------------------


def test_a031_no_public_object_of_the_vault_shows_a_key(full: House) -> None:
    """Print, format, dump, copy or pickle whatever the vault hands out → nothing, or a refusal."""
    canary = full.keys[RESEARCH, "anthropic"]
    opened = full.vault.open_key(RESEARCH, "anthropic")
    stored = full.vault.list_keys(RESEARCH)[0]
    held = full.vault._transactions.masters
    things = [
        opened,
        opened.secret,
        opened.secret.reveal(),
        stored,
        full.vault,
        held,
        *held._held.values(),
    ]
    shown: list[str] = []
    for thing in things:
        for show in (
            repr, str, "{}".format, "{!a}".format, vars, dataclasses.asdict, json.dumps, copy.copy,
            copy.deepcopy, pickle.dumps,
        ):  # fmt: skip
            with suppress(TypeError, AttributeError, pickle.PicklingError):
                shown.append(repr(show(thing)))

    assert len(shown) > 20
    assert find_canary("\n".join(shown), canary) == []
    assert find_canary(repr(bytes(opened.secret.reveal())), canary), (
        "the search must be able to find it"
    )
    master = bytes(next(iter(held._held.values())).write().reveal()).decode()
    assert master[7:50] not in "\n".join(shown)


@pytest.mark.parametrize(
    "spoil", ["{}\nX: y", "{}\r", "sk {}", "{}\u00e9", "{}\0", "short", "{0}" * 6]
)
def test_a032_key_that_no_header_may_hold_is_refused_without_being_quoted(
    house: House, spoil: str
) -> None:
    """Save a key with a line end, a blank or an accent inside → refused; the error has none of it."""
    key = make_canary("anthropic")
    typed = spoil.format(key) + " x"

    with pytest.raises(WrongUsage) as caught:
        house.vault.save_key(RESEARCH, ANTHROPIC, secret(typed), added_by="ada", verified=True)

    assert core_of(key) not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert house.vault.list_keys(RESEARCH) == []


def test_a032_blanks_around_a_key_are_left_off(house: House) -> None:
    """Paste a key with its line end → the blanks are left off, and the key opens as it is."""
    key = make_canary("anthropic")

    house.vault.save_key(RESEARCH, ANTHROPIC, secret(f" {key}\r\n"), added_by="ada", verified=True)

    assert house.read() == key


def test_a048_database_files_never_hold_a_plaintext_key(full: House) -> None:
    """Search database, log and index after save, replace, rotate and delete → no key in any form."""
    keys = list(full.keys.values())
    full.save(RESEARCH, ANTHROPIC)
    full.vault.rotate_master()
    full.vault.rekey_workspace(RESEARCH)
    full.vault.remove_key(RESEARCH, "openai", actor="ada")

    for path in full.home.iterdir():
        content = path.read_bytes()
        for key in [*keys, *full.keys.values()]:
            assert find_canary(content, key) == [], path
    full.sql("UPDATE provider_keys SET added_by = ?", keys[0])
    assert any(find_canary(path.read_bytes(), keys[0]) for path in full.home.iterdir())


def test_a063_equal_keys_do_not_look_equal_in_two_workspaces(house: House) -> None:
    """Compare fingerprints across workspaces → equal keys have different ones."""
    key = make_canary("anthropic")
    for workspace in (RESEARCH, SUPPORT):
        house.vault.save_key(workspace, ANTHROPIC, secret(key), added_by="ada", verified=True)

    assert house.row(RESEARCH)["fingerprint"] != house.row(SUPPORT)["fingerprint"]


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _opens(key: SealingKey, envelope: bytes) -> bool:
    try:
        key.open(envelope, BOUND)
    except CannotOpen:
        return False
    return True


def _open_vector(vector: dict[str, str]) -> bytes:
    part = {name: bytes.fromhex(value) for name, value in vector.items() if name != "name"}
    key = SealingKey(part["key_id"], SecretBytes(part["key"]))
    return bytes(key.open(part["envelope"], part["associated_data"]).reveal())


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _planted_is_chosen(environment: dict[str, str]) -> bool:
    program = "import keyring; print(type(keyring.get_keyring()).__module__)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip() == "evil"
