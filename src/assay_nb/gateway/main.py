"""Starting the gateway: shut first, then look, and only then load what speaks to the network.

The order is the point. An HTTP library makes its TLS context when it is imported, and with
`SSLKEYLOGFILE` in the environment it would begin to write every connection's secrets to a file.
"""

from __future__ import annotations

from argparse import Namespace

from assay_nb.config import load_hub_environment
from assay_nb.errors import WrongUsage
from assay_nb.gateway.settings import load_settings
from assay_nb.gateway.startup import (
    check_surroundings,
    harden,
    read_api_token,
    scrub_environment,
    settings_of,
)


def run_gateway(args: Namespace) -> None:
    """Check the surroundings and serve until SIGTERM or SIGINT.

    Raises:
        AssayError: If it does not start.
    """
    harden()
    environment = load_hub_environment()
    settings = load_settings(vars(args), settings_of(environment))
    check_surroundings(settings)
    token = read_api_token(settings, environment)
    scrub_environment()
    try:
        from assay_nb.gateway.server import serve
    except ModuleNotFoundError as missing:
        raise WrongUsage(
            f"The gateway needs the package {missing.name}, which is not installed.",
            hint="Install what it needs: `pip install 'assay-nb[hub]'`.",
        ) from None
    serve(settings, token)
