"""Setting names: what the settings of outbound connections are called, and who can change them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SettingNames:
    """The names that an error uses, and the person who is told what to do.

    Attributes:
        proxy: What names the proxy.
        no_proxy: What names the hosts that are reached without it.
        ca_file: What names the file of certificate authorities.
        by_operator: Whether a hub's operator sets them, and not the person who makes a call.
    """

    proxy: str
    no_proxy: str
    ca_file: str
    by_operator: bool = False

    def advise(self, step: str) -> str:
        """Return a next step, as a sentence for the person who reads it.

        Args:
            step: What to do, beginning with a verb and a small letter.
        """
        if self.by_operator:
            return f"Tell the hub's operator: {step}."
        return f"{step[0].upper()}{step[1:]}."


SOLO = SettingNames("HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
"""Variables of one person's environment."""

OPERATOR = SettingNames(
    "`proxy` in the gateway's configuration",
    "`no_proxy` in the gateway's configuration",
    "`ca_file` in the gateway's configuration",
    by_operator=True,
)
"""Values of the gateway's TOML file, or its flags."""
