"""How the baselines log in, and run."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import kopf

from memorybank_operator.kubeconfig import from_kubeconfig


def connect(registry: kopf.OperatorRegistry) -> None:
    """Have kopf log in by KUBECONFIG."""
    connection = from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    certificate, key = connection.certificate or (None, None)

    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=connection.server, ca_data=connection.ca, certificate_data=certificate, private_key_data=key
        )

    kopf.on.login(registry=registry)(login)


def run(registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings) -> None:
    """Until a signal, with as little logging as our own operator has."""
    logging.basicConfig(level="WARNING")
    kopf.run(registry=registry, settings=settings, standalone=True, clusterwide=True)
