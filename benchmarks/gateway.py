"""What the gateway adds to a call, beside a bare proxy on the same stack in the same run.

    python benchmarks/gateway.py [--seconds 3] [--rounds 3] [--streams 1000] [--rows 1000000] [--litellm PROGRAM]

Both run on one core, load and upstream on another where there is one, all on loopback. The bare proxy
swaps a header and relays; the gateway does that with identity, membership, vault, limits, calls log,
metrics and its structured log. A third one copies bytes and does nothing else: no proxy on this stack costs
less. They take turns, so that what else the machine does falls on all, and what is compared is processor time.
Ratios hold from machine to machine; milliseconds do not.

Instruments are measured by rows of a playground, which a kernel sends through the gateway, beside a loop on
the bare SDK that sends the same rows to the same provider: each row's processor time at the gateway, and in
the loop.

Where LiteLLM's proxy is installed it is measured in the same run: one worker, a master key and a model list,
without a database, so it looks no key up and logs no call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from proxies.load import (
    Side,
    call_again_and_again,
    hang_up,
    read_slowly,
    read_stream,
)

PARTS = Path(__file__).parent / "proxies"
TICKS = os.sysconf("SC_CLK_TCK")
AT_ONCE = 32
PACED, EVENTS, PAUSE = 200, 50, 0.1
PLAYED = 500
"""Rows of a playground. The first calls, which load the provider's SDK, are not among them."""


@dataclass
class Process:
    """A proxy or the upstream, in a process of its own."""

    name: str
    port: int
    popen: subprocess.Popen[str]
    side: Side = field(init=False)

    def cpu(self) -> float:
        """Return the seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def running(name: str, core: int, *arguments: int) -> Iterator[Process]:
    port = free_port()
    popen = subprocess.Popen(
        [sys.executable, str(PARTS / f"{name}.py"), str(port), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        os.sched_setaffinity(popen.pid, {core})
        assert popen.stdout is not None
        if popen.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name} did not start")
        yield Process(name, port, popen)
    finally:
        popen.terminate()
        popen.wait(20)


@contextmanager
def running_litellm(program: str | None, core: int, upstream: int) -> Iterator[Process | None]:
    """Run LiteLLM's proxy as its own documentation says, or give None where it is not installed."""
    if program is None:
        yield None
        return
    port, token = free_port(), f"sk-{secrets.token_hex(24)}"
    model = {
        "model": "openai/m",
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "sk-bench",
    }
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")  # JSON is YAML too
        config.write_text(
            json.dumps({"model_list": [{"model_name": "m", "litellm_params": model}]})
        )
        command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        popen = subprocess.Popen(
            command,
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "LITELLM_MASTER_KEY": token,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            os.sched_setaffinity(popen.pid, {core})
            process = Process("litellm", port, popen)
            process.side = Side(port, "/v1", token)
            yield process if wait_for(process) else None
        finally:
            popen.terminate()
            popen.wait(20)


def wait_for(process: Process, seconds: float = 90) -> bool:
    """Say whether a process listens before so many seconds are over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.popen.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", process.port)) == 0:
                return True
        time.sleep(0.2)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- what is measured


async def throughput(proxies: list[Process], rounds: int, seconds: float) -> dict[str, float]:
    """Return microseconds of processor time per JSON request, with many in flight."""
    cost: dict[str, list[float]] = {proxy.name: [] for proxy in proxies}
    for _ in range(rounds):
        for proxy in proxies:
            before = proxy.cpu()
            times, failed = await call_again_and_again(proxy.side, AT_ONCE, seconds)
            if failed:
                raise SystemExit(f"{proxy.name}: {failed} of {len(times)} calls failed")
            cost[proxy.name].append((proxy.cpu() - before) / len(times) * 1e6)
    return {name: statistics.median(values) for name, values in cost.items()}


async def latency(sides: dict[str, Side], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median milliseconds of one call at a time."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds * 2):
        for name, side in sides.items():
            times, _ = await call_again_and_again(side, 1, seconds / 4)
            taken[name].append(statistics.median(times) * 1e3)
    return {name: min(values) for name, values in taken.items()}


async def first_events(sides: dict[str, Side], rounds: int) -> dict[str, float]:
    """Return the median milliseconds to a stream's first event, one stream at a time."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds * 2):
        for name, side in sides.items():
            streams = [await read_stream(side, 2, 0.0) for _ in range(50)]
            taken[name].append(statistics.median(stream.first for stream in streams) * 1e3)
    return {name: min(values) for name, values in taken.items()}


async def streaming(proxies: list[Process], rounds: int) -> dict[str, tuple[float, float]]:
    """Return microseconds of processor time per paced event, and milliseconds to the first (p99)."""
    found: dict[str, list[tuple[float, float]]] = {proxy.name: [] for proxy in proxies}
    for _ in range(rounds):
        for proxy in proxies:
            before = proxy.cpu()
            streams = await asyncio.gather(
                *[read_stream(proxy.side, EVENTS, PAUSE) for _ in range(PACED)]
            )
            events = sum(stream.events for stream in streams)
            first = statistics.quantiles([stream.first for stream in streams], n=100)[98]
            found[proxy.name].append(((proxy.cpu() - before) / events * 1e6, first * 1e3))
    return {
        name: (statistics.median(c for c, _ in values), statistics.median(f for _, f in values))
        for name, values in found.items()
    }


async def many_streams(proxy: Process, count: int) -> tuple[int, float]:
    """Open many streams at once; return how many came whole, and KiB of memory for each."""
    idle, most = proxy.memory(), 0.0

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, proxy.memory())
            await asyncio.sleep(0.2)

    looking = asyncio.create_task(look())
    streams = await asyncio.gather(*[read_stream(proxy.side, 8, 1.0) for _ in range(count)])
    looking.cancel()
    whole = sum(stream.whole and stream.events == 8 for stream in streams)
    return whole, (most - idle) * 1024 / count


