"""Attacks on the pages that people see: what a key, a model's text or a stranger's notebook can do there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from playwright.sync_api import Page, Route, expect

from assay_nb.render.bundle import bundle, draw
from tests.canaries import find_canary, find_in_tree
from tests.corpus.hostile import HOST, PAYLOADS
from tests.lab.browsing import Lab
from tests.lab.results import hostile_critique, hostile_improvement, hostile_lint, hostile_rewrite
from tests.lab.test_flows import LOAD
from tests.lab.test_keys import card, new_team, save_key

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]
__all__ = ["new_team"]

# Half a surrogate pair can stand in no prompt: it cannot be sent.
TEXTS = [text.encode("utf-8", "replace").decode() for text in PAYLOADS]

EVERYTHING = """async () => {
  const found = [document.documentElement.outerHTML, document.cookie];
  for (const field of document.querySelectorAll('input, textarea, select')) found.push(field.value);
  for (const store of [localStorage, sessionStorage]) found.push(JSON.stringify({...store}));
  for (const {name} of await indexedDB.databases()) {
    const db = await new Promise((done, fail) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => done(opening.result);
      opening.onerror = fail;
    });
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store).getAll();
      found.push(JSON.stringify(await new Promise(done => { all.onsuccess = () => done(all.result); })));
    }
    db.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) found.push(await (await cache.match(request)).text());
  }
  return found.join('\\n');
}"""

HARMED_AROUND = """() => {
  const parts = '.assay-sidebar, .assay-status, dialog.jp-Dialog .jp-Dialog-body, .Toastify__toast-body';
  const nodes = [...document.querySelectorAll(parts)].flatMap(part => [...part.querySelectorAll('*')]);
  const tags = 'script, iframe, object, embed, link, style, base, meta, math, img, video, audio';
  const attributes = nodes.flatMap(node => [...node.attributes]);
  return window.__harmed
    + nodes.filter(node => node.matches(tags)).length
    + nodes.filter(node => node.href && !node.href.startsWith('https://')).length
    + attributes.filter(({name}) => name.startsWith('on') || name.startsWith('data-command')).length;
}"""

SHOW_AGAIN = """() => {
  window.jupyterapp.shell.collapseRight();
  window.jupyterapp.shell.activateById('assay-nb:sidebar');
}"""

AS_HTML = {"content-type": "text/html"}

HARMED = """() => ({
  alerts: window.__harmed,
  scripts: document.querySelectorAll('.assay-result :is(script, iframe, object, embed, link, style, form, base, meta, svg, math, img, video, audio, a)').length,
  handlers: [...document.querySelectorAll('.assay-result *')].flatMap(e => [...e.attributes])
    .filter(a => a.name.startsWith('on') || a.name.startsWith('data-command') || ['href', 'src', 'srcdoc', 'action'].includes(a.name)).length,
})"""


@pytest.fixture
def saved_key(lab: Lab, new_team: str, make_key: Callable[[str], str]) -> tuple[str, str]:
    """A key that was saved in the browser, and one that the page still shows: the positive control."""
    key, control = make_key("anthropic"), make_key("openai")
    lab.stage.fake.keys = {key}
    lab.open("canary.ipynb", [LOAD], kernel=False)
    lab.capture()
    anthropic = card(lab.sidebar(), "anthropic")
    save_key(anthropic, key, lab.stage.fake.endpoint("anthropic"))
    expect(anthropic).to_contain_text("The provider accepts it.")
    lab.page.evaluate("value => { localStorage.control = value; }", control)
    return key, control


def test_a044_no_response_after_the_save_holds_the_key(
    lab: Lab, saved_key: tuple[str, str]
) -> None:
    """Read every answer of a whole session in the browser → none holds the key in any form."""
    key, _ = saved_key
    lab.sidebar()
    lab.save()

    put = next(e for e in lab.exchanges if e.address.startswith("PUT") and "/keys/" in e.address)

    assert find_canary(put.sent, key), "the search sees it where it is"
    assert b"no-store" in put.answer
    assert [e.address for e in lab.exchanges if find_canary(e.answer, key)] == []
    assert [e.address for e in lab.exchanges if e is not put and find_canary(e.sent, key)] == []


def test_a045_nothing_in_the_browser_keeps_the_key(lab: Lab, saved_key: tuple[str, str]) -> None:
    """Search DOM, fields, storages, databases, cookies, caches after a save → nothing, also after a reload."""
    key, control = saved_key

    found = lab.page.evaluate(EVERYTHING)
    cookies = json.dumps(lab.page.context.cookies()) + json.dumps(lab.page.context.storage_state())
    lab.save()
    lab.page.reload()
    lab.page.wait_for_selector(".jp-Notebook .jp-Cell")
    again = lab.page.evaluate(EVERYTHING)

    assert not find_canary(found + cookies + again, key)
    assert find_canary(found, control)
    assert find_in_tree(lab.folder.parent, key) == {}
    assert not find_canary(lab.server.log, key)


def test_a045_no_string_in_the_pages_memory_holds_the_key(
    lab: Lab, saved_key: tuple[str, str], make_key: Callable[[str], str]
) -> None:
    """Take a snapshot of the page's JavaScript heap after a save → nothing; of a field that a script read → found."""
    key, _ = saved_key
    unsaved = make_key("google")
    field = card(lab.sidebar(), "google").locator("input[type=password]")
    field.fill(unsaved)
    field.evaluate("field => { window.read = field.value; }")

    heap = read_heap(lab.page)

    assert find_canary(heap, unsaved)
    assert not find_canary(heap, key)


