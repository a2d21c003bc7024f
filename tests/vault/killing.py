"""Kill a change at each of its points in turn, and look at what is left.

Run as a program, since it forks: `python -m tests.vault.killing CHANGE DIRECTORY` prints, for each point,
what opened after the kill and after the change was done again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from assay_nb.errors import ProviderKeyMissing
from assay_nb.vault import failpoints
from assay_nb.vault.vault import Vault
from tests.vault.builders import ANTHROPIC, GOOGLE, OPENAI, RESEARCH, SUPPORT, House, secret

WORKSPACES = (RESEARCH, SUPPORT, b"teaching" * 2)
OLD, NEW = "the-old-key-" + "o" * 30, "the-new-key-" + "n" * 30


def save(vault: Vault, workspace: bytes = RESEARCH, key: str = OLD, there: Any = ANTHROPIC) -> None:
    vault.save_key(workspace, there, secret(key), added_by="ada", verified=True)


def remove(vault: Vault) -> None:
    with suppress(ProviderKeyMissing):  # the kill came after it was done
        vault.remove_key(RESEARCH, "anthropic", actor="ada")


def purge(vault: Vault) -> None:
    vault.purge_master(timedelta(0))


CHANGES: dict[str, Callable[[Vault], Any]] = {
    "first save": save,
    "save": lambda vault: save(vault, there=GOOGLE),
    "save in a new workspace": lambda vault: save(vault, b"newcomer" * 2),
    "replace": lambda vault: save(vault, key=NEW),
    "remove": remove,
    "remove workspace": lambda vault: vault.remove_workspace(RESEARCH, actor="ada"),
    "rotate": lambda vault: vault.rotate_master(),
    "rekey": lambda vault: vault.rekey_workspace(RESEARCH),
    "purge": purge,
    "accept restore": lambda vault: vault.accept_restore(),
}


def prepare(change: str, home: Path) -> None:
    """Make a vault as it is before the change."""
    house = House(home)
    if change == "first save":
        return
    for workspace in WORKSPACES:
        for there in (ANTHROPIC, OPENAI):
            save(house.vault, workspace, there=there)
    if change == "purge":
        house.vault.rotate_master()
    house.database.close()


def run(change: str, home: Path, *, kill_at: int | None) -> list[str]:
    """Do the change in this process, and return the points that it came by, unless killed there."""
    points: list[str] = []

    def reached(name: str) -> None:
        if len(points) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        points.append(name)

    failpoints.reached = reached
    CHANGES[change](House(home).vault)
    return points


def look(home: Path) -> dict[str, Any]:
    """Say which keys open in a new process, and how the vault stands."""
    house = House(home)
    state = house.vault.state().name
    opened: dict[str, str] = {}
    for workspace in (*WORKSPACES, b"newcomer" * 2):
        for stored in house.vault.list_keys(workspace):
            provider = stored.destination.provider
            key = house.read(workspace, provider) if stored.state == "ready" else stored.state
            opened[f"{workspace[:8].decode()} {provider}"] = key[:11]
    masters = [status.state for status in house.vault.master_status()]
    return {"state": state, "opened": opened, "masters": sorted(masters)}


def main(change: str, directory: Path) -> list[dict[str, Any]]:
    """Kill the change at each of its points."""
    template = directory / "template"
    in_child(lambda: prepare(change, template))
    points = in_child(lambda: run(change, copied(template, directory / "whole"), kill_at=None))[1]
    results = [{"point": None, "after": in_child(lambda: look(directory / "whole"))[1]}]
    for number, point in enumerate(points):
        home = copied(template, directory / str(number))
        results.append({"point": point, **kill(change, home, number)})
    return results


def kill(change: str, home: Path, number: int) -> dict[str, Any]:
    """Kill the change at one point, look, do it again, and look once more."""
    status, _ = in_child(lambda: run(change, home, kill_at=number))
    after = in_child(lambda: look(home))[1]
    again, _ = in_child(lambda: run(change, home, kill_at=None))
    return {
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "after": after,
        "again": os.waitstatus_to_exitcode(again),
        "finally": in_child(lambda: look(home))[1],
    }


def copied(template: Path, home: Path) -> Path:
    shutil.copytree(template, home)
    return home


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a child process, and return its exit status and what it returned."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = json.dumps(work()).encode()
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(answer)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return status, json.loads(answer) if answer else None


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
