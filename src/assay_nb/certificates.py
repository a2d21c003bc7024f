"""Certificates: which authorities TLS trusts, and why a server's certificate is not trusted.

Within the standard library and on the ground floor, since a hub's kernel needs them for the gateway, and
knows nothing of providers.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from assay_nb.errors import WrongUsage
from assay_nb.plain_files import read_plain

REASONS: dict[int, str] = {
    2: "an authority that is not known here signed it",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "an authority that is not known here signed it",
    20: "an authority that is not known here signed it",
    21: "an authority that is not known here signed it, or the server leaves one out",
    23: "its authority has revoked it",
    62: "it is for another host name",
    64: "it is for another address",
    66: "its key is too weak",
    67: "the key of its authority is too weak",
    68: "its signature is too weak",
}
"""What OpenSSL's codes for a failed verification mean, for people. Its own texts quote the certificate."""

_ELSEWISE = "it was not accepted here"
_UNTRUSTED = frozenset({2, 18, 19, 20, 21})
_MISNAMED = frozenset({62, 64})
_MISTIMED = frozenset({9, 10})

_PEM = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----")
_DER = b"\x30"
_DEEPEST = 12
_LARGEST = 16 * 1024 * 1024
"""Bytes. All public authorities together have a fifth of a million."""


def trust_file(ca_file: Path | str, setting: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities in a file, and nobody else.

    Not `ssl.create_default_context`, which obeys `SSLKEYLOGFILE`.

    Args:
        ca_file: Certificates in PEM form.
        setting: The variable or the setting that names the file, for the error.

    Raises:
        WrongUsage: If the file is missing, or holds no certificate that can be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        content = read_plain(ca_file, _LARGEST)
        if problem := _find_problem(content):
            raise _unusable(ca_file, setting, problem)
        context.load_verify_locations(cafile=str(ca_file))
    except FileNotFoundError:
        raise _unusable(ca_file, setting, "does not exist") from None
    except IsADirectoryError:
        raise _unusable(ca_file, setting, "is a folder, not a file") from None
    except ssl.SSLError:  # before OSError, which it derives from
        raise _unusable(ca_file, setting, "holds a damaged certificate") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "its name is not a file's"
        raise _unusable(ca_file, setting, f"cannot be read ({reason})") from None
    return context


def find_fault(error: BaseException | None) -> ssl.SSLError | None:
    """Return the error of TLS that an error came from; None where TLS was not the reason.

    The innermost one: aiohttp's own errors derive from those of `ssl`, and know no reason.
    """
    found = [one for one in chain(error) if isinstance(one, ssl.SSLError)]
    return found[-1] if found else None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, the nearest first."""
    for _ in range(_DEEPEST):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def describe_distrust(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, as the end of a sentence."""
    return REASONS.get(error.verify_code, _ELSEWISE)


def advise(error: ssl.SSLCertVerificationError, setting: str) -> str:
    """Return what to do about a certificate that is not trusted, beginning with a small letter.

    Args:
        error: The failed verification.
        setting: The variable or the setting that names a file of authorities.
    """
    if error.verify_code in _MISNAMED:
        return (
            "check the host name of the endpoint, then whether something in between answers for it"
        )
    if error.verify_code in _MISTIMED:
        return "check this machine's clock; if it is right, only the server's owner can renew it"
    if error.verify_code in _UNTRUSTED:
        return (
            f"set {setting} to a PEM file with the authority that signed it, such as your company's "
            "where its network inspects TLS"
        )
    return f"ask the server's owner; {setting} names the authorities that are trusted"


def _find_problem(content: bytes) -> str | None:
    if not content.strip():
        return "is empty"
    if any(mark in content for mark in _PEM):
        return None
    if content.startswith(_DER):
        return "is in DER form, not in PEM form"
    return "holds no certificate in PEM form"


def _unusable(ca_file: Path | str, setting: str, problem: str) -> WrongUsage:
    return WrongUsage(
        f"The certificate file {ca_file} that {setting} names {problem}.",
        hint=f"Set {setting} to a file with certificates in PEM form, or remove it to trust the system's authorities.",
    )
