"""Conditions with their times."""

import datetime
from collections.abc import Mapping

from memorybank_operator.api.status import Condition, ConditionType
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.moments import utc
from memorybank_operator.observe.sight import Verdict


def conditions(tenant: Tenant, verdicts: Mapping[ConditionType, Verdict], now: datetime.datetime) -> list[Condition]:
    """The conditions with their times: a time changes only when the status does."""
    before = {condition.type: condition for condition in tenant.status.conditions}
    made = []
    for kind, verdict in verdicts.items():
        status = {True: "True", False: "False", None: "Unknown"}[verdict.status]
        known = before.get(kind)
        since = known.last_transition_time if known is not None and known.status == status else utc(now)
        made.append(
            Condition(
                type=kind,
                status=status,
                reason=verdict.reason,
                message=verdict.message,
                last_transition_time=since,
                observed_generation=tenant.metadata.generation,
            )
        )
    return made
