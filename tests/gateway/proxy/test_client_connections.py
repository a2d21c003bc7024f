"""The open connections of clients: those that wait are closed in time, and for others; those that are served are not."""

from __future__ import annotations

import pytest

from assay_nb.gateway.proxy import connections
from assay_nb.gateway.proxy.connections import Connections, Wait, share_files


class Client:
    """A connection that notes what becomes of it."""

    def __init__(self, peer: str = "10.0.0.1") -> None:
        self.peer = peer
        self.ended = ""

    def waited_too_long(self, what: Wait) -> None:
        self.ended = what

    def make_room(self) -> None:
        self.ended = "for another"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(connections.time, "monotonic", lambda: now[0])
    return now


def admit(open_: Connections, *clients: Client) -> list[bool]:
    return [open_.admit(client) for client in clients]


@pytest.mark.parametrize(("what", "seconds"), [("head", 10.0), ("idle", 75.0), ("linger", 10.0)])
def test_what_waits_is_closed_in_its_time_and_what_is_served_is_not(
    what: Wait, seconds: float, clock: list[float]
) -> None:
    open_, waits, served = Connections(10), Client(), Client()
    admit(open_, waits, served)
    open_.stop_waiting(served)
    open_.wait(waits, what)

    clock[0] += seconds - 0.1
    open_.sweep()
    before = waits.ended
    clock[0] += 0.2
    open_.sweep()

    assert (before, waits.ended, served.ended) == ("", what, "")


def test_the_one_that_has_waited_longest_makes_room(clock: list[float]) -> None:
    open_ = Connections(3)
    served, first, second, new = (Client() for _ in range(4))
    admit(open_, served)
    open_.stop_waiting(served)
    for client in (first, second):
        clock[0] += 1
        admit(open_, client)
    clock[0] += 1
    open_.wait(first, "idle")  # it was served meanwhile, so it waits for less long than the other
    clock[0] += 1

    assert admit(open_, new) == [True]
    assert [one.ended for one in (served, first, second, new)] == ["", "", "for another", ""]
    assert len(open_) == 3


def test_nobody_is_let_in_where_every_connection_is_served(clock: list[float]) -> None:
    open_, served, new = Connections(1), Client(), Client()
    admit(open_, served)
    open_.stop_waiting(served)

    assert admit(open_, new) == [False]
    assert (served.ended, len(open_)) == ("", 1)


def test_one_address_takes_no_other_ones_places(clock: list[float]) -> None:
    open_ = Connections(100, per_peer=3)
    other = Client("10.0.0.2")
    many = [Client() for _ in range(10)]
    admit(open_, other, *many)

    assert [one.ended for one in many] == ["for another"] * 7 + [""] * 3
    assert (other.ended, len(open_), open_.waiting) == ("", 4, 4)


def test_what_is_closed_for_others_is_told_once_a_minute_with_its_number(
    clock: list[float],
) -> None:
    told: list[int] = []
    open_ = Connections(100, per_peer=1, tell=told.append)
    admit(open_, *(Client() for _ in range(6)))
    first = list(told)
    clock[0] += 61
    open_.sweep()
    open_.sweep()

    assert (first, told) == ([1], [1, 4])


def test_nothing_is_kept_of_connections_that_are_gone(clock: list[float]) -> None:
    open_, clients = Connections(10), [Client(f"10.0.0.{n}") for n in range(5)]
    admit(open_, *clients)
    for client in clients:
        open_.forget(client)
        open_.forget(client)

    assert (len(open_), open_.waiting, open_._peers) == (0, 0, {})


@pytest.mark.parametrize(
    ("files", "wanted", "upstream", "shared"),
    [
        (1_048_576, 10_000, 1_000, 10_000),
        (4_096, 10_000, 1_000, 2_904),
        (1_024, 10_000, 1_000, 416),
        (256, 10_000, 1_000, 64),
        (1_024, 100, 1_000, 100),
    ],
)
def test_the_table_of_files_has_room_for_both_sides(
    files: int, wanted: int, upstream: int, shared: int
) -> None:
    assert share_files(files, wanted, upstream) == shared
