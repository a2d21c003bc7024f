"""`eval`, `judge-check` and `selfcheck`, from the command line to the exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb import cli
from assay_nb.engine.session import set_session
from assay_nb.messages import PROVIDERS
from assay_nb.practice.server import MODEL, PracticeServer

SUITE = {
    "name": "tickets",
    "prompt": "Answer with one of billing, shipping, other.\n<ticket>{{ticket}}</ticket>",
    "threshold": 1.0,
    "cases": [
        {"values": {"ticket": "a billing matter"}, "expect": {"equals": "billing"}},
        {"values": {"ticket": "about shipping"}, "expect": {"equals": "shipping"}},
    ],
}


@pytest.fixture(autouse=True)
def practice(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A vault whose keys lead to the practice provider, and an empty directory to work in."""
    from assay_nb.engine.session import current_session

    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    monkeypatch.setenv("ASSAY_MASTER_KEY_FILE", str(home / "master.key"))
    monkeypatch.chdir(tmp_path)
    set_session(None)
    with PracticeServer() as server:
        session = current_session()

        async def furnish() -> None:
            for provider in PROVIDERS:
                key = bytearray(server.key.encode())
                endpoint = server.endpoint(provider)
                await session.control.set_key(None, provider, key, endpoint=endpoint, check=False)
            await session.control.set_model(None, f"anthropic/{MODEL}")

        session.portal.call(furnish)
        yield
    set_session(None)


def write(name: str, data: Any) -> str:
    Path(name).write_text(json.dumps(data))
    return name


def test_a_suite_that_passes_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", write("suite.json", SUITE)]) == 0
    assert "100% over 2 cases" in capsys.readouterr().out


def test_a_suite_under_its_bar_ends_with_1() -> None:
    failing = {**SUITE, "cases": [{"values": {"ticket": "x"}, "expect": {"equals": "none"}}]}

    assert cli.main(["eval", write("suite.json", failing)]) == 1
    assert cli.main(["eval", "suite.json", "--fail-under", "0"]) == 0


def test_a_suite_prints_json_that_a_pipeline_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["eval", write("suite.json", SUITE), "--json"])

    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_a_version_is_compared_with_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    Path("before.txt").write_text("Say something about {{ticket}}.")

    cli.main(["eval", write("suite.json", SUITE), "--against", "before.txt", "--json"])

    assert json.loads(capsys.readouterr().out)["verdict"]["verdict"] == "no detectable difference"


@pytest.mark.parametrize(
    "words",
    [["eval", "missing.json"], ["eval", "x", "--fail-under", "2"], ["judge-check", "missing.json"]],
)
def test_what_cannot_be_carried_out_ends_with_2(words: list[str]) -> None:
    assert cli.main(words) == 2


@pytest.mark.parametrize("bar", ["nan", "-0.1", "1.1", "inf", "half"])
def test_bar_that_is_not_a_share_is_refused(bar: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["eval", write("suite.json", SUITE), f"--fail-under={bar}"])

    assert status == 2
    assert f"--fail-under: '{bar}' is not a share from 0 to 1." in capsys.readouterr().err


def test_suite_that_an_editor_begins_with_a_mark_is_read() -> None:
    Path("suite.json").write_text(json.dumps(SUITE), encoding="utf-8-sig")

    assert cli.main(["eval", "suite.json"]) == 0


def test_a_judge_is_checked_on_labelled_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [
        {"task": f"Name fruit {n}.", "better": f"A sweet fruit, number {n}.", "worse": "No."}
        for n in range(10)
    ]
    Path("rubric.txt").write_text("- It names a sweet fruit.")

    status = cli.main(["judge-check", write("pairs.json", pairs), "--rubric", "rubric.txt"])

    shown = capsys.readouterr().out
    assert status == 0
    assert "100% agreement (72% to 100%)" in shown
    assert "openai/" in shown  # another provider than the one that would be judged


def test_the_critic_is_checked_on_thirty_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["selfcheck", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (told["planted"], told["clean"], told["false"]) == (20, 10, 0)
    assert told["found"] >= 1  # what lint rules can see that have proved right


# --- limits -----------------------------------------------------------------------------------------

PAIRS = [{"task": f"Name fruit {n}.", "better": "An apple.", "worse": "No."} for n in range(10)]


def commands() -> dict[str, list[str]]:
    """Return each command on files of the directory."""
    return {
        "eval": ["eval", write("suite.json", SUITE)],
        "eval, judged": ["eval", write("judged.json", {**SUITE, "rubric": "- It is brief."})],
        "judge-check": ["judge-check", write("pairs.json", PAIRS)],
        "selfcheck": ["selfcheck"],
    }


@pytest.mark.parametrize(
    ("name", "calls"), [("eval", 2), ("eval, judged", 4), ("judge-check", 20), ("selfcheck", 30)]
)
def test_a_dry_run_prints_a_plan_and_asks_nobody(
    name: str, calls: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr("assay_nb.engine.local.engine.LocalEngine.ask", refuse)

    status = cli.main([*commands()[name], "--dry-run", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (status, told["schema"], told["calls"]) == (0, "assay.plan.v1", calls)
    assert told["cost"] == 0.0, "practice costs nothing"


def test_a_plan_is_read_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["selfcheck", "--dry-run"]) == 0

    shown = capsys.readouterr().out
    assert "Self-check: what it would take" in shown
    assert "About 30 calls and $0.00. Nothing was sent." in shown


@pytest.mark.parametrize("name", ["eval", "eval, judged", "judge-check", "selfcheck"])
@pytest.mark.parametrize(
    "flags",
    [
        ["--budget", "nan"], ["--budget=-1"], ["--budget", "inf"], ["--max-calls=-1"],
        ["--concurrency", "0"], ["--concurrency", "257"], ["--price-in", "1"],
        ["--budget", "much"], ["--max-calls", "1.5"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_limit_that_is_none_ends_with_2_and_one_line(
    name: str, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*commands()[name], *flags]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert flags[0].partition("=")[0].removeprefix("--").replace("-", "_") in told.err.replace(
        "-", "_"
    )


def test_a_suite_that_the_limit_does_not_cover_ends_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["eval", write("suite.json", SUITE), "--max-calls", "1"]) == 2
    assert "about 2 calls, and the limit is 1. Nothing was sent" in capsys.readouterr().err


def test_a_suite_that_was_run_is_shown_again_for_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.main(["eval", write("suite.json", SUITE)])

    assert cli.main(["eval", "suite.json", "--max-calls", "0", "--budget", "0"]) == 0
    assert "100% over 2 cases" in capsys.readouterr().out


def test_a_self_check_says_what_the_limit_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["selfcheck", "--max-calls", "10", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (told["unreached"], told["failed"]) == (20, 0)


def test_a_judge_for_a_suite_without_a_rubric_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    suite = write("suite.json", SUITE)

    assert cli.main(["eval", suite, "--judge-model", f"openai/{MODEL}"]) == 2
    assert "has no rubric" in capsys.readouterr().err


def test_a_terminal_sees_how_far_it_is_and_a_pipe_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write("suite.json", SUITE)
    cli.main(["eval", suite])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    cli.main(["eval", suite, "--fresh"])

    lines = capsys.readouterr().err.split("\r\x1b[K")
    assert [line.partition(" ·")[0] for line in lines if "of 2" in line][-1] == "rows: 2 of 2"
    assert lines[-1] == "", "the line is taken away before the result"
