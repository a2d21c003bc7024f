from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from assay_nb.gateway.auth.oauth import send_to_hub
from assay_nb.gateway.pages.templates import write_policy
from tests.gateway.stage import PREFIX, Stage

pytestmark = pytest.mark.anyio


async def get(
    stage: Stage, path: str, cookies: dict[str, str] | None = None
) -> aiohttp.ClientResponse:
    header = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
    response = await stage.http.get(
        stage.url + path, headers={"Cookie": header} if header else {}, allow_redirects=False
    )
    await response.read()
    return response


def cookies_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in response.headers.getall("Set-Cookie", []):
        found |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
    return found


async def begin(stage: Stage, path: str = "") -> tuple[dict[str, str], str]:
    response = await get(stage, path)
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return cookies_of(response), query["state"][0]


async def test_a_browser_is_sent_to_the_hub_with_the_services_own_names(stage: Stage) -> None:
    response = await get(stage, "")

    where = urlsplit(response.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(where.query).items()}
    assert (response.status, where.netloc, where.path) == (302, "", "/hub/api/oauth2/authorize")
    assert query["client_id"] == "service-assay"
    assert query["redirect_uri"] == f"{PREFIX}oauth_callback"


async def test_a_browser_that_comes_back_is_signed_in_where_it_was_going(stage: Stage) -> None:
    cookies, state = await begin(stage, "workspaces/-")
    stage.hub.codes["code"] = stage.token("ada")

    response = await get(stage, f"oauth_callback?code=code&state={state}", cookies)

    assert (response.status, response.headers["Location"]) == (302, f"{PREFIX}workspaces/-")
    page = await get(stage, "", cookies_of(response))
    assert (page.status, "ada" in await page.text()) == (200, True)


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_paths(make_stage) -> None:
    stage: Stage = await make_stage(hub={"public_url": "https://hub.example.org"})
    cookies, state = await begin(stage)
    stage.hub.codes["code"] = stage.token("ada")

    response = await get(stage, f"oauth_callback?code=code&state={state}", cookies)

    (line,) = [one for one in response.headers.getall("Set-Cookie") if "assay-session=" in one]
    assert {"HttpOnly", "Secure", "SameSite=Lax", f"Path={PREFIX}"} <= set(line.split("; "))


@pytest.mark.parametrize(
    "spoil", ["no cookie", "other state", "no code", "used code", "cookie of another"]
)
async def test_a_sign_in_that_was_not_begun_here_is_refused(stage: Stage, spoil: str) -> None:
    cookies, state = await begin(stage)
    stage.hub.codes["code"] = stage.token("eve")
    code = "code"
    if spoil == "no cookie":
        cookies = {}
    elif spoil == "other state":
        state = f"{state[:8]}{'0' * (len(state) - 8)}"
    elif spoil == "no code":
        code = ""
    elif spoil == "used code":
        stage.hub.codes.clear()
    else:
        cookies, _ = await begin(stage)

    response = await get(stage, f"oauth_callback?code={code}&state={state}", cookies)

    assert response.status == 403
    assert "assay-session" not in cookies_of(response)


async def test_a_person_without_the_scope_is_not_signed_in(stage: Stage) -> None:
    cookies, state = await begin(stage)
    stage.hub.codes["code"] = stage.token("eve", scopes=())

    response = await get(stage, f"oauth_callback?code=code&state={state}", cookies)

    assert response.status == 403
    assert "assay-session" not in cookies_of(response)


@pytest.mark.parametrize("change", ["cut", "bit", "empty", "another secret", "garbage"])
async def test_a_cookie_that_was_changed_is_nobodys(stage: Stage, change: str) -> None:
    headers = await stage.sign_in("ada")
    name, _, value = headers["Cookie"].partition("=")
    content, _, signature = value.partition(".")
    changed = {
        "cut": f"{content[:-4]}.{signature}",
        "bit": f"{content}.{signature[:-1]}{'0' if signature[-1] != '0' else '1'}",
        "empty": "",
        "another secret": f"{content}.{'0' * 64}",
        "garbage": "%%%.%%%",
    }[change]

    response = await get(stage, "api/v1/me", {name: changed})

    assert response.status == 401


async def test_a_session_ends_with_the_hubs_token(stage: Stage) -> None:
    headers = await stage.sign_in("ada")
    (token,) = stage.hub.people
    assert (await stage.ask("GET", "api/v1/me", headers=headers))[0] == 200
    stage.hub.revoke(token)
    stage.services.identity.forget(token)

    assert (await stage.ask("GET", "api/v1/me", headers=headers))[0] == 401


@pytest.mark.parametrize(
    "path", ["?next=//evil.example/", "workspaces/-?next=https://evil.example/"]
)
async def test_a_browser_never_comes_back_to_another_site(stage: Stage, path: str) -> None:
    cookies, state = await begin(stage, path)
    stage.hub.codes["code"] = stage.token("ada")

    response = await get(stage, f"oauth_callback?code=code&state={state}", cookies)

    where = urlsplit(response.headers["Location"])
    assert (response.status, where.netloc) == (302, "")
    assert where.path == PREFIX + path.partition("?")[0]


async def test_a_path_that_reads_as_another_site_leads_nowhere(stage: Stage) -> None:
    response = await get(stage, "//evil.example/")

    assert (response.status, response.headers.get("Location")) == (404, None)


async def test_with_subdomains_the_hub_and_the_gateway_have_hosts_of_their_own(
    make_stage: Any,
) -> None:
    """JupyterHub registers the service's own host, and has its pages at its own alone."""
    stage: Stage = await make_stage(
        hub={"public_url": "https://hub.example.org", "subdomains": True, "base_url": "/jupyter/"}
    )
    settings = stage.services.settings
    answer = send_to_hub(stage.services, settings.prefix)
    where = urlsplit(answer.headers["Location"])

    assert (where.scheme, where.netloc) == ("https", "hub.example.org")
    assert where.path == "/jupyter/hub/api/oauth2/authorize"
    assert parse_qs(where.query)["redirect_uri"] == [
        f"https://assay--service.hub.example.org{settings.prefix}oauth_callback"
    ]
    assert settings.public_page == f"https://assay--service.hub.example.org{settings.prefix}"
    assert settings.hub_pages == "https://hub.example.org/jupyter/hub/"
    assert "form-action 'self' https://hub.example.org/jupyter/hub/logout;" in write_policy(
        settings
    )