def test_a045_key_that_was_typed_and_not_saved_is_gone_on_coming_back(
    lab: Lab, new_team: str, make_key: Callable[[str], str]
) -> None:
    """Leave the page with a key in the field and come back, from cache or anew → an empty field."""
    key = make_key("anthropic")
    plain = f"{lab.server.url}plain.html"
    lab.page.route(plain, lambda route: route.fulfill(body="<input id=plain>", headers=AS_HTML))
    lab.page.goto(plain)
    lab.page.fill("#plain", key)
    lab.page.goto(f"{lab.server.url}api")
    lab.page.go_back()
    kept = lab.page.input_value("#plain")

    lab.open("back.ipynb", [LOAD], kernel=False)
    card(lab.sidebar(), "anthropic").locator("input[type=password]").fill(key)
    typed = lab.page.evaluate(EVERYTHING)
    lab.page.goto(f"{lab.server.url}api")
    lab.page.go_back()
    lab.page.wait_for_selector(".jp-Notebook .jp-Cell")
    lab.sidebar()

    assert kept == key, "a browser brings back what stood in a plain field"
    assert find_canary(typed, key), "the search sees what stands in ours"
    assert not find_canary(lab.page.evaluate(EVERYTHING), key)


def test_a045_page_that_is_put_aside_takes_no_key_along(
    lab: Lab, new_team: str, make_key: Callable[[str], str]
) -> None:
    """Keep the living page in the browser's back/forward cache → the field was emptied before."""
    lab.open("aside.ipynb", [LOAD], kernel=False)
    field = card(lab.sidebar(), "anthropic").locator("input[type=password]")
    field.fill(make_key("anthropic"))
    before = field.input_value()

    lab.page.evaluate(
        "() => window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))"
    )

    assert before
    assert field.input_value() == ""


def test_a045_no_field_for_a_key_is_one_that_a_browser_fills_or_stores(
    lab: Lab, new_team: str
) -> None:
    """Let the browser or a password manager keep what is typed → no field asks for it or has a name."""
    lab.open("autofill.ipynb", [LOAD], kernel=False)

    fields = lab.sidebar().evaluate(
        """node => [...node.querySelectorAll('input[type=password]')].map(field => ({
            off: [field.autocomplete, field.form.autocomplete], name: field.name, value: field.value,
            ignored: 'lpignore' in field.dataset && '1pIgnore' in field.dataset && 'bwignore' in field.dataset,
        }))"""
    )

    assert fields == [{"off": ["off", "off"], "name": "", "value": "", "ignored": True}] * 3


