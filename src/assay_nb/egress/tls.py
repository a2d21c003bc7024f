"""TLS contexts: they verify certificates, speak 1.2 at least, and write no key log."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import httpx2

from assay_nb.certificates import trust_file


def make_tls_context(
    ca_file: Path | str | None = None, setting: str = "SSL_CERT_FILE"
) -> ssl.SSLContext:
    """Return a TLS context that verifies, speaks 1.2 at least, and writes no key log.

    The public authorities are read once in a process, since that takes 20 ms and 1 MB; a file of
    authorities is read each time.

    Args:
        ca_file: Certificate authorities to trust in place of the system's, as a PEM file.
        setting: The variable or the setting that names the file.

    Raises:
        WrongUsage: If the file cannot be used.
    """
    return _trust_public_authorities() if ca_file is None else trust_file(ca_file, setting)


@cache
def _trust_public_authorities() -> ssl.SSLContext:
    context = httpx2.create_ssl_context(verify=True, trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
