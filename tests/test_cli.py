"""`assay-nb`: what it prints where, and with which status it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay_nb.cli import main
from assay_nb.engine.session import set_session
from assay_nb.messages import PROVIDERS
from tests.canaries import make_canary
from tests.fakes.providers import only
from tests.kernel.stage import Stage, open_stage
from tests.tools import unused_port


@dataclass(frozen=True)
class Done:
    """One command that ended."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Assay = Callable[..., Done]


@pytest.fixture
def assay(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Assay]:
    """`assay-nb` with a pipe as its standard input, on a vault that is made at first use."""
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))

    def run(line: str, piped: str | bytes = b"") -> Done:
        set_session(None)
        data = piped.encode() if isinstance(piped, str) else piped
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        capsys.readouterr()
        status = main(line.split())
        return Done(status, *capsys.readouterr())

    yield run
    set_session(None)


@pytest.fixture
def stage(assay: Assay, home: Path) -> Iterator[Stage]:
    with open_stage(home / "vault", empty=True) as stage:
        yield stage


def set_key(stage: Stage, provider: str, *more: str) -> str:
    return " ".join(
        ["keys set", provider, "--endpoint", stage.fake.endpoint(provider), *more]  # type: ignore[arg-type]
    )


def states(assay: Assay, *more: str) -> dict[str, str]:
    listed = assay(" ".join(["keys list --json", *more])).data
    return {fact["provider"]: fact["state"] for fact in listed}


NONE_STORED = dict.fromkeys(("anthropic", "openai", "google"), "missing")

# --- status -----------------------------------------------------------------------------------------

ENDS = {
    "": 0,
    "--version": 0,
    "-h": 0,
    "keys": 0,
    "keys set -h": 0,
    "workspace create research": 0,
    "workspace use nowhere": 1,
    "keys test openai": 1,
    "keys remove openai": 1,
    "workspace create": 2,
    "keys lst": 2,
    "keys set antropic": 2,
    "keys list --jsn": 2,
    "nonsense": 2,
    "calls -n many": 2,
    "lint no/such/file": 2,
    "workspace delete personal": 2,
    "connect": 0,
    "connect -h": 0,
    "connections": 0,
    "connections rename": 2,
    "connect olama": 2,
    "connect openai-compatible local": 2,
    "connections test nowhere": 2,
    "connections test openai": 1,
}


@pytest.mark.parametrize("line", ENDS)
def test_status_says_how_it_went(line: str, assay: Assay) -> None:
    done = assay(line)

    assert done.status == ENDS[line]
    assert bool(done.err) is (done.status != 0)
    assert "Traceback" not in done.err


def test_error_is_a_line_and_a_hint_on_standard_error(assay: Assay) -> None:
    done = assay("keys lst")

    assert done.out == ""
    assert done.err.splitlines() == [
        "assay-nb keys: there is no command 'lst'.",
        "  Did you mean list?",
    ]


def test_error_as_json_carries_code_message_and_hint(assay: Assay) -> None:
    done = assay("workspace use nowhere --json")

    error = json.loads(done.err)["error"]
    assert (done.status, done.out) == (1, "")
    assert error["code"] == "workspace_not_found"
    assert set(error) == {"code", "message", "hint"}


def test_version_is_the_installed_one(assay: Assay) -> None:
    import assay_nb

    assert assay("--version").out == f"assay-nb {assay_nb.__version__}\n"


# --- JSON -------------------------------------------------------------------------------------------

LISTS = (
    "status", "workspace list", "workspace show", "member list", "keys list", "connect", "connections",
    "connections list", "model", "models", "budget", "calls", "doctor", "master status",
)  # fmt: skip


@pytest.mark.parametrize("line", LISTS)
def test_everything_that_lists_prints_json(line: str, assay: Assay) -> None:
    done = assay(f"{line} --json")

    assert done.status == 0, done.err
    assert isinstance(done.data, list | dict)


