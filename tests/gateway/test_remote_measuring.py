"""Measuring on a hub: each instrument from a kernel that has no key, through a gateway that makes the calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay_nb import (
    Batch,
    Improvement,
    Judgement,
    Measurement,
    Run,
    SideBySide,
    cli,
    measure,
    playground,
    to_gepa,
)
from assay_nb.engine.session import current_session, set_session
from assay_nb.experiments.probes import ProbedCritique, Probing
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import make_runner
from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.practice.server import MODEL
from tests.fakes.practice import Practice
from tests.gateway.processes import Process, place, threaded_hub
from tests.instruments.driving import make_critique, make_finding
from tests.instruments.driving import run as drive
from tests.magics.shells import Shell, open_shell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROMPT = "Answer with one of billing, shipping, other.\n<ticket>{{ticket}}</ticket>"
ROWS = [
    {"ticket": f"{word} matter {number}", "answer": word}
    for number in range(20)
    for word in ("billing", "shipping")
]


@dataclass
class Hub:
    """A running gateway, and a person's kernel before it."""

    gateway: Process
    token: str

    def ask(self, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        url = f"{self.gateway.url}api/v1/workspaces/-{path}"
        return httpx2.get(url, headers=headers).json()

    def calls(self) -> list[dict[str, Any]]:
        return self.ask("/calls?limit=1000")

    def run_tokens(self) -> tuple[int, int]:
        """Return how many run tokens the log says were issued, and how many were revoked."""
        log = self.gateway.log
        return log.count("run token issued"), log.count("run token revoked")

    def instruments(self) -> list[str]:
        """Return the instruments of all calls in the log, oldest first."""
        return [call["instrument"] for call in self.calls()][::-1]


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    limits = "[limits]\ncalls_per_minute = 100000\ncalls_at_once = 64\n"
    practice: Any
    with threaded_hub() as hub, Practice() as practice, place(hub, practice, toml=limits) as where:
        gateway = where.start().wait_ready()
        try:
            one = Hub(gateway, hub.add("ada"))
            workspace = bytes.fromhex(one.ask("")["id"])
            for provider in ("anthropic", "openai"):
                where.store_key(workspace, provider, key=practice.key)
            yield one
        finally:
            gateway.stop()


@pytest.fixture
def hub(running: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A kernel's surroundings: the gateway's address, a hub token, and an empty directory to work in."""
    monkeypatch.setenv("ASSAY_HOME", str(home / "assay"))
    monkeypatch.setenv("ASSAY_GATEWAY_URL", running.gateway.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", running.token)
    monkeypatch.chdir(home)
    set_session(None)
    session = current_session()
    session.portal.call(lambda: session.control.set_model(None, f"anthropic/{MODEL}"))
    yield running
    set_session(None)


@pytest.fixture
def shell(hub: Hub, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with open_shell(capsys) as shell:
        shell.ip.user_ns.update(rows=ROWS, is_right=is_right, prompt=PROMPT)
        yield shell


def is_right(row: Any, output: str) -> bool:
    return output.strip() == row["answer"]


def done(shell: Shell, cell: str) -> Any:
    """Run a cell whose result is named `out`, and return that."""
    ran = shell.run(cell)
    assert ran.error is None, ran.error
    return shell["out"]


# --- playground -------------------------------------------------------------------------------------


def test_a_prompt_is_run_with_the_notebooks_variables(shell: Shell) -> None:
    shell.run("ticket = 'a billing matter'")

    out = done(shell, f"%%playground -o out\n{PROMPT}")

    assert isinstance(out, Run)
    assert out.output == "billing"


def test_a_table_is_run_row_by_row_and_each_call_is_in_the_log(shell: Shell, hub: Hub) -> None:
    before = len(hub.calls())

    out = done(shell, f"%%playground --data rows --concurrency 16 -o out\n{PROMPT}")

    assert isinstance(out, Batch)
    assert out.outputs == [row["answer"] for row in ROWS]
    assert hub.instruments()[before:] == ["playground"] * len(ROWS)


def test_a_table_that_was_run_is_not_paid_for_again(shell: Shell, hub: Hub) -> None:
    first = done(shell, f"%%playground --data rows -o out\n{PROMPT}")
    before = len(hub.calls())

    again = done(shell, f"%%playground --data rows -o out\n{PROMPT}")

    assert again.outputs == first.outputs
    assert len(hub.calls()) == before


def test_a_table_that_was_stopped_goes_on(shell: Shell, hub: Hub) -> None:
    prompt = f"Now: {PROMPT}"
    before = len(hub.calls())
    part = done(shell, f"%%playground --data rows --max-calls 10 -o out\n{prompt}")

    whole = done(shell, f"%%playground --data rows -o out\n{prompt}")

    assert (part.stopped, part.done) == ("budget", 10)
    assert (whole.stopped, whole.done) == (None, len(ROWS))
    assert len(hub.calls()) - before == len(ROWS)


def test_two_prompts_and_two_models_stand_side_by_side(shell: Shell, hub: Hub) -> None:
    shell.run("other = 'Say something about {{ticket}}.'")

    prompts = done(shell, f"%%playground --data rows --beside other -o out\n{PROMPT}")
    models = done(shell, f"%%playground --data rows --beside-model openai/{MODEL} -o out\n{PROMPT}")

    assert isinstance(prompts, SideBySide)
    assert isinstance(models, SideBySide)
    assert {call["provider"] for call in hub.calls()} >= {"anthropic", "openai"}


# --- judge ------------------------------------------------------------------------------------------


def test_an_output_is_judged_by_another_provider(shell: Shell, hub: Hub) -> None:
    done(shell, "%%playground -o out\nName a sweet fruit.")

    out = done(shell, '%judge out --rubric "It names a sweet fruit." -o out')

    assert isinstance(out, Judgement)
    assert out.score is not None
    last = hub.calls()[0]
    assert (last["instrument"], last["provider"]) == ("judge", "openai")


def test_two_tables_are_compared_in_both_orders(shell: Shell) -> None:
    shell.run("rule = '- It is one of billing, shipping.'")
    shell.run(f"%%playground --data rows -o new\n{PROMPT}")
    shell.run("%%playground --data rows -o old\nSay something about {{ticket}}.")

    out = done(shell, "%judge new --against old --rubric rule -o out")

    assert out.verdict is not None
    assert {len(answer.payload["preferences"]) for answer in out.answers} == {2}


# --- measured improvement ---------------------------------------------------------------------------

VAGUE = "Say something brief about the ticket and be detailed. <ticket>{{ticket}}</tiket>"


def test_improve_on_data_goes_the_whole_way(shell: Shell, hub: Hub) -> None:
    before = len(hub.calls())

    out = done(shell, f"%%improve --data rows --metric is_right --max-calls 2000 -o out\n{VAGUE}")

    assert isinstance(out, Measurement)
    assert out.verdict is not None or out.stopped_at is not None
    assert {"playground", "critique", "improve", "rewrite"} <= set(hub.instruments()[before:])


def test_a_new_prompt_is_tested_against_the_old_one(hub: Hub) -> None:
    result = measure(VAGUE, PROMPT, ROWS, is_right, max_calls=500, ledger=False)

    assert result.verdict == "improved"
    assert set(hub.instruments()) >= {"playground"}


def test_a_judge_decides_where_there_is_no_metric(hub: Hub) -> None:
    before = len(hub.calls())

    result = measure(
        VAGUE, PROMPT, ROWS[:24], rubric="- It is one of billing, shipping.", max_calls=500
    )

    assert result.verdict is not None
    assert "judge" in hub.instruments()[before:]
    (ledger,) = Path("assay-ledger").glob("*.json")
    assert hub.token not in ledger.read_text()


def test_an_executors_workers_measure_on_run_tokens(hub: Hub) -> None:
    before = hub.run_tokens()
    with ThreadPoolExecutor(4) as pool:
        result = measure(
            VAGUE, PROMPT, ROWS, rubric="- It is brief.", max_calls=500, ledger=False, executor=pool
        )

    assert result.verdict is not None
    issued, revoked = (now - then for now, then in zip(hub.run_tokens(), before, strict=True))
    assert issued == revoked > 0


def test_a_run_that_is_interrupted_takes_its_token_back(hub: Hub) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    before = hub.run_tokens()
    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyboardInterrupt):
        playground(f"Once: {PROMPT}", data=ROWS * 5, executor=pool, on_progress=interrupt)

    issued, revoked = (now - then for now, then in zip(hub.run_tokens(), before, strict=True))
    assert issued == revoked > 0


@pytest.mark.filterwarnings("default")  # GEPA's own
def test_gepa_searches_through_the_gateway(hub: Hub) -> None:
    gepa = pytest.importorskip("gepa", reason="GEPA is in the group `test`")
    with ThreadPoolExecutor(2) as pool:
        task = to_gepa(VAGUE, ROWS, is_right, executor=pool, ledger=False)

        found = gepa.optimize(**task.arguments, max_metric_calls=40, raise_on_exception=True)

    assert "prompt" in found.best_candidate


# --- critique, improve, rewrite, lint ---------------------------------------------------------------


def test_a_critique_comes_back_with_what_came_of_its_probes(shell: Shell) -> None:
    out = done(shell, f"%%critique --probe -o out\n{VAGUE}")

    assert isinstance(out, ProbedCritique)
    assert out.findings


def test_a_probe_is_run_and_judged(hub: Hub) -> None:
    probe = {"probe": [{"name": "ticket", "value": ""}], "predict": "It invents a ticket."}
    evidence = [{"segment": "s1", "quote": "brief"}]
    reply = make_critique(make_finding("brief", **probe, evidence=evidence))
    review = drive("critique", reply, prompt=VAGUE)
    session, before = current_session(), len(hub.calls())

    tried = session.portal.call(Probing(make_runner(session), review).run)

    assert tried.findings[0].status in {"confirmed", "refuted"}
    assert hub.instruments()[before:] == ["playground", "judge"]


def test_three_critiques_are_asked_for_in_one_call(shell: Shell, hub: Hub) -> None:
    before = len(hub.calls())

    out = done(shell, f"%%critique --repeat 3 -o out\n{VAGUE}")

    assert out.provenance.requests == 3
    assert hub.instruments()[before:] == ["critique"]


def test_a_prompt_is_improved_and_rewritten(shell: Shell) -> None:
    assert isinstance(done(shell, f"%%improve -o out\n{VAGUE}"), Improvement)
    assert done(shell, f"%%rewrite -o out\n{VAGUE}").text


def test_lint_asks_nobody(shell: Shell, hub: Hub) -> None:
    before = hub.gateway.log.count("Answered")

    out = done(shell, f"%%lint -o out\n{VAGUE}")

    assert out.findings
    assert hub.gateway.log.count("Answered") == before


# --- the command line -------------------------------------------------------------------------------


def write(name: str, data: Any) -> str:
    Path(name).write_text(json.dumps(data))
    return name


def test_a_suite_is_run(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [{"values": {"ticket": r["ticket"]}, "expect": {"equals": r["answer"]}} for r in ROWS]
    suite = {"name": "tickets", "prompt": PROMPT, "threshold": 1.0, "cases": cases}

    assert cli.main(["eval", write("suite.json", suite)]) == 0
    assert f"100% over {len(ROWS)} cases" in capsys.readouterr().out


def test_a_judge_is_checked(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [
        {"task": f"Name fruit {n}.", "better": f"A sweet fruit, number {n}.", "worse": "No."}
        for n in range(10)
    ]
    Path("rubric.txt").write_text("- It names a sweet fruit.")

    assert cli.main(["judge-check", write("pairs.json", pairs), "--rubric", "rubric.txt"]) == 0
    assert "100% agreement" in capsys.readouterr().out


def test_the_critic_is_checked(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["selfcheck", "--json"])

    assert json.loads(capsys.readouterr().out)["planted"] == 20


# --- what a kernel needs for it ---------------------------------------------------------------------

LOOK = """
import json, sys
from assay_nb import critique, judge, measure, playground
rows = json.loads(sys.argv[1])
playground(sys.argv[2], data=rows)
judge("Name a fruit.", "A plum.", rubric="- It is sweet.")
measure(sys.argv[2], "Please. " + sys.argv[2], rows, lambda row, output: 1.0, max_calls=500, ledger=False)
print(json.dumps(sorted(sys.modules)))
"""
NEVER = (
    "alembic", "anthropic", "assay_nb.engine.local.engine", "assay_nb.gateway", "assay_nb.store", "assay_nb.vault",
    "cryptography", "google.genai", "keyring", "openai", "psycopg", "sqlalchemy",
)  # fmt: skip


def test_measuring_loads_no_sdk_and_no_vault_in_the_kernel(hub: Hub) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(ROWS), PROMPT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "assay_nb.engine.remote.engine" in loaded
    assert [m for m in loaded if any(m == n or m.startswith(f"{n}.") for n in NEVER)] == []


def test_the_document_names_every_instrument(running: Hub) -> None:
    told = httpx2.get(f"{running.gateway.url}api/openapi.json").json()

    path = "/api/v1/workspaces/{workspace}/instruments/{instrument}"
    parts = {one["name"]: one["schema"] for one in told["paths"][path]["post"]["parameters"]}
    assert parts["instrument"] == {"enum": list(INSTRUMENTS)}
    assert set(INSTRUMENTS) == {"critique", "improve", "rewrite", "playground", "judge"}