def test_a073_hostile_text_in_results_is_shown_and_does_nothing(lab: Lab) -> None:
    """Put every payload into every text of every result → shown as text, no element, no handler, no request."""
    results = [hostile_critique, hostile_improvement, hostile_rewrite, hostile_lint]
    cells = [
        new_code_cell(f"# {number}", outputs=[output_of(make(TEXTS[number::12]))])
        for number in range(12)
        for make in results
    ]
    lab.page.add_init_script("window.__harmed = 0; window.alert = () => { window.__harmed += 1; };")
    lab.watch()
    lab.open("hostile.ipynb", cells, kernel=False)
    expect(lab.result().first).to_be_visible()
    scroll_through(lab)

    shown = lab.page.evaluate("() => document.querySelector('.jp-Notebook').textContent")
    harmed = lab.page.evaluate(HARMED)

    assert harmed == {"alerts": 0, "scripts": 0, "handlers": 0}
    assert [url for url in lab.requests if HOST in url] == []
    assert [
        url for url in lab.requests if not url.startswith((lab.server.url, "data:", "blob:"))
    ] == []
    assert "alert(1)" in shown
    assert "<script>" in shown


def test_a073_hostile_names_around_the_notebook_are_shown_and_do_nothing(lab: Lab) -> None:
    """Name workspaces, members, models, endpoints with every payload → shown as text in sidebar, status bar, dialog."""
    real = lab.server.ask("GET", "status").data
    group: list[str] = []

    def answer(route: Route) -> None:
        what = PurePosixPath(urlsplit(route.request.url).path).name
        route.fulfill(json=hostile_answers(real, group)[what])

    lab.page.add_init_script("window.__harmed = 0; window.alert = () => { window.__harmed += 1; };")
    lab.page.route("**/assay-nb/api/v1/**", answer)
    lab.watch()
    lab.open("names.ipynb", [LOAD], kernel=False)
    harm, seen = 0, ""
    for start in range(0, len(TEXTS), 12):
        group = TEXTS[start : start + 12]
        lab.page.evaluate(SHOW_AGAIN)
        expect(lab.page.locator(".assay-sidebar")).to_contain_text(f"member {group_id(group)}")
        harm += lab.page.evaluate(HARMED_AROUND)
        seen += lab.page.locator(".assay-sidebar").inner_text()
        seen += lab.page.locator(".assay-status").inner_text()
    lab.command("assay-nb:switch-workspace")
    expect(lab.page.locator("dialog.jp-Dialog select")).to_be_visible()
    harm += lab.page.evaluate(HARMED_AROUND)

    assert harm == 0
    assert "<script>alert(1)</script>" in seen
    assert [url for url in lab.requests if not url.startswith((lab.server.url, "data:"))] == []


def test_a073_hostile_error_texts_are_shown_and_do_nothing(lab: Lab) -> None:
    """Answer with every payload as error and hint → a sentence in sidebar, tooltip and notice, and nothing else."""
    group = TEXTS[:1]

    def answer(route: Route) -> None:
        if "/instruments/" in route.request.url:
            event = f"event: error\ndata: {json.dumps(hostile_error(group))}\n\n"
            route.fulfill(body=event, headers={"content-type": "text/event-stream"})
        else:
            route.fulfill(status=400, json={"error": hostile_error(group)})

    lab.page.add_init_script("window.__harmed = 0; window.alert = () => { window.__harmed += 1; };")
    lab.page.route("**/assay-nb/api/v1/**", answer)
    lab.watch()
    lab.open("errors.ipynb", [new_markdown_cell("Be nice.")], kernel=False)
    harm, seen = 0, ""
    for start in range(0, len(TEXTS), 24):
        group = TEXTS[start : start + 24]
        lab.page.evaluate(SHOW_AGAIN)
        expect(lab.page.locator(".assay-sidebar")).to_contain_text(f"trouble {group_id(group)}")
        seen += lab.page.locator(".assay-sidebar").inner_text()
        harm += lab.page.evaluate(HARMED_AROUND)
    for text in TEXTS[::60]:
        group = [text]
        lab.select(0)
        lab.command("assay-nb:critique")
        expect(lab.page.get_by_text(f"trouble {group_id(group)}").last).to_be_attached()
        harm += lab.page.evaluate(HARMED_AROUND)

    assert harm == 0
    assert "<script>alert(1)</script>" in seen
    assert [url for url in lab.requests if not url.startswith((lab.server.url, "data:"))] == []


