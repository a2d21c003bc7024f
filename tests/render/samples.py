"""Documents like those that the instruments make: what the golden files and the screenshots show."""

from __future__ import annotations

from assay_nb.render.document import (
    Annotated,
    Badge,
    Block,
    Callout,
    Code,
    Details,
    Diff,
    Document,
    FinePrint,
    Heading,
    Hunk,
    Interval,
    Intervals,
    Item,
    Items,
    Mark,
    Meter,
    Paragraph,
    Piece,
    Scorecard,
    Strong,
    Table,
    Tone,
    Verbatim,
)

PROMPT = """\
You are a support agent for Acme, {{customer}}'s telephone company.

Summarise {{ticket}} briefly and be detailed. Answer in JSON or as a short paragraph,
whichever seems better, and never mention the ticket's number unless it is useful to do so.

If the customer is angry, say so.
"""


def mark(quote: str, label: str, tone: Tone = "warning", text: str = PROMPT) -> Mark:
    start = text.index(quote)
    return Mark(start, start + len(quote), label, tone)


FINE_PRINT = FinePrint(
    [
        "anthropic/claude-sonnet-4-6",
        " · workspace research · 1 request · 1,204 + 618 tokens · $0.0129 · 6.4 s",
    ]
)

CRITIQUE = Document(
    (
        Heading("Critique: 3 findings"),
        Paragraph(
            [
                "The task is plain, and ",
                Strong("two of its rules contradict each other"),
                "; a program could not check the answer.",
            ]
        ),
        Scorecard(
            (
                Meter("Task clarity", 4, 5),
                Meter(
                    "Context and inputs", 3, 5, "{{ticket}} is not set apart from the instructions"
                ),
                Meter("Output contract", 1, 5, "shape must be guessed"),
                Meter("Consistency of rules", 2, 5),
                Meter("Examples and edge cases", None, 5, "a one-off question needs none"),
                Meter("Robustness", 5, 5),
            )
        ),
        Heading("Where", 2),
        Annotated(
            PROMPT,
            (
                mark("briefly and be detailed", "1", "bad"),
                mark("be detailed. Answer in JSON or as a short paragraph", "2", "warning"),
                mark("unless it is useful to do so", "3", "info"),
            ),
        ),
        Heading("Findings", 2),
        Items(
            (
                Item(
                    "1",
                    [
                        "Two lengths are asked for at once: ",
                        Code("briefly"),
                        " and ",
                        Code("be detailed"),
                    ],
                    (Badge("blocker", "bad"), Badge("Consistency of rules")),
                    (
                        [
                            "The model picks one of them, so the same ticket gives two lines today and a page tomorrow."
                        ],
                        [Strong("Fix: "), "replace with ", Code("in at most three sentences")],
                    ),
                ),
                Item(
                    "2",
                    ["The form of the answer is left open"],
                    (Badge("major", "warning"), Badge("Output contract")),
                    (
                        ["Code that reads the answer fails on every reply that is a paragraph."],
                        [
                            Strong("Fix: "),
                            "name one form, its fields, and what stands there when a field is unknown",
                        ],
                    ),
                ),
                Item(
                    "3",
                    ["“Useful” is for the model to judge"],
                    (Badge("minor", "info"), Badge("Task clarity")),
                    (["The number appears in some answers and not in others."],),
                ),
            )
        ),
        Details(
            "What was set aside: 2 findings without a quote in the prompt",
            (Paragraph(["No output format is named (the rule ", Code("A104"), " found one)."]),),
        ),
        FINE_PRINT,
    )
)

IMPROVEMENT = Document(
    (
        Heading("Improve: 3 edits"),
        Callout(
            "info",
            ["Nothing is changed yet. ", Code("review.accept(1, 3)"), " gives the new prompt."],
        ),
        Diff(
            (
                Hunk(
                    "1",
                    (
                        Piece("same", "Summarise {{ticket}} "),
                        Piece("deleted", "briefly and be detailed"),
                        Piece("inserted", "in at most three sentences"),
                        Piece("same", ". Answer in JSON or as a short paragraph,"),
                    ),
                    ["one length instead of two"],
                    (Badge("blocker", "bad"),),
                    3,
                ),
                Hunk(
                    "2",
                    (
                        Piece("same", "Answer in JSON"),
                        Piece("deleted", " or as a short paragraph,\nwhichever seems better"),
                        Piece("inserted", ' with the fields "summary" and "mood"'),
                        Piece("same", ", and never mention the ticket's number"),
                    ),
                    ["one form that a program can read"],
                    (Badge("major", "warning"),),
                    3,
                ),
                Hunk(
                    "3",
                    (
                        Piece("same", "If the customer is angry, say so."),
                        Piece("inserted", '\nIf a field is unknown, write "unknown".'),
                    ),
                    ["what to do when the ticket does not say"],
                    (Badge("minor", "info"),),
                    6,
                ),
            )
        ),
        FINE_PRINT,
    )
)

