"""Texts made to keep a pattern busy: the redactor, the parsers and the rules take linear time.

Each is timed at a size and at four times that size. Linear work takes four times as long and quadratic
work sixteen times; the bound lies between. One run within it is enough, so that a busy machine fails
nothing. A quadratic pattern shows that the measurement would notice.
"""

from __future__ import annotations

import contextlib
import gc
import re
import time
from collections.abc import Callable
from itertools import count

import pytest

from assay_nb.errors import WrongUsage
from assay_nb.instruments.exchange.parsing import parse_object
from assay_nb.instruments.exchange.schema import Malformed
from assay_nb.instruments.lint import RULES, lint
from assay_nb.instruments.lint.source import Source
from assay_nb.providers.streaming.reader import StreamReader
from assay_nb.text.placeholders import describe_placeholders, find_placeholders
from assay_nb.text.redaction import find_keys, redact
from assay_nb.text.segments import split_segments
from assay_nb.text.templates import fill, find_fences, find_variables
from assay_nb.text.thoughts import ThoughtSplitter
from assay_nb.vault.sealed_keys import accept_key
from assay_nb.vault.secret import SecretBytes
from tests.conftest import NIGHTLY

pytestmark = pytest.mark.slow

FACTOR = 4
MOST = 9.0
RUNS = 3
FLOOR = 0.02
"""Seconds below which a run is too short to compare; such a one is fast enough by itself."""

BEGINNINGS = [
    "sk-", "sk-ant-", "AIza", "AQ.", "eyJ", "eyJa.", "Bearer ", "-----BEGIN PRIVATE KEY-----", "api_key=",
    'password: "', "token: aB3d-", "password: ORD-2024-", "/a/b", "secret access ", "`**token`*\\  : ", "bearer a1B2",
    "-----BEGIN PRIVATE KEY-----\nProc-Type: 4\n", "eyJaaaaaaaa.aa.aaaaaaaaaaaaaaaaaa.", "xoxb-1", "ghp_a", "=", "-", " ", "\t \n", "a", "a ", "é", "\u200b", "\U000e0041",
]  # fmt: skip
STRUCTURES = [
    "{{", "}}", "{{ ", "{{a ", "{{a}}", "{a}", "{", "{%", "{% if ", "%}", "${", "{{{", "{{a b c d ",
    "```\n", "```", "~~~\n{a}\n", "```json\n{\"a\": 1,}\n```\n", "`", "`a", "<a>", "</a>", "<a>\n", "<a", "<", "<a b=\"",
    "<a>\n</b>\n", "<a><b></a></b>\n", "<!--", "<!-- -->", "\\frac{a}", "{\"a\": ", "{\"a\": 1}\n", "[{\"", "\"", "“", "«a",
    "# assay: ignore A001 ", "# assay: ignore A001\n", "# assay: ignore A001, ", "- a\n", "1. a\n", "# a\n", "a:\n", "> a\n",
]  # fmt: skip
TOGETHER = ["<a>\n```\n</a>\n", "Antworte kurz und ausführlich. if "]
"""What takes long in company only: a tag within a fence, vague words in a sentence that goes on and on."""
PLACEHOLDERS = [
    "{{a}} {b} ", "{{a}} {a} ", "{{{a}}} ", "${{a}} ", "{{$a", "$a ", "$a", "$", "$$a", "[a] ", "[", "[a", "[[a](", "<a> ", "<a> </b> ",
    "【a】", "【", "{b c} ", "{ a", "{{a|", "{{ a | b }} ", "{{b c | d}} ", "{{~a~}}", "{{~#a", "{{#a}}", "{{#a}} `{{/a}}` ", "{{else ",
    "{#", "#}", "{# a #}", "{# a ", "{\"a\": {a}, ", "{\"a\": {a}}\n", "{'", "{ \"", "`{a}`", "```\n{% a %}\n```\n", "- [a] ", "\n- [x] ",
]  # fmt: skip
SENTENCES = [
    "Write a short note. ", "Do not guess. ", "Never. ", "TODO: ", "[INSERT ", "lorem ipsum dolor ", "....... ", ".", "! ", "!!!",
    "MUST ", "at most 5 words ", "at least 9 words. Use at most 3 words. ", "in 5 ", "5-6 ", "one of: ", "a, b, c ", "a, a or ", "a/",
    "Return JSON. ", "Return only JSON. Explain your reasoning. ", "Extract names as JSON. ", "Classify it. ", "in <doc> ",
    "rule 99 ", "1. Use rule 99.\n", "the examples above ", "the following text ", "see section Rules. ", "see the section Abc Def ",
    "Answer in English. Answer in German. ", "be brief and detailed ", "think about it step ", "Use at most 5 bullets per topic here. ",
    "Réponds brièvement. ", "Antworte kurz und ausführlich. ", "Responde en 5 palabras. ", "{{article}} ", "{{artikel}}\n", "Name: {{text}}\n",
]  # fmt: skip


