"""What a gateway asks of its database, with ten members and with 100,000.

    python benchmarks/growth.py [--members 100000] [--workspaces 10000] [--calls 500000]

Each line is one thing that a request, a page or the housekeeping does, as the median of many times, in
microseconds: on a small database, on a large one, and the ratio. Every workspace of the large one has members,
calls and what was used, and a manifest that the vault's own is signed over. The status is 1 where a ratio is
above 3: a table that is looked through shows as hundreds. The last two lines grow as they say: a change of a key
signs all workspaces' manifests, and each gateway checks them once after it.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from assay_nb.accounting.allowances import Allowance
from assay_nb.accounting.reports import read_days
from assay_nb.engine.local.planner import CallPlanner
from assay_nb.gateway.process.housekeeping import clean_up
from assay_nb.gateway.resources import GatewayResources
from assay_nb.gateway.settings import HubSettings, Settings
from assay_nb.messages import Destination
from assay_nb.vault.secret import SecretBytes

KEY = b"sk-bench-0123456789abcdefghijklmnopqrstuvwxyz"
HERE = "http://127.0.0.1:4000"
MOST = 3.0
TIMES = 200


def open_gateway(home: Path) -> tuple[GatewayResources, bytes]:
    """Return the resources of a gateway with one team that has a key, and the team's id."""
    home.mkdir(mode=0o700)
    hub = HubSettings(api_url=f"{HERE}/hub/api")
    resources = GatewayResources(Settings(home=home, allow_origins=(HERE,), hub=hub))
    team = resources.workspaces.create("bench", "ada").id
    resources.workspaces.personal("ada")
    save(resources, team)
    resources.allowances.set(team, Allowance("ada", micros_per_month=10**12))
    return resources, team


def save(resources: GatewayResources, team: bytes) -> None:
    there = Destination("openai", f"{HERE}/v1", HERE, "bearer")
    with SecretBytes(KEY) as secret:
        resources.vault.save_key(team, there, secret, added_by="ada", verified=True)


def fill(file: Path, members: int, workspaces: int, calls: int) -> None:
    """Add other people's workspaces, with their calls and what they used today."""
    teams = [os.urandom(16) for _ in range(workspaces)]
    now = int(time.time())
    with closing(sqlite3.connect(file)) as connection, connection:
        (master,) = connection.execute("SELECT mk_id FROM master_keys").fetchone()
        add = connection.executemany
        add(
            "INSERT INTO workspaces (workspace_id, name, kind, created_at) VALUES (?, ?, 'team', ?)",
            ((one, one.hex(), now) for one in teams),
        )
        add(
            "INSERT INTO manifests VALUES (?, ?, 1, ?)",
            ((one, master, os.urandom(32)) for one in teams),
        )
        add(
            "INSERT INTO members VALUES (?, ?, 'member', 'hand', ?)",
            ((teams[n % workspaces], f"person-{n}", now) for n in range(members)),
        )
        add(
            "INSERT INTO usage VALUES (?, ?, '', 'day', ?, 1, 1, 0)",
            ((teams[n % workspaces], f"person-{n}", now // 86_400) for n in range(members)),
        )
        add(
            "INSERT INTO usage_sums VALUES (?, ?, ?, 'openai', 'm', 'workspace', 1, 0, 0, 1, 1, 0, 1, 1)",
            ((teams[n % workspaces], now // 86_400, f"person-{n}") for n in range(members)),
        )
        add(
            "INSERT INTO calls (call_id, workspace_id, user, at, instrument, provider, model, funding, status) "
            "VALUES (?, ?, ?, ?, 'critique', 'openai', 'm', 'workspace', 'ok')",
            (
                (
                    (time.time_ns() + n).to_bytes(8, "big") + os.urandom(8),
                    teams[n % workspaces],
                    f"person-{n % members}",
                    now,
                )
                for n in range(calls)
            ),
        )


def acts(resources: GatewayResources, team: bytes) -> dict[str, Callable[[], object]]:
    """Return what is measured, by its name."""
    planner = CallPlanner(resources, "ada")
    days = read_days(None, None)

    def count() -> None:
        reserved = resources.allowances.reserve(team, "ada", "openai/m", 0.01)
        resources.allowances.settle(reserved, 0.01, unknown=1.0)

    def open_key() -> None:
        with resources.vault.open_key(team, "openai"):
            pass

    return {
        "a membership": lambda: resources.workspaces.get("ada", team),
        "all of a member's workspaces": lambda: resources.workspaces.list("ada"),
        "a call decided anew": lambda: planner.find_own("bench", "openai/m"),
        "a call counted against a limit": count,
        "a key opened": open_key,
        "the latest calls of a workspace": lambda: resources.calls.recent(team),
        "what a member has used": lambda: resources.reports.usage(
            ("model",), days, workspace_id=team, user="ada"
        ),
        "the vault's state": resources.vault.find_state,
        "the housekeeping": lambda: clean_up(resources),
    }


def measure(act: Callable[[], object]) -> float:
    """Return the median microseconds that something takes."""
    taken: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[TIMES // 10 :]) * 1e6


def whole(resources: GatewayResources, team: bytes) -> dict[str, float]:
    """Return the microseconds of what grows with the workspaces that have keys."""
    began = time.perf_counter()
    save(resources, team)
    saved = time.perf_counter()
    resources.vault.state()
    return {
        "(a key saved)": (saved - began) * 1e6,
        "(the whole vault checked)": (time.perf_counter() - saved) * 1e6,
    }


def run(args: argparse.Namespace) -> bool:
    """Measure both databases and print the lines; return whether every ratio is small."""
    found: list[dict[str, float]] = []
    for large in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            resources, team = open_gateway(Path(folder, "home"))
            if large:
                fill(Path(folder, "home/vault.sqlite"), args.members, args.workspaces, args.calls)
            resources.vault.accept_restore(actor="bench")
            taken = {name: measure(act) for name, act in acts(resources, team).items()}
            found.append({**taken, **whole(resources, team)})
            resources.changes.close()
            resources.database.close()
    few, many = found
    print(f"{'microseconds':36}{'few':>12}{f'{args.members:,} members':>20}{'ratio':>8}")
    for name, small in few.items():
        print(f"{name:36}{small:12.0f}{many[name]:20.0f}{many[name] / small:8.2f}")
    return all(
        many[name] <= MOST * small for name, small in few.items() if not name.startswith("(")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--workspaces", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=500_000)
    os.umask(0o077)
    sys.exit(0 if run(parser.parse_args()) else 1)


if __name__ == "__main__":
    main()
