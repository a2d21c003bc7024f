"""Attacks by the name of a file: a pipe, a device, a socket, a link or a folder where a file is read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_nb.certificates import trust_file
from assay_nb.commands.prompt_files import read_prompt_file
from assay_nb.config import HubEnvironment
from assay_nb.errors import AssayError
from assay_nb.experiments.calibration.judge_check import read_pairs
from assay_nb.experiments.suites.file import read_text
from assay_nb.gateway.process.hardening import read_api_token
from assay_nb.gateway.settings import HubSettings, Settings, _read_toml
from assay_nb.plain_files import read_plain
from assay_nb.vault.keystores.key_file import KeyFile

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's"),
    pytest.mark.timeout(60),  # what hangs is what these tests look for
]

VAULT = b"v" * 16


def read_token(path: Path) -> object:
    settings = Settings(hub=HubSettings(api_token_file=path))
    return read_api_token(settings, HubEnvironment())


READERS: dict[str, Callable[[Path], object]] = {
    "key file": lambda path: KeyFile(path).list_ids(VAULT),
    "noted epoch": lambda path: KeyFile(path.with_name("key"), mark_path=path).find_mark(VAULT),
    "hub token": read_token,
    "configuration": _read_toml,
    "authorities": lambda path: trust_file(path, "ca_file"),
    "prompt": lambda path: read_prompt_file(str(path)),
    "suite": read_text,
    "pairs": read_pairs,
}


def make_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def make_folder(path: Path) -> None:
    path.mkdir(mode=0o700)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", [make_pipe, make_folder, make_socket, make_endless])
def test_a130_what_is_not_a_file_is_refused_and_nothing_hangs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    reader: str,
) -> None:
    """Put a pipe, a folder, a socket or an endless device where a file is read → one sentence, at once."""
    monkeypatch.chdir(tmp_path)  # the path of a socket has little room
    path = Path("it")
    make(path)

    with pytest.raises(AssayError) as caught:
        READERS[reader](path)

    assert "\n" not in caught.value.message
    assert "it" in caught.value.message


def test_a130_master_key_is_not_read_through_a_link(tmp_path: Path) -> None:
    """Link the key file to one's own → refused, although what it leads to is a file."""
    (tmp_path / "real").touch(mode=0o600)
    (tmp_path / "key").symlink_to(tmp_path / "real")

    with pytest.raises(AssayError):
        KeyFile(tmp_path / "key").list_ids(VAULT)
    assert KeyFile(tmp_path / "absent").list_ids(VAULT) == []


def test_a130_file_without_end_is_read_up_to_a_bound(tmp_path: Path) -> None:
    """Name a file of a gigabyte → refused after the bound; up to it the file is read."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 30)

    with pytest.raises(OSError, match="more than 1,000 bytes"):
        read_plain(path, 1000)
    path.write_bytes(b"x" * 1000)
    assert read_plain(path, 1000) == b"x" * 1000


def test_a130_plain_opening_of_a_pipe_does_hang(tmp_path: Path) -> None:
    """The control: the ordinary way to open such a pipe waits for somebody to write to it."""
    os.mkfifo(tmp_path / "it")

    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", "open('it')"], cwd=tmp_path, timeout=2, check=False)
