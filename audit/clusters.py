"""Clusters: the library that runs workers, told to be quiet, and a cluster of it that is joined or started."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from audit.batching import Where
from audit.errors import InputError
from audit.machine import cores

KNOCK_S = 10.0
STORE_BYTES = 80 * 2**20
"""Shared memory of a cluster of our own: batches and answers are small."""
OWN_CLUSTER = {
    # Ray then takes 127.0.0.1 for the address of this machine, and nothing listens anywhere else.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
JOINING = {"RAY_NUM_REDIS_GET_RETRIES": "1"}
"""An address where something else listens is given up within a minute, not a quarter of an hour."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Of a lost worker it would print a page beside our progress; a line that matches this is not printed.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}
SILENT = {"log_to_driver": False, "logging_level": logging.ERROR}


def library(*, own: bool) -> Any:
    """The library, told to be quiet before it is imported."""
    os.environ.update(QUIET | (OWN_CLUSTER if own else JOINING))
    import ray

    return ray


def connect(ray: Any, where: Where, threads: int) -> None:
    """Joins the cluster at the address, or starts one on this machine; InputError where none answers there."""
    if not where.address:
        own = {"num_cpus": max(cores(), threads * max(1, where.workers)), "object_store_memory": STORE_BYTES}
        ray.init("local", include_dashboard=False, **own, **SILENT)
        return
    host, _, port = where.address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=KNOCK_S):
            pass  # somebody is there; the library itself would knock for minutes and print about it
        ray.init(where.address, **SILENT)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"--address {where.address}: no cluster can be joined there: {reason}") from error
