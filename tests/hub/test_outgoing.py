"""What leaves a hub server: every byte that a kernel, an agent and a browser send is searched for the hub token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.batches import answer_batches
from tests.fakes.providers import Answer
from tests.hub.stage import Browser, Hub, Kernel
from tests.kernel.replies import PROMPT, critique

pytestmark = [pytest.mark.slow]

RECORDER = """
import json, os, socket
sent = []
def record(name):
    plain = getattr(socket.socket, name)
    def recorded(self, data, *more):
        try:
            peer = self.getpeername()
        except OSError:
            peer = more[-1] if more else None
        whole = b"".join(map(bytes, data)) if name == "sendmsg" else bytes(data)
        sent.append((repr(peer), whole.decode("latin-1")))
        return plain(self, data, *more)
    setattr(socket.socket, name, recorded)
for one in ("send", "sendall", "sendto", "sendmsg"):
    record(one)
"""
ASKING = """
import anthropic
with anthropic.Anthropic() as client:
    asked = dict(model="m", max_tokens=9, messages=[dict(role="user", content="hi")])
    client.messages.create(**asked)
    list(client.messages.batches.results("msgbatch_01"))
"""
AGENT = f"""
import subprocess, sys
code = {RECORDER + ASKING!r} + "print(json.dumps(sent))"
ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
print(ran.stdout, ran.stderr[-2000:])
"""


@pytest.fixture
def answering(hub: Hub, key: str) -> Iterator[None]:
    """A provider whose batches say where their results are."""
    hub.fake.answer_by(lambda call: answer_batches(hub.fake, call) or Answer(chunks=(critique(),)))
    yield
    hub.fake.answers(critique())


def requests_of(sent: list[list[str]]) -> list[str]:
    """Return the requests that were sent to anybody, with whom they were sent to before each."""
    return [f"{peer} {data}" for peer, data in sent if data]


def read(kernel: Kernel, code: str) -> Any:
    ran = kernel.run(code)
    assert not ran.error, ran.error
    return json.loads(ran.text.splitlines()[0])


def test_a110_no_byte_of_a_kernel_to_a_provider_holds_the_hub_token(
    hub: Hub, alice: Kernel, answering: None
) -> None:
    """A kernel calls, exports and lets an SDK work → the hub token goes to the gateway's own API alone."""
    with hub.kernel("alice") as kernel:
        kernel.run("%load_ext assay_nb")
        kernel.run(RECORDER)
        token = read(kernel, "print(json.dumps(os.environ['JUPYTERHUB_API_TOKEN']))")
        kernel.run(f"%%critique -w physics-lab\n{PROMPT}")
        assert not kernel.run("%assay env --export -w physics-lab").error
        asked = kernel.run(ASKING)
        assert not asked.error, asked.error
        given = read(kernel, "print(json.dumps(os.environ['ASSAY_TOKEN']))")
        sent = requests_of(read(kernel, "print(json.dumps(sent))"))

    passed = [one for one in sent if "/providers/physics-lab/" in one]
    own = [one for one in sent if "/services/assay/api/" in one]
    assert passed
    assert own
    assert any(token in one for one in own)  # the control: it is found where it belongs
    assert all(given in one for one in passed)
    assert [one for one in sent if token in one and one not in own] == []
    assert all(str(hub.gateway_port) in one.partition(" ")[0] + one for one in passed)
    told = "\n".join(f"{call.path} {call.headers} {call.text}" for call in hub.fake.calls)
    assert "msgbatch_01/results" in told
    assert token not in told
    assert given not in told


def test_a110_no_byte_of_an_agent_holds_the_hub_token(
    hub: Hub, alice: Kernel, answering: None
) -> None:
    """A program that a kernel has started works on what was exported → what it sends has the other token alone."""
    assert not alice.run("%assay env --export -w physics-lab").error
    token, given = read(
        alice,
        "import json, os; print(json.dumps([os.environ['JUPYTERHUB_API_TOKEN'], os.environ['ASSAY_TOKEN']]))",
    )

    sent = requests_of(read(alice, AGENT))

    assert any(given in one for one in sent)
    assert [one for one in sent if token in one] == []
    alice.run("%assay env --off")


def test_a110_no_byte_of_a_browser_holds_a_servers_hub_token(
    hub: Hub, alice: Kernel, dora: Browser
) -> None:
    """A browser signs in and opens every page → it never has, and never sends, the token of anybody's server."""
    token = read(alice, "import json, os; print(json.dumps(os.environ['JUPYTERHUB_API_TOKEN']))")
    sent: list[str] = []
    browser = Browser(hub, "alice")
    browser.http.event_hooks["request"].append(
        lambda request: sent.append(
            f"{request.method} {request.url} {request.headers.raw} {request.read()!r}"
        )
    )
    try:
        browser.sign_in()
        page = browser.http.get("/services/assay/")
        browser.ask("GET", "api/v1/workspaces")
    finally:
        browser.http.close()

    assert page.status_code == 200
    assert any(
        "assay-session" in one for one in sent
    )  # the control: cookies are among what is recorded
    assert [one for one in sent if token in one] == []


def test_a111_token_of_another_program_opens_neither_the_hub_nor_a_server(
    hub: Hub, alice: Kernel, answering: None
) -> None:
    """What a thief has of an agent → the hub and the notebook server refuse it, and open to the hub token."""
    assert not alice.run("%assay env --export -w physics-lab").error
    tokens = read(
        alice,
        "import json, os; print(json.dumps([os.environ['ASSAY_TOKEN'], os.environ['JUPYTERHUB_API_TOKEN']]))",
    )

    places = ("/hub/api/user", "/user/alice/api/contents", "/services/assay/api/v1/me")
    got = [
        [
            hub.admin.get(place, headers={"Authorization": f"token {token}"}).status_code
            for place in places
        ]
        for token in tokens
    ]

    assert all(status in {401, 403, 404} for status in got[0]), got
    assert got[1] == [200, 200, 200]
    alice.run("%assay env --off")
