"""A gateway that a hub has started and that refuses: the hub stays up, and the reason is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from assay_nb.errors import WrongUsage
from assay_nb.gateway.http.safe_headers import SAFE_HEADERS
from assay_nb.gateway.process.stand_in import make_stand_in

PREFIX = "/services/assay/"


@pytest.fixture
def port() -> Iterator[int]:
    error = WrongUsage("/srv/<b> cannot be used.", hint="Run `chmod 700 /srv`.")
    server = make_stand_in(error, ("127.0.0.1", 0), PREFIX)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, method: str, path: str, accept: str = "*/*") -> tuple[int, dict[str, str], str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Accept": accept})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def test_address_that_the_hub_waits_at_is_no_server_error(port: int) -> None:
    """JupyterHub gives up on itself where a service's own address answers with 5xx only."""
    status, headers, _ = ask(port, "GET", PREFIX)

    assert (status, headers["Location"]) == (302, f"{PREFIX}not-started")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "health"), ("GET", "api/v1/me"), ("POST", "api/v1/workspaces/x/instruments/critique"),
        ("PUT", "api/v1/workspaces/x/keys/openai"), ("POST", "providers/x/openai/responses"),
        ("GET", "not-started"), ("DELETE", "../../hub/api"),
    ],
)  # fmt: skip
def test_every_other_request_gets_503_and_the_reason(port: int, method: str, path: str) -> None:
    status, headers, text = ask(port, method, PREFIX + path)

    assert status == 503
    error = json.loads(text)["error"]
    assert error["code"] == "gateway_not_started"
    assert "/srv/<b> cannot be used." in error["message"]
    assert error["hint"] == "Run `chmod 700 /srv`."
    assert headers.items() >= SAFE_HEADERS.items()


def test_health_says_failing(port: int) -> None:
    assert json.loads(ask(port, "GET", f"{PREFIX}health")[2])["status"] == "failing"


def test_page_says_it_in_words(port: int) -> None:
    status, headers, page = ask(port, "GET", f"{PREFIX}not-started", accept="text/html,*/*")

    assert status == 503
    assert headers["Content-Type"].startswith("text/html")
    assert "/srv/&lt;b&gt; cannot be used." in page
    assert "<b>" not in page


def test_head_has_no_body(port: int) -> None:
    assert ask(port, "HEAD", f"{PREFIX}health")[::2] == (503, "")
