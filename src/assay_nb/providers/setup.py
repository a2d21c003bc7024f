"""How each of the three providers gives out keys: their presets, by provider."""

from __future__ import annotations

from assay_nb.connections.presets import PRESETS, Preset
from assay_nb.messages import ProviderId

__all__ = ["SETUP", "Preset"]

SETUP: dict[ProviderId, Preset] = {
    preset.provider: preset for preset in PRESETS.values() if preset.name == preset.provider
}
"""Every provider's, the fastest to begin with first."""
