"""Become the system user of a hub user, then become the notebook server: what a sudo spawner does."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    name = os.environ["JUPYTERHUB_USER"]
    uid, home = int(os.environ[f"STAGE_UID_{name}"]), Path(os.environ["STAGE_HOMES"], name)
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, uid, uid)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    os.chdir(home)
    command = [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]]
    about = {"HOME": str(home), "USER": name, "LOGNAME": name}
    os.execve(sys.executable, command, {**os.environ, **about})


if __name__ == "__main__":
    main()