def test_a077_opening_a_strangers_notebook_runs_and_asks_nothing(lab: Lab) -> None:
    """Open a notebook of results, untrusted → no cell runs, no provider is called, no instrument is asked."""
    outputs = [
        output_of(make(TEXTS[:3]))
        for make in (hostile_critique, hostile_improvement, hostile_rewrite)
    ]
    cells = [new_code_cell(f"%%critique\n{PAYLOADS[0]}", outputs=[output]) for output in outputs]
    lab.watch()
    lab.open("strange.ipynb", cells)
    expect(lab.result().first).to_be_visible()

    counts = lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.executionCount)"
    )

    assert lab.stage.fake.calls == []
    assert counts == [None, None, None]
    assert [url for url in lab.requests if "/instruments/" in url] == []


def test_a077_opening_a_trusted_notebook_runs_and_asks_nothing_either(lab: Lab) -> None:
    """Have somebody trust it, so that Lab draws its HTML unsanitised → nothing runs, nothing is asked for."""
    makers = (hostile_critique, hostile_improvement, hostile_rewrite, hostile_lint)
    outputs = [output_of(make(TEXTS[n::8])) for n, make in enumerate(makers)]
    outputs += [html_of(make(TEXTS[n::8])) for n, make in enumerate(makers)]
    cells = [new_code_cell(f"%%critique\n{PAYLOADS[0]}", outputs=[output]) for output in outputs]
    lab.page.add_init_script("window.__harmed = 0; window.alert = () => { window.__harmed += 1; };")
    lab.watch()
    lab.open("trusted.ipynb", cells)
    lab.command("notebook:trust")
    with lab.page.expect_request_finished(
        lambda one: one.method == "PUT" and "/api/contents/trusted.ipynb" in one.url
    ):  # Lab saves it by itself
        lab.page.locator("dialog.jp-Dialog").get_by_role("button", name="Trust").click()
    lab.requests.clear()
    lab.visit("trusted.ipynb")
    scroll_through(lab, len(cells))

    state = lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets"
        ".map(({model}) => [model.trusted, model.executionCount])"
    )

    assert state == [[True, None]] * len(cells)
    assert lab.page.locator(".jp-RenderedHTML:not(.assay-result) h3").count() >= 4, "HTML was drawn"
    assert lab.page.evaluate("() => window.__harmed") == 0
    assert lab.stage.fake.calls == []
    assert [url for url in lab.requests if "/instruments/" in url or HOST in url] == []
    assert [url for url in lab.requests if not url.startswith((lab.server.url, "data:"))] == []


def test_a076_policy_of_our_answers_allows_nothing_and_our_page_breaks_none(lab: Lab) -> None:
    """Look for a looser policy, or for code that needs one → answers allow nothing, and no violation occurs."""
    lab.page.add_init_script(
        "window.__broken = []; document.addEventListener('securitypolicyviolation',"
        " event => window.__broken.push(event.violatedDirective));"
    )
    outputs = [output_of(hostile_critique(TEXTS[:40]))]
    lab.open("policy.ipynb", [new_code_cell("1", outputs=outputs)], kernel=False)
    lab.sidebar()

    policy = lab.server.ask("GET", "status").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors" in policy
    assert "unsafe" not in policy
    assert lab.page.evaluate("() => window.__broken") == []


