"""The HTTP client of a hub kernel for the gateway. No key ever crosses it, in either direction."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from anyio import move_on_after

from assay_nb import certificates
from assay_nb.errors import (
    BROKEN_OFF,
    UNREACHED,
    ProviderUnavailable,
    WrongUsage,
    error_from_dict,
)

if TYPE_CHECKING:
    import httpx2

ACTIVE = "-"
"""The caller's active workspace, in a path of the gateway."""

_CA_FILE = "SSL_CERT_FILE"
_CONNECT = 10.0
_END = 1.0
_IDLE = 60.0
"""Seconds without a byte. The gateway sends a heartbeat every 15."""


class GatewayClient:
    """Requests to one gateway, with the hub token of this kernel's server.

    Args:
        url: The gateway's address, as in `ASSAY_GATEWAY_URL`.
        token: The hub token.
        ca_file: Certificate authorities for an https gateway.
    """

    def __init__(self, url: str, token: str | None, ca_file: Path | None = None) -> None:
        self.url = url.rstrip("/") + "/"
        self._token = token
        self._ca_file = ca_file
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"GatewayClient({self.url!r})"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the JSON of its answer.

        Raises:
            AssayError: What the gateway answered, or that it did not.
        """
        with _explained(self.url):
            response = await self._send(method, self.url + path, body)
        return self._read(response)

    async def _send(self, method: str, url: str, body: Any) -> httpx2.Response:
        """Send a request; what only reads is sent again where the connection was cut, as a restart does."""
        import httpx2

        try:
            return await self._open().request(method, url, json=body)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            if method != "GET":
                raise
            return await self._open().request(method, url, json=body)

    def ask_now(self, path: str) -> Any:
        """Get a path from synchronous code, for what a tab key or a help text waits for."""
        import httpx2

        with _explained(self.url):
            response = httpx2.get(self.url + path, **self._options())
        return self._read(response)

    @asynccontextmanager
    async def stream(self, path: str, body: Any) -> AsyncGenerator[AsyncIterator[str]]:
        """Send a request, and give the lines of its answer as they come.

        Leaving the block closes the connection, and with it the gateway's to the provider.
        """
        with _explained(self.url):
            async with self._open().stream("POST", self.url + path, json=body) as response:
                if response.status_code != 200:
                    await response.aread()
                    self._read(response)
                yield response.aiter_lines()

    async def aclose(self) -> None:
        """Close the connections that were kept."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _open(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            import httpx2

            self._client, self._loop = httpx2.AsyncClient(**self._options()), loop
        return self._client

    def _options(self) -> dict[str, Any]:
        import httpx2

        if not self._token:
            raise WrongUsage(
                "There is no hub token in this process, so the gateway cannot know who is asking.",
                hint="ASSAY_GATEWAY_URL is meant for servers that a JupyterHub started: they have "
                "JUPYTERHUB_API_TOKEN. Unset it to work with a vault of your own.",
            )
        return {
            "headers": {"Authorization": f"token {self._token}"},
            "timeout": httpx2.Timeout(_IDLE, connect=_CONNECT),
            # A proxy, or a .netrc, of the kernel's surroundings is not to see the token.
            "trust_env": False,
            "verify": certificates.trust_file(self._ca_file, _CA_FILE)
            if self._ca_file and self.url.startswith("https:")
            else True,
        }

    def _read(self, response: httpx2.Response) -> Any:
        try:
            content = response.json()
            if response.is_success:
                return content
            error = error_from_dict(content["error"])
        except (ValueError, KeyError, TypeError):
            error = _no_gateway(self.url, f"answered with status {response.status_code}")
        raise error


async def read_to_end(lines: AsyncIterator[str]) -> None:
    """Read what is left of an answer that nothing more is expected of. Whether it ends well does not matter."""
    import httpx2

    with move_on_after(_END), suppress(httpx2.HTTPError):
        async for _ in lines:
            pass


def part(name: str) -> str:
    """Return a name as it is written in a path."""
    return quote(name, safe="")


@contextmanager
def _explained(url: str) -> Generator[None]:
    """Turn what the HTTP client raises into our own errors."""
    import httpx2

    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        fault = certificates.find_fault(error)
        if isinstance(fault, ssl.SSLCertVerificationError):
            raise _untrusted(url, fault) from None
        raise _no_gateway(url, "does not answer", UNREACHED) from None
    except httpx2.HTTPError:
        raise ProviderUnavailable(
            "The connection to the gateway was cut.",
            hint="Run it again. If the gateway was restarted, a call that had begun counts as made.",
            reason=BROKEN_OFF,
        ) from None
    except (httpx2.InvalidURL, json.JSONDecodeError):
        raise _no_gateway(url, "has an invalid address") from None


def _no_gateway(url: str, what: str, reason: str | None = None) -> ProviderUnavailable:
    hint = "If this persists, contact the hub's administrator."
    return ProviderUnavailable(f"The gateway at {url} {what}.", hint=hint, reason=reason)


def _untrusted(url: str, fault: ssl.SSLCertVerificationError) -> ProviderUnavailable:
    why = certificates.describe_distrust(fault)
    return ProviderUnavailable(
        f"TLS certificate of the gateway at {url} is not trusted: {why}.",
        hint=f"Tell the hub's operator: {certificates.advise(fault, _CA_FILE)}.",
    )
