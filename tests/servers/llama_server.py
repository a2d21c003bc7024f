"""llama.cpp's own server, as the package xllamacpp starts it: a program of the environment beside.

    python llama_server.py MODEL TOKENS [KEY]

It prints `READY http://127.0.0.1:PORT` once the model is loaded, and ends at SIGTERM. One slot and one
thread: what it answers to a prompt does not depend on what else it is asked.
"""

from __future__ import annotations

import signal
import sys
import threading

import xllamacpp  # type: ignore[import-not-found]


def main(model: str, tokens: str, *keys: str) -> None:
    """Serve until SIGTERM. The server asks the system for a free port."""
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {"smollm2"}
    settings.api_keys = list(keys)
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.n_ctx, settings.n_parallel, settings.use_jinja = int(tokens), 1, True
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    server = xllamacpp.Server(settings)
    print("READY", server.listening_address, flush=True)
    done.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
