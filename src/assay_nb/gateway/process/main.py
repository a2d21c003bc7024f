"""The gateway's main program: harden the process, check its surroundings, and only then load the network.

The order matters. An HTTP library makes its TLS context when it is imported, and with `SSLKEYLOGFILE` in the
environment it would start to write every connection's secrets to a file.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from assay_nb.config import load_hub_environment
from assay_nb.errors import WrongUsage
from assay_nb.extras import needing
from assay_nb.gateway.process.hardening import (
    check_surroundings,
    harden,
    read_api_token,
    scrub_environment,
    settings_of,
)
from assay_nb.gateway.settings import add_flags, load_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Add the gateway's arguments: a flag for every setting, and `--new-master-key`."""
    add_flags(parser)
    parser.add_argument(
        "--new-master-key",
        metavar="FILE",
        help="write a master key to a new file and exit, for a service manager to hand over",
    )


def make_master_key(path: Path) -> None:
    """Write a new master key to a new file, readable only by its owner.

    Raises:
        WrongUsage: If the file exists or cannot be created.
    """
    from assay_nb.vault.hierarchy import MasterKey

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except OSError as error:
        raise WrongUsage(f"{path} cannot be created: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file, MasterKey.generate().write() as value:
        file.write(value.reveal())
        file.write(b"\n")
        file.flush()
        os.fsync(descriptor)


def run_gateway(args: Namespace) -> None:
    """Check the surroundings and serve until SIGTERM or SIGINT.

    Raises:
        AssayError: If it does not start.
    """
    harden()
    if args.new_master_key:
        make_master_key(Path(args.new_master_key))
        return
    environment = load_hub_environment()
    settings = load_settings(vars(args), settings_of(environment))
    check_surroundings(settings)
    token = read_api_token(settings, environment)
    scrub_environment()
    with needing("hub"):
        from assay_nb.gateway.process.server import serve
    serve(settings, token)
