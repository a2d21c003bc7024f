"""Certificates: a file of authorities that cannot be used is named, and a refused certificate is explained."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from assay_nb import certificates
from assay_nb.errors import WrongUsage
from tests.fakes.providers_tls import Authority


def _write(folder: Path, kind: str) -> Path:
    good = Authority(folder).file
    path = folder / "ca.pem"
    match kind:
        case "empty":
            path.write_bytes(b" \n")
        case "der":
            loaded = x509.load_pem_x509_certificate(good.read_bytes())
            path.write_bytes(loaded.public_bytes(Encoding.DER))
        case "key":
            path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        case "damaged":
            path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        case "cut":
            path.write_bytes(good.read_bytes()[:-40])
        case "folder":
            path.mkdir()
        case "nul":
            return folder / "a\0b"
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder"),
        ("empty", "is empty"),
        ("der", "is in DER form"),
        ("key", "holds no certificate"),
        ("damaged", "holds a damaged certificate"),
        ("cut", "holds a damaged certificate"),
        ("nul", "cannot be read"),
    ],
)
def test_file_that_cannot_be_used_is_named_with_its_setting(
    tmp_path: Path, kind: str, said: str
) -> None:
    path = _write(tmp_path, kind)

    with pytest.raises(WrongUsage) as caught:
        certificates.trust_file(path, "`ca_file`")

    assert f"The certificate file {path} that `ca_file` names {said}" in caught.value.message
    assert str(caught.value.hint).startswith("Set `ca_file` to ")


def test_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, most: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(certificates, "read_plain", refuse)  # root may read any file

    with pytest.raises(WrongUsage, match=r"cannot be read \(Permission denied\)"):
        certificates.trust_file(tmp_path / "ca.pem", "SSL_CERT_FILE")


def _failed(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed: CN=internal.corp")
    error.verify_code = code
    error.verify_message = "quotes CN=internal.corp"
    return error


@pytest.mark.parametrize(
    ("code", "reason", "step"),
    [
        (18, "self-signed", "set SSL_CERT_FILE to"),
        (19, "authority that is not known", "set SSL_CERT_FILE to"),
        (20, "authority that is not known", "set SSL_CERT_FILE to"),
        (21, "authority that is not known", "set SSL_CERT_FILE to"),
        (10, "expired", "check this machine's clock"),
        (9, "not valid yet", "check this machine's clock"),
        (62, "another host name", "check the host name"),
        (64, "another address", "check the host name"),
        (23, "revoked", "ask the server's owner"),
        (9999, "it was not accepted here", "ask the server's owner"),
    ],
)
def test_refused_certificate_has_a_reason_and_a_step_of_our_own(
    code: int, reason: str, step: str
) -> None:
    error = _failed(code)

    assert reason in certificates.describe_distrust(error)
    assert certificates.advise(error, "SSL_CERT_FILE").startswith(step)
    assert "internal.corp" not in certificates.describe_distrust(error)


def test_fault_of_tls_is_found_beneath_what_a_library_made_of_it() -> None:
    inner = _failed(10)
    middle = OSError("wrapped")
    middle.__context__ = inner
    outer = RuntimeError("wrapped again")
    outer.__cause__ = middle

    assert certificates.find_fault(outer) is inner
    assert certificates.find_fault(RuntimeError()) is None
    assert certificates.find_fault(None) is None


def test_errors_that_refer_to_each_other_end_the_search() -> None:
    one, other = RuntimeError(), RuntimeError()
    one.__cause__, other.__cause__ = other, one

    assert certificates.find_fault(one) is None
