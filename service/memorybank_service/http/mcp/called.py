"""Who calls a tool, for whom, and what is left to do once the answer is out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from memorybank_service.http.access import Key
from memorybank_service.http.whose import WHOSE_HEADERS, ids_in
from memorybank_service.store import NO_USER, Memory, Scope


class RefusedError(Exception):
    """The call cannot be done; the message is a sentence for the model that made it."""


@dataclass
class Called:
    key: Key
    bound: Mapping[str, str]
    """The ids that the client's own settings give, by headers: what a model asks for cannot go beyond them."""
    after_the_answer: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    @classmethod
    def by(cls, request: Request) -> "Called":
        """Raises Problem 400."""
        return cls(request.state.key, ids_in(request.headers))

    def needs(self, scope: str) -> None:
        """Raises RefusedError."""
        if scope not in self.key.scopes:
            raise RefusedError(f"The key {self.key.name!r} does not have the scope {scope!r}, which this tool needs.")

    def scope(self, user_id: str | None, agent_id: str | None = None, run_id: str | None = None) -> Scope:
        """Where a model may look. Raises RefusedError where it asks for another's than it is bound to."""
        asked = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        for name, value in self.bound.items():
            if asked[name] not in (None, value):
                raise RefusedError(f"This connection is bound to one {name}; leave {name} out.")
        ids = {name: self.bound.get(name) or asked[name] for name in WHOSE_HEADERS}
        return Scope(ids["user_id"] or NO_USER, ids["agent_id"], ids["run_id"])

    def may_see(self, memory: Memory) -> bool:
        whose = {"user_id": memory.user_id, "agent_id": memory.agent_id, "run_id": memory.run_id}
        return all(whose[name] == value for name, value in self.bound.items())
