"""Certificates and an HTTP proxy, for tests of how requests leave the machine.

authority = Authority(tmp_path)
with FakeProviders(tls=authority.context("127.0.0.1")) as fake: ...
Egress(ca_file=authority.file)

with FakeProxy(to=fake.port) as proxy:      # every tunnel ends at the fake, whatever it asks for
    Egress(proxy=proxy.url, ca_file=authority.file)
    proxy.heads                             # what each client said before its tunnel stood
    proxy.status = 403                      # every tunnel is refused with this status
    proxy.login = "ann:secret"              # and without this user name and password, with 407
    proxy.says = b"\\x05\\xff"              # what it says in place of HTTP before it hangs up
    proxy.is_silent = True                  # it takes connections and says nothing
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority of this test's own; `file` is what a client trusts it by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Test authority")
        certificate = self._sign(self._name, self._key.public_key(), is_authority=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, *hosts: str, days: int = 7, own: bool = False) -> ssl.SSLContext:
        """Return a server's TLS context for these hosts: expired if `days` < 0, self-signed if `own`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _named(hosts[0]), key.public_key(), hosts, days=days, signer=key if own else None
        )
        path = self._folder / f"{abs(hash((hosts, days, own)))}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        hosts: tuple[str, ...] = (),
        *,
        days: int = 7,
        signer: ec.EllipticCurvePrivateKey | None = None,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        signing_key = signer or self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer else self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
                critical=False,
            )
        )
        if hosts:
            names = [_alternative(host) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signing_key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class FakeProxy:
    """An HTTP proxy on loopback whose every tunnel ends at one port of this machine."""

    def __init__(self, *, to: int, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[bytes] = []
        self.status: int | None = None
        self.login: str | None = None
        self.says: bytes | None = None
        self.is_silent = False
        self._tls = tls
        self._to = to
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> FakeProxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._tunnel, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tunnels:
            task.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        upstream: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if self.is_silent:
                await asyncio.Event().wait()
            if (refusal := self._refuse(head)) is not None:
                writer.write(refusal)
                await writer.drain()
                return
            far, upstream = await asyncio.open_connection("127.0.0.1", self._to)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, upstream), _pump(far, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for side in (writer, upstream):
                if side is not None:
                    side.close()
            self._tunnels.discard(task)

    def _refuse(self, head: bytes) -> bytes | None:
        """Return what is said to a client that gets no tunnel."""
        if self.says is not None:
            return self.says
        status = self.status
        if status is None and not head.startswith(b"CONNECT "):
            status = 405
        if status is None and self.login is not None:
            wanted = base64.b64encode(self.login.encode())
            status = None if b"Basic " + wanted + b"\r\n" in head else 407
        if status is None:
            return None
        return b"HTTP/1.1 %d Not for you\r\nContent-Length: 0\r\n\r\n" % status


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
