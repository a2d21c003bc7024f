"""TLS contexts: whom they trust, and what they refuse to speak."""

from __future__ import annotations

import ssl
from pathlib import Path

from assay_nb.egress.tls import make_tls_context
from tests.fakes.providers_tls import Authority


def test_certificate_file_is_trusted_in_place_of_the_systems(tmp_path: Path) -> None:
    context = make_tls_context(str(Authority(tmp_path).file))

    assert context.cert_store_stats()["x509_ca"] == 1


def test_tls_context_verifies_and_speaks_no_old_version() -> None:
    context = make_tls_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_public_authorities_are_read_once_in_a_process() -> None:
    assert make_tls_context() is make_tls_context()
