"""A person at JupyterLab: opening notebooks, running cells, looking around."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from playwright.sync_api import Browser, Locator, Page, Route, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from tests.kernel.stage import Stage
from tests.labserver.serving import TOKEN, Server

IMAGES = Path(__file__).parents[2] / "docs" / "img"
Theme = Literal["light", "dark"]
PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}
SHELL = {"name": "shell", "display_name": "Shell", "language": "bash"}
"""A kernel that is not Python's; the fixtures have its spec."""

# A kernel reads "idle" before it can be asked anything; these three together do not.
_KERNEL_IS_READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return !!kernel && context.isReady && kernel.connectionStatus === 'connected'
    && kernel.status === 'idle';
}"""
_FILE_IS_READ = "() => window.jupyterapp?.shell.currentWidget?.context?.isReady === true"
_FOCUSED = """() => {
  const at = document.activeElement;
  const label = at?.labels?.[0]?.textContent;
  return (at?.getAttribute('aria-label') || label || at?.textContent || at?.title || '').trim();
}"""
# Lab gives the notebook the focus more than once while it starts, and takes a key for it each time.
_FOCUS_RESTS = """() => new Promise(rests => {
  let at = null;
  let since = 0;
  const look = now => {
    if (at !== document.activeElement || !at?.closest('.jp-Notebook')) {
      at = document.activeElement;
      since = now;
    }
    if (now - since > 500) {
      rests();
    } else {
      requestAnimationFrame(look);
    }
  };
  requestAnimationFrame(look);
})"""
_SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
_THEME = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"


def work_in_personal(server: Server) -> None:
    """Make the personal workspace, whose keys the stage has stored, the active one."""
    facts = server.ask("GET", "workspaces").data
    personal = next(fact["id"] for fact in facts if fact["kind"] == "personal")
    server.ask("POST", f"workspaces/{personal}/use", {})


@contextmanager
def open_browser(program: str) -> Generator[Browser]:
    """Start Chromium, without any service of its own that would call home."""
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def make_page(browser: Browser) -> Generator[Page]:
    """Open a page in a context of its own, with cookies and storage as new."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(15_000)
    try:
        page = context.new_page()
        yield page
        page.unroute_all(behavior="ignoreErrors")
    finally:
        # The hub's proxy is a route of the context's, and Lab goes on asking.
        context.unroute_all(behavior="ignoreErrors")
        context.close()


@dataclass(frozen=True)
class Exchange:
    """A request as the browser made it, and the answer's headers and body."""

    address: str
    sent: bytes
    answer: bytes


