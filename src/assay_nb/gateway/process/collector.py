"""Sparing a process that answers requests all day what Python's collector does by default."""

from __future__ import annotations

import gc

_THRESHOLDS = (20_000, 20, 50)


def calm_collector() -> None:
    """Have the collector look at what requests leave behind, and rarely.

    Everything that is imported by now stays for ever, and a hundred megabytes of it were looked through
    again every few hundred requests: a fifth of all processor time. Nothing secret waits for the
    collector, since keys are overwritten where they were used.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
