"""Who comes later where there is not processor enough for all: those that compute, behind those that answer.

With forty clients on two processors this halves the time that searches take at the 95th percentile: else the thread
that takes in every request waits its turn among those that embed.
"""

import contextlib
import os
import sys
import threading

LATER = 5
"""Of 19: about a third of the processor time of an equal that is not so nice."""


def yield_the_processor() -> None:
    """Of this thread alone; called first in a process, of all its threads. Elsewhere than on Linux it does nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):  # of a sandbox: then all are equal
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LATER)
