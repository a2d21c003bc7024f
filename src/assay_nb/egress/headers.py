"""Header allow-lists: what both an SDK's request and one that is passed through may carry."""

from __future__ import annotations

SENT = (
    "Accept",
    "Anthropic-Beta",
    "Anthropic-Version",
    "Content-Type",
    "User-Agent",
    "X-Goog-Api-Client",
)
"""Request headers that are sent on. None of them says who pays, or for whom the answer is."""

RECEIVED = frozenset({"content-type", "request-id", "retry-after", "x-request-id"})
"""Response headers that are handed back."""
