"""Whether the Secrets that the tenant needs are there."""

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.observe.sight import Verdict


def secrets(problems: tuple[Problem, ...], note: str) -> Verdict:
    if problems:
        return Verdict(False, problems[0].reason, "; ".join(problem.message for problem in problems))
    return Verdict(True, Reason.SECRETS_PRESENT, f"All Secrets are there. {note}".strip())
