"""What may go wrong with a backup, each with a reason that a program can compare and a sentence for a person."""

from typing import Final

TENANT_UNREACHABLE: Final = "TenantUnreachable"
TENANT_REFUSED: Final = "TenantRefused"
TENANT_FULL: Final = "TenantVolumeFull"
UNREACHABLE: Final = "DestinationUnreachable"
REFUSED: Final = "DestinationRefused"
FULL: Final = "DestinationFull"
MISSING: Final = "BackupNotFound"
DAMAGED: Final = "BackupDamaged"
KEY: Final = "EncryptionKeyInvalid"
OCCUPIED: Final = "VolumeNotEmpty"
SETTINGS: Final = "SettingsInvalid"
DIFFERS: Final = "RestoreDiffers"


class BackupError(Exception):
    """`hopeless`: another attempt with the same settings ends the same way."""

    def __init__(self, reason: str, message: str, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.reason, self.message, self.hopeless = reason, message, hopeless