@dataclass
class Lab:
    """JupyterLab with one person in front of it.

    Attributes:
        server: The server behind it.
        page: The browser's page.
        folder: Where the notebooks are.
        stage: The vault, and the provider's script.
        requests: The address of every request since `watch`.
        exchanges: Every request with its answer since `capture`.
    """

    server: Server
    page: Page
    folder: Path
    stage: Stage
    requests: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def open(
        self,
        name: str,
        cells: Sequence[NotebookNode],
        *,
        kernel: bool = True,
        spec: Mapping[str, str] = PYTHON,
    ) -> None:
        """Write a notebook and open it; with `kernel`, wait until cells can be run."""
        notebook = new_notebook(cells=list(cells), metadata={"kernelspec": dict(spec)})
        nbformat.write(notebook, self.folder / name)
        self.visit(name, kernel=kernel)

    def visit(self, name: str, *, kernel: bool = True) -> None:
        """Open a notebook that is there, in a fresh workspace of Lab's."""
        self.page.goto(f"{self.server.url}lab/tree/{name}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(_FILE_IS_READ, timeout=60_000)
        if kernel:
            self.page.wait_for_function(_KERNEL_IS_READY, timeout=60_000)

    def settle(self) -> None:
        """Wait until Lab has put the focus where it wants it, so that no key is lost."""
        self.page.evaluate("() => window.jupyterapp.restored")
        self.page.wait_for_function(_KERNEL_IS_READY, timeout=60_000)
        self.page.evaluate(_FOCUS_RESTS)

    def run_all(self) -> None:
        """Run every cell, and wait for the last."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(_KERNEL_IS_READY)

    def save(self) -> None:
        """Save the notebook as its menu does."""
        self.page.evaluate(_SAVE)

    def saved(self, name: str) -> Any:
        """Return what the notebook's file holds."""
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def command(self, name: str) -> None:
        """Carry out a command as the palette does, without waiting for its end."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def sidebar(self) -> Locator:
        """Show the extension's sidebar and return it."""
        self.command("assay-nb:open-sidebar")
        panel = self.page.locator(".assay-sidebar")
        panel.locator(".assay-card").first.wait_for()
        return panel

    def dialog(self) -> Locator:
        """Return the dialogs that are shown."""
        return self.page.locator("dialog.jp-Dialog")

    def notice(self) -> Locator:
        """Return the notices at the corner."""
        return self.page.locator(".Toastify__toast")

    def write(self, index: int, source: str) -> None:
        """Put a text into a cell, as somebody who types it."""
        write = "([i, text]) => window.jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.setSource(text)"
        self.page.evaluate(write, [index, source])

    def source(self, index: int) -> str:
        """Return a cell's source."""
        read = "i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.getSource()"
        return self.page.evaluate(read, index)

    def select(self, index: int) -> None:
        """Make a cell the active one."""
        self.page.evaluate(
            "i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", index
        )

    def tab_to(self, name: str, *, key: str = "Tab", most: int = 40) -> None:
        """Press a key until what is called so has the focus."""
        way = [self.focused()]
        while way[-1] != name and len(way) < most:
            self.page.keyboard.press(key)
            way.append(self.focused())
        if way[-1] != name:
            raise AssertionError(f"{key} does not lead to {name!r}, but to {way}")

    def focused(self) -> str:
        """Return what the element with the focus is called."""
        return self.page.evaluate(_FOCUSED)

    def from_palette(self, words: str) -> None:
        """Find a command in the palette by its words, and carry it out, by keyboard."""
        palette = self.page.locator(".jp-ModalCommandPalette")
        found = palette.locator(".lm-CommandPalette-item.lm-mod-active", has_text=words)
        field = palette.locator("input:focus")
        for _ in range(10):
            self.press_until("Control+Shift+C", field)
            with suppress(TooLate):  # the notebook takes the focus back, and the palette is gone
                field.press("Control+a", timeout=3_000)
                field.press_sequentially(words, timeout=3_000)
                found.wait_for(timeout=3_000)
                break
            self.page.keyboard.press("Escape")
        self.page.keyboard.press("Enter")
        palette.wait_for(state="hidden")

    def press_until(self, key: str, there: Locator) -> None:
        """Press a key until what it brings is there: one that comes while Lab moves the focus is lost."""
        for _ in range(10):
            self.page.keyboard.press(key)
            with suppress(TooLate):
                return there.wait_for(timeout=3_000)
        return there.wait_for()

    def result(self) -> Locator:
        """Return the shown results."""
        return self.page.locator(".assay-result")

    def watch(self) -> None:
        """Keep the address of every request from here on."""
        self.page.on("request", lambda request: self.requests.append(request.url))

    def capture(self) -> None:
        """Keep every request and its whole answer from here on."""

        def pass_on(route: Route) -> None:
            answer = route.fetch()
            sent = route.request.post_data_buffer or b""
            headers = json.dumps(answer.headers).encode()
            address = f"{route.request.method} {route.request.url}"
            self.exchanges.append(Exchange(address, sent, headers + answer.body()))
            route.fulfill(response=answer)

        self.page.route("**/*", pass_on)

    def theme(self, theme: Theme) -> None:
        """Switch to a theme, and wait until it is drawn."""
        self.page.evaluate(_THEME, f"JupyterLab {theme.title()}")
        light = "true" if theme == "light" else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")

    def photograph(self, name: str) -> None:
        """With PICTURES=1, take the documentation's pictures of what is shown, in both themes."""
        if not os.environ.get("PICTURES"):
            return
        for theme in ("dark", "light"):
            self.theme(theme)
            self.page.wait_for_timeout(400)  # the theme's style sheet, and transitions
            self.page.screenshot(path=IMAGES / f"{name}-{theme}.png")
