from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.errors import WrongUsage
from assay_nb.workspaces.names import LONGEST, check_user, parse_id, parse_name, shown


@pytest.mark.parametrize(
    "name", ["research", "Équipe 2", "数据", "r&d", "a" * LONGEST, "it's mine", "42"]
)
def test_name_that_people_give_is_taken_as_typed(name: str):
    assert parse_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a" * (LONGEST + 1),
        "tab\tname",
        "line\nname",
        "nul\0name",
        "bidi\u202ename",
        "zero\u200bwidth",
        "isolate\u2066x\u2069",
        "bom\ufeff",
        "\ud800",
        "esc\x1b[31m",
        "a/b",
        "a\\b",
        "personal:ada",
        "-w",
        "..",
        "personal",
        "Personal",
        "0123456789abcdef0123456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef",
    ],
)
def test_name_that_could_deceive_is_refused(name: str):
    with pytest.raises(WrongUsage):
        parse_name(name)


def test_two_spellings_of_an_accent_are_one_name():
    assert parse_name(unicodedata.normalize("NFD", "équipe")) == parse_name("équipe")


@given(st.text())
def test_name_is_refused_or_visible_and_stays_the_same_when_read_again(text: str):
    try:
        name = parse_name(text)
    except WrongUsage:
        return

    assert parse_name(name) == name
    assert name.isprintable()
    assert 1 <= len(name) <= LONGEST


@pytest.mark.parametrize("name", ["ada", "Ada", "ada@example.org", "ａｄａ", "a b", "d’ada"])
def test_persons_name_passes_unchanged(name: str):
    check_user(name)


@pytest.mark.parametrize("name", ["", " ada", "ada ", "a\0b", "a\nb", "a\u202eb", "a" * 256])
def test_persons_name_that_could_pass_for_another_is_refused(name: str):
    with pytest.raises(WrongUsage):
        check_user(name)


@given(st.binary(min_size=16, max_size=16))
def test_id_is_read_from_its_digits(identity: bytes):
    assert parse_id(identity.hex()) == identity


@given(st.text())
def test_what_is_shown_fits_on_a_line(text: str):
    assert shown(text).isprintable()
    assert len(shown(text)) <= LONGEST + 1