async def hanging_up(proxy: Process, upstream: Process, times: int) -> list[float]:
    """Return the seconds from each hang-up to the end of the upstream connection."""
    taken: list[float] = []
    for number in range(times):
        at = await hang_up(proxy.side)
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
            writer.write(b"GET /closed HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            closed = json.loads(await reader.readuntil(b"]"))
            writer.close()
            after = [moment - at for moment in closed if moment > at]
            if after or time.monotonic() - at > 20:
                break
            await asyncio.sleep(0.02)
        taken.append(min(after) if after else 20.0)
        del number
    return taken


async def slow_client(proxy: Process, seconds: float) -> tuple[float, float]:
    """Return the others' 95th percentile in milliseconds without, and with, one who reads slowly."""

    async def percentile() -> float:
        times, _ = await call_again_and_again(proxy.side, 4, seconds)
        return statistics.quantiles(times, n=20)[18] * 1e3

    without = await percentile()
    stop = asyncio.Event()
    slow = asyncio.create_task(read_slowly(proxy.side, stop))
    await asyncio.sleep(0.5)
    beside = await percentile()
    stop.set()
    await slow
    return without, beside


def instruments(gateway: Process, upstream: Process, rounds: int) -> tuple[float, float, float]:
    """Return milliseconds of processor time a row: in a bare SDK loop, at the gateway, in the kernel."""
    bare, ours, kernel = list[float](), list[float](), list[float]()
    play("hub", f"http://127.0.0.1:{gateway.port}/services/assay/", 2 * AT_ONCE)
    for _ in range(rounds):
        bare.append(play("bare", f"http://127.0.0.1:{upstream.port}", PLAYED))
        before = gateway.cpu()
        kernel.append(play("hub", f"http://127.0.0.1:{gateway.port}/services/assay/", PLAYED))
        ours.append((gateway.cpu() - before) / PLAYED * 1e3)
    return statistics.median(bare), statistics.median(ours), statistics.median(kernel)