REWRITE = Document(
    (
        Heading("Rewrite"),
        Verbatim(
            "You are a support agent for Acme, {{customer}}'s telephone company.\n\n<ticket>\n{{ticket}}\n</ticket>\n\n"
            'Reply with one JSON object:\n  {"summary": "at most three sentences", "mood": "calm" | "angry" | "unknown"}\n'
        ),
        Heading("What became of each constraint", 2),
        Table(
            ("constraint", "", "where now"),
            (
                ("briefly", Badge("kept", "good"), Code("at most three sentences")),
                (
                    "be detailed",
                    Badge("dropped", "bad"),
                    "contradicts “briefly”; the goal asks for a short answer",
                ),
                (
                    "in JSON or as a short paragraph",
                    Badge("changed", "warning"),
                    Code("one JSON object"),
                ),
                (
                    "never mention the ticket's number unless it is useful to do so",
                    Badge("dropped", "bad"),
                    "no field for it exists any more",
                ),
            ),
        ),
        Callout(
            "warning",
            [
                Strong("1 check failed. "),
                "The literal ",
                Code("Acme Ltd."),
                " of the old text is missing.",
            ],
        ),
        FINE_PRINT,
    )
)

LINT = Document(
    (
        Heading("Lint: 1 error, 1 warning"),
        Annotated(PROMPT, (mark("briefly and be detailed", "1", "bad"), mark("{{ticket}}", "2"))),
        Items(
            (
                Item("1", [Code("A201"), " contradicting lengths"], (Badge("error", "bad"),)),
                Item(
                    "2",
                    [Code("A105"), " a variable that nothing sets apart"],
                    (Badge("warning", "warning"),),
                ),
            )
        ),
    )
)

STOPPED = Document(
    (
        Heading("Critique, unfinished"),
        Callout(
            "warning",
            [
                Strong("Stopped. "),
                "This is what had come by then; the connection was closed at once.",
            ],
        ),
        Callout(
            "bad", [Strong("BadReply: "), "The model answered with prose instead of JSON, twice."]
        ),
        Callout("good", ["The key of ", Code("anthropic"), " works."]),
        Callout(
            "neutral",
            ["Answered by the practice provider, which is no model: its findings are lint rules."],
        ),
        Scorecard((Meter("Task clarity", 4, 5),)),
    )
)

VERDICT = Document(
    (
        Heading("Is it better on your data?"),
        Callout(
            "good",
            [Strong("Better. "), "On 60 held-out rows the new prompt passes 14.2 points more."],
        ),
        Intervals(
            (
                Interval("all 60 rows", 4.1, 14.2, 24.0, "good"),
                Interval("short tickets", -3.5, 6.0, 15.2, "neutral"),
                Interval("angry customers", -21.0, -9.5, -1.2, "bad"),
                Interval("must-pass rows", -1.0, 0.0, 1.0, "neutral"),
            ),
            margin=5.0,
            axis="difference in pass rate, points, 95% interval",
        ),
        Table(
            ("prompt", "passed", "tokens per row", "dollars per 1,000 calls"),
            (("old", "41 of 60", "512", Code("$2.31")), ("new", "49 of 60", "468", Code("$2.02"))),
        ),
        FINE_PRINT,
    )
)

_ODD = (
    "שלום {{name}}, مرحبا \u202egnp.exe\u202c\r\n\tindented 👩‍👩‍👧 漢字かな交じり文を短く要約してください。\x1b[31mred\x1b[0m "
    + "x" * 130
)
ODD = Document(
    (
        Heading("Odd text <b>stays</b> *text*"),
        Annotated(
            _ODD,
            (
                mark("{{name}}", "1", text=_ODD),
                mark("短く要約", "2", "bad", _ODD),
                Mark(len(_ODD) - 130, len(_ODD), "3", "info"),
            ),
        ),
        Items(
            (
                Item(
                    "A\n1",
                    ["w" * 140, "\nsecond line"],
                    (Badge("a very long badge that says far too much " * 2, "warning"),),
                ),
            )
        ),
        Table(("long " * 12, "b"), (("y" * 160, "ok"), ("שלום", Code("a|b`c")))),
        Verbatim("```\nfence\n```\n\ttab  two spaces\n" + "z" * 150),
    )
)


def every_block(text: str) -> Document:
    """Return a document that has the text in every place where a document takes text."""
    tones: tuple[Tone, ...] = ("neutral", "good", "info", "warning", "bad")
    inline = (text, Strong(text), Code(text), *(Badge(text, tone) for tone in tones))
    blocks: tuple[Block, ...] = (
        Heading(text),
        Heading(text, 2),
        Paragraph(inline),
        *(Paragraph([part]) for part in inline),
        *(Callout(tone, inline) for tone in tones),
        Verbatim(text),
        Scorecard((Meter(text, 3, 5, text), Meter(text, None, 5, text))),
        Scorecard((Meter(text, 3, 5, judged=False, words=text),)),
        Annotated(
            text, (Mark(0, len(text), text), Mark(len(text) // 3, len(text) // 2, text, "bad"))
        ),
        Items((Item(text, inline, (Badge(text, "bad"),), (inline, [text])),)),
        Diff(
            (
                Hunk(
                    text,
                    (Piece("same", text), Piece("deleted", text), Piece("inserted", text)),
                    inline,
                    (Badge(text, "info"),),
                    3,
                ),
            )
        ),
        Table((text, text), ((text, Code(text)), (Strong(text), Badge(text, "good")))),
        Intervals((Interval(text, -1.0, 0.5, 2.0),), 0.5, text),
        FinePrint(inline),
    )
    return Document((*blocks, Details(text, (blocks[2], Verbatim(text), FinePrint(inline)))))


ALL = {
    "critique": CRITIQUE,
    "improvement": IMPROVEMENT,
    "rewrite": REWRITE,
    "lint": LINT,
    "stopped": STOPPED,
    "verdict": VERDICT,
    "odd": ODD,
}
