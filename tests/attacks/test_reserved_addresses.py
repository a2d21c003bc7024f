"""Attacks by an address: every block that IANA has set apart, against the rules on where a key may go."""

from __future__ import annotations

import ipaddress

import pytest

from assay_nb.egress.origins import (
    OperatorPolicy,
    Policy,
    SoloPolicy,
    parse_endpoint,
    vet_addresses,
)
from assay_nb.errors import EndpointRefused

OWN = {
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "::1/128",
    "fc00::/7",
}
"""What a person's own servers and tunnels have. A hub takes none of them for a name that is not listed."""

RESERVED = sorted(
    OWN
    | {  # iana-ipv4-special-registry
        "0.0.0.0/8", "0.0.0.0/32", "169.254.0.0/16", "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32",
        "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24",
        "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32", "192.175.48.0/24",
        "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32",
    }
    | {  # iana-ipv6-special-registry
        "::/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
        "2001::/23", "2001::/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48",
        "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28",
        "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fe80::/10",
    }
    | {  # multicast, and what was set apart before the registries
        "224.0.0.0/4", "ff00::/8", "::/96", "fec0::/10",
    }
)  # fmt: skip
"""Every block of the two registries of special addresses."""

METADATA = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"]
HOST, ORIGIN = "llm.example.org", "https://llm.example.org:443"


def samples(block: str) -> list[str]:
    """Return the first address of a block, the last, and one in between."""
    network = ipaddress.ip_network(block)
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = type(network.network_address)
    found = {str(kind(number)) for number in (first, (first + last) // 2, last)}
    return sorted(found - {"::1"} if block == "::/96" else found)


def is_refused(address: str, policy: Policy, origin: str = ORIGIN) -> bool:
    try:
        vet_addresses(origin, HOST, [address], policy=policy)
    except EndpointRefused:
        return True
    return False


@pytest.mark.parametrize("block", RESERVED)
def test_a126_hub_refuses_every_reserved_block(block: str) -> None:
    """A name that the operator has not listed resolves into a reserved block → refused."""
    assert [a for a in samples(block) if not is_refused(a, OperatorPolicy())] == []


@pytest.mark.parametrize("block", sorted(set(RESERVED) - OWN))
@pytest.mark.parametrize("policy", [SoloPolicy(), OperatorPolicy(frozenset({ORIGIN}))])
def test_a126_nobody_may_send_to_a_block_that_no_server_has(block: str, policy: Policy) -> None:
    """A name of one's own, or one that is listed, resolves where no server can be → refused all the same."""
    assert [a for a in samples(block) if not is_refused(a, policy)] == []


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("policy", [SoloPolicy(), OperatorPolicy(frozenset({ORIGIN}))])
def test_a126_metadata_services_are_refused_to_everybody(address: str, policy: Policy) -> None:
    """The addresses at which clouds hand out credentials → refused, listed or not."""
    assert is_refused(address, policy)


@pytest.mark.parametrize("block", RESERVED)
def test_a126_address_written_into_an_endpoint_is_judged_alike(block: str) -> None:
    """Write a reserved address into the endpoint itself → refused before any name is resolved."""
    for address in samples(block):
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(EndpointRefused):
            parse_endpoint("openai", f"https://{host}/v1", policy=OperatorPolicy())
        if block not in OWN:
            with pytest.raises(EndpointRefused):
                parse_endpoint("openai", f"https://{host}/v1", policy=SoloPolicy())


@pytest.mark.parametrize("block", sorted(OWN))
def test_a126_control_own_servers_are_reached_by_one_person(block: str) -> None:
    """The control: the same look lets a person's own addresses through, and public ones for everybody."""
    assert not any(is_refused(address, SoloPolicy()) for address in samples(block))


@pytest.mark.parametrize("address", ["160.79.104.10", "104.18.6.192", "2606:4700::6812:6c0"])
@pytest.mark.parametrize("policy", [SoloPolicy(), OperatorPolicy()])
def test_a126_control_public_address_is_taken(address: str, policy: Policy) -> None:
    """The control: addresses of providers are refused to nobody."""
    assert not is_refused(address, policy, parse_endpoint("anthropic").origin)


@pytest.mark.parametrize("zone", ["%25eth0", "%eth0", "%1"])
def test_a126_address_with_a_zone_is_refused(zone: str) -> None:
    """Name an interface beside a public address, so that two programs read two hosts → refused."""
    host = "2606:4700::6812:6c0"
    assert parse_endpoint("openai", f"https://[{host}]/v1").origin == f"https://[{host}]:443"

    with pytest.raises(EndpointRefused):
        parse_endpoint("openai", f"https://[{host}{zone}]/v1")
