"""From what was observed of a tenant's objects to its status; pure. One module a concern, and a summary of them."""

from memorybank_operator.observe.sight import LOOKED_AT, Observed, Told
from memorybank_operator.observe.summary import IN_PROGRESS, observe

__all__ = ["IN_PROGRESS", "LOOKED_AT", "Observed", "Told", "observe"]
