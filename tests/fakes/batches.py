"""Replies that carry absolute addresses of their server, as the real providers send them.

`answer_batches` is for `FakeProviders.answer_by`: Anthropic's batches say where their results are, Google's files and
videos where they can be had, and others lead on in a header.
"""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.providers import Answer, Call, FakeProviders

_RESULT = {
    "custom_id": "first",
    "result": {
        "type": "succeeded",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "Better said."}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    },
}


def answer_batches(fake: FakeProviders, call: Call) -> Answer | None:
    """Answer a request for a batch, its results, a file or an operation; None for any other."""
    parts = call.path.strip("/").split("/")
    if parts[-1] == "results":
        line = json.dumps(_RESULT).encode() + b"\n"
        return Answer(raw=[line], label="application/x-jsonl")
    provider = "anthropic" if "anthropic" in parts else "google" if "google" in parts else "openai"
    root = fake.endpoint(provider)
    if "batches" in parts and provider == "anthropic":
        one = describe_batch(f"{root}/v1/messages/batches/msgbatch_01/results")
        whole = {"data": [one], "has_more": False, "first_id": None, "last_id": None}
        return _tell(whole if parts[-1] == "batches" and call.method == "GET" else one)
    if "files" in parts and provider == "google" and call.method == "GET":
        one = {"name": "files/f1", "uri": f"{root}/v1beta/files/f1", "mimeType": "text/plain"}
        return _tell({"files": [one]} if parts[-1] == "files" else one)
    if "operations" in parts and provider == "google":
        video = {"video": {"uri": f"{root}/v1beta/files/f1:download?alt=media"}}
        told = {"generateVideoResponse": {"generatedSamples": [video]}}
        return _tell({"name": "models/v/operations/o1", "done": True, "response": told})
    return None


def describe_batch(results_url: str) -> dict[str, Any]:
    """Return Anthropic's object of a batch that has ended, with its results at this address."""
    counts = {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": "msgbatch_01",
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": counts,
        "created_at": "2026-11-30T00:00:00Z",
        "expires_at": "2026-12-01T00:00:00Z",
        "ended_at": "2026-11-30T00:01:00Z",
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": results_url,
    }


def _tell(told: Any) -> Answer:
    return Answer(raw=[json.dumps(told).encode()], label="application/json")
