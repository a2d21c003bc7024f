"""Connectivity: whether a provider can be reached, by a connection without a request or a key."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from assay_nb.config import Config
from assay_nb.egress.tls import make_tls_context
from assay_nb.messages import Destination
from assay_nb.providers.transport import Egress

_PATIENCE = 5.0


def find_obstacle(destination: Destination, egress: Egress, config: Config) -> str | None:
    """Return what prevents a connection, as the end of a sentence; None when it succeeds.

    Where a proxy is used, only the way to the proxy is looked at: what lies behind is its own affair.
    """
    url = urlsplit(destination.origin)
    proxy = config.https_proxy if egress.goes_by_proxy(destination) else None
    place = urlsplit(proxy) if proxy else url
    host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE) as connection:
            if not proxy and url.scheme == "https":
                context = make_tls_context(str(config.ca_file) if config.ca_file else None)
                context.wrap_socket(connection, server_hostname=host).close()
    except OSError as error:
        return f"{'is behind a proxy, which ' if proxy else ''}{_obstacle(error)}"
    return None


def _obstacle(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"shows a certificate that is not trusted ({error.verify_message})."
        case ssl.SSLError():
            return "does not speak TLS as it should."
        case socket.gaierror():
            return "has a name that cannot be resolved here."
        case TimeoutError():
            return f"does not answer within {_PATIENCE:.0f} seconds."
        case ConnectionRefusedError():
            return "refuses the connection: nothing listens there."
        case _:
            return f"cannot be reached ({error.strerror or 'no reason was given'})."
