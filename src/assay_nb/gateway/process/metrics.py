"""Metrics for Prometheus. No label is a person, a workspace or a model: those are in the call log."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from assay_nb.messages import Usage

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)


class Metrics:
    """The counters of one gateway process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "assay_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "assay_request_seconds",
            "Time until a request was answered whole.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.calls = Counter(
            "assay_calls",
            "Calls that have ended.",
            ["instrument", "provider", "funding", "status"],
            registry=self._registry,
        )
        self.tokens = Counter(
            "assay_tokens",
            "Tokens that providers counted.",
            ["provider", "direction"],
            registry=self._registry,
        )
        self.cost = Counter(
            "assay_cost_dollars",
            "US dollars that calls cost whose price and tokens are known.",
            ["provider"],
            registry=self._registry,
        )
        self.counted = Counter(
            "assay_counted_dollars",
            "US dollars that calls count for: the cost, or an estimate where that is not known.",
            ["provider"],
            registry=self._registry,
        )
        self.running = Gauge("assay_calls_running", "Calls that run now.", registry=self._registry)
        self.refused = Counter(
            "assay_tokens_refused",
            "Requests whose token the hub did not know.",
            registry=self._registry,
        )
        # Finding a labelled counter takes several times as long as counting.
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._used: dict[str, tuple[Counter, ...]] = {}
        self._called: dict[tuple[str, str, str, str], Counter] = {}

    def note_answer(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered. Route, method and status come from closed sets."""
        found = self._answered.get((route, method, status))
        if found is None:
            found = self.requests.labels(route, method, str(status)), self.seconds.labels(route)
            self._answered[route, method, status] = found
        counter, histogram = found
        counter.inc()
        histogram.observe(seconds)

    def count_call(self, instrument: str, provider: str, funding: str, status: str) -> None:
        """Count a call that has ended. All four come from closed sets."""
        key = (instrument, provider, funding, status)
        counter = self._called.get(key)
        if counter is None:
            counter = self._called[key] = self.calls.labels(*key)
        counter.inc()

    def count_use(
        self, provider: str, usage: Usage, cost: float | None, counted: float | None
    ) -> None:
        """Count what a call used and cost, in tokens and US dollars. Any thread may do so."""
        counters = self._used.get(provider)
        if counters is None:
            directions = ("input", "output", "cached")
            counters = self._used[provider] = (
                *(self.tokens.labels(provider, one) for one in directions),
                self.cost.labels(provider),
                self.counted.labels(provider),
            )
        tokens = (usage.input_tokens, usage.output_tokens, usage.cached_tokens)
        for counter, amount in zip(counters, (*tokens, cost, counted), strict=True):
            if amount:
                counter.inc(amount)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
