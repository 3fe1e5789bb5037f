"""Ray, the engine that spreads work over several machines: how this process joins a cluster, and what a cluster has."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from enet.deliverable.target import Target
from enet.errors import InputError

#: Start a cluster of this machine alone, for this process.
LOCAL = "local"
#: Seconds in which a cluster must answer. Ray itself waits for minutes, and then ends the process.
TIMEOUT = 30
#: Joins a cluster and leaves it again; in a process of its own, because nothing but its end stops an attempt.
PROBE = "import ray, sys; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False)"
MISSING = "--ray: ray is not installed. Try: pip install 'enet[ray]'"


def ray_address(text: str) -> str:
    """Type of an option whose value is the address of a cluster, ``HOST:PORT``, or ``local``."""
    host, _, port = text.rpartition(":")
    if text != LOCAL and not (host and "/" not in host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise ArgumentTypeError(f"{text!r}, expected HOST:PORT, as `ray start --head` prints it, or {LOCAL}")
    return text


def connect(address: str) -> Any:
    """Join the cluster at an address, or start one for ``LOCAL`` unless ``$RAY_ADDRESS`` names one; return ``ray``.

    Raises:
        InputError: ray is not installed, or no cluster answers within ``TIMEOUT`` seconds.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise InputError(MISSING) from error
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS", LOCAL) if address == LOCAL else address
        if address != LOCAL:
            require_cluster(address)
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    return ray


def require_goes_with(target: Target, *, workers: bool = False) -> None:
    """Refuse options that choose what runs the images in another way.

    Raises:
        InputError: such an option was given.
    """
    if workers:
        raise InputError("--ray: the cluster's workers share the images. Leave out -n")
    for option, name in (("--device", "devices"), ("--provider", "provider")):
        if getattr(target, name) != getattr(Target(), name):
            raise InputError(f"--ray: the cluster assigns devices by the backend. Leave out {option}")


def require_cluster(address: str) -> None:
    """Refuse an address at which no cluster of this version of Ray answers.

    Raises:
        InputError: nothing listens there, or it does not answer as a cluster does.
    """
    host, _, port = address.rpartition(":")
    advice = "Give the address that `ray start --head` printed there"
    try:
        socket.create_connection((host, int(port)), timeout=TIMEOUT).close()
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", PROBE, address], check=True, capture_output=True, text=True, timeout=TIMEOUT
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--ray {address}: cannot be reached ({reason}). {advice}") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"--ray {address}: no Ray cluster answered in {TIMEOUT} s. {advice}") from error
    except subprocess.CalledProcessError as error:
        *_, last = error.stderr.strip().splitlines() or ["no message"]
        token = "" if "RAY_AUTH_MODE" in os.environ else ", and RAY_AUTH_MODE=token if it asks for one"
        raise InputError(f"--ray {address}: cannot be joined ({last[:300]}). {advice}{token}") from error


def node_cache() -> Path:
    """The artifact cache of a node: ``$ENET_CACHE``, else a folder of its own disk."""
    return Path(os.environ.get("ENET_CACHE") or Path(tempfile.gettempdir()) / f"enet-{os.getuid()}")


def require_resource(ray: Any, name: str, *, waiting: bool = False) -> float:
    """Return how much of a resource the nodes have that are alive now.

    Raises:
        InputError: none has any; tasks would wait for ever.
    """
    if (found := ray.cluster_resources().get(name, 0)) >= 1:
        return float(found)
    if waiting:
        raise InputError(f"--ray: the cluster has no {name} any more: the nodes that had it are gone. Add such a node")
    example = f"ray start --resources '{{\"{name}\": 1}}'"
    raise InputError(f"--ray: the cluster has no {name}. Add a node that has one, as with: {example}")
