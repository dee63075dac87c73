"""A tenant's backups: taken on demand and on schedule, tried out, and what a tenant begins with."""

from memorybank_operator.backups import figures
from memorybank_operator.backups.backing_up import BackingUp, View
from memorybank_operator.backups.parting import Parting, is_held
from memorybank_operator.backups.restoring import Restored, Restoring

__all__ = ["BackingUp", "Parting", "Restored", "Restoring", "View", "figures", "is_held"]
