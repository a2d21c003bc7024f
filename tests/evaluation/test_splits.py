from __future__ import annotations

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.evaluation import row_key, split_rows

KEYS = [row_key({"ticket": f"text {number}"}) for number in range(400)]


def test_dev_and_test_share_no_row_and_leave_none_out() -> None:
    split = split_rows(KEYS)

    assert sorted(split.dev + split.test) == list(range(400))
    assert not set(split.dev) & set(split.test)


def test_two_rows_in_five_go_to_dev() -> None:
    # 400 rows at 40%: standard deviation 9.8.
    assert 130 < len(split_rows(KEYS).dev) < 190


@settings(deadline=None)
@given(st.permutations(range(40)))
def test_order_of_rows_does_not_move_a_row(order: list[int]) -> None:
    keys = KEYS[:40]
    test = {keys[i] for i in split_rows(keys).test}

    shuffled = [keys[i] for i in order]

    assert {shuffled[i] for i in split_rows(shuffled).test} == test


def test_added_rows_do_not_move_a_row() -> None:
    few, many = split_rows(KEYS[:50]), split_rows(KEYS)

    assert set(few.test) <= set(many.test)
    assert set(few.dev) <= set(many.dev)


def test_rows_of_one_cluster_stay_together() -> None:
    documents = [f"document {row // 8}" for row in range(400)]
    split = split_rows(KEYS, clusters=documents)

    assert not {documents[i] for i in split.dev} & {documents[i] for i in split.test}


def test_equal_rows_stay_together() -> None:
    keys = [*KEYS[:30], *KEYS[:30]]
    split = split_rows(keys)

    assert not {keys[i] for i in split.dev} & {keys[i] for i in split.test}


def test_nineteen_rows_are_not_split() -> None:
    split = split_rows(KEYS[:19])

    assert split.exploratory
    assert split.dev == split.test == tuple(range(19))
    assert not split_rows(KEYS[:20]).exploratory


def test_a_single_cluster_is_not_split() -> None:
    assert split_rows(KEYS, clusters=["one"] * 400).exploratory


def test_row_key_ignores_the_order_of_columns_and_sees_every_value() -> None:
    assert row_key({"a": 1, "b": "é"}) == row_key({"b": "é", "a": 1})
    assert row_key({"a": 1}) != row_key({"a": 2})
    assert row_key({"a": 1}) != row_key({"a": "1"})


def test_another_process_splits_alike() -> None:
    code = (
        "from assay_nb.evaluation import row_key, split_rows;"
        "print(split_rows([row_key({'ticket': f'text {i}'}) for i in range(400)]).test_id)"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == split_rows(KEYS).test_id


def test_test_id_names_the_set_of_test_rows() -> None:
    assert split_rows(KEYS).test_id == split_rows(KEYS[::-1]).test_id
    assert split_rows(KEYS).test_id != split_rows(KEYS, salt="another").test_id
