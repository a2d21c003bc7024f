from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.experiments.run.cache import Cache, digest


def test_a_row_that_was_saved_is_found_by_another_process(tmp_path: Path) -> None:
    Cache(tmp_path).save("shelf", "row", {"payload": {"output": "hi\n"}})

    assert Cache(tmp_path).find("shelf", "row") == {"payload": {"output": "hi\n"}}


def test_a_row_that_is_saved_again_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    Cache(tmp_path).save("shelf", "row", {"n": 1})
    cache = Cache(tmp_path)
    cache.save("shelf", "row", {"n": 2})

    assert cache.find("shelf", "row") == {"n": 2}
    assert Cache(tmp_path).find("shelf", "row") == {"n": 2}


def test_a_row_that_is_saved_twice_is_one_line(tmp_path: Path) -> None:
    for _ in range(2):
        Cache(tmp_path).save("shelf", "row", {"n": 1})

    assert len((tmp_path / "shelf.jsonl").read_text().split()) == 1


def test_a_line_that_was_cut_loses_only_itself(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save("shelf", "a", {"n": 1})
    cache.save("shelf", "b", {"n": 2})
    path = tmp_path / "shelf.jsonl"
    path.write_bytes(path.read_bytes()[:-8])

    again = Cache(tmp_path)
    again.save("shelf", "c", {"n": 3})

    last = Cache(tmp_path)
    assert (last.find("shelf", "a"), last.find("shelf", "b")) == ({"n": 1}, None)
    assert last.find("shelf", "c") == {"n": 3}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    Cache(tmp_path / "runs").save("shelf", "row", {"n": 1})

    assert (tmp_path / "runs" / "shelf.jsonl").stat().st_mode & 0o077 == 0
    assert (tmp_path / "runs").stat().st_mode & 0o077 == 0


def test_two_processes_add_to_one_file(tmp_path: Path) -> None:
    first, second = Cache(tmp_path), Cache(tmp_path)
    first.save("shelf", "a", {"n": 1})
    second.save("shelf", "b", {"n": 2})
    first.save("shelf", "c", {"n": 3})

    assert [Cache(tmp_path).find("shelf", name) for name in "abc"] == [{"n": n} for n in (1, 2, 3)]


def test_looking_for_a_row_makes_no_file(tmp_path: Path) -> None:
    assert Cache(tmp_path / "runs").find("shelf", "row") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.text()))
def test_the_order_of_keys_does_not_change_a_hash(values: dict[str, str]) -> None:
    assert digest(values) == digest(dict(reversed(values.items())))


def test_parts_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")
