"""How a key gets in: by a command, on a page, or by asking somebody, as mode, role and workspace have it."""

from __future__ import annotations

import pytest

from assay_nb.connections.keyway import Keyway, guide, page_of, say_unasked, wanting
from assay_nb.errors import EndpointRefused, KeyAct, KeyStep

PAGE = "https://hub.example.org/services/assay/workspaces/1f"
SOLO = Keyway(mode="solo", workspace="my research")
OWNER = Keyway(mode="hub", workspace="lab", page=PAGE)
MEMBER = Keyway(mode="hub", workspace="lab", page=PAGE, manages=False, managers=("ada",))
HEADLESS = Keyway(mode="hub", workspace="lab", page=PAGE, manages=False)
PATH = Keyway(mode="hub", workspace="lab", page="/services/assay/workspaces/1f")

SAID: dict[tuple[str, KeyAct, str], str] = {
    ("solo", "add", "openai"): "Get one at https://platform.openai.com/api-keys, then `assay-nb keys set openai -w 'my research'`.",
    ("solo", "add", "local"): "Add one: `assay-nb keys set local -w 'my research'`.",
    ("solo", "add", ""): "Add one: `assay-nb keys set PROVIDER -w 'my research'`.",
    ("solo", "replace", "local"): "Replace it: `assay-nb keys set local -w 'my research'`.",
    ("solo", "connect", "ollama"): "Connect it: `assay-nb connect ollama -w 'my research'`.",
    ("owner", "add", "openai"): f"Open {PAGE}/keys/openai in a browser and enter one.",
    ("owner", "replace", "local"): f"Open {PAGE}/connections/local in a browser and replace the key.",
    ("owner", "connect", "ollama"): f"Open {PAGE}/add/ollama in a browser and connect it.",
    ("owner", "connect", ""): f"Open {PAGE}/add in a browser and connect it.",
    ("owner", "change", ""): f"Open {PAGE} in a browser and change keys and connections.",
    ("member", "add", "openai"): f"Ask ada to open {PAGE}/keys/openai and enter one.",
    ("member", "change", ""): f"Ask ada to open {PAGE} and change keys and connections.",
    ("headless", "add", ""): f"Ask the hub's operator to name an owner of 'lab', who can open {PAGE} and enter one.",
    ("path", "add", "google"): "Open /services/assay/workspaces/1f/keys/google on this hub in a browser and enter one.",
}  # fmt: skip
WAYS = {"solo": SOLO, "owner": OWNER, "member": MEMBER, "headless": HEADLESS, "path": PATH}


@pytest.mark.parametrize("case", SAID, ids=" ".join)
def test_next_step_is_what_this_person_can_do(case: tuple[str, KeyAct, str]) -> None:
    who, act, connection = case

    assert WAYS[who].say(act, connection) == SAID[case]


@pytest.mark.parametrize("act", KeyAct.__args__)  # type: ignore[attr-defined]
@pytest.mark.parametrize("who", WAYS)
def test_every_act_has_its_sentence(who: str, act: KeyAct) -> None:
    said = WAYS[who].say(act, "openai")

    assert said.endswith(".")
    assert ("`" in said) is (who == "solo"), "on a hub nobody is sent to a command"


@pytest.mark.parametrize(
    ("managers", "more", "words"),
    [
        (("ada",), 0, "Ask ada to open"),
        (("ada", "bob"), 0, "Ask ada or bob to open"),
        (("ada", "bob", "eve"), 0, "Ask ada, bob or eve to open"),
        (("ada", "bob", "eve"), 40, "Ask ada, bob, eve or 40 more to open"),
    ],
)
def test_those_who_may_are_named(managers: tuple[str, ...], more: int, words: str) -> None:
    way = Keyway(
        mode="hub", workspace="lab", page=PAGE, manages=False, managers=managers, more=more
    )

    assert way.say("add").startswith(words)


@pytest.mark.parametrize(
    ("demo", "said"), [(0, ""), (1, "1 demo call for critique"), (7, "7 demo calls for critique")]
)
@pytest.mark.parametrize("who", ["owner", "member", "headless"])
def test_demo_calls_are_named_while_there_are_some(who: str, demo: int, said: str) -> None:
    known = WAYS[who]
    way = Keyway(
        mode="hub",
        workspace="lab",
        page=PAGE,
        manages=known.manages,
        managers=known.managers,
        demo=demo,
    )

    assert said in way.say_start()
    assert ("demo" in way.say_start()) is (demo > 0)


def test_start_of_ones_own_names_the_fastest_one_and_practice() -> None:
    said = SOLO.say_start(program="%assay")

    assert said.startswith("Google is the fastest start: get one at https://")
    assert "`%assay keys set google -w 'my research'`" in said
    assert "`%assay try` shows everything without a key." in said


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("solo", "Choose one: `assay-nb model local/MODEL -w 'my research'`"),
        ("owner", "Choose one: `assay-nb model local/MODEL -w lab`"),
        ("member", "Name one for the call (`-m local/MODEL`), or ask ada to choose one"),
    ],
)
def test_model_is_chosen_by_those_who_may(who: str, words: str) -> None:
    assert WAYS[who].say_model("local/MODEL").startswith(words)


@pytest.mark.parametrize("who", WAYS)
def test_beside_a_link_only_those_who_may_not_are_sent_to_somebody(who: str) -> None:
    way = WAYS[who]

    assert (way.say_here("add") == "") is way.manages
    assert "http" not in way.say_beside_link()


@pytest.mark.parametrize(
    ("lead", "hint"),
    [
        ("", f"Ask ada to open {PAGE}/keys/openai and replace the key."),
        ("Look.", f"Look. Ask ada to open {PAGE}/keys/openai and replace the key."),
    ],
)
def test_error_is_told_the_reader_once(lead: str, hint: str) -> None:
    error = wanting(EndpointRefused("No."), KeyStep("replace", "openai", lead=lead))
    before = error.hint

    guide(error, MEMBER)
    guide(error, OWNER)

    assert before == f"{lead} Enter the key again.".strip()
    assert error.hint == hint
    assert error.key_step is None


def test_error_that_wants_nothing_stays_as_it_is() -> None:
    error = EndpointRefused("No.", hint="Run it again.")

    guide(error, MEMBER)

    assert error.hint == "Run it again."


def test_address_of_a_server_is_said_again() -> None:
    said = SOLO.say("add", "local", endpoint="http://127.0.0.1:9009/v1")

    assert (
        said
        == "Add one: `assay-nb keys set local --endpoint http://127.0.0.1:9009/v1 -w 'my research'`."
    )


def test_page_of_a_connection_is_below_its_kind() -> None:
    assert (page_of("google"), page_of("my/own")) == ("keys/google", "connections/my%2Fown")


@pytest.mark.parametrize(("hub", "words"), [(True, "`%assay keys list`"), (False, "`%assay keys set openai`")])  # fmt: skip
def test_where_nothing_may_be_asked_it_is_said_where_to_look(hub: bool, words: str) -> None:
    assert words in say_unasked("openai", hub=hub, program="%assay")
