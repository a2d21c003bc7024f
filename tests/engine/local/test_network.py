"""`doctor` on the network: proxy, certificates and connections are tried, and each trouble is told from the others."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assay_nb.config import Config
from assay_nb.egress.setting_names import SOLO
from assay_nb.engine.control import Diagnosis
from assay_nb.engine.local import network
from assay_nb.engine.local.connectivity import find_obstacles, find_proxy_obstacle
from assay_nb.engine.local.doctor import examine
from assay_nb.engine.local.resources import Resources
from assay_nb.messages import Destination
from assay_nb.providers.transport import Egress
from tests.canaries import find_canary
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_tls import Authority, FakeProxy
from tests.kernel.stage import open_stage, store_key
from tests.tools import unused_port

PASSWORD = "pa55-w0rd"


def ask_doctor(config: Config, *looks: str) -> list[Diagnosis]:
    resources = Resources(config, say=lambda line: None)
    try:
        return [found for found in examine(resources) if found.subject in looks]
    finally:
        if "database" in vars(resources):
            resources.database.close()


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (f"http://ann:{PASSWORD}@proxy:port", "its port is not a number"),
        (f"socks5://ann:{PASSWORD}@proxy:1080", "names a SOCKS proxy"),
        ("http://", "it names no host"),
    ],
)
def test_wrong_proxy_is_a_problem_with_its_variable(home: Path, proxy: str, said: str) -> None:
    config = Config(home=home / "vault", https_proxy=proxy, proxy_variable="https_proxy")

    (found,) = ask_doctor(config, "proxy")

    assert (found.level, found.text.split()[0]) == ("problem", "https_proxy")
    assert said in found.text
    assert PASSWORD not in repr(found)
    assert PASSWORD not in repr(config)


def test_proxy_that_answers_is_shown_without_its_password(home: Path) -> None:
    with FakeProxy(to=unused_port()) as server:
        address = f"ann:{PASSWORD}@127.0.0.1:{server.port}"
        (found,) = ask_doctor(Config(home=home / "vault", https_proxy=address), "proxy")

    assert found.level == "ok"
    assert f"HTTPS_PROXY is {server.url}, with a user name and a password." in found.text
    assert PASSWORD not in repr(found)


def test_proxy_that_is_not_there_is_a_problem_although_nothing_went_by_it(home: Path) -> None:
    port = unused_port()

    (found,) = ask_doctor(Config(home=home / "vault", https_proxy=f"127.0.0.1:{port}"), "proxy")

    assert found.level == "problem"
    assert found.text == (
        f"The proxy http://127.0.0.1:{port} refuses the connection: nothing listens there."
    )


def test_exemption_that_matches_nothing_is_pointed_out(home: Path) -> None:
    config = Config(home=home / "vault", no_proxy="localhost,https://llm.example")

    (found,) = ask_doctor(config, "proxy")

    assert found.level == "warning"
    assert "'https://llm.example', which matches no host" in found.text


def test_certificate_file_is_loaded_and_counted(home: Path, tmp_path: Path) -> None:
    file = Authority(tmp_path).file

    (found,) = ask_doctor(Config(home=home / "vault", ca_file=file), "certificates")

    assert found.level == "info"
    assert found.text.endswith("Certificates in it: 1.")


def test_certificate_file_that_is_not_there_is_a_problem(home: Path) -> None:
    (found,) = ask_doctor(Config(home=home / "vault", ca_file=Path("/no/ca.pem")), "certificates")

    assert found.level == "problem"
    assert found.text == (
        "The certificate file /no/ca.pem that SSL_CERT_FILE names does not exist."
    )


@pytest.mark.parametrize(
    ("variable", "subject", "instead"),
    [
        ("ALL_PROXY", "proxy", "HTTPS_PROXY"),
        ("SSL_CERT_DIR", "certificates", "SSL_CERT_FILE"),
        ("REQUESTS_CA_BUNDLE", "certificates", "SSL_CERT_FILE"),
        ("CURL_CA_BUNDLE", "certificates", "SSL_CERT_FILE"),
    ],
)
def test_variable_that_is_not_read_is_pointed_out_with_the_one_that_is(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    subject: str,
    instead: str,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(variable, "/etc/ssl/company")
    file = Authority(tmp_path).file
    bare = Config(home=home / "vault")

    (found,) = ask_doctor(bare, subject)
    with FakeProxy(to=unused_port()) as proxy:
        other = ask_doctor(replace(bare, https_proxy=proxy.url, ca_file=file), subject)

    assert found.text == f"{variable} set here: not read by assay_nb."
    assert found.hint.startswith(f"Set {instead} to ")
    assert [one for one in other if variable in one.text] == []


# --- connections ------------------------------------------------------------------------------------


@dataclass
class Net:
    """A provider that speaks TLS and a proxy before it."""

    fake: FakeProviders
    proxy: FakeProxy
    authority: Authority

    def look(self, patience: float = 5.0, **options: object) -> str:
        """Return what `doctor` says of the provider's endpoint; nothing if it can be reached."""
        settings = {"proxy": self.proxy.url, "ca_file": self.authority.file, **options}
        egress = Egress(**settings)
        (fault,) = find_obstacles([self.fake.destination("openai")], egress, patience)
        return fault.text if fault else ""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    authority = Authority(tmp_path)
    with (
        FakeProviders(tls=authority.context("127.0.0.1")) as fake,
        FakeProxy(to=fake.port) as proxy,
    ):
        yield Net(fake, proxy, authority)


