"""The practice provider's server: what it leaves in a terminal or a cell when its callers go away."""

from __future__ import annotations

import json
import logging
import socket
import struct
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from assay_nb.practice.server import MODEL, PracticeServer
from tests.tools import wait_until


def begin(server: PracticeServer) -> HTTPConnection:
    """Ask for a long reply, and wait for its first bytes."""
    there = urlsplit(server.endpoint("anthropic"))
    connection = HTTPConnection(str(there.netloc), timeout=10)
    asked = {
        "model": MODEL,
        "max_tokens": 9,
        "stream": True,
        "messages": [{"role": "user", "content": "Say it all again. " * 100}],
    }
    headers = {"x-api-key": server.key, "content-type": "application/json"}
    connection.request("POST", f"{there.path}/v1/messages", json.dumps(asked), headers)
    assert connection.sock.recv(20)
    return connection


def hang_up(connection: HTTPConnection) -> None:
    """Reset the connection, as a call does that is cancelled in the middle of its reply."""
    linger = struct.pack("ii", 1, 0)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def tasks(server: PracticeServer) -> int:
    """How many replies are being written."""
    import asyncio

    assert server._loop is not None
    names = [str(task.get_coro()) for task in asyncio.all_tasks(server._loop)]
    return sum("_execute" in name for name in names)


def test_caller_that_hangs_up_leaves_no_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "tornado"), PracticeServer(pace=0.005) as server:
        callers = [begin(server) for _ in range(5)]
        assert tasks(server) == 5
        for caller in callers:
            hang_up(caller)
        wait_until(
            lambda: tasks(server) == 0, 20, lambda: f"{tasks(server)} replies are being written"
        )

    assert [record.getMessage() for record in caplog.records if record.levelno >= 30] == []


def test_server_that_ends_in_the_middle_of_replies_leaves_no_word(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with caplog.at_level(logging.WARNING):
        with PracticeServer(pace=0.005) as server:
            callers = [begin(server) for _ in range(5)]
        for caller in callers:
            caller.close()

    assert [record.getMessage() for record in caplog.records] == []
    assert [str(warning.message) for warning in recwarn] == []
