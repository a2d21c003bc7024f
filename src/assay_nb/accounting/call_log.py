"""The log of calls: who, when, which instrument and model, how many tokens. Never content."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Sequence

from assay_nb.errors import StoreUnavailable
from assay_nb.store import call_rows as rows
from assay_nb.store.call_rows import CallRecord, Funding
from assay_nb.store.database import Database

_PROCESS = os.urandom(5)
_numbers = itertools.count()


class CallLog:
    """The calls that were made, for the members of their workspace to see.

    It may be used from any thread. A commit takes as long as dozens of inserts do, so calls that end while
    one is under way are written together by the next.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[bytes, CallRecord] = {}
        self._failed: dict[bytes, StoreUnavailable] = {}
        self._writing = threading.Lock()

    def record(self, record: CallRecord) -> None:
        """Note a call that has ended, made with `make_record`.

        Raises:
            StoreUnavailable: If the database cannot be written.
        """
        self._waiting[record.call_id] = record
        with self._writing:
            if (
                record.call_id in self._waiting
            ):  # whoever had the lock before has not written it too
                self._write_waiting()
            failed = self._failed.pop(record.call_id, None)
        if failed is not None:
            raise StoreUnavailable(failed.message, hint=failed.hint)

    def _write_waiting(self) -> None:
        together = list(self._waiting.values())
        try:
            self.record_all(together)
        except StoreUnavailable as error:
            self._failed.update({record.call_id: error for record in together})
        finally:
            for record in together:
                del self._waiting[record.call_id]

    def record_all(self, records: Sequence[CallRecord]) -> None:
        """Note calls that have ended, made with `make_record`, in one transaction."""
        with self._database.write(serial=False) as connection:
            rows.insert_calls(connection, records)

    def recent(self, workspace_id: bytes, limit: int = 20) -> tuple[CallRecord, ...]:
        """Return a workspace's latest calls, newest first."""
        with self._database.read(workspace=workspace_id) as connection:
            return rows.list_calls(connection, workspace_id, max(0, limit))


def make_record(
    *,
    workspace_id: bytes,
    user: str,
    instrument: str,
    provider: str,
    model: str,
    funding: Funding,
    status: str,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_micros: int | None = None,
    milliseconds: int | None = None,
) -> CallRecord:
    """Return the record of a call that ends now."""
    now = time.time_ns()
    return CallRecord(
        # The time first, so that the newest calls are found by their key, in their order.
        call_id=now.to_bytes(8, "big") + _PROCESS + (next(_numbers) % 2**24).to_bytes(3, "big"),
        workspace_id=workspace_id,
        user=user,
        at=now // 1_000_000_000,
        instrument=instrument,
        provider=provider,
        model=model,
        funding=funding,
        status=status,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_micros=cost_micros,
        milliseconds=milliseconds,
    )
