"""Cut the power at every point of a change, and look at what is left.

A library that is loaded before everything else writes down what a process does to its files. From that, the
states that a power cut may leave are put together: what was synced is there; of what was not, nothing, all,
or some writes are, each perhaps torn at a sector. A new file is there once it was synced itself, as on ext4,
XFS and btrfs; a rename or removal once its folder was.

Run as a program, since it forks: `python -m tests.vault.power CHANGE DIRECTORY` prints, for each cut, what
opened after it and after the change was done again.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.vault.killing import copied, in_child, look, prepare, run

SECTOR = 512
_CHANCES = 3 if os.environ.get("NIGHTLY") else 1
"""Cuts at each sync that keep some of what was written, drawn by a fixed seed; beside those that keep all or
nothing. The nightly run makes more."""
_RECORDER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(char what, const char *path, long offset, const void *data, long length) {
    static int notes = -1;
    const char *watched = getenv("WATCHED");
    char head[4200];
    if (!watched || strncmp(path, watched, strlen(watched))) return;
    if (notes < 0) notes = syscall(SYS_openat, AT_FDCWD, getenv("NOTES"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    int size = snprintf(head, sizeof head, "%c %ld %ld %s\n", what, offset, length, path);
    if (syscall(SYS_write, notes, head, size) < 0 || syscall(SYS_write, notes, data, length) < 0) abort();
}
static void tell_of(char what, int file, long offset, const void *data, long length) {
    char link[64], path[4097];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size > 0) { path[size] = 0; tell(what, path, offset, data, length); }
}
ssize_t pwrite64(int file, const void *data, size_t length, off_t offset) {
    ssize_t done = syscall(SYS_pwrite64, file, data, length, offset);
    if (done > 0) tell_of('w', file, offset, data, done);
    return done;
}
ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    return pwrite64(file, data, length, offset);
}
ssize_t write(int file, const void *data, size_t length) {
    long offset = syscall(SYS_lseek, file, 0L, SEEK_CUR);
    ssize_t done = syscall(SYS_write, file, data, length);
    if (done > 0 && offset >= 0) tell_of('w', file, offset, data, done);
    return done;
}
int ftruncate64(int file, off_t length) {
    int done = syscall(SYS_ftruncate, file, length);
    if (done == 0) tell_of('t', file, length, "", 0);
    return done;
}
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }
int fsync(int file) {
    int done = syscall(SYS_fsync, file);
    if (done == 0) tell_of('s', file, 0, "", 0);
    return done;
}
int fdatasync(int file) { return fsync(file); }
int rename(const char *old, const char *new) {
    int done = syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
    if (done == 0) tell('r', old, 0, new, strlen(new));
    return done;
}
int unlink(const char *path) {
    int done = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (done == 0) tell('u', path, 0, "", 0);
    return done;
}
"""


@dataclass(frozen=True)
class Step:
    """One thing that was done to a file: written, truncated, synced, renamed or unlinked."""

    what: str
    path: str
    offset: int
    data: bytes


@dataclass
class File:
    """What is on the disk, and what only the system's cache holds."""

    durable: bytes = b""
    waiting: list[Step] = field(default_factory=list)


class Disk:
    """Files as they are while a process works, and as a power cut would leave them."""

    def __init__(self, home: Path) -> None:
        self._home = str(home)
        self._names = {
            str(path): File(path.read_bytes()) for path in home.iterdir() if path.is_file()
        }
        self._durable_names = dict(self._names)

    def do(self, step: Step) -> None:
        """Follow one step."""
        match step.what:
            case "w" | "t":
                self._names.setdefault(step.path, File()).waiting.append(step)
            case "r":
                self._names[step.data.decode()] = self._names.pop(step.path)
            case "u":
                self._names.pop(step.path, None)
            case _ if step.path == self._home:
                self._durable_names = dict(self._names)
            case _:
                file = self._names.setdefault(step.path, File())
                file.durable = _applied(file.durable, file.waiting)
                file.waiting = []
                self._durable_names.setdefault(step.path, file)

    def cut(self, home: Path, keep: Callable[[], bool], tear: Callable[[bytes], bytes]) -> Path:
        """Write what a power cut now may leave."""
        home.mkdir(mode=0o700)
        for path, file in (self._names if keep() else self._durable_names).items():
            kept = [
                Step(step.what, step.path, step.offset, tear(step.data))
                for step in file.waiting
                if keep()
            ]
            left = home / Path(path).name
            left.touch(mode=0o600)
            left.write_bytes(_applied(file.durable, kept))
        return home


def main(change: str, directory: Path) -> list[dict[str, Any]]:
    """Cut the power before each sync, renaming or removal, and after the last step, in several ways."""
    template, whole = directory / "template", directory / "whole"
    in_child(lambda: prepare(change, template))
    template.mkdir(mode=0o700, exist_ok=True)
    copied(template, whole)
    disk = Disk(whole)
    steps = list(_record(change, whole, directory))
    results: list[dict[str, Any]] = [{"cut": "never", "after": in_child(lambda: look(whole))[1]}]
    for number, step in enumerate([*steps, None]):
        if (
            step is not None and step.what in "wt"
        ):  # a cut after some writes is among the "some kept"
            disk.do(step)
            continue
        for way, keep, tear in _ways(number):
            left = disk.cut(directory / "left", keep, tear)
            after = in_child(lambda left=left: look(left))[1]
            again, _ = in_child(lambda left=left: run(change, left, kill_at=None))
            results.append(
                {
                    "cut": f"{number}, {way}",
                    "last": step is None,
                    "after": after,
                    "again": os.waitstatus_to_exitcode(again),
                    "finally": in_child(lambda left=left: look(left))[1],
                }
            )
            shutil.rmtree(left)
        if step is not None:
            disk.do(step)
    return results


def _ways(seed: int) -> Iterator[tuple[str, Callable[[], bool], Callable[[bytes], bytes]]]:
    dice = random.Random(seed)

    def toss() -> bool:
        return dice.random() < 0.5

    def torn(data: bytes) -> bytes:
        return data[: SECTOR * dice.randrange(len(data) // SECTOR + 1)] if toss() else data

    yield "nothing kept", lambda: False, bytes
    yield "all kept", lambda: True, bytes
    for _ in range(_CHANCES):
        yield "some kept", toss, bytes
        yield "some kept, some torn", toss, torn


def _record(change: str, home: Path, directory: Path) -> Iterator[Step]:
    """Do the change in a new process, and return what it did to its files."""
    source, library, notes = (directory / name for name in ("note.c", "note.so", "notes"))
    source.write_text(_RECORDER)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    notes.touch()
    program = "import sys; from pathlib import Path; from tests.vault.killing import run; "
    program += "run(sys.argv[1], Path(sys.argv[2]), kill_at=None)"
    subprocess.run(
        [sys.executable, "-c", program, change, str(home)],
        env={**os.environ, "LD_PRELOAD": str(library), "WATCHED": str(home), "NOTES": str(notes)},
        check=True,
    )
    with notes.open("rb") as told:
        while head := told.readline().rstrip(b"\n"):
            what, offset, length, path = head.decode().split(" ", 3)
            yield Step(what, path, int(offset), told.read(int(length)))


def _applied(content: bytes, steps: list[Step]) -> bytes:
    result = bytearray(content)
    for step in steps:
        end = step.offset if step.what == "t" else step.offset + len(step.data)
        result.extend(bytes(max(0, end - len(result))))
        if step.what == "t":
            del result[step.offset :]
        else:
            result[step.offset : end] = step.data
    return bytes(result)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