def test_a079_address_of_the_page_fills_no_field_and_is_not_reflected(lab: Lab) -> None:
    """Lead somebody to Lab with an address that names an endpoint and a key → empty fields, no echo, no frame."""
    lab.open("query.ipynb", [LOAD], kernel=False)
    query = f"endpoint=https://{HOST}/v1&key=planted&base_url=https://{HOST}&provider=google"
    response = lab.page.goto(f"{lab.server.url}lab/tree/query.ipynb?{query}#{query}")
    lab.page.wait_for_selector(".jp-Notebook .jp-Cell")
    sidebar = lab.sidebar()
    sidebar.get_by_text("Another server").first.click()

    values = sidebar.evaluate(
        "node => [...node.querySelectorAll('input')].map(field => field.value)"
    )

    assert set(values) == {""}
    assert HOST not in sidebar.inner_html()
    assert response is not None
    assert "frame-ancestors 'self'" in response.headers["content-security-policy"]


def read_heap(page: Page) -> str:
    """Return the page's JavaScript heap, all strings that anything still holds, after a collection."""
    chunks: list[str] = []
    tools = page.context.new_cdp_session(page)
    tools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: chunks.append(event["chunk"]))
    tools.send("HeapProfiler.enable")
    tools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    tools.detach()
    return "".join(chunks)


def output_of(result) -> object:
    """Return a result as a notebook's file holds it."""
    data, metadata = bundle(result.to_document(), result.to_dict())
    return new_output("display_data", data=data, metadata=metadata)


def html_of(result) -> object:
    """Return a result as a file holds it that came from where only HTML was kept."""
    return new_output("display_data", data={"text/html": draw(result.to_document())["text/html"]})


def group_id(group: list[str]) -> str:
    """Return a word that tells groups of payloads apart."""
    return hashlib.sha256("".join(group).encode()).hexdigest()[:12]


def hostile_error(group: list[str]) -> dict[str, str]:
    text = f"trouble {group_id(group)} {' '.join(group)}"
    return {"message": text, "hint": text, "code": text}


def hostile_answers(real: dict[str, Any], group: list[str]) -> dict[str, Any]:
    """Return what each route answers, with payloads wherever somebody else may have chosen a text."""
    text = " ".join(group)
    workspace = {**real["workspace"], "name": text, "model": text}
    keys = [
        {**key, "state": "ready", "last4": text, "added_by": text, "endpoint": text}
        for key in real["keys"]
    ]
    told = ("name", "key_url", "looks_like", "cost", "note")
    setups = [{**setup, **dict.fromkeys(told, text)} for setup in real["setups"]]
    status = {"workspace": workspace, "keys": keys, "setups": setups, "model": text, "user": text}
    call = ("at", "user", "instrument", "model", "funding", "status")
    bars = [{"label": one, "share": 0.5, "words": one} for one in group]
    return {
        "status": {**real, **status},
        "workspaces": [workspace, *({**workspace, "id": one, "name": one} for one in group)],
        "members": [{"user": f"member {group_id(group)} {one}", "role": one} for one in group],
        "calls": [dict.fromkeys(call, one) for one in group],
        "usage": {"text": text, "bars": bars, "limits": [{**one, "warning": text} for one in bars]},
        "models": group,
        "lint": {"findings": [], "variables": []},
        "scan": [],
    }


def scroll_through(lab: Lab, cells: int = 48) -> None:
    """Bring every cell into view, since Lab draws what is far away later."""
    for index in range(0, cells, 3):
        lab.page.evaluate(
            "i => { const n = window.jupyterapp.shell.currentWidget.content; n.scrollToItem(i); }",
            index,
        )
        lab.page.wait_for_timeout(60)