def play(side: str, endpoint: str, rows: int) -> float:
    """Run one side of `playground.py` in a process of its own; return its milliseconds of CPU a row."""
    program = str(PARTS.parent / "playground.py")
    words = ["--side", side, "--endpoint", endpoint, "--rows", str(rows)]
    words += ["--concurrency", str(AT_ONCE)]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, program, *words],
            env={
                "PATH": os.environ["PATH"],
                "HOME": home,
                "ASSAY_GATEWAY_URL": endpoint,
                "JUPYTERHUB_API_TOKEN": "ada",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])["cpu"] / rows * 1e3


def look_up(rows: int) -> float:
    """Return the microseconds that opening one of so many stored keys takes, the median of many."""
    from assay_nb.config import Config
    from assay_nb.egress.origins import parse_endpoint
    from assay_nb.engine.local.resources import Resources
    from assay_nb.vault.secret import SecretBytes

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = Config(home=home / "home", master_key_file=home / "master.key")
        resources = Resources(config, say=lambda line: None)
        where = resources.workspaces.create("bench", "ada").id
        with SecretBytes(b"sk-bench-0123456789abcdefghijklmnopqrstuvwxyz") as secret:
            resources.vault.save_key(
                where, parse_endpoint("openai"), secret, added_by="ada", verified=True
            )
        _fill(config.home / "vault.sqlite", rows)
        taken: list[float] = []
        for _ in range(3_000):
            began = time.perf_counter()
            with resources.vault.open_key(where, "openai"):
                taken.append(time.perf_counter() - began)
        resources.database.close()
    return statistics.median(taken[500:]) * 1e6


def _fill(file: Path, rows: int) -> None:
    """Add so many rows of other workspaces: copies of the real one under random ids."""
    import sqlite3

    connection = sqlite3.connect(file)
    connection.execute("PRAGMA foreign_keys = OFF")
    names = [row[1] for row in connection.execute("PRAGMA table_info(provider_keys)")]
    random = {"row_id": "randomblob(16)", "workspace_id": "randomblob(16)"}
    values = ", ".join(random.get(name, f'"{name}"') for name in names)
    connection.execute(
        f"""INSERT INTO provider_keys ({", ".join(names)})
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT {values} FROM n, (SELECT * FROM provider_keys LIMIT 1)""",
        (rows,),
    )
    connection.commit()
    connection.close()


# --- the report


missed: list[str] = []
"""What missed its target."""


def line(what: str, value: str, target: str = "", good: bool | None = None) -> None:
    mark = "" if good is None else ("  met" if good else "  MISSED")
    if good is False:
        missed.append(what.strip())
    print(f"{what:52} {value:>22}   {target}{mark}", flush=True)


