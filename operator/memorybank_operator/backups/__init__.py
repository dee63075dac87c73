"""A tenant's backups: taken on demand and on schedule, tried out, and what a tenant begins with."""

from memorybank_operator.backups.backing_up import BackingUp, View
from memorybank_operator.backups.restoring import Restored, Restoring

__all__ = ["BackingUp", "Restored", "Restoring", "View"]
