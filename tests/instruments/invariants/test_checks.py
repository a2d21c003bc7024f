import pytest

from assay_nb.instruments.invariants.checks import Invariants, Revision
from assay_nb.instruments.invariants.languages import find_language
from tests.tools import at_most

FENCE = '```json\n{"name": "Ann"}\n```'


def breaks(before: str, after: str, **change) -> set[str]:
    """Return the error-level checks that replacing the whole text breaks."""
    inserted = change.pop("inserted", [after])
    found = Invariants(before).find_breaches(Revision(after=after, inserted=inserted, **change))
    return {breach.check for breach in found if breach.level == "error"}


def remarks(before: str, after: str) -> list[str]:
    found = Invariants(before).find_breaches(Revision(after=after, inserted=[after]))
    return [breach.message for breach in found if breach.level == "warning"]


@pytest.mark.parametrize(
    ("check", "before", "after"),
    [
        ("I1", "Sum {{a}}.", "Sum {{b}}."),
        ("I1", "Sum {{a}}.", "Sum it."),
        ("I1", "Sum it.", "Sum {{a}}."),
        ("I1", "Sum {{a}}.", "Sum {a}."),
        ("I1", "Sum {{a}}.", "Sum ${a}."),
        ("I1", "Sum {{a}}.", "Sum {{a}} and {{a}}."),
        ("I1", "Sum {{a}} and {{a}}.", "Sum {{a}}."),
        ("I2", "{% if a %}x{% endif %}", "{% if b %}x{% endif %}"),
        ("I2", "{% if a %}x{% endif %}", "{% if a %}x"),
        (
            "I2",
            "{% if a %}x{% endif %}{% if b %}y{% endif %}",
            "{% if b %}y{% endif %}{% if a %}x{% endif %}",
        ),
        ("I2", "Dear {{ name|title }},", "Dear {{ name|upper }},"),
        ("I3", f"Like:\n{FENCE}\nGo.", f"Like:\n{FENCE.replace('Ann', 'Bob')}\nGo."),
        ("I3", f"Like:\n{FENCE}\nGo.", "Like that.\nGo."),
        ("I3", "Call `run(x)` now.", "Call `run( x )` now."),
        ("I3", "Call `run(x)` and `run(x)`.", "Call `run(x)`."),
        ("I4", "See https://example.org/a?b=1.", "See the page."),
        ("I4", "See https://example.org/a.", "See https://example.org/b."),
        ("I4", "Write to help@example.com.", "Write to us."),
        ("I4", "At most 50 words.", "At most 60 words."),
        ("I4", "At least 95 % sure.", "Quite sure."),
        ("I4", 'Say "not found" then.', "Say so then."),
        ("I4", "Say “not found” then.", "Say so then."),
        ("I4", "Answer NOT_FOUND.", "Answer so."),
        ("I5", 'Like\n{"a": [1, 2], "b": true}\nthis.', 'Like\n{"a": [1, 3], "b": true}\nthis.'),
        ("I5", 'Like\n{"a": [1, 2], "b": true}\nthis.', 'Like\n{"a": [1, 2], "b": true\nthis.'),
        ("I6", "<doc>x</doc>", "<doc>x"),
        ("I6", "<doc>x</doc>", "<doc>x</docs>"),
        ("I6", "The text in <doc>: <doc>x</doc>", "The text in <doc>: x"),
        ("I6", "The rules: <doc>x</doc>", "The rules: x"),
        ("I7", "Fasse den Text zusammen.", "Резюмируй этот текст кратко."),
        ("I9", "Be kind.", "Be kind. Mail ann@corp.org."),
        ("I9", "Be kind.", "Be kind. Call +49 30 1234567."),
        ("I9", "Be kind.", "Be kind. Pay 4111 1111 1111 1111."),
        ("I9", "Be kind.", "Be kind. Use a8Xk29dLq0ZpVb73MsTy61Rf."),
        ("I9", "Be kind.", "Be\u200b kind."),
        ("I9", "Be kind.", "Be kind.\u202e"),
        ("I9", "Be kind.", "Be kind.\U000e0041"),
        ("I13", "Be kind.", "Sure! Be kind."),
        ("I13", "Be kind.", "Here is your improved prompt: Be kind."),
        ("I13", "Be kind.", "Improved prompt:\nBe kind."),
        ("I13", "Be kind.", "Be kind. Let me know if you want more."),
        ("I13", "Be kind.", "```\nBe kind.\n```"),
        ("I13", "Be kind. Be brief.", "[s1] Be kind. [s2] Be brief."),
    ],
)
def test_change_that_must_not_be_is_an_error(check: str, before: str, after: str):
    assert check in breaks(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Sum {{a}}.", "Sum up {{a}} now."),
        ("Sum {{ a }}.", "Sum {{ a }} up."),
        ("{% if a %}x{% endif %}", "{% if a %}better{% endif %}"),
        (f"Like:\n{FENCE}\nGo.", f"Look:\n{FENCE}\nGo on."),
        ("Call `run(x)`.", "First call `run(x)`."),
        ("1. Be kind.\n2. Be brief.", "1. Be brief."),
        ("In 3 lines. In 3 lines.", "In 3 lines."),
        ('Say "not found" then.', "Say `not found` then."),
        ("Step 1: read.\nStep 2: write.", "Read.\nWrite."),
        ("Don't shout, don't cry.", "Stay calm."),
        ("Is a < b and b > c?", "Is b > c?"),
        ("<doc>x</doc>", "<doc>\nx\n</doc>"),
        ("Use <br/> here.", "Use <br/> and <hr/> here."),
        ("Wave 👩‍💻.", "Wave 👩‍💻 twice."),
        ("Here is the prompt: go.", "Here is the prompt: go on."),
        ("Be kind.", 'Be kind. Answer like this:\n```json\n{"a": 1}\n```'),
        ("Résume le texte.", "Résume bien le texte."),
        ("Be kind.", "Be kind. Read the documentation of internationalization-frameworks."),
        ("Cite [s1] always.", "Always cite [s1]."),
        ('Like\n{"a": [1, 2], "b": true}\nthis.', 'Like\n{"a": [1,2], "b":true}\nthis.'),
    ],
)
def test_change_that_keeps_what_matters_is_let_through(before: str, after: str):
    assert breaks(before, after) == set()


