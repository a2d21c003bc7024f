"""What somebody who can write to the gateway's database gets, which the page on security states."""

from __future__ import annotations

import base64
import re
import sqlite3
import time
from pathlib import Path

import pytest
from anyio.to_thread import run_sync

from assay_nb.gateway.auth.run_tokens import RunTokens
from assay_nb.gateway.auth.signing import Signer
from tests.canaries import find_canary
from tests.gateway.conftest import make_stage, stage
from tests.gateway.stage import Stage
from tests.kernel.replies import PROMPT, critique

__all__ = ["make_stage", "stage"]

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
UNSIGNED = {
    "members": "members",
    "roles": "roles",
    "workspaces.hub_group": "bindings to groups",
    "allowances": "limits",
    "budgets": "budgets",
    "calls": "the log of calls",
}
"""What no signature covers, and the words that the page has for it."""


def said_of_database_writer() -> str:
    (row,) = re.findall(
        r"^\| Somebody who can write to the database .*$", PAGE.read_text(), re.MULTILINE
    )
    return row


def write(stage: Stage, statement: str, *values: object) -> None:
    path = stage.services.resources.database.path
    assert path is not None
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("word", UNSIGNED.values())
def test_a118_what_is_under_no_signature_is_stated(word: str) -> None:
    """Rows in effect that nobody of ours wrote → each kind is named in the table of the page."""
    assert word in said_of_database_writer()
    assert "can use keys all the same" in said_of_database_writer()


async def test_a118_inserted_member_can_use_a_key_as_the_page_says_and_no_more(
    stage: Stage,
) -> None:
    """Insert oneself into `members` → calls go through, as stated; the key goes where it was sealed to."""
    team = await run_sync(
        lambda: stage.services.resources.workspaces.create("team", "olga").id.hex()
    )
    key = await stage.store_key(team)
    token = stage.token("eve")
    stage.fake.answers(critique(), critique())
    run = f"api/v1/workspaces/{team}/instruments/critique"

    async def call() -> int:
        status, answer = await stage.ask("POST", run, token, body={"prompt": PROMPT})
        assert find_canary(str(answer), key) == []
        return status

    assert await call() == 404
    await run_sync(
        write,
        stage,
        "INSERT INTO members VALUES (?, 'eve', 'member', 'hand', ?)",
        bytes.fromhex(team),
        int(time.time()),
    )
    assert await call() == 200
    assert [request.key for request in stage.fake.calls] == [key]

    # Where the key may go is sealed, also for a writer who is a member now.
    await run_sync(write, stage, "UPDATE provider_keys SET endpoint = 'http://127.0.0.1:9/v1'")
    await call()
    assert len(stage.fake.calls) == 1


@pytest.mark.parametrize("signed_with", ["nothing", "a guess", "the gateway's secret"])
async def test_a118_inserted_run_token_is_nobodys(stage: Stage, signed_with: str) -> None:
    """Write a run token's row, sealed right, for a workspace of others → not in effect; a real one is."""
    team = await run_sync(lambda: stage.services.resources.workspaces.create("team", "olga").id)
    await stage.store_key(team.hex())
    stage.fake.answers(critique())
    database = stage.services.resources.database
    hub_token = stage.token("olga")
    real = signed_with == "the gateway's secret"
    tokens = stage.services.run_tokens if real else RunTokens(database, Signer(b"a guess"))
    issued = await run_sync(tokens.issue, "olga", team, hub_token, 600)
    token = issued.token
    if signed_with == "nothing":
        secret = base64.urlsafe_b64decode(token.removeprefix("assay-run-"))[:32]
        token = f"assay-run-{base64.urlsafe_b64encode(secret).decode()}"

    status, _ = await stage.ask(
        "POST",
        f"api/v1/workspaces/{team.hex()}/instruments/critique",
        token,
        body={"prompt": PROMPT},
    )

    assert status == (200 if real else 401)
