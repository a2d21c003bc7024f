"""What is taken for the practice provider, and whose server a process uses."""

from __future__ import annotations

import pytest

from assay_nb.engine.local.practice import OwnServer, hold_key, is_practice_url
from assay_nb.messages import Destination

MINE, OTHER = bytes(15) + b"1", bytes(15) + b"2"


def lead_to(port: int, provider: str = "openai") -> Destination:
    origin = f"http://127.0.0.1:{port}"
    return Destination(provider, f"{origin}/practice/{provider}", origin, "bearer")  # type: ignore[arg-type]


REAL = Destination("openai", "https://api.openai.com/v1", "https://api.openai.com:443", "bearer")


@pytest.fixture
def own() -> OwnServer:
    server = OwnServer()
    server.begin(MINE, {"openai": hold_key(lead_to(1), b"practice")})
    return server


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://127.0.0.1:4711/practice/openai/v1", True),
        ("http://127.0.0.1:4711/practice", False),
        ("http://127.0.0.1:4711/v1", False),
        ("http://127.0.0.1.example.org:4711/practice/openai", False),
        ("http://localhost:4711/practice/openai", False),
        ("https://127.0.0.1:4711/practice/openai", False),
        ("https://llm.example.org/http://127.0.0.1:1/practice/", False),
        ("", False),
    ],
)
def test_only_a_path_of_its_own_on_this_machine_is_practice(url: str, meant: bool) -> None:
    assert is_practice_url(url) is meant


def test_own_server_goes_before_the_one_that_is_stored(own: OwnServer) -> None:
    stored = {"openai": lead_to(2), "google": lead_to(2, "google")}

    assert own.put_first(MINE, stored) == {  # type: ignore[arg-type]
        "openai": lead_to(1),
        "google": lead_to(2, "google"),
    }


def test_own_server_is_not_used_in_another_workspace(own: OwnServer) -> None:
    assert own.put_first(OTHER, {"openai": lead_to(2)}) == {"openai": lead_to(2)}
    assert own.put_first(OTHER, {}) == {}


def test_real_key_is_not_led_to_the_own_server(own: OwnServer) -> None:
    assert own.put_first(MINE, {"openai": REAL}) == {"openai": REAL}


def test_forgotten_provider_is_what_is_stored(own: OwnServer) -> None:
    own.forget(OTHER, "openai")
    assert own.put_first(MINE, {}) == {"openai": lead_to(1)}

    own.forget(MINE, "openai")
    assert own.put_first(MINE, {}) == {}
