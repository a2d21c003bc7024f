"""What the JupyterLab extension costs: its size, and Lab's start with it beside Lab's start without it.

    python benchmarks/lab.py [--runs 7]

A start is timed from starting the server to the page that is ready for a person, in a Chromium with an empty
cache; both ways take turns in one run. The extension's share is the server's half and the page's half. Ratios
hold from machine to machine; seconds do not. Needs JupyterLab, Playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

BUNDLE = Path(__file__).resolve().parents[1] / "src" / "assay_nb" / "labextension"
OURS = "() => window.jupyterapp.hasPlugin('assay-nb:sidebar')"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


def measure_size() -> tuple[int, int]:
    """Return the bytes of all that Lab loads of the bundle, raw and as servers send it."""
    files = [path.read_bytes() for path in (BUNDLE / "static").rglob("*") if path.is_file()]
    return sum(map(len, files)), sum(len(gzip.compress(data, 6)) for data in files)


@contextmanager
def open_place(with_extension: bool) -> Iterator[dict[str, str]]:
    """Give the environment of a person with nothing else installed, with the extension or without."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        extensions = place / "data" / "labextensions"
        extensions.mkdir(parents=True)
        if with_extension:
            (extensions / "assay-nb").symlink_to(BUNDLE)
        (place / "notebooks").mkdir()
        yield {
            **os.environ,
            "HOME": name,
            "ASSAY_HOME": str(place / "vault"),
            "JUPYTER_PATH": str(place / "data"),
            "JUPYTER_CONFIG_DIR": str(place / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
        }


def time_start(browser: Browser, with_extension: bool) -> float:
    """Return the seconds from starting a server until its page is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open_place(with_extension) as environment:
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
            "--ServerApp.port_retries=0", "--IdentityProvider.token=benchmark",
            f"--ServerApp.root_dir={environment['HOME']}/notebooks", "--expose-app-in-browser",
            f"--ServerApp.jpserver_extensions={{'assay_nb.labserver': {with_extension}}}",
        ]  # fmt: skip
        began = time.perf_counter()
        server = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port, server)
            return time_page(browser, port, with_extension) - began
        finally:
            server.terminate()
            server.wait(30)


def time_page(browser: Browser, port: int, with_extension: bool) -> float:
    """Open Lab with an empty cache, and return when it was ready."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/lab?token=benchmark", wait_until="commit")
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=90_000)
        page.evaluate("() => window.jupyterapp.restored")
        ready = time.perf_counter()
        if page.evaluate(OURS) is not with_extension:
            raise RuntimeError("the extension is not as it should be")
        return ready
    finally:
        context.close()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(6000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise RuntimeError("the server did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    raw, sent = measure_size()
    print(f"bundle: {raw / 1024:.1f} KiB, {sent / 1024:.1f} KiB gzipped")
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    taken: dict[bool, list[float]] = {False: [], True: []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        for way in taken:
            time_start(browser, way)  # byte-compiles
        for turn in range(runs):
            for way in (turn % 2 == 0, turn % 2 == 1):
                taken[way].append(time_start(browser, way))
        browser.close()
    without, with_it = (statistics.median(taken[way]) for way in (False, True))
    ratios = sorted(b / a for a, b in zip(taken[False], taken[True], strict=True))
    print(f"{'start':18} {'median s':>9}")
    print(f"{'without':18} {without:9.2f}\n{'with':18} {with_it:9.2f}")
    print(
        f"ratio {with_it / without:.3f} (of pairs: median {statistics.median(ratios):.3f}, "
        f"{ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
