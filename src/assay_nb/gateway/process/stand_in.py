"""What a hub gets from a gateway that it started and that refuses to start: an answer, and the reason.

JupyterHub itself stops when a service that it manages exits while the hub starts, or does not answer. One
setting of ours would take everybody's notebooks down. So a managed gateway stays, opens nothing, and answers
every request with 503 and the reason. A gateway in a unit of its own ends instead: its service manager says so.

Standard library only, since a missing package may be the reason.
"""

from __future__ import annotations

import html
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from assay_nb.errors import AssayError
from assay_nb.gateway.http.safe_headers import SAFE_HEADERS

_NOBODY = 65_534
_SECONDS = 10
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>assay_nb did not start</title></head>
<body><h1>assay_nb did not start</h1><p>{message}</p><p>{hint}</p>
<p>Notebooks work. Keys and the calls that need them come back when the hub's operator has fixed this and
restarted the hub.</p></body></html>
"""


class DidNotStart(AssayError):
    """The gateway of this hub did not start."""

    code = "gateway_not_started"
    http_status = 503


def stand_in(error: AssayError, address: tuple[str, int], prefix: str) -> None:
    """Answer every request with the reason, until the hub ends this process.

    Args:
        error: Why the gateway refuses to start.
        address: Host and port that the hub expects it at.
        prefix: The path of everything that it would serve.

    Raises:
        AssayError: The error itself, if nothing can listen there either.
    """
    _become_nobody()
    try:
        server = make_stand_in(error, address, prefix)
    except OSError:
        raise error from None
    print(
        f"assay-nb: {error.message}\n  {error.hint or ''}\n  The hub stays up without this service: every request "
        "to it is answered with 503 and this reason. Restart the hub when it is fixed.",
        file=sys.stderr,
        flush=True,
    )
    with server:
        server.serve_forever()


def make_stand_in(error: AssayError, address: tuple[str, int], prefix: str) -> ThreadingHTTPServer:
    """Return the server that answers with the reason; it listens already."""
    reason = DidNotStart(f"The gateway did not start. {error.message}", hint=error.hint)

    class Handler(_Handler):
        error = reason
        start = prefix

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = _family(address[0])

    return Server(address, Handler)


class _Handler(BaseHTTPRequestHandler):
    error: ClassVar[AssayError]
    start: ClassVar[str]
    timeout = _SECONDS
    server_version, sys_version = "assay_nb", ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == self.start:
            # JupyterHub waits at this address for anything but a 5xx, and gives up on itself without one.
            self._answer(302, "text/plain", "", location=f"{self.start}not-started")
        elif path == f"{self.start}health":
            state = {"status": "failing", "vault": "unknown", "hub": "unknown", "log": "failing"}
            self._answer_json({**state, "error": self.error.to_dict()})
        elif "text/html" in self.headers.get("Accept", ""):
            page = _PAGE.format(
                message=html.escape(self.error.message), hint=html.escape(self.error.hint or "")
            )
            self._answer(503, "text/html; charset=utf-8", page)
        else:
            self._answer_json({"error": self.error.to_dict()})

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - and these

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Log nothing: whoever asks is told the same, and could fill the disk."""

    def _answer_json(self, data: dict[str, object]) -> None:
        self._answer(503, "application/json", json.dumps(data))

    def _answer(self, status: int, kind: str, text: str, *, location: str = "") -> None:
        body = text.encode()
        self.close_connection = True  # what a request carries is not read
        self.send_response(status)
        for name, value in SAFE_HEADERS.items():
            self.send_header(name, value)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _family(host: str) -> int:
    import socket

    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _become_nobody() -> None:
    """Give up the rights of root, with which a hub starts a service that it has no user for."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
