"""What things are called in the engine and within containers."""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "memorybank"
"""What stands for the namespace where there is none: in lists, and in a backup's folder."""
EDGE: Final = "memorybank-traefik"
"""The container of config/compose/docker-compose.traefik.yml that leads to the tenants."""
EDGE_NETWORK: Final = "memorybank_network"
BACKUPS: Final = "memorybank-backups"
"""The volume that has backups where no other is named."""
FOLDER_LABEL, WISH_LABEL = "dev.memorybank.folder", "dev.memorybank.wish"
SERVICE: Final = "memorybank"
HTTP_PORT, METRICS_PORT, METRICS_ENTRY_PORT = 8000, 9090, 8082
DATA_FOLDER, ACCESS_FOLDER, KEY_FOLDER, ERASURES_FOLDER = (
    "/data",
    "/etc/memorybank/access",
    "/etc/memorybank/key",
    "/etc/memorybank/erasures",
)


def of_tenant(id: str) -> str:
    """Its project, container, network and volume."""
    return f"memorybank-tenant-{id}"
