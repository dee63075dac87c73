"""Applying the claim: a growth that the API server refuses holds up nothing else that is wanted of it."""

import copy
from typing import Any

from memorybank_operator import adoption, growth
from memorybank_operator.answers import Refused
from memorybank_operator.api.status import Problem
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.compare import differs
from memorybank_operator.kinds import VOLUME_CLAIM
from memorybank_operator.objects import Object

Manifest = dict[str, Any]


async def apply_without_growth(
    cluster: Cluster, tenant: Tenant, desired: Manifest, actual: Manifest, error: Refused
) -> tuple[Object | None, Problem] | None:
    """After a growth was refused, bring the claim's other fields to what is desired.

    Answers the claim, if it was written, and what to say; None: it was not the growth that was refused.
    """
    wanted, there = (one["spec"]["resources"]["requests"]["storage"] for one in (desired, actual))
    if wanted == there or "resize" not in error.message:
        return None
    rest = copy.deepcopy(desired)
    rest["spec"]["resources"]["requests"]["storage"] = there
    written = None
    if differs(rest, actual) is not None:
        written = await adoption.apply(cluster, VOLUME_CLAIM, rest, actual)
    return written, growth.not_expandable(tenant, wanted, error.message)
