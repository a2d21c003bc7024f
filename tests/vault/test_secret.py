from __future__ import annotations

import copy
import json
import os
import pickle

import pytest

from assay_nb.vault.secret import SecretBuffer, SecretBytes

KEY = b"a key of some kind"


@pytest.fixture
def key() -> SecretBytes:
    return SecretBytes(KEY)


def test_reveal_gives_the_bytes(key: SecretBytes) -> None:
    assert bytes(key.reveal()) == KEY


def test_leaving_the_block_overwrites_what_was_revealed(key: SecretBytes) -> None:
    with key:
        revealed = key.reveal()

    assert bytes(revealed) == bytes(len(KEY))


def test_wiped_secret_is_not_revealed(key: SecretBytes) -> None:
    key.wipe()

    with pytest.raises(ValueError, match="wiped"):
        key.reveal()


def test_wiping_twice_is_harmless(key: SecretBytes) -> None:
    key.wipe()
    key.wipe()

    assert key.is_wiped


def test_buffer_outlives_the_secret_that_it_came_from() -> None:
    assert bytes(SecretBytes(KEY).reveal()) == KEY


@pytest.mark.parametrize("show", [repr, str, format, "{:>40}".format, "%s".__mod__])
def test_secret_and_its_bytes_do_not_show_themselves(key: SecretBytes, show) -> None:
    assert "key" not in show(key)
    assert "key" not in show(key.reveal())


def test_secrets_of_equal_bytes_are_not_equal(key: SecretBytes) -> None:
    assert key != SecretBytes(KEY)
    assert key == key


@pytest.mark.parametrize(
    "take", [iter, list, bytes, copy.copy, copy.deepcopy, pickle.dumps, json.dumps, vars]
)
def test_secret_refuses_to_be_taken_out_by_accident(key: SecretBytes, take) -> None:
    with pytest.raises(TypeError):
        take(key)


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_bytes_of_a_secret_refuse_to_be_pickled(key: SecretBytes, take) -> None:
    with pytest.raises(TypeError):
        take(key.reveal())


def test_taken_buffer_is_owned_and_not_copied() -> None:
    buffer = SecretBuffer(KEY)

    SecretBytes.take(buffer).wipe()

    assert bytes(buffer) == bytes(len(KEY))


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # the test is about fork
def test_forked_child_finds_the_secret_overwritten(key: SecretBytes) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if key.is_wiped and not any(key._buffer) else 1)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert bytes(key.reveal()) == KEY
