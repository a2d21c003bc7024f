"""A running call: its events read and shown as they come, and what came kept when it is stopped."""

from __future__ import annotations

from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta, Event, Finished, NextRound, Started, Thought, Waiting
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError
from assay_nb.instruments.base import Provenance, Result
from assay_nb.magics.display import PAUSE, Display


class Interrupted(KeyboardInterrupt):
    """The person stopped the cell: what had come is shown and kept, and one line says so.

    Its argument is the variable that holds what had come.
    """

    def _render_traceback_(self) -> list[str]:
        kept = f" and in `{self.args[0]}`" if self.args else ""
        done = "Interrupted: stopped, and the connection to the provider is closed."
        return [f"{done} What had come is above{kept}."]


class Running:
    """A call on its way: reads the events, shows them, and keeps what came when it is stopped.

    `last` is False where something else follows whose result takes this one's place on the display.
    """

    def __init__(
        self, session: Session, call: Call, display: Display, *, last: bool = True
    ) -> None:
        from assay_nb.instruments.catalog import INSTRUMENTS

        self._session = session
        self._call = call
        self._display = display
        self._last = last
        self._instrument = INSTRUMENTS[call.instrument]
        self._text = ""
        self._thinks = False
        self._started: Started | None = None
        self.partial: Result | None = None

    def result(self) -> Result:
        """Run the call to its end.

        Raises:
            Interrupted: When the person stops it. By then the upstream connection is closed, and what
                had come is shown, marked as stopped.
        """
        try:
            with self._session.stream(self._call) as events:
                for event in events.with_pauses(PAUSE):
                    if isinstance(event, Finished):
                        self._end(event.result)
                        return event.result
                    self._on(event)
        except KeyboardInterrupt:
            self._show_stopped()
            raise Interrupted from None
        except AssayError:
            self._display.fail()
            raise
        raise RuntimeError(
            "an engine ended without a result"
        )  # a broken engine, not a user's mistake

    def _end(self, result: Result) -> None:
        if self._last:
            self._display.finish(result)
        else:
            self._display.hold(result)

    def _on(self, event: Event | None) -> None:
        match event:
            case None:
                self._display.preview(self._preview)
            case Started():
                self._started = event
                self._display.note(f"Asking {event.provider}/{event.model} …")
            case Delta(text, 0):
                self._text += text
                self._display.preview(self._preview)
            case Thought(_, 0, so_far):
                if so_far:
                    self._text = ""
                if self._started and not self._text and not self._thinks:
                    self._thinks = True
                    self._display.note(f"{self._started.model} is thinking …")
            case NextRound(number):
                self._text, self._thinks = "", False
                self._display.note(
                    f"The reply lacks some of what was asked for; asking for it (round {number}) …"
                )
            case Waiting(seconds, attempt):
                who = self._started.model if self._started else "The model"
                self._display.note(
                    f"{who} did not answer; retrying in {seconds:.0f} s (attempt {attempt}) …"
                )
            case _:
                pass

    def _preview(self) -> Result | None:
        return self._instrument.preview(self._call.prompt, self._text)

    def _show_stopped(self) -> None:
        partial = self._preview()
        if partial is None or self._started is None:
            self._display.note("Stopped before anything had come.")
            return
        source = Provenance(
            workspace=self._started.workspace,
            provider=self._started.provider,
            model=self._started.model,
            funding=self._started.funding,
            practice=self._started.practice,
            requests=1,
            stopped=True,
        )
        self.partial = partial.with_provenance(source)
        self._display.finish(self.partial)
