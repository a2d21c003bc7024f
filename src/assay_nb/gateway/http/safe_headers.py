"""The headers of every answer. Standard library only: a gateway that lacks its packages answers with them too."""

from __future__ import annotations

SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer carries, unless its handler said otherwise.

Lab pages of the same hub run whatever notebooks hold, often on the same origin. The opener policy takes
a page of ours out of reach of a window that opened it, and `frame-ancestors` keeps it out of frames.
"""
