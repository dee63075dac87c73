"""From what a request of mem0's says to a scope, or the refusal."""

from collections.abc import Sequence

from fastapi import Request

from memorybank_service.http.mem0.filters import Asked, NobodyError, read_filters
from memorybank_service.http.problems import Problem


def asked_for(request: Request, conditions: Sequence[object]) -> Asked:
    """Raises Problem 400, 403."""
    try:
        asked = read_filters(conditions)
    except NobodyError as error:
        raise Problem(400, "no-entity", f"{str(error).capitalize()}.") from None
    except ValueError as error:
        raise Problem(400, "invalid-filter", f"{str(error).capitalize()}.") from None
    key = request.state.key
    if asked.everyone and "admin" not in key.scopes:
        request.state.scope = "admin"  # for the audit
        detail = f"The key {key.name!r} does not have the scope 'admin', which `*` needs where no entity is named."
        raise Problem(403, "forbidden", detail)
    return asked
