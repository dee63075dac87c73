"""What can go wrong between a command and what runs the tenants.

FleetError
  RefusedError           it answered and refuses, or cannot: no such tenant, no right, a wish that is none
    NoSuchThingError     there is no such object
    ExistsAlreadyError   there is one already
    OutdatedError        it was changed by somebody else meanwhile
  SilentError            it gives no answer: a wrong address, no way to it
  NotInTimeError         it does what was asked, but was not done in the time given to it
"""

from __future__ import annotations

from memorybank.errors import MemoryBankError


class FleetError(MemoryBankError):
    """The base of these."""


class RefusedError(FleetError):
    """What was asked is refused; the sentence says what to do."""


class NoSuchThingError(RefusedError):
    """There is no such object."""


class ExistsAlreadyError(RefusedError):
    """There is one already."""


class OutdatedError(RefusedError):
    """It was changed by somebody else meanwhile."""


class SilentError(FleetError):
    """No answer, or no way to ask."""


class NotInTimeError(FleetError):
    """What was waited for did not come."""
