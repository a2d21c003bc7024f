"""Prices on a hub: what a workspace sets goes before the operator's, and a kernel sees both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay_nb.errors import PermissionDenied, WrongUsage
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio

MODEL = "openai/gpt-6-luna"


@pytest.fixture
async def stage(make_stage: Callable[..., Any]) -> Stage:
    """A gateway whose operator has set a price."""
    return await make_stage(allow_models=(MODEL,), prices={"openai/*": (3.0, 4.0)})


async def test_workspaces_price_goes_before_the_operators(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="openai")

    before = await ada.control.about_model(None, MODEL)
    chosen = await ada.control.set_price(None, MODEL, (1, 2.5))
    after = await ada.control.about_model(None, MODEL)
    forgotten = await ada.control.set_price(None, MODEL, None)

    assert (before.input_price, before.output_price) == (3.0, 4.0)
    assert before.sources["price"] == "set by the operator"
    assert (after.input_price, after.output_price) == (1.0, 2.5)
    assert after.sources["price"].startswith("set by ada on ")
    assert chosen == after
    assert forgotten == before


async def test_call_on_a_hub_says_whose_price_it_cost(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="openai")
    stage.fake.answers("ok", input_tokens=1_000, output_tokens=1_000)

    *_, finished = await ada.run("playground", "Hi.", model=MODEL)

    provenance = finished.result.provenance  # type: ignore[union-attr]
    assert provenance.cost == pytest.approx(0.007)
    assert provenance.cost_source == "set by the operator"


async def test_model_that_the_operator_bars_has_no_price_here(stage: Stage) -> None:
    ada = await stage.kernel("ada", key="openai")

    with pytest.raises(PermissionDenied):
        await ada.control.set_price(None, "openai/gpt-6-sol", (1, 2))
    assert (await ada.control.about_model(None, "openai/gpt-6-sol")).input_price is None


@pytest.mark.parametrize("body", [{"input": 1}, {"output": 1}, {"input": -1, "output": 1}])
async def test_half_a_price_is_refused(stage: Stage, body: dict[str, Any]) -> None:
    headers = await stage.sign_in("ada")
    path = "api/v1/workspaces/personal/prices"

    status, answer = await stage.ask("PUT", path, headers=headers, body={"model": MODEL, **body})

    assert (status, answer["error"]["code"]) == (WrongUsage.http_status, WrongUsage.code)