def test_lint_as_json_names_each_file(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Say hello.")
    (tmp_path / "b.txt").write_text("Answer yes or n\u200bo.", encoding="utf-8")

    done = assay(f"lint {tmp_path}/a.txt {tmp_path}/b.txt --json")

    assert done.status == 1
    assert [Path(report["file"]).name for report in done.data] == ["a.txt", "b.txt"]


def test_lint_reads_standard_input(assay: Assay) -> None:
    assert assay("lint - --json", "Summarise {{ticket}}.").data[0]["file"] == "-"


def test_lint_of_a_good_file_is_silent_in_a_pipe(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Say hello.")

    assert assay(f"lint {tmp_path}/good.txt") == Done(0, "", "")


# --- keys -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_key_from_a_pipe_is_tested_and_stored(assay: Assay, stage: Stage) -> None:
    done = assay(set_key(stage, "anthropic"), stage.keys["anthropic"])

    assert done.status == 0
    assert "The provider accepts it" in done.out
    assert states(assay)["anthropic"] == "ready"
    assert [call.key for call in stage.fake.calls] == [stage.keys["anthropic"]]
    assert stage.traces_in(done.out + done.err) == {}


@pytest.mark.slow
def test_key_that_echo_pipes_is_stored_without_its_line_end(assay: Assay, stage: Stage) -> None:
    assay(set_key(stage, "openai"), stage.keys["openai"] + "\r\n")

    assert assay("keys test openai").status == 0
    assert {call.key for call in stage.fake.calls} == {stage.keys["openai"]}


@pytest.mark.slow
def test_first_key_says_where_the_master_key_goes_before_it_is_made(
    assay: Assay, stage: Stage
) -> None:
    done = assay(set_key(stage, "google"), stage.keys["google"])

    assert "master.key" in done.err
    assert len(done.err.splitlines()) == 1
    assert assay(set_key(stage, "openai"), stage.keys["openai"]).err == ""


def test_key_that_the_provider_refuses_is_not_stored(assay: Assay, stage: Stage) -> None:
    done = assay(set_key(stage, "openai"), make_canary("openai"))

    assert done.status == 1
    assert "does not accept this key, so it was not stored" in done.err
    assert states(assay) == NONE_STORED


def test_key_that_may_not_list_models_is_stored_untested(assay: Assay, stage: Stage) -> None:
    stage.fake.answers(status=403)

    done = assay(set_key(stage, "openai"), stage.keys["openai"])

    (fact,) = [f for f in assay("keys list --json").data if f["provider"] == "openai"]
    assert done.status == 0
    assert "counts as untested" in done.out
    assert (fact["state"], fact["verified"]) == ("ready", False)


@pytest.mark.slow
def test_key_is_not_stored_when_its_provider_cannot_be_reached(assay: Assay) -> None:
    line = f"keys set openai --endpoint http://127.0.0.1:{unused_port()}/v1"

    done = assay(line, make_canary("openai"))

    assert done.status == 1
    assert "cannot be reached" in done.err
    assert "was not stored" in done.err
    assert "--unverified" in done.err
    assert states(assay) == NONE_STORED


def test_unverified_key_is_stored_without_asking_anybody(assay: Assay, stage: Stage) -> None:
    done = assay(set_key(stage, "openai", "--unverified"), stage.keys["openai"])

    assert done.status == 0
    assert stage.fake.calls == []
    assert states(assay)["openai"] == "ready"


@pytest.mark.slow
@pytest.mark.parametrize("piped", [b"two words", b"a\nb", b"\x00" * 40, b"\xff" * 40])
def test_what_is_no_key_is_not_stored(piped: bytes, assay: Assay, stage: Stage) -> None:
    done = assay(set_key(stage, "anthropic"), piped)

    assert done.status == 2
    assert len(done.err.splitlines()) <= 2
    assert stage.fake.calls == []
    assert states(assay) == NONE_STORED


@pytest.mark.parametrize("piped", [b"", b"\n", b" \t\r\n", b"ollama", b"k" * 19, b"k" * 513])
@pytest.mark.parametrize(
    "endpoint",
    ["", " --endpoint https://API.openai.com/v1", " --endpoint https://api.openai.com:443/v1"],
)
def test_providers_own_endpoint_takes_no_short_key_and_not_none(
    endpoint: str, piped: bytes, assay: Assay
) -> None:
    done = assay(f"keys set openai --unverified{endpoint}", piped)

    assert done.status == 2
    assert "20 to 512 characters" in done.err
    assert len(done.err.splitlines()) == 2
    assert states(assay) == NONE_STORED


@pytest.mark.parametrize("key", ["x", "ollama", "EMPTY", "token-abc123", "none", "sk-1234"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_own_server_takes_the_key_that_its_manual_names(
    provider: str, key: str, assay: Assay, stage: Stage
) -> None:
    stage.fake.keys = {key}

    done = assay(set_key(stage, provider), key)

    assert done.status == 0
    assert "key is stored. The provider accepts it" in done.out
    assert only(stage.fake.calls).key == key
    assert len(stage.fake.strangers) == 1  # it was asked a second time, without the key
    (fact,) = [f for f in assay("keys list --json").data if f["provider"] == provider]
    assert (fact["state"], fact["last4"]) == ("ready", "")


@pytest.mark.parametrize(("more", "piped"), [("--no-key", b"unread"), ("", b""), ("", b" \r\n")])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_own_server_is_stored_without_a_key(
    provider: str, more: str, piped: bytes, assay: Assay, stage: Stage
) -> None:
    stage.fake.keys = None

    done = assay(set_key(stage, provider, more), piped)

    text = " ".join(done.out.replace("┃", "").split())
    endpoint = stage.fake.endpoint(provider)  # type: ignore[arg-type]
    assert done.status == 0
    assert f"No key is stored: requests to `{endpoint}` carry none." in text
    assert "The server answers without a key" in text
    assert "key is stored." not in text.replace("No key is stored:", "")
    assert {"authorization", "x-api-key", "x-goog-api-key"}.isdisjoint(stage.fake.calls[0].headers)
    (fact,) = [f for f in assay("keys list --json").data if f["provider"] == provider]
    assert (fact["state"], fact["placement"], fact["verified"]) == ("ready", "none", False)


def test_server_without_a_key_is_shown_tested_and_removed_as_what_it_is(
    assay: Assay, stage: Stage
) -> None:
    stage.fake.keys = None
    assay(set_key(stage, "openai", "--no-key"))

    listed, status, tested = assay("keys list"), assay("status"), assay("keys test openai")
    removed = assay("keys remove openai")

    for shown in (listed.out, status.out):
        assert "no key" in shown
        assert "…" not in shown
    assert "No key yet" not in status.out
    assert tested.status == removed.status == 0
    assert "The server answers without a key" in tested.out
    assert "No key was stored for it" in removed.out
    assert "revok" not in removed.out
    assert states(assay) == NONE_STORED


@pytest.mark.parametrize("piped", [b"", b"\n"])
def test_stored_key_is_not_lost_to_a_variable_that_is_not_set(
    piped: bytes, assay: Assay, stage: Stage
) -> None:
    assay(set_key(stage, "openai"), stage.keys["openai"])
    stage.fake.keys = None

    refused = assay(set_key(stage, "openai", "--unverified"), piped)
    kept = assay("keys list --json").data
    meant = assay(set_key(stage, "openai", "--unverified --no-key"), piped)

    assert refused.status == 2
    assert "the stored OpenAI key was kept" in refused.err
    assert "--no-key" in refused.err
    assert [fact["placement"] for fact in kept] == ["", "bearer", ""]
    assert meant.status == 0
    assert [fact["placement"] for fact in assay("keys list --json").data] == ["", "none", ""]
    assert assay(set_key(stage, "openai", "--unverified"), piped).status == 0  # nothing to lose


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_variable_with_nothing_in_it_is_not_taken_for_no_key(
    value: str, assay: Assay, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", value)

    done = assay(set_key(stage, "google", "--unverified --from-env MY_KEY"))

    assert done.status == 2
    assert "MY_KEY is not set" in done.err
    assert states(assay) == NONE_STORED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("keys set openai --no-key", "A provider's own endpoint needs a key"),
        (
            "keys set openai --no-key --endpoint https://API.openai.com:443/v1",
            "A provider's own endpoint needs a key",
        ),
        (
            "keys set openai --no-key --from-env KEY --endpoint http://127.0.0.1:11434/v1",
            "--no-key and --from-env cannot be used together",
        ),
    ],
)
def test_no_key_where_it_cannot_be_meant_is_wrong_usage(line: str, said: str, assay: Assay) -> None:
    done = assay(line, "unread")

    message, hint = done.err.splitlines()
    assert done.status == 2
    assert said in message
    assert "Leave" in hint
    assert states(assay) == NONE_STORED


def test_server_that_asks_for_a_key_is_not_stored_without_one(assay: Assay, stage: Stage) -> None:
    done = assay(set_key(stage, "openai", "--no-key"))

    assert done.status == 1
    assert f"{stage.fake.origin} asks for a key, so nothing was stored." in done.err
    assert states(assay) == NONE_STORED


# --- at a terminal


class Terminal:
    """`assay-nb` at a pseudo-terminal."""

    def __init__(self, line: str) -> None:
        pexpect = pytest.importorskip("pexpect", reason="a terminal is played with pexpect")
        words = ["-m", "assay_nb.cli", *line.split()]
        surrounding = {**os.environ, "TERM": "dumb", "COLUMNS": "200"}
        self.child = pexpect.spawn(
            sys.executable, words, env=surrounding, encoding="utf-8", timeout=30
        )
        self.end = pexpect.EOF

    def answer(self, prompt: str, typed: str) -> str:
        """Wait for a prompt and answer it; return what was shown before it, and after."""
        self.child.expect_exact(prompt)
        before = self.child.before
        self.child.sendline(typed)
        self.child.expect(self.end)
        self.child.wait()  # `close` would send it a signal after a tenth of a second
        self.child.close()
        return before + self.child.before


ENTER = "key (hidden; Enter alone if the server needs none): "


@pytest.mark.slow
def test_enter_at_the_prompt_stores_a_server_without_a_key(assay: Assay, stage: Stage) -> None:
    stage.fake.keys = None
    terminal = Terminal(set_key(stage, "openai"))

    shown = terminal.answer(ENTER, "")

    assert "manual says whether it needs a key" in shown
    assert "platform.openai.com" not in shown
    assert "credit" not in shown
    assert "No key is stored" in shown
    assert terminal.child.exitstatus == 0
    assert stage.fake.calls[0].key is None
    assert states(assay)["openai"] == "ready"


@pytest.mark.slow
def test_short_key_that_is_typed_is_stored(assay: Assay, stage: Stage) -> None:
    stage.fake.keys = {"ollama"}
    terminal = Terminal(set_key(stage, "openai"))

    shown = terminal.answer(ENTER, "ollama")

    assert "The OpenAI key is stored" in shown
    assert "ollama" not in shown
    assert [call.key for call in stage.fake.calls] == ["ollama"]


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["", " --endpoint https://API.openai.com/v1"])
def test_enter_at_the_prompt_for_a_providers_own_endpoint_stores_nothing(
    endpoint: str, assay: Assay
) -> None:
    terminal = Terminal(f"keys set openai --unverified{endpoint}")

    shown = terminal.answer("OpenAI key (hidden): ", "")

    assert "https://platform.openai.com/api-keys" in shown
    assert "not a key, so nothing was stored" in shown
    assert terminal.child.exitstatus == 2
    assert states(assay) == NONE_STORED


@pytest.mark.slow
def test_no_key_at_a_terminal_asks_for_nothing(assay: Assay, stage: Stage) -> None:
    stage.fake.keys = None
    terminal = Terminal(set_key(stage, "openai", "--no-key"))

    terminal.child.expect(terminal.end)
    terminal.child.wait()
    terminal.child.close()

    assert "hidden" not in terminal.child.before
    assert "No key is stored" in terminal.child.before
    assert terminal.child.exitstatus == 0


def test_endless_input_is_cut_and_refused(assay: Assay, stage: Stage) -> None:
    assert assay(set_key(stage, "anthropic"), b"k" * 10_000_000).status == 2


def test_key_is_taken_over_from_the_environment(
    assay: Assay, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", stage.keys["google"])

    done = assay(set_key(stage, "google", "--from-env MY_KEY"))

    assert done.status == 0
    assert "unset MY_KEY" in done.out
    assert stage.traces_in(done.out + done.err) == {}


def test_key_as_an_argument_is_refused_and_not_repeated(assay: Assay, stage: Stage) -> None:
    done = assay(f"keys set openai {stage.keys['openai']}")

    assert done.status == 2
    assert "revoke" in done.err
    assert stage.traces_in(done.out + done.err) == {}


def test_key_belongs_to_the_workspace_that_was_named(assay: Assay, stage: Stage) -> None:
    assay("workspace create research")

    assay(set_key(stage, "openai", "--workspace research"), stage.keys["openai"])

    assert states(assay) == NONE_STORED
    assert states(assay, "-w research")["openai"] == "ready"


def test_key_for_another_endpoint_is_entered_again(assay: Assay, stage: Stage) -> None:
    assay(set_key(stage, "openai"), stage.keys["openai"])

    assay(
        "keys set openai --unverified --endpoint https://llm.example.org/v1", make_canary("openai")
    )

    (fact,) = [f for f in assay("keys list --json").data if f["provider"] == "openai"]
    assert fact["endpoint"] == "https://llm.example.org/v1"


def test_removed_key_is_gone_and_where_it_is_revoked_is_named(assay: Assay, stage: Stage) -> None:
    assay("keys set openai --unverified", stage.keys["openai"])
    at_provider = assay("keys remove openai")
    assay(set_key(stage, "openai"), stage.keys["openai"])
    at_server = assay("keys remove openai")

    assert "https://platform.openai.com/api-keys" in at_provider.out
    assert f"revoking it at `{stage.fake.origin}` ends it" in " ".join(
        at_server.out.replace("┃", "").split()
    )
    assert states(assay) == NONE_STORED


def test_nothing_is_deleted_where_nobody_can_be_asked(assay: Assay) -> None:
    assay("workspace create research")

    done = assay("workspace delete research")

    assert done.status == 2
    assert "--yes" in done.err
    assert "research" in {fact["name"] for fact in assay("workspace list --json").data}


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("nonsense", "assay-nb: there is no command 'nonsense'."),
        ("keys list --jsn", "assay-nb keys list has no option --jsn."),
        ("workspace create", "assay-nb workspace create: the following arguments are required"),
        ("workspace use nowhere", "assay-nb: You are in no workspace 'nowhere'."),
    ],
)
def test_mistake_begins_with_the_command_once(line: str, begins: str, assay: Assay) -> None:
    first = assay(line).err.splitlines()[0]

    assert first.startswith(begins)
    assert first.count("assay-nb") == 1


def test_key_that_replaces_another_says_so(assay: Assay, stage: Stage) -> None:
    line = set_key(stage, "openai", "--unverified")

    first, second = assay(line, stage.keys["openai"]), assay(line, stage.keys["openai"])
    as_json = assay(f"{line} --json", stage.keys["openai"])

    assert "replaces" not in first.out
    assert "It replaces the key that was stored." in " ".join(second.out.replace("┃", "").split())
    assert (second.status, second.err) == (0, "")
    assert as_json.data["replaced"] is True


def test_models_of_a_key_are_counted_in_words(assay: Assay, stage: Stage) -> None:
    two = assay(set_key(stage, "openai"), stage.keys["openai"]).out

    assert "The provider accepts it, and lists 2 models for it." in " ".join(two.split())


@pytest.mark.parametrize(("typed", "left"), [("y", []), ("n", ["research"]), ("", ["research"])])
def test_question_is_asked_beside_the_output(
    typed: str, left: list[str], assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    assay("workspace create research")
    monkeypatch.setattr("assay_nb.cli.TerminalDesk.answers", True)

    done = assay("workspace delete research", f"{typed}\n")

    assert done.err.startswith("Delete workspace 'research' and its keys? [y/N] ")
    assert "[y/N]" not in done.out
    names = [fact["name"] for fact in assay("workspace list --json").data]
    assert names == ["personal", *left]


# --- where there is nobody, and nowhere to write ----------------------------------------------------

WRITING = (
    "", "-h", "--version", "status", "status --json", "keys", "keys -h", "models", "models --json", "calls",
    "calls --json", "doctor", "budget", "workspace list", "workspace create research",
    pytest.param("try", marks=pytest.mark.slow),
)  # fmt: skip
"""Lines that write to standard output, in each way that there is."""

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@needs_full
@pytest.mark.parametrize("line", WRITING)
def test_full_disk_is_one_line_and_status_1(
    line: str, assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - it is a device
        monkeypatch.setattr(sys, "stdout", full)
        done = assay(line)

    said = "Standard output cannot be written: No space left on device."
    assert done.status == 1
    (line_said,) = done.err.splitlines()
    if "--json" in line:
        assert json.loads(line_said)["error"]["message"] == said
    else:
        assert line_said == f"assay-nb: {said}"


@pytest.mark.parametrize("line", WRITING)
def test_reader_that_is_gone_ends_every_command_quietly(
    line: str, assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        done = assay(line)

    assert (done.status, done.err) == (141, "")


@needs_full
def test_full_disk_under_standard_error_hides_no_status(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - it is a device
        monkeypatch.setattr(sys, "stderr", full)
        assert assay("nonsense").status == 2
        assert assay("status").status == 0


@pytest.mark.parametrize("line", ["status", "keys list --json", "workspace list", "models"])
def test_closed_standard_input_and_error_are_no_trouble(
    line: str, assay: Assay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assay("status")
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stderr", None)
    capsys.readouterr()

    status = main(line.split())

    assert status == 0
    assert capsys.readouterr().out


def test_what_standard_error_would_get_does_not_go_to_standard_output(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    """The first key says where its master key goes, on standard error, which is closed here."""
    with_it = assay("status --json").err
    monkeypatch.setattr(sys, "stderr", None)

    done = assay(set_key(stage, "openai", "--unverified --json"), stage.keys["openai"])

    assert with_it == ""
    assert done.data["outcome"] == "unchecked"


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("keys set openai --unverified", 2, "not a key, so nothing was stored"),
        ("workspace delete research", 2, "--yes"),
        ("master purge", 2, "--yes"),
        ("lint -", 2, "Standard input is closed"),
    ],
)
def test_question_without_standard_input_is_wrong_usage(
    line: str,
    status: int,
    said: str,
    assay: Assay,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assay("workspace create research")
    monkeypatch.setattr(sys, "stdin", None)
    capsys.readouterr()

    assert main(line.split()) == status
    assert said in capsys.readouterr().err


def test_closed_standard_output_is_said(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assay("status")
    monkeypatch.setattr(sys, "stdout", None)

    assert main(["status"]) == 1
    assert "Standard output cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["0", "1", "8", "20", "1000"])
@pytest.mark.parametrize("line", ["status", "doctor", "models", "calls", "keys list", "lint -"])
def test_any_width_shows_something(
    columns: str, line: str, assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")

    done = assay(line, "Answer yes or n\u200bo.")

    assert done.err == ""
    assert done.out.strip()
    assert "\x1b" not in done.out


# --- JupyterLab -------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The programs that a command starts; none of them really runs."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("assay_nb.cli.subprocess.run", run)
    return commands


def test_lab_as_root_listens_on_this_machine_alone(
    assay: Assay, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    done = assay("try --lab")

    (command,) = started
    assert done.status == 0
    assert command[1:5] == ["-m", "jupyterlab", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    assert "token" not in " ".join(command)


def test_lab_as_anybody_else_is_told_nothing_of_root(
    assay: Assay, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    done = assay("try --lab")

    (command,) = started
    assert command[1:-1] == ["-m", "jupyterlab"]
    assert f"The notebook is {command[-1]}." in done.out
    assert Path(command[-1]).is_file()


# --- the process ------------------------------------------------------------------------------------


def process(*words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "assay_nb.cli", *words]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **options)


@pytest.fixture
def _empty_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))


@pytest.mark.slow
@pytest.mark.usefixtures("_empty_home")
def test_terminal_that_knows_no_check_mark_gets_the_text_all_the_same() -> None:
    done = process("doctor", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    assert done.returncode == 0, done.stderr
    assert b"what is protected" in done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("_empty_home")
@pytest.mark.parametrize("words", [["models", "--json"], ["budget"]])
def test_reader_that_goes_away_is_no_trouble(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "wb") as gone:
        command = [sys.executable, "-m", "assay_nb.cli", *words]
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.slow
@pytest.mark.usefixtures("_empty_home")
def test_development_mode_has_nothing_to_warn_of() -> None:
    done = process("status", env={**os.environ, "PYTHONDEVMODE": "1"})

    assert done.returncode == 0
    assert done.stderr == b""


@pytest.mark.usefixtures("_empty_home")
def test_help_loads_no_sdk_and_no_database() -> None:
    script = "import sys; from assay_nb.cli import main; main(['-h']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, check=True
    )

    heavy = {"anthropic", "openai", "google.genai", "sqlalchemy", "httpx2", "keyring", "IPython"}
    assert heavy.isdisjoint(eval(done.stderr))


@pytest.mark.slow
def test_control_c_ends_a_command_at_once_and_quietly(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    with open_stage(home / "vault") as stage:
        stage.fake.answers("x", fault="stall_headers")
        command = [sys.executable, "-m", "assay_nb.cli", "keys", "test", "openai"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert stage.fake.arrived.wait(30)
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=30)

        assert (child.returncode, err) == (130, b"assay-nb: stopped.\n")
        assert stage.fake.calls[0].closed.wait(5)
