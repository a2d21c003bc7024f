"""The connections of a hub's kernel: the same data as the gateway's own control has, and what only a page may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from assay_nb.engine.control import Control, Listing
from assay_nb.errors import AssayError, ProviderAuthError
from tests.fakes.providers import FakeProviders
from tests.gateway.stage import Kernel, Stage

pytestmark = pytest.mark.anyio

Ask = Callable[[Control], Awaitable[Any]]

SAME: dict[str, Ask] = {
    "keys": lambda control: control.keys(None),
    "connection_names": lambda control: control.connection_names(None),
    "known models": lambda control: control.models(None, ask=False),
    "asked models": lambda control: control.models(None, ask=True),
    "about a model": lambda control: control.about_model(None, "house/gpt-6-luna"),
    "about one that nobody knows": lambda control: control.about_model(None, "nobody/m"),
    "a price": lambda control: control.set_price(None, "house/m", (0.5, 1.5)),
    "no price": lambda control: control.set_price(None, "house/m", None),
    "a model": lambda control: control.set_model(None, "local/claude-x"),
    "a missing connection": lambda control: control.set_model(None, "nobody/m"),
    "a price of a missing connection": lambda control: control.set_price(
        None, "nobody/m", (1.0, 1.0)
    ),
}
"""What both ask alike: the data are the same, or the error is."""


async def furnish(stage: Stage) -> Kernel:
    """Give Ada two connections beside a first one."""
    ada = await stage.kernel("ada", key="google")
    where = (await ada.control.show_workspace(None)).id
    await stage.store_key(where, "openai", connection="house")
    await stage.store_key(where, "anthropic", "", connection="local")
    return ada


async def come_of(what: Awaitable[Any]) -> Any:
    """Return the outcome as it can be compared."""
    try:
        return await what
    except AssayError as error:
        return type(error), error.to_dict()


@pytest.mark.parametrize("name", SAME)
async def test_a_kernel_has_the_same_as_the_gateway_itself(name: str, stage: Stage) -> None:
    ada, ask = await furnish(stage), SAME[name]

    there, here = (
        await come_of(ask(ada.control)),
        await come_of(ask(stage.services.control("ada"))),
    )

    assert there == here


async def test_a_server_that_is_off_hides_no_models_of_others(
    stage: Stage, fake: FakeProviders
) -> None:
    ada = await furnish(stage)
    fake.listings["anthropic"] = "no listing at all"

    listing = await ada.control.models(None, ask=True)

    assert {one.provider for one in listing} == {"google", "house"}
    [failure] = listing.failures
    assert failure.connection == "local"
    assert fake.origin in failure.message


async def test_all_servers_that_fail_are_a_failure(stage: Stage, fake: FakeProviders) -> None:
    ada = await furnish(stage)
    fake.keys = {"another"}

    with pytest.raises(ProviderAuthError) as caught:
        await ada.control.models(None, ask=True)

    assert caught.value.status == 401


async def test_a_workspace_without_connections_lists_none(stage: Stage) -> None:
    ada = await stage.kernel("ada")

    assert await ada.control.models(None, ask=True) == Listing(models=[])
