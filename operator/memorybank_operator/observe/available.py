"""Whether the tenant answers requests."""

import datetime

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import DEPLOYMENT
from memorybank_operator.observe.pods import current_pod, pod_state
from memorybank_operator.observe.sight import Manifest, Observed, Verdict
from memorybank_operator.refusals import refusal


def available(tenant: Tenant, observed: Observed, now: datetime.datetime) -> Verdict:
    if tenant.spec.hibernate:
        return Verdict(False, Reason.HIBERNATED, "The tenant sleeps: set spec.hibernate to false to wake it.")
    if observed.restore is not None:
        return Verdict(False, observed.restore.reason, observed.restore.message)
    status = (observed.children.get(DEPLOYMENT) or {}).get("status") or {}
    if status.get("readyReplicas", 0) >= 1:
        return Verdict(True, Reason.POD_READY, "The tenant answers requests.")
    state = _refused_pod(observed, status) or pod_state(observed, tenant, now)
    return Verdict(False, state.reason, state.message)


def _refused_pod(observed: Observed, status: Manifest) -> Problem | None:
    """Why the API server takes no pod (a quota, a policy), where there is none."""
    if current_pod(observed.pods) is not None:
        return None
    told = {condition["type"]: condition for condition in status.get("conditions") or []}
    failure = told.get("ReplicaFailure")
    if failure is None or failure["status"] != "True":
        return None
    return refusal("pod", failure.get("message", "no reason is given"))
