"""Fine print: the lines around a result that are about the call and not about the prompt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assay_nb.connections.facts import shown_name
from assay_nb.instruments.base import Provenance
from assay_nb.messages import Usage, label_of
from assay_nb.render.document import Callout, FinePrint, sentence
from assay_nb.text.english import count


def make_fine_print(provenance: Provenance) -> list[FinePrint]:
    """Return the last line: provider, model, tokens, cost. What is not known is left out."""
    parts = [part for part in _find_parts(provenance) if part]
    return [FinePrint([" · ".join(parts)])] if parts else []


def make_notices(provenance: Provenance) -> list[Callout]:
    """Return what must not be overlooked about the call: no model answered, or it was stopped."""
    notices: list[Callout] = []
    if provenance.practice:
        notices.append(
            Callout(
                "info",
                ["Practice provider: this reply comes from fixed rules, not from a model."],
            )
        )
    if provenance.stopped:
        notices.append(
            Callout(
                "warning", ["Stopped. This is what had come by then; it was not checked whole."]
            )
        )
    return notices


def make_warnings(notes: Iterable[str]) -> list[Callout]:
    """Return what was said of a run before its first call, for whoever reads its result."""
    return [Callout("warning", sentence(note)) for note in notes]


def _find_parts(provenance: Provenance) -> Iterator[str]:
    yield label_of(provenance.provider)
    yield shown_name(provenance.model)
    yield format_usage(provenance.usage)
    yield ", ".join(part for part in (format_cost(provenance.cost), provenance.cost_source) if part)
    if provenance.requests:
        yield count(provenance.requests, "request")
    if provenance.seconds is not None:
        yield f"{provenance.seconds:.1f} s"
    if provenance.workspace:
        yield f"workspace {provenance.workspace}"
    if provenance.funding != "workspace":
        yield provenance.funding


def format_usage(usage: Usage) -> str:
    """Return the tokens in and out, as far as the provider counted them."""
    counts = ((usage.input_tokens, "in"), (usage.output_tokens, "out"))
    known = [f"{count:,} {way}" for count, way in counts if count is not None]
    return f"tokens {', '.join(known)}" if known else ""


def format_cost(cost: float | None) -> str:
    """Return the estimated cost, to two significant digits at least, or nothing where it is unknown."""
    if cost is None:
        return ""
    if 0 < cost < 0.0001:
        return "< $0.0001"
    return f"≈ ${cost:.2f}" if cost >= 0.1 or cost == 0 else f"≈ ${cost:.4f}"
