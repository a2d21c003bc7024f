"""1,000 rows through the playground, beside a bare asyncio loop on the provider's SDK.

    python benchmarks/playground.py                    1,000 rows, 32 at once, an instant provider
    python benchmarks/playground.py --latency 0.2      a provider that takes 200 ms, as real ones do

The provider is a loopback fake in a process of its own, so that its work is not counted here. Each
side runs in a fresh process; CPU seconds are that process's own. What a gateway takes for the same rows,
`benchmarks/gateway.py` measures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PROMPT = "Classify the ticket as billing, shipping or other: {{ticket}}"
MODEL = "claude-sonnet-4-6"


def make_rows(count: int) -> list[dict[str, str]]:
    return [{"ticket": f"Ticket {number}: the parcel has not come."} for number in range(count)]


def report(began: float, cpu: float, rows: int, base_memory: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu": used - cpu,
                "rows": rows,
                "growth_kb": usage.ru_maxrss - base_memory,
            }
        )
    )


def run_provider(latency: float) -> None:
    """Serve until standard input closes."""
    from tests.fakes.providers import FakeProviders, JobResult

    class Quiet(list):
        def append(self, item: object) -> None:
            """Forget the call: a thousand bodies would be this process's memory, and not ours."""

    with FakeProviders() as fake:
        fake.calls = Quiet()
        fake.answer_by(lambda call: JobResult(chunks=("billing",), delay=latency))
        print(fake.endpoint("anthropic"), flush=True)
        sys.stdin.read()


def run_bare(endpoint: str, count: int, concurrency: int) -> None:
    from anthropic import AsyncAnthropic

    async def main() -> None:
        client = AsyncAnthropic(api_key="none", base_url=endpoint, max_retries=0)
        rows = iter(make_rows(count))
        outputs: list[str] = []

        async def one(text: str) -> None:
            async with client.messages.stream(
                model=MODEL, max_tokens=16_000, messages=[{"role": "user", "content": text}]
            ) as stream:
                outputs.append("".join([part async for part in stream.text_stream]))

        async def work() -> None:
            for row in rows:
                await one(PROMPT.replace("{{ticket}}", row["ticket"]))

        await one("warm up")
        usage = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        assert len(outputs) == count + 1
        report(began, usage.ru_utime + usage.ru_stime, count, usage.ru_maxrss)

    asyncio.run(main())


def run_ours(endpoint: str, count: int, concurrency: int) -> None:
    from assay_nb.engine.session import current_session

    session = current_session()

    async def furnish() -> None:
        await session.control.set_key(
            None, "anthropic", bytearray(b"sk-none-none-none-none"), endpoint=endpoint, check=False
        )

    session.portal.call(furnish)
    play(count, concurrency)
    session.close()


def run_hub(count: int, concurrency: int) -> None:
    """Play the rows through the gateway that the environment names."""
    from assay_nb.engine.session import current_session

    play(count, concurrency, workspace="bench")
    current_session().close()


def play(count: int, concurrency: int, workspace: str | None = None) -> None:
    from assay_nb import playground

    model = f"anthropic/{MODEL}"
    playground(PROMPT, data=make_rows(1), model=model, workspace=workspace, fresh=True)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    batch = playground(
        PROMPT,
        data=make_rows(count),
        model=model,
        workspace=workspace,
        concurrency=concurrency,
    )
    assert batch.done == count
    report(began, usage.ru_utime + usage.ru_stime, count, usage.ru_maxrss)


def measure(side: str, endpoint: str, args: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        key = Path(home) / "master.key"
        environment = {
            **os.environ,
            "ASSAY_HOME": home,
            "ASSAY_MASTER_KEY_FILE": str(key),
            "HOME": home,
        }
        words = [sys.executable, __file__, "--side", side, "--endpoint", endpoint]
        words += ["--rows", str(args.rows), "--concurrency", str(args.concurrency)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--side", choices=("provider", "bare", "ours", "hub"), help=argparse.SUPPRESS
    )
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side == "provider":
        run_provider(args.latency)
    elif args.side == "bare":
        run_bare(args.endpoint, args.rows, args.concurrency)
    elif args.side == "ours":
        run_ours(args.endpoint, args.rows, args.concurrency)
    elif args.side == "hub":
        run_hub(args.rows, args.concurrency)
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    words = [sys.executable, __file__, "--side", "provider", "--latency", str(args.latency)]
    provider = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert provider.stdout is not None
    endpoint = provider.stdout.readline().strip()
    try:
        runs = {
            side: min(
                (measure(side, endpoint, args) for _ in range(args.repeat)),
                key=lambda run: run["seconds"],
            )
            for side in ("bare", "ours")
        }
    finally:
        assert provider.stdin is not None
        provider.stdin.close()
        provider.wait()
    print(f"{args.rows} rows, {args.concurrency} at once, provider latency {args.latency} s")
    print(f"{'':6} {'ms/row':>8} {'CPU ms/row':>11} {'memory +MB':>11}")
    for side, run in runs.items():
        print(
            f"{side:6} {1000 * run['seconds'] / args.rows:8.2f} "
            f"{1000 * run['cpu'] / args.rows:11.2f} {run['growth_kb'] / 1024:11.1f}"
        )
    print(f"ratio  {runs['ours']['seconds'] / runs['bare']['seconds']:8.2f}")


if __name__ == "__main__":
    main()
