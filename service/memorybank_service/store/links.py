"""Which turn came before which: what a search hears along with a turn."""

import numpy as np
from numpy.typing import NDArray

NONE = -1


def relinked(
    previous: NDArray[np.int32],
    session: NDArray[np.int32],
    created_at: NDArray[np.float64],
    linked: NDArray[np.bool_],
    sessions: NDArray[np.int32],
) -> NDArray[np.int32]:
    """`previous` with the turns of these sessions in the order in which they were said, by arrival where that is one.

    Positions are in the order of arrival. Those that are not `linked` have no neighbours and are nobody's.
    """
    result = previous.copy()
    places = np.flatnonzero(np.isin(session, sessions))
    result[places] = NONE
    places = places[linked[places]]
    ordered = places[np.lexsort((places, created_at[places], session[places]))]
    together = session[ordered[1:]] == session[ordered[:-1]]
    result[ordered[1:][together]] = ordered[:-1][together]
    return result
