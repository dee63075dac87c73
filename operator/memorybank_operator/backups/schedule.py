"""When a schedule is due; pure. All times are UTC."""

import datetime
from typing import Final

import msgspec
from cronsim import CronSim, CronSimError

from memorybank_operator.api.status import PlanStatus
from memorybank_operator.moments import utc

_MINUTE: Final = datetime.timedelta(minutes=1)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """How a schedule stands."""

    plan: PlanStatus
    at: datetime.datetime | None
    """The time that is due and was not acted on; of several that were missed, the last."""
    next: datetime.datetime


class NoScheduleError(ValueError):
    """What is wrong with the text."""


def due(schedule: str, before: PlanStatus | None, now: datetime.datetime) -> Due:
    """What is due now; nothing of what was before the schedule was given. Raises NoScheduleError."""
    now = now.astimezone(datetime.UTC)
    known = before.since if before is not None and before.schedule == schedule else None
    since = now if known is None else datetime.datetime.fromisoformat(known)
    try:
        # The last time up to now, this minute included: the walk backwards leaves out where it begins.
        begin = now.replace(second=0, microsecond=0) + _MINUTE
        last = next(CronSim(schedule, begin, reverse=True))
        following = next(CronSim(schedule, now))
    except (CronSimError, StopIteration) as error:
        raise NoScheduleError(f"{schedule!r} is no schedule of cron that ever comes: {error}") from error
    at = last if last > since else None
    return Due(plan=PlanStatus(schedule=schedule, since=utc(at or since)), at=at, next=following)
