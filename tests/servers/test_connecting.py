"""Connecting to a real server: with a key, without one, with a wrong one; what it lists."""

from __future__ import annotations

import pytest

from assay_nb import ProviderAuthError, playground
from tests.servers.product import CONNECTION, NAME, assay, connect
from tests.servers.running import MODEL, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WRONG = "local-Vb5Nm1Qw8Er3Ty6Ui9Op"


def ask() -> str:
    """Return how a short reply ended."""
    return playground("Say hello.", model=NAME, max_output_tokens=8, temperature=0).stop


def test_server_without_a_key_answers_once_it_is_connected(open_server: Server) -> None:
    done = connect(open_server)

    assert (done.status, done.err.count("Traceback")) == (0, 0)
    assert open_server.endpoint in done.out
    assert ask() in {"end", "length"}


def test_server_with_a_key_answers_to_it(closed_server: Server) -> None:
    done = connect(closed_server)

    assert done.status == 0
    assert closed_server.key not in done.out + done.err
    assert ask() in {"end", "length"}


def test_short_key_is_as_good_as_a_long_one_where_none_is_asked_for(open_server: Server) -> None:
    assert connect(open_server, key="x").status == 0
    assert ask() in {"end", "length"}


ANY_SERVER = {
    "llama.cpp": [
        ("openai-compatible",),
        ("openai-compatible", "--kind", "openai-responses"),
        ("anthropic-compatible",),
    ],
    "llama_cpp.server": [("openai-compatible",)],
}
"""The presets for any server, by what each of the two servers speaks."""


def test_presets_for_any_server_reach_one_that_speaks_their_protocol(open_server: Server) -> None:
    for preset, *more in ANY_SERVER[open_server.kind]:
        root = open_server.endpoint.removesuffix("/v1")
        endpoint = root if preset == "anthropic-compatible" else open_server.endpoint
        done = assay("connect", preset, CONNECTION, "--endpoint", endpoint, *more, "--no-key")

        assert (done.status, done.err.count("Traceback")) == (0, 0)
        assert NAME in done.out
        assert ask() in {"end", "length"}


def test_what_a_server_lists_is_what_a_call_may_name(connected: Server) -> None:
    done = assay("models", "--ask", "--json")

    assert done.status == 0
    assert [fact["name"] for fact in done.data if fact["provider"] == CONNECTION] == [MODEL]


def test_stored_key_is_tested_again(closed_server: Server) -> None:
    connect(closed_server)

    done = assay("keys", "test", CONNECTION, "--json")

    assert (done.status, done.data["outcome"]) == (0, "accepted")


@pytest.mark.parametrize("key", [WRONG, ""], ids=["another key", "no key"])
def test_wrong_key_is_not_stored(key: str, closed_server: Server) -> None:
    done = connect(closed_server, key=key)

    assert done.status == 1
    assert "key" in done.err
    assert key == "" or key not in done.err
    assert {fact["state"] for fact in assay("keys", "list", "--json").data} == {"missing"}


def test_wrong_key_that_was_stored_untested_is_named_at_the_first_call(
    closed_server: Server,
) -> None:
    connect(closed_server, "--unverified", key=WRONG)

    with pytest.raises(ProviderAuthError) as caught:
        ask()

    assert caught.value.status == 401
    assert WRONG not in str(caught.value)
    assert assay("keys", "test", CONNECTION).status == 1


def test_name_that_is_not_listed_is_no_secret_way_around_the_listing(connected: Server) -> None:
    """Both servers answer to any name, and the reply says which model it was."""
    reply = playground("Say hello.", model=f"{NAME}-of-nowhere", max_output_tokens=8, temperature=0)

    assert reply.provenance.model in {MODEL, f"{MODEL}-of-nowhere"}
