"""People on a hub, from the key page to a critique in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.stage import Browser, Hub, Kernel
from tests.kernel.replies import PROMPT, critique
from tests.tools import wait_until

pytestmark = [pytest.mark.slow]

CRITIQUE = f"%%critique -w physics-lab -o review\n{PROMPT}"


def test_an_owner_signs_in_with_a_browser_and_stores_a_key(
    hub: Hub, dora: Browser, key: str
) -> None:
    workspace = dora.workspace("physics-lab")

    (stored,) = [
        one
        for one in dora.ask("GET", f"api/v1/workspaces/{workspace}/keys").json()
        if one["state"] != "missing"
    ]

    assert (stored["provider"], stored["state"], stored["verified"]) == ("anthropic", "ready", True)
    assert (stored["last4"], stored["added_by"]) == (key[-4:], "dora")


def test_a_member_critiques_a_prompt_on_the_teams_key(hub: Hub, alice: Kernel, key: str) -> None:
    ran = alice.run(CRITIQUE)

    assert not ran.error
    assert "The length is left open." in ran.shown
    assert hub.fake.calls[-1].key == key
    assert alice.run("print(review.provenance.workspace)").text == "physics-lab\n"


def test_the_call_is_in_the_log_without_its_content(alice: Kernel) -> None:
    alice.run(CRITIQUE)

    shown = alice.run("%assay calls -w physics-lab").shown

    assert "alice" in shown
    assert "critique" in shown
    assert "Summarise" not in shown


def test_a_kernel_of_the_group_finds_its_workspace_and_no_others(alice: Kernel) -> None:
    ran = alice.run("%assay workspace list")

    assert not ran.error
    assert "physics-lab" in ran.shown
    assert "history-lab" not in ran.shown


def test_somebody_of_another_group_cannot_use_the_key(hub: Hub, carol: Kernel) -> None:
    before = len(hub.fake.calls)

    ran = carol.run(CRITIQUE)

    assert "You are in no workspace 'physics-lab'." in ran.error
    assert len(hub.fake.calls) == before


def test_the_python_api_works_the_same(alice: Kernel) -> None:
    code = f"import assay_nb\nprint(assay_nb.critique({PROMPT!r}, workspace='physics-lab').verdict)"

    assert alice.run(code).text == "report\n"


def test_the_command_works_the_same_in_a_hub_terminal(alice: Kernel) -> None:
    code = "import subprocess, sys\nprint(subprocess.run([sys.executable, '-m', 'assay_nb.cli', 'keys', 'list', '-w', 'physics-lab'], capture_output=True, text=True))"

    ran = alice.run(code)

    assert "returncode=0" in ran.text
    assert "anthropic" in ran.text


def test_a_key_is_not_taken_in_a_kernel(alice: Kernel) -> None:
    ran = alice.run("%assay keys set anthropic -w physics-lab")

    assert "a key never goes through a kernel" in ran.error


def test_another_sdk_uses_the_key_through_the_gateway(hub: Hub, alice: Kernel, key: str) -> None:
    alice.run("%assay env --export -w physics-lab")

    ran = alice.run(
        "import anthropic\n"
        "reply = anthropic.Anthropic().messages.create(model='claude-sonnet-4-6', max_tokens=9, "
        "messages=[{'role': 'user', 'content': 'Hello'}])\n"
        "print(type(reply).__name__)"
    )

    assert ran.text == "Message\n", ran.error
    assert hub.fake.calls[-1].key == key


def test_an_interrupt_in_the_notebook_closes_the_providers_connection(
    hub: Hub, alice: Kernel
) -> None:
    hub.fake.answers("a", "b", fault="stall")
    hub.fake.arrived.clear()
    try:
        with alice.running(CRITIQUE) as ran:
            assert hub.fake.arrived.wait(20)
            hub.admin.post(f"/user/alice/api/kernels/{alice.id}/interrupt")
            assert hub.fake.calls[-1].closed.wait(60)

        assert "Interrupted" in ran.error
    finally:
        hub.fake.answers(critique())


def test_leaving_the_group_takes_the_key_away_within_a_minute(hub: Hub, carol: Kernel) -> None:
    hub.admin.post("/hub/api/groups/physics/users", json={"users": ["carol"]})
    wait_until(lambda: not carol.run(CRITIQUE).error, 60, lambda: hub.log("gateway"))

    hub.admin.request("DELETE", "/hub/api/groups/physics/users", json={"users": ["carol"]})

    out = "You are in no workspace"
    wait_until(lambda: out in carol.run(CRITIQUE).error, 60, lambda: hub.log("gateway"))


def test_a_removed_servers_token_is_worth_nothing(hub: Hub) -> None:
    hub.start_server("bob")
    with hub.kernel("bob") as bob:
        bob.run("%load_ext assay_nb")
        token = bob.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").text.strip()
        assert not bob.run("%assay workspace list").error
    hub.admin.delete("/hub/api/users/bob/server")

    headers = {"Authorization": f"token {token}"}

    def status() -> int:
        return hub.admin.get("/services/assay/api/v1/me", headers=headers).status_code

    wait_until(lambda: status() == 401, 60, lambda: hub.log("gateway"))


LOST = {
    "%assay": "Choose another one: `%assay workspace use NAME`",
    "%assay workspace list": "personal",
    "%assay budget": "demo calls",
    "%assay models": "anthropic/",
    "%assay doctor": "alice",
    "%assay env -w alices-own": "alices-own",
    "%assay keys list -w alices-own": "anthropic",
    "%assay calls -w alices-own": "No calls yet.",
    "%assay member list -w alices-own": "alice",
}
"""What somebody whose chosen workspace is gone still gets, with words of it."""

GONE = "The workspace that you had chosen is gone, or you are no longer in it."


@pytest.fixture
def outcast(hub: Hub, alice: Kernel) -> Iterator[Kernel]:
    """Alice's kernel, after the hub's API has taken her out of the group whose workspace she had chosen."""

    def listed() -> str:
        ran = alice.run("%assay workspace list")
        return ran.shown + ran.error

    assert not alice.run("%assay workspace use physics-lab").error
    alice.run("%assay workspace create alices-own")
    members = {"users": ["alice"]}
    taken = hub.admin.request("DELETE", "/hub/api/groups/physics/users", json=members)
    assert taken.status_code == 200, taken.text
    wait_until(lambda: "physics-lab" not in listed(), 60, listed)
    yield alice
    hub.admin.post("/hub/api/groups/physics/users", json=members)
    wait_until(lambda: "physics-lab" in listed(), 60, listed)


def test_a_member_who_is_taken_out_of_the_group_is_locked_out_of_nothing_else(
    hub: Hub, outcast: Kernel
) -> None:
    got = {line: outcast.run(line) for line in LOST}
    shown = {line: " ".join(ran.shown.replace("┃", "").split()) for line, ran in got.items()}
    critiqued = outcast.run(f"%%critique\n{PROMPT}")
    browser = hub.browser("alice")
    home = browser.http.get("/services/assay/")
    me = browser.ask("GET", "api/v1/me")

    assert {line: ran.error for line, ran in got.items() if ran.error} == {}
    assert {line: words for line, words in shown.items() if LOST[line] not in words} == {}
    assert GONE in critiqued.error, (
        "a call that names no workspace is made on nobody else's account"
    )
    assert (home.status_code, me.status_code) == (200, 200)
    assert GONE in home.text
    assert "physics-lab" not in {one["name"] for one in me.json()["workspaces"]}
    assert "workspace use NAME" in critiqued.error

    used = outcast.run("%assay workspace use personal\nprint('and more')")
    after = outcast.run("%assay")

    assert not used.error
    assert "You now work in your personal workspace" in used.shown
    assert "and more" in used.shown
    assert GONE not in after.shown
