"""From what was observed of a tenant's objects to its status; pure. One module a concern, and a summary of them."""

from memorybank_operator.observe.sight import Observed, Told
from memorybank_operator.observe.summary import IN_PROGRESS, observe

__all__ = ["IN_PROGRESS", "Observed", "Told", "observe"]
