"""The practice provider, as a gateway's tests know providers: it answers every instrument, without a script."""

from __future__ import annotations

from assay_nb.messages import Destination, ProviderId
from assay_nb.practice.server import PracticeServer


class Practice(PracticeServer):
    """The practice provider with an origin that an operator allows."""

    @property
    def origin(self) -> str:
        return self.endpoint("google").rpartition("/practice")[0]

    def destination(self, provider: ProviderId) -> Destination:
        placement = "x-goog-api-key" if provider == "google" else "bearer"
        return Destination(provider, self.endpoint(provider), self.origin, placement)
