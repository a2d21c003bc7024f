"""Stops: what each dialect's word for the end of a reply means, and which words say nothing.

One table for all, since proxies translate a reply and leave the word as it was: `end_turn` comes in a Chat
chunk, `length` in a message of Anthropic's. A word that is not in the table means that the reply is not
whole: generation broke off (`error`, `abort`), a tool was called, though none is ever offered, or the word
is new.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay_nb.messages import StopReason

_MEANINGS: Mapping[str, StopReason] = {
    # OpenAI, Anthropic, then Together, text-generation-inference, and Cohere
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete"), "end"),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit"),
        "length",
    ),
    "model_context_window_exceeded": "length",
    # OpenAI, Zhipu, Bedrock, then Gemini's own
    **dict.fromkeys(("content_filter", "content_filtered", "sensitive"), "filtered"),
    "guardrail_intervened": "filtered",
    **dict.fromkeys(("safety", "recitation", "language", "blocklist", "spii"), "filtered"),
    **dict.fromkeys(("prohibited_content", "model_armor"), "filtered"),
    **dict.fromkeys(("image_safety", "image_prohibited_content", "image_recitation"), "filtered"),
    "refusal": "refusal",
}

_NO_WORDS = frozenset({"", "null", "none"})
"""What some servers send, as a text, while the reply is not over."""

_BROKEN = frozenset(
    {"error", "network_error", "abort", "aborted", "cancelled", "timeout", "failed"}
)
"""An upstream's own words for a reply that broke off, which a router may have translated to `stop`."""


def read_stop(word: object, so_far: StopReason = "incomplete") -> StopReason:
    """Return what a word for the end means.

    Args:
        word: The word as it came; None and the like say nothing.
        so_far: What is known by now, which a word that says nothing leaves as it is.
    """
    if word is None or (isinstance(word, str) and _plain(word) in _NO_WORDS):
        return so_far
    return _MEANINGS.get(_plain(word), "incomplete") if isinstance(word, str) else "incomplete"


def read_routed_stop(word: object, native: object, so_far: StopReason) -> StopReason:
    """Return what a word for the end means beside the upstream's own one, as OpenRouter tells both.

    Upstreams have many words for a good end, so one that nobody knows changes nothing here.

    Args:
        word: The word in the dialect's field.
        native: The upstream's own word, if the server passes it on.
        so_far: What is known by now.
    """
    stop = read_stop(word, so_far)
    if stop != "end" or not isinstance(native, str):
        return stop
    if _plain(native) in _BROKEN:
        return "incomplete"
    return _MEANINGS.get(_plain(native), stop)


def _plain(word: str) -> str:
    return word.strip().casefold().replace("-", "_")
