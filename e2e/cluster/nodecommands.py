"""The command lines of the node's own programs."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster.commands import PODS, SERVICES, Plane
from e2e.cluster.nodefiles import ADDRESS, NODE

DRIVER = "loopfs.csi.local"
