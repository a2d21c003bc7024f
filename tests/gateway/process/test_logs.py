from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from assay_nb.gateway.process.logs import GatewayStopped, Log

_TALKER = """
from assay_nb.gateway.process.logs import GatewayStopped, Log
import sys
log = Log()
for number in range(int(sys.argv[1])):
    log(GatewayStopped(1.0, number))
print("done", flush=True)
log.close()
"""


def test_an_event_is_one_line_of_json() -> None:
    lines: list[str] = []

    Log(lines.append)(GatewayStopped(1.5, 2))

    (line,) = lines
    told = json.loads(line)
    del told["at"]
    assert told == {
        "event": "GatewayStopped",
        **{name: told[name] for name in GatewayStopped.__slots__},
    }
    assert "\n" not in line


def test_what_was_said_is_written_before_the_end() -> None:
    with _talk(500) as talker:
        written = talker.communicate(timeout=30)[1]

    assert len(written.splitlines()) == 500


@pytest.mark.slow
def test_a_reader_who_reads_nothing_holds_nobody_up() -> None:
    with _talk(60_000) as talker:
        assert _first_line(talker) == "done\n", "the events are taken though the pipe is full"
        assert talker.stderr
        events = [json.loads(line) for line in talker.stderr]

    written = sum(event["event"] == "GatewayStopped" for event in events)
    dropped = sum(event["count"] for event in events if event["event"] == "LinesDropped")
    assert dropped > 0
    assert written + dropped == 60_000


def test_a_reader_who_went_away_ends_nothing() -> None:
    with _talk(2_000) as talker:
        assert talker.stderr
        talker.stderr.close()

        assert _first_line(talker) == "done\n"
        assert talker.wait(30) == 0


def _first_line(talker: subprocess.Popen[str]) -> str:
    """Read a line, for a bounded time."""
    assert talker.stdout
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.append(next(talker.stdout or iter(()))))
    reading.start()
    reading.join(30)
    return "".join(lines)


def _talk(count: int) -> subprocess.Popen[str]:
    """Start a process that notes so many events, says that it is done, and ends."""
    return subprocess.Popen(
        [sys.executable, "-c", _TALKER, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
