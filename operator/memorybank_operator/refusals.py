"""What the API server refused, as a reason and a next step; pure.

The names of pods that never came to be, and how much of a quota is used at the moment, are left out: both change by
themselves, and with them the status would.
"""

import re
from typing import Final

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.steady import steady

_SUBJECT: Final = re.compile(r'^\S+ "[^"]*" is forbidden: ')
_QUOTA: Final = re.compile(
    r"exceeded quota: (?P<name>[^,\s]+)(?:, requested: (?P<requested>\S+), used: \S+, limited: (?P<limited>\S+))?"
)
_UNSTATED: Final = re.compile(r"failed quota: (?P<name>[^:\s]+): must specify (?P<what>.*)")
_LIMIT_RANGE: Final = re.compile(
    r"((?:maximum|minimum) \S+ usage per (?:Container|Pod|PersistentVolumeClaim)|max limit to request ratio per) "
)


def refusal(what: str, message: str) -> Problem:
    """Why an object is refused; `what` names it, such as "Deployment"."""
    told = _SUBJECT.sub("", message.strip())
    if unstated := _UNSTATED.search(told):
        return Problem(
            Reason.QUOTA_EXCEEDED,
            f"ResourceQuota {unstated['name']} takes no {what} that does not say {steady(unstated['what'])}:"
            " give spec.resources both requests and limits, or add a LimitRange with defaults to the namespace.",
        )
    if quota := _QUOTA.search(told):
        asked, limit = quota["requested"], quota["limited"]
        numbers = f" (requested: {asked}; limited: {limit})" if asked else ""
        return Problem(
            Reason.QUOTA_EXCEEDED,
            f"ResourceQuota {quota['name']} has no room for the {what}{numbers}: raise the quota, ask for less"
            f" ({_smaller(what)}), or remove what is no longer needed. See: kubectl describe quota {quota['name']}",
        )
    if "violates PodSecurity" in told:
        return Problem(
            Reason.POD_SECURITY_VIOLATED,
            f"The namespace's Pod Security Standard refuses the {what}: {steady(told)}. The operator's pods pass the"
            " restricted standard: see what a webhook adds to them, or the namespace's labels.",
        )
    if _LIMIT_RANGE.search(told):
        return Problem(
            Reason.LIMIT_RANGE_VIOLATED,
            f"A LimitRange of the namespace refuses the {what}: {steady(told)}. Change {_smaller(what)}, or the"
            " LimitRange (kubectl get limitrange).",
        )
    return Problem(Reason.REFUSED, f"The API server refuses the {what}: {steady(told)}{_remedy(told)}")


def _smaller(what: str) -> str:
    return "spec.storage.size" if what == "PersistentVolumeClaim" else "spec.resources"


def _remedy(told: str) -> str:
    if "admission webhook" in told:
        return ". Ask whoever runs that webhook, or exempt the namespace from it."
    if "cannot " in told and "in API group" in told:
        return ". The operator's role lacks that right: install the chart of the operator's own version."
    return ""
