"""One signer for cookies and run tokens: what is signed for one purpose passes for no other."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from assay_nb.gateway.auth.sessions import COOKIE, STATE, Sessions
from assay_nb.gateway.auth.signing import Purpose, Signer
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.pages import flash

SIGNER = Signer(b"a secret")
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
EVERYTHING = b'{"token": "t", "id": "i", "state": "abcdefgh", "next": "/", "at": %d}'


def test_what_is_packed_is_read_again() -> None:
    for purpose in PURPOSES:
        assert SIGNER.unpack(purpose, SIGNER.pack(purpose, b"\x00 words")) == b"\x00 words"


def test_packed_and_signed_bytes_are_those_of_earlier_versions() -> None:
    packed = Signer(b"service-secret").pack("session", b'{"token": "t", "id": "i", "at": 1}')

    assert packed == (
        "eyJ0b2tlbiI6ICJ0IiwgImlkIjogImkiLCAiYXQiOiAxfQ==."
        "dd51026dcdd6f52c8c70a5b7a60746660e9fb5598242f33248ce39c41053f484"
    )


@pytest.mark.parametrize("other", PURPOSES)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_signature_for_one_purpose_is_refused_for_another(
    purpose: Purpose, other: Purpose
) -> None:
    content = SIGNER.unpack(other, SIGNER.pack(purpose, b"words"))

    assert content == (b"words" if other == purpose else None)
    assert (SIGNER.sign(purpose, b"words") == SIGNER.sign(other, b"words")) is (other == purpose)


def test_another_secret_or_another_content_is_refused() -> None:
    good = SIGNER.pack("session", b"words")
    other = SIGNER.pack("session", b"other")

    assert SIGNER.unpack("session", good) == b"words"
    assert Signer(b"another").unpack("session", good) is None
    assert SIGNER.unpack("session", f"{other.split('.')[0]}.{good.split('.')[1]}") is None


@pytest.mark.parametrize("value", ["", ".", "a", "é.é", "d29yZHM=", "d29yZHM=.", "d29yZHM=.\udcff"])
def test_what_was_never_packed_is_refused(value: str) -> None:
    assert SIGNER.unpack("session", value) is None


def test_the_secret_is_not_shown() -> None:
    assert "a secret" not in repr(SIGNER)


# --- the cookies themselves


def asking(**cookies: str) -> web.Request:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return make_mocked_request("GET", "/", headers={"Cookie": header})


def sessions() -> Sessions:
    return Sessions(SIGNER, path="/services/assay/", secure=False)


def everything() -> bytes:
    """Return content that has the fields of every cookie, so that only the signature tells them apart."""
    return EVERYTHING % int(time.time())


def test_a_login_cookie_is_not_a_session_nor_a_session_cookie_a_login() -> None:
    session, login = (SIGNER.pack(p, everything()) for p in ("session", "login"))
    state = f"{STATE}-abcdefgh"

    assert sessions().read(asking(**{COOKIE: session})) is not None
    assert sessions().finish_login(asking(**{state: login}), "abcdefgh") == "/"

    assert sessions().read(asking(**{COOKIE: login})) is None
    assert sessions().finish_login(asking(**{state: session}), "abcdefgh") is None


def test_a_flash_cookie_passes_for_nothing_else_and_nothing_else_for_it() -> None:
    signed_in = sessions().read(asking(**{COOKIE: SIGNER.pack("session", everything())}))
    assert signed_in is not None
    said = json.dumps({"kind": "done", "text": "It is done.", "hint": ""}).encode()
    own = Signer(signed_in.xsrf.encode())

    def shown(value: str) -> Any:
        context = SimpleNamespace(
            request=asking(**{flash.COOKIE: value}),
            caller=SimpleNamespace(session=signed_in),
            services=SimpleNamespace(settings=SimpleNamespace(prefix="/services/assay/")),
        )
        return flash.take_notice(cast("RequestContext", context), web.Response())

    assert shown(own.pack("notice", said)).text == "It is done."
    for purpose in PURPOSES:
        assert shown(SIGNER.pack(purpose, said)) is None
        if purpose != "notice":
            assert shown(own.pack(purpose, said)) is None
    assert sessions().read(asking(**{COOKIE: own.pack("notice", everything())})) is None