def test_new_credential_is_an_error():
    key = "sk-ant-api03-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9b" * 3

    assert "I9" in breaks("Be kind.", f"Be kind. {key}")


def test_new_lint_error_is_an_error():
    assert "I12" in breaks("Be kind.", "Be kind. [INSERT NAME HERE]")
    assert "I12" not in breaks("Be kind. [INSERT NAME HERE]", "Be very kind. [INSERT NAME HERE]")


def test_code_that_the_finding_is_about_may_change():
    before = "Call `runn(x)` now."

    assert "I3" in breaks(before, "Call `run(x)` now.")
    assert breaks(before, "Call `run(x)` now.", about=[(5, 14)]) == set()


def test_number_that_a_settled_conflict_is_about_may_go():
    before = "In 50 words. In 90 words."

    assert "I4" in breaks(before, "In 50 words.")
    assert breaks(before, "In 50 words.", settled=[(13, 25)]) == set()


def test_json_that_parses_after_the_edit_has_lost_none_of_its_words():
    before = 'Return {"a": 1,}.\n{"summary": "The parcel is late.", "anger": 3,}'

    assert breaks(before, before.replace("3,}", "3}")) == set()
    assert "I4" in breaks(before, before.replace('"anger": 3,}', '"anger": 4}'))


def test_url_may_not_go_even_in_a_settled_conflict():
    before = "See https://example.org."

    assert "I4" in breaks(before, "See it.", settled=[(0, len(before))])


def test_rewrite_may_repeat_a_variable_and_move_a_block():
    before = "{% if a %}x{% endif %}{% for b in c %}y{% endfor %} {{d}}"
    after = "{% for b in c %}y{% endfor %}{% if a %}x{% endif %} {{d}} {{d}}"

    assert breaks(before, after) == {"I1", "I2"}
    assert breaks(before, after, mode="rewrite") == set()


def test_rewrite_may_say_once_what_was_said_twice_in_code():
    assert "I3" in breaks("Call `f`. Call `f`.", "Call `f`.")
    assert breaks("Call `f`. Call `f`.", "Call `f`.", mode="rewrite") == set()


def test_new_literals_are_remarked_but_allowed():
    assert remarks("Be brief.", "Use 40 words.") == ["adds “40”, which the original does not have"]


def test_prompt_that_was_broken_before_does_not_block_a_harmless_edit():
    before = "<rules>\nBe kind.\n```\nopen {% if a %}"

    assert breaks(before, before.replace("kind", "very kind")) == set()


ENGLISH = "You are the agent for this team and it is your task to read the ticket and to answer it with care as an expert would. "
GERMAN = "Du bist der Agent für das Team und es ist deine Aufgabe, die Anfrage zu lesen und sie mit Sorgfalt zu beantworten, wie auch ein Experte. "


def test_translated_prompt_is_an_error():
    assert "I7" in breaks(ENGLISH, GERMAN)


def test_edit_in_another_language_is_an_error():
    assert "I7" in breaks(ENGLISH * 5, ENGLISH * 5 + GERMAN, inserted=[GERMAN])


@pytest.mark.parametrize("text", ["", "Be kind.", "foo bar baz " * 20, "1 2 3 " * 50])
def test_language_is_not_guessed(text: str):
    assert find_language(text) is None


@pytest.mark.parametrize(
    "filler",
    [
        "{",
        "[\n",
        "<a",
        "`",
        "```\n",
        "{{",
        "{%",
        "\n",
        "1. 2\n",
        "http://",
        "a@",
        '"',
        "1 ",
        "A_",
        "\u200b",
        "<a><b>",
        "here is the ",
    ],
)
def test_hostile_text_of_50_kb_is_checked_in_a_moment(filler: str):
    text = (filler * 50_000)[:50_000]

    with at_most(5):
        Invariants(text).find_breaches(Revision(after=text + " x", inserted=["x"]))
