"""The gateway's main program: harden the process, check its surroundings, and only then load the network.

The order matters. An HTTP library makes its TLS context when it is imported, and with `SSLKEYLOGFILE` in the
environment it would start to write every connection's secrets to a file.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from assay_nb.config import HubEnvironment, load_hub_environment
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.extras import needing
from assay_nb.gateway.database_lock import share_database
from assay_nb.gateway.process.hardening import (
    check_surroundings,
    check_user,
    harden,
    read_api_token,
    scrub_environment,
    settings_of,
)
from assay_nb.gateway.process.stand_in import stand_in
from assay_nb.gateway.settings import Settings, add_flags, load_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Add the gateway's arguments: a flag for every setting, and `--new-master-key`."""
    add_flags(parser)
    parser.add_argument(
        "--new-master-key",
        metavar="FILE",
        help="write a master key to a new file and exit, for a service manager to hand over",
    )
    parser.add_argument(
        "--example",
        metavar="DIR",
        help="write the unit, the configuration, the operator's scripts and the other examples, and exit",
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

    A gateway that a hub has started stays where it refuses to start, and answers with the reason: see
    `stand_in`.

    Raises:
        AssayError: If it does not start.
    """
    harden()
    if args.new_master_key:
        make_master_key(Path(args.new_master_key))
        return
    environment = load_hub_environment()
    base = settings_of(environment)
    try:
        _start(args, base, environment)
    except AssayError as error:
        if not environment.service_url:
            raise
        scrub_environment()
        stand_in(error, base.address, base.prefix)


def _start(args: Namespace, base: Settings, environment: HubEnvironment) -> None:
    check_user()
    settings = load_settings(vars(args), base)
    check_surroundings(settings)
    token = read_api_token(settings, environment)
    scrub_environment()
    with needing("hub"):
        from assay_nb.gateway.process.server import serve
    with share_database(settings):
        serve(settings, token)
