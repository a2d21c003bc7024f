"""TLS contexts: they verify certificates, speak 1.2 at least, and write no key log."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2

from assay_nb.errors import WrongUsage


def make_tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that verifies, speaks 1.2 at least, and writes no key log.

    Not `ssl.create_default_context`, which obeys `SSLKEYLOGFILE`. The public authorities are read once
    in a process, since that takes 20 ms and 1 MB; a file of authorities is read each time.
    """
    if ca_file is None:
        return _trust_public_authorities()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError:
        raise WrongUsage(
            f"The certificate file {ca_file} cannot be read, or is not in PEM form.",
            hint="`SSL_CERT_FILE` names it, or `ca_file` in the gateway's configuration.",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def _trust_public_authorities() -> ssl.SSLContext:
    context = httpx2.create_ssl_context(verify=True, trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
