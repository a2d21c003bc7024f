"""Past one machine: calls made by an executor's workers, which get calls and never a key."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb import Batch, ProviderAuthError, measure, playground
from assay_nb.engine.session import set_session
from assay_nb.measurement.answers import answer_call
from tests.kernel.stage import Stage, open_stage

PROMPT = "Repeat: {{ticket}}"


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    monkeypatch.chdir(home)
    with open_stage(home / "vault") as stage:
        set_session(stage.session())
        yield stage
        set_session(None)


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
