"""Past one machine: calls made by an executor's workers, which get calls and never a key."""

from __future__ import annotations

import json
import os
import pickle
import re
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay_nb import Batch, ProviderAuthError, measure, playground
from assay_nb.engine.session import set_session
from assay_nb.experiments.run.executors import answer_call
from assay_nb.experiments.run.progress import Progress
from tests.attacks.test_memory import pieces_of
from tests.canaries import core_of, find_canary
from tests.fakes.providers import FakeProviders
from tests.gateway.processes import place, threaded_hub
from tests.kernel.stage import Stage

PROMPT = "Repeat: {{ticket}}"


@pytest.mark.slow
def test_what_travels_to_a_worker_is_a_call_and_no_key(stage: Stage) -> None:
    stage.fake.answers("fine")
    told = answer_call(
        {"instrument": "playground", "prompt": PROMPT, "options": {"values": {"ticket": "x"}}}
    )

    assert told["result"]["output"] == "fine"
    assert stage.traces_in(pickle.dumps(told)) == {}


def test_a_workers_error_comes_back_as_the_same_error(stage: Stage) -> None:
    stage.fake.keys = set()

    told = answer_call({"instrument": "playground", "prompt": "Hi.", "options": {}})

    assert told["error"]["code"] == ProviderAuthError.code
    assert stage.traces_in(json.dumps(told)) == {}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("default")  # Dask's own
def test_a_dask_cluster_makes_the_calls(stage: Stage) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is in the group `test`")
    stage.fake.answers("fine")

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        here = playground(PROMPT, data=[{"ticket": "here"}])
        batch = playground(
            PROMPT,
            data=[{"ticket": f"t{number}"} for number in range(12)],
            executor=client.get_executor(),
        )
        measured = measure(
            PROMPT,
            f"Please. {PROMPT}",
            [{"ticket": f"m{number}"} for number in range(24)],
            lambda row, output: output == "fine",
            executor=client.get_executor(),
            ledger=False,
        )

    assert isinstance(here, Batch)
    assert isinstance(batch, Batch)
    assert batch.outputs == ["fine"] * 12
    assert measured.verdict == "no detectable difference"


# --- through a hub's gateway ------------------------------------------------------------------------

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="only Linux shows a process's memory as a file"
)


class Watched(Executor):
    """An executor that keeps what it was given, as it travels."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.sent: list[bytes] = []
        self.tokens: set[str] = set()
        self.printed = ""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sent.append(pickle.dumps((fn, args, kwargs)))
        self.tokens.add(args[1].token)
        self.printed += f"{args!r}{args!s}"
        return self.inner.submit(fn, *args, **kwargs)


def count_in_memory(pids: list[int], needle: str) -> int:
    """Count how often a text stands in the memory of these processes."""
    found = 0
    for pid in pids:
        maps = Path(f"/proc/{pid}/maps").read_text()
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        try:
            for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", maps, re.MULTILINE):
                pieces = pieces_of(memory, int(start, 16), int(end, 16))
                found += b"".join(pieces).count(needle.encode())
        finally:
            os.close(memory)
    return found


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("default")  # Dask's own
def test_a_dask_cluster_calls_through_a_gateway_without_key_or_hub_token(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers' memory, environment and tasks → neither; the run token, which is there, is found.

    Each call stands in the log under the person and the workspace. When the run is over, its token is too.
    """
    distributed = pytest.importorskip("distributed", reason="Dask is in the group `test`")
    monkeypatch.chdir(home)
    with (
        threaded_hub() as hub,
        FakeProviders() as fake,
        place(hub, fake) as where,
        # Before the hub token is in the environment: workers elsewhere do not inherit it.
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        fake.answers("fine")
        gateway = where.start().wait_ready()
        token = hub.add("ada")

        def ask(path: str, shown: str, method: str = "GET", **body: Any) -> httpx2.Response:
            headers = {"Authorization": f"token {shown}"}
            url = f"{gateway.url}api/v1/workspaces/{path}"
            return httpx2.request(method, url, headers=headers, json=body or None)

        try:
            workspace = ask("-", token).json()["id"]
            key = where.store_key(bytes.fromhex(workspace))
            monkeypatch.setenv("ASSAY_GATEWAY_URL", gateway.url)
            monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)
            set_session(None)

            pids = list(client.run(os.getpid).values())
            executor = Watched(client.get_executor())
            found: dict[str, int] = {}

            def look(progress: Progress) -> None:
                if progress.done != 12:
                    return
                (lent,) = executor.tokens
                for name, needle in (("key", core_of(key)), ("hub", token), ("run", lent)):
                    found[name] = count_in_memory(pids, needle)

            batch = playground(
                PROMPT,
                data=[{"ticket": f"t{number}"} for number in range(24)],
                executor=executor,
                on_progress=look,
            )

            (lent,) = executor.tokens
            environments = b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in pids)
            tasks = b"".join(executor.sent)
            calls = ask("-/calls?limit=100", token).json()
            after = ask("-/instruments/playground", lent, "POST", prompt="Hi.").status_code
            log = gateway.log
        finally:
            gateway.stop()
            set_session(None)

    assert isinstance(batch, Batch)
    assert batch.outputs == ["fine"] * 24
    assert (found["key"], found["hub"]) == (0, 0)
    assert found["run"] > 0, "the search finds what is there"
    assert after == 401
    assert {(call["user"], call["instrument"], call["status"]) for call in calls} == {
        ("ada", "playground", "ok")
    }
    assert len(calls) == len(fake.calls) == 24
    assert {call.key for call in fake.calls} == {key}
    assert lent.encode() in tasks
    for secret in (token, core_of(key)):
        assert secret.encode() not in tasks + environments
    assert b"PATH=" in environments
    assert not find_canary(log, key)
    for shown in (executor.printed, log):
        assert lent not in shown
        assert token not in shown


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_run_over_the_hubs_limits_waits_and_loses_no_row(
    home: Path, monkeypatch: pytest.MonkeyPatch, true_time: None
) -> None:
    limits = "[limits]\ncalls_at_once = 3\ncalls_per_minute = 240\n"
    with (
        threaded_hub() as hub,
        FakeProviders() as fake,
        place(hub, fake, toml=limits) as where,
        ThreadPoolExecutor(8) as pool,
    ):
        fake.answers("fine")
        gateway = where.start().wait_ready()
        token = hub.add("ada")
        try:
            monkeypatch.chdir(home)
            monkeypatch.setenv("ASSAY_GATEWAY_URL", gateway.url)
            monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)
            set_session(None)
            headers = {"Authorization": f"token {token}"}
            mine = httpx2.get(f"{gateway.url}api/v1/workspaces/-", headers=headers).json()["id"]
            where.store_key(bytes.fromhex(mine))

            runs = [
                playground(
                    f"{n} {PROMPT}", data=[{"ticket": str(row)} for row in range(15)], **more
                )
                for n, more in enumerate(({}, {"executor": pool}))
            ]
        finally:
            gateway.stop()
            set_session(None)

    assert [run.outputs for run in runs if isinstance(run, Batch)] == [["fine"] * 15] * 2
    assert len(fake.calls) == 30