async def run(
    options: argparse.Namespace,
    bare: Process,
    ours: Process,
    copier: Process,
    litellm: Process | None,
    upstream: Process,
) -> None:
    direct = Side(upstream.port, "/v1")
    bare.side = Side(bare.port, "/v1")
    ours.side = Side(ours.port, "/services/assay/providers/bench/openai")
    copier.side = Side(copier.port, "/v1")
    proxies = [bare, ours]
    idle = ours.memory()
    for proxy in proxies:
        await call_again_and_again(proxy.side, AT_ONCE, 1.0)  # warm

    cost = await throughput(proxies, options.rounds, options.seconds)
    ratio = cost["bare"] / cost["ours"]
    line("JSON requests per core-second, bare", f"{1e6 / cost['bare']:,.0f}")
    line("JSON requests per core-second, ours", f"{1e6 / cost['ours']:,.0f}")
    line("  ratio", f"{ratio:.2f}", "1.00 or more", ratio >= 1.0)

    sides = {"direct": direct, "bare": bare.side, "ours": ours.side}
    medians = await latency(sides, options.rounds, options.seconds)
    added = {name: medians[name] - medians["direct"] for name in ("bare", "ours")}
    line("added to the median call, bare", f"{added['bare']:.2f} ms")
    line(
        "added to the median call, ours",
        f"{added['ours']:.2f} ms",
        "0.60 ms or less",
        added["ours"] <= 0.6,
    )

    line("  ratio", f"{added['ours'] / added['bare']:.2f}")

    if litellm is not None:
        await beside_litellm(options, litellm, direct, cost["ours"], added["ours"])

    firsts = await first_events(sides, options.rounds)
    added = {name: firsts[name] - firsts["direct"] for name in ("bare", "ours")}
    line("added to the first event of a stream, bare", f"{added['bare']:.2f} ms")
    line("added to the first event of a stream, ours", f"{added['ours']:.2f} ms")
    line("  ratio", f"{added['ours'] / added['bare']:.2f}")

    events = await streaming([*proxies, copier], options.rounds)
    ratio = events["ours"][0] / events["bare"][0]
    line("CPU per paced event, bare", f"{events['bare'][0]:.0f} µs")
    line("CPU per paced event, ours", f"{events['ours'][0]:.0f} µs")
    line("CPU per paced event, bytes copied and no more", f"{events['copier'][0]:.0f} µs")
    line("  ratio", f"{ratio:.2f}", "0.80 or less", ratio <= 0.8)
    line(
        f"first event of {PACED} streams at once (p99)",
        f"{events['bare'][1]:.0f} / {events['ours'][1]:.0f} ms",
        "bare / ours",
    )

    whole, each = await many_streams(ours, options.streams)
    line(f"{options.streams:,} open streams, whole", f"{whole:,}", "all", whole == options.streams)
    line("  memory for each", f"{each:.0f} KiB", "16 KiB or less", each <= 16)
    line("memory at the start", f"{idle:.0f} MiB", "80 MiB or less", idle <= 80)

    taken = await hanging_up(ours, upstream, 5)
    line(
        "upstream closed after a hang-up (worst of 5)",
        f"{max(taken) * 1e3:.0f} ms",
        "200 ms or less",
        max(taken) <= 0.2,
    )
    without, beside = await slow_client(ours, options.seconds)
    line(
        "p95 without and beside a slow client",
        f"{without:.2f} / {beside:.2f} ms",
        "alike",
        beside <= without * 1.5 + 0.5,
    )


async def beside_litellm(
    options: argparse.Namespace, litellm: Process, direct: Side, cost: float, added: float
) -> None:
    """Print what LiteLLM's proxy does with the same requests, and what ours does of that."""
    for _ in range(3):  # its first requests import what they need
        await call_again_and_again(litellm.side, 4, 1.0)
    theirs = (await throughput([litellm], 1, options.seconds))["litellm"]
    sides = {"direct": direct, "litellm": litellm.side}
    medians = await latency(sides, 1, options.seconds * 2)
    late = medians["litellm"] - medians["direct"]
    line("JSON requests per core-second, LiteLLM", f"{1e6 / theirs:,.0f}")
    line("  ours beside it", f"{theirs / cost:.0f} times", "40 or more", theirs / cost >= 40)
    line("added to the median call, LiteLLM", f"{late:.2f} ms")
    line("  ours beside it", f"1/{late / added:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--litellm", default=shutil.which("litellm"), help="its program")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    raise_file_limit()
    with (
        running("upstream", cores[-1]) as upstream,
        running("bare", cores[0], upstream.port) as bare,
        running("ours", cores[0], upstream.port) as ours,
        running("copier", cores[0], upstream.port) as copier,
        running_litellm(options.litellm, cores[0], upstream.port) as litellm,
    ):
        asyncio.run(run(options, bare, ours, copier, litellm, upstream))
        sdk, gateway, kernel = instruments(ours, upstream, options.rounds)
    line("CPU per row of a playground, bare SDK", f"{sdk:.2f} ms")
    line("CPU per row, at the gateway", f"{gateway:.2f} ms")
    line("  ratio", f"{gateway / sdk:.2f}", "2.50 or less", gateway <= 2.5 * sdk)
    line("CPU per row, in the kernel", f"{kernel:.2f} ms")
    few, many = look_up(1_000), look_up(options.rows)
    line("a key opened, of 1,000 rows", f"{few:.0f} µs")
    line(f"a key opened, of {options.rows:,} rows", f"{many:.0f} µs")
    line("  ratio", f"{many / few:.2f}", "alike", many <= few * 1.5)
    sys.exit(1 if missed else 0)


def raise_file_limit() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