def sampled(pieces: list[str]) -> list[str]:
    """Return every third piece, for what takes longest. The nightly run tries them all, and the mixture has all."""
    return pieces if NIGHTLY else pieces[::3]


def seconds(work: Callable[[str], object], piece: str, size: int) -> float:
    text = (piece * (size // len(piece) + 1))[:size]
    gc.disable()  # what it costs to look at everything else in this process is not the parser's
    try:
        start = time.process_time()
        work(text)
        return time.process_time() - start
    finally:
        gc.enable()


def assert_linear(work: Callable[[str], object], piece: str, size: int) -> None:
    for _ in range(RUNS):
        small = seconds(work, piece, size // FACTOR)
        large = seconds(work, piece, size)
        if large < max(small, FLOOR / FACTOR) * MOST:
            return
    pytest.fail(f"{piece!r}: {small:.3f} s, then {large:.3f} s")


def test_a083_measurement_notices_a_pattern_that_goes_back() -> None:
    cubic = re.compile(r"a*a*b")

    with pytest.raises(pytest.fail.Exception, match="then"):
        assert_linear(cubic.search, "a", 1_000)


@pytest.mark.parametrize("piece", BEGINNINGS)
def test_a083_redactor_takes_linear_time(piece: str) -> None:
    """1 MiB of half a key, again and again → the redactor reads it once."""
    assert_linear(redact, piece, 2**20)


@pytest.mark.parametrize("piece", STRUCTURES)
def test_a083_template_parsers_take_linear_time(piece: str) -> None:
    """1 MiB of openings that never close → the parsers read it once."""
    assert_linear(find_variables, piece, 2**20)
    assert_linear(find_fences, piece, 2**20)


@pytest.mark.parametrize("piece", [*sampled(STRUCTURES), *PLACEHOLDERS])
def test_a083_placeholders_are_found_in_linear_time(piece: str) -> None:
    """200 kB of placeholders in any syntax, or of halves of them → each is read once."""

    runs = count()

    def check(text: str) -> None:
        another = f"n{next(runs)}"  # what was found for the same columns is kept
        describe_placeholders(find_placeholders(text, ["a", "b c", another]))

    assert_linear(check, piece, 200_000)


@pytest.mark.parametrize("piece", [".", "!?", '."', ".)", "。", "。”", "a. ", "\n", " \n"])
def test_a083_segmentation_takes_linear_time(piece: str) -> None:
    """200 kB of ends of sentences → each run of marks is read once."""
    assert_linear(split_segments, piece, 200_000)


@pytest.mark.parametrize("piece", [" ", "\t\n", "k", " k", "é"])
def test_a083_typed_keys_are_judged_in_linear_time(piece: str) -> None:
    """A megabyte of blanks, or of a key, with a stray letter at its end → it is refused at once."""

    def check(text: str) -> None:
        with pytest.raises(WrongUsage):
            accept_key(SecretBytes(f"{text}a b".encode()))

    assert_linear(check, piece, 2**20)


def test_a083_filling_in_takes_linear_time() -> None:
    """A prompt that is nothing but variables → one pass."""
    assert_linear(lambda text: fill(text, {"a": "{{a}}"}), "{{a}}", 500_000)


@pytest.mark.parametrize("piece", sampled(SENTENCES))
def test_a083_rules_about_wording_take_linear_time(piece: str) -> None:
    """100 kB in one sentence, or in ten thousand → no rule looks at each part from each other."""

    def check(text: str) -> None:
        source = Source(original=text, bound=["a"], model="gemini-3.8-flash")
        for rule in RULES:
            list(rule.check(source))

    assert_linear(check, piece, 100_000)
    assert_linear(check, piece.replace(".", "").replace("\n", " ") or " ", 100_000)


@pytest.mark.parametrize("piece", sampled(BEGINNINGS + STRUCTURES + SENTENCES) + TOGETHER)
def test_a083_lint_takes_linear_time(piece: str) -> None:
    """100 kB made to trip a rule at every word → all sixteen rules stay linear."""
    assert_linear(
        lambda text: lint(text, variables=["a", "article"], model="claude-opus-5-5"), piece, 100_000
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a083_rule_takes_linear_time_on_a_mixture(rule) -> None:
    """All pieces together → no rule is quadratic in what another piece prepares for it."""
    piece = "".join(STRUCTURES + SENTENCES)

    def check(text: str) -> None:
        list(rule.check(Source(original=text, model="claude-opus-5-5")))

    assert_linear(check, piece, 100_000)


@pytest.mark.parametrize(
    "piece",
    [
        "x",
        "\r",
        "data: {\n",
        "data:\n",
        ":\n",
        "{\n",
        "[\n",
        "}\n",
        "[{},\n",
        '{"a":\n',
        '"\n',
        '"\\"\\',
        "<\n",
    ],
)
def test_a083_streams_are_read_in_linear_time(piece: str) -> None:
    """One endless line in pieces of three bytes, or JSON that never ends → each byte is read once."""

    def read(text: str) -> None:
        reader = StreamReader("openai-chat", lambda status: None)
        body = b"{\n" + text.encode()
        for at in range(0, len(body), 3):
            reader.feed(body[at : at + 3])
        reader.finish()

    assert_linear(read, piece, 60_000)


@pytest.mark.parametrize(
    "piece", ["a", "<", "<think>", "</think>", "<think", "</", "`", " ", "\n", "é<"]
)
@pytest.mark.parametrize("start", ["", "<think>", "Hm, "])
def test_a083_thoughts_are_split_off_in_linear_time(piece: str, start: str) -> None:
    """60 kB of tags and halves of tags, three characters at a time → each is looked at once."""

    def split(text: str) -> None:
        splitter = ThoughtSplitter()
        splitter.feed(start)
        for at in range(0, len(text), 3):
            splitter.feed(text[at : at + 3])
        splitter.flush()

    assert_linear(split, piece, 60_000)


@pytest.mark.parametrize(
    "piece", ["{", "{}", "{{a}} ", '{"a": ', '{"a": 1} ', '{"a": {', '"{', "}", "{NaN"]
)
def test_a083_object_in_a_reply_is_found_in_linear_time(piece: str) -> None:
    """200 kB of braces that begin no object → the reply is read a bounded number of times."""

    def parse(text: str) -> None:
        with contextlib.suppress(Malformed):
            parse_object(text)

    assert_linear(parse, piece, 200_000)


def test_a083_redactor_still_finds_a_key_at_the_end_of_a_long_text() -> None:
    """A megabyte of noise before a key → it is found all the same."""
    key = "sk-" + "ant-api03-" + "Ab3" * 31 + "AA"

    assert [key_.kind for key_ in find_keys("sk-a " * 200_000 + key)] == ["anthropic"]
