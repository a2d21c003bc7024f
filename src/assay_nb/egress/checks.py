"""Checks of a response's head, before anything of it is handed on, and the errors they raise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from assay_nb.egress.echo import EchoScanner
from assay_nb.egress.origins import path_hint
from assay_nb.errors import ProviderError, ProviderUnavailable
from assay_nb.messages import Destination

_PAGES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True)
class ResponseHead:
    """Status and headers of a response, with the checks that every response passes.

    Attributes:
        destination: Who answered.
        status: The response's status.
        headers: Its headers, by name in whichever case.
    """

    destination: Destination
    status: int
    headers: Mapping[str, str]

    @cached_property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self.headers.get("request-id") or self.headers.get("x-request-id")

    @cached_property
    def media_type(self) -> str:
        """The type of the body, in lower case; empty where the response names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str:
        """How the body is compressed, on the way too, in lower case; empty if it is not."""
        named = [self.headers.get(name, "") for name in ("content-encoding", "transfer-encoding")]
        if named == ["", ""]:
            return ""
        codings = (one.strip().lower() for one in ",".join(named).split(","))
        return ", ".join(one for one in codings if one not in {"", "identity", "chunked"})

    @property
    def is_page(self) -> bool:
        """Whether an HTML page came instead of an answer."""
        return self.media_type in _PAGES

    def refusal(self, kind: type[ProviderError], message: str, hint: str) -> ProviderError:
        """Return an error about this response."""
        return kind(
            message,
            hint=hint,
            provider=self.destination.provider,
            status=self.status,
            request_id=self.request_id,
        )

    def check_echo(self, echo: EchoScanner, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raise if one of these headers holds the key."""
        if echo.has_echo(b"\n".join(b"%s: %s" % pair for pair in headers)):
            raise echoed(self.destination, self.status)

    def check_redirect(self, hint: str) -> None:
        """Raise if the response is a redirect, or not a final one.

        A proxy in front would take an unasked `101 Switching Protocols` for a tunnel.
        """
        if self.status < 200:
            raise self.refusal(
                ProviderUnavailable,
                f"{self.destination.origin} answered with the status {self.status}, which nobody asked for.",
                "Look for a proxy in between, and try again.",
            )
        if 300 <= self.status < 400:
            raise self.refusal(
                ProviderError,
                f"{self.destination.origin} answered with a redirect, which a key does not follow.",
                hint,
            )

    def compressed(self) -> ProviderError:
        """Return the error for a response in an encoding that cannot be read."""
        return self.refusal(
            ProviderUnavailable,
            "The response is compressed in a way that was not asked for.",
            "Look for a proxy in between, which may do that.",
        )

    def not_a_reply(self, hint: str) -> ProviderError:
        """Return the error for a response of another kind than a model's reply, with the next step."""
        what = "a web page" if self.is_page else f"content of type {self.media_type[:60]!r}"
        return self.refusal(
            ProviderUnavailable,
            f"{self.destination.origin} answered with {what} instead of a model's reply.",
            path_hint(self.destination) or hint,
        )


def echoed(destination: Destination, status: int | None) -> ProviderError:
    """Return the error for a response that holds the key."""
    return ProviderError(
        f"The answer from {destination.origin} held the key itself, so it was cut off there.",
        hint="Revoke the key at the provider and find out what is in between: "
        "something on the way shows keys.",
        provider=destination.provider,
        status=status,
    )