def test_provider_behind_the_proxy_is_reached_without_a_request(net: Net) -> None:
    assert net.look() == ""
    (head,) = net.proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{net.fake.port} HTTP/1.1\r\n".encode())
    assert net.fake.calls == []


def test_provider_behind_a_proxy_that_speaks_tls_is_reached(net: Net) -> None:
    with FakeProxy(to=net.fake.port, tls=net.authority.context("127.0.0.1")) as proxy:
        assert net.look(proxy=proxy.url) == ""
        assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (407, "wants a user name and a password"),
        (403, "does not let requests through to"),
        (502, "cannot reach"),
        (405, "does not answer as an HTTP proxy does"),
    ],
)
def test_what_the_proxy_answered_is_said(net: Net, status: int, said: str) -> None:
    net.proxy.status = status

    assert said in net.look()


def test_password_that_the_proxy_takes_or_refuses_is_told_apart(net: Net) -> None:
    net.proxy.login = "ann:right"
    port = net.proxy.port

    assert net.look(proxy=f"ann:right@127.0.0.1:{port}") == ""
    assert "does not accept the user name" in net.look(proxy=f"ann:{PASSWORD}@127.0.0.1:{port}")


def test_port_where_something_else_answers_is_named(net: Net) -> None:
    net.proxy.says = b"\x05\xff"

    assert "does not answer as an HTTP proxy does" in net.look()


def test_proxy_that_says_nothing_is_not_waited_for_long(net: Net) -> None:
    net.proxy.is_silent = True

    assert "did not answer in time" in net.look(patience=0.5)


def test_proxy_that_is_not_there_is_named_and_not_the_provider(net: Net) -> None:
    gone = f"http://127.0.0.1:{unused_port()}"

    assert net.look(proxy=gone) == (
        f"The proxy {gone} refuses the connection: nothing listens there."
    )


def test_certificate_behind_the_proxy_is_looked_at(net: Net, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")

    assert net.look(ca_file=other.file) == (
        f"TLS certificate of 127.0.0.1:{net.fake.port} is not trusted: "
        "an authority that is not known here signed it."
    )


def test_certificate_of_the_proxy_itself_is_told_from_the_providers(
    net: Net, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    tls = Authority(tmp_path / "other").context("127.0.0.1")
    with FakeProxy(to=net.fake.port, tls=tls) as proxy:
        said = net.look(proxy=proxy.url)
        egress = Egress(proxy=proxy.url, ca_file=net.authority.file)
        read = egress.proxies.read()
        assert read is not None
        alone = find_proxy_obstacle(read, egress)

    assert said.startswith(f"TLS certificate of the proxy {proxy.url} is not trusted")
    assert alone is not None
    assert alone.text == said


def test_wrong_setting_is_said_of_what_it_concerns_and_of_nothing_else(net: Net) -> None:
    origin = f"http://127.0.0.1:{unused_port()}"
    plain = Destination("openai", origin, origin, "bearer")
    egress = Egress(proxy="http://proxy:port", ca_file=net.authority.file)

    one, other = find_obstacles([net.fake.destination("openai"), plain], egress)

    assert one is not None
    assert "HTTPS_PROXY" in one.text
    assert other is not None
    assert other.text == f"{origin} refuses the connection: nothing listens there."


def test_host_whose_name_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    origin = "https://llm.example:443"
    (fault,) = find_obstacles([Destination("openai", origin, origin, "bearer")], Egress())

    assert fault is not None
    assert fault.text == f"{origin} has a name that cannot be resolved here."
    assert fault.hint == SOLO.advise("check the endpoint's host and port, and the network")


def test_doctor_tries_a_stored_endpoint_through_the_proxy_without_its_key(
    home: Path, net: Net
) -> None:
    with open_stage(home / "vault", empty=True) as stage:
        session = stage.session()
        store_key(session, "openai", stage.keys["openai"], net.fake.endpoint("openai"))
        session.close()
        config = Config(home=stage.home, https_proxy=net.proxy.url, ca_file=net.authority.file)

        (found,) = ask_doctor(config, "connection")

        assert (found.level, found.text) == (
            "ok",
            f"{net.fake.origin} can be reached through the proxy {net.proxy.url}. No key was sent.",
        )
        assert net.fake.calls == []
        heads = b"".join(net.proxy.heads)
        assert not find_canary(heads, stage.keys["openai"])


def test_certificate_that_is_not_trusted_is_a_warning_with_the_next_step(
    home: Path, net: Net
) -> None:
    with open_stage(home / "vault", empty=True) as stage:
        session = stage.session()
        store_key(session, "openai", stage.keys["openai"], net.fake.endpoint("openai"))
        session.close()

        (found,) = ask_doctor(Config(home=stage.home), "connection")

    assert found.level == "warning"
    assert found.text.startswith(f"TLS certificate of 127.0.0.1:{net.fake.port} is not trusted")
    assert found.hint.startswith("Set SSL_CERT_FILE to ")


def test_looks_are_named_after_what_they_look_at(home: Path) -> None:
    resources = Resources(Config(home=home / "vault", https_proxy="http://"), say=lambda line: None)

    subjects = {found.subject for found in examine(resources) if "HTTPS_PROXY" in found.text}
    resources.database.close()

    assert subjects == {network.proxy.__name__}
