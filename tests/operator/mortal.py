"""An operator that dies at a chosen call, between the API server and its next thought.

What dies with it is what dies with a process: everything that it knew. What it had begun with the API server before
stays done; what comes after is never asked.
"""

from collections.abc import Mapping

from memorybank_operator.cluster import Body, Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import OPTIONAL, TENANT, WATCHED, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.seen import TenantKey
from memorybank_operator.settings import Settings

MOST_LOOKS = 8


class Death(BaseException):
    """The end of the operator: no handler of errors hears of it."""


class MortalCluster(Cluster):
    """Counts calls from `count` on, and at the n-th is the end of whoever made it.

    It takes another client's connections, which outlive it. Lists are not counted: they stand for watches here, and one
    who dies there has done no more than one who died at the call before.
    """

    def __init__(self, connection: Connection, other: Cluster) -> None:
        super().__init__(connection)
        self._wire = other._open
        self.calls: list[str] = []
        self._last: int | None = None
        self._executed = False

    def count(self, last: int | None = None, *, executed: bool = False) -> None:
        """Count from here; die at call number `last`: before it is sent, or `executed`, the answer lost."""
        self.calls.clear()
        self._last, self._executed = last, executed

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        body: Body | None = None,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        if verb in ("list", "discover"):
            return await super()._call(verb, kind, path, parameters=parameters)
        dies = len(self.calls) == self._last
        if self._last is not None and (len(self.calls) > self._last or (dies and not self._executed)):
            raise Death
        self.calls.append(f"{verb} {path}")
        answer = await super()._call(verb, kind, path, body=body, parameters=parameters, content_type=content_type)
        if dies:
            raise Death
        return answer

    @property
    def points(self) -> list[tuple[int, bool]]:
        """Where to die: before each call, and after each write."""
        return [
            (number, executed)
            for number, call in enumerate(self.calls)
            for executed in ((False,) if call.startswith("get") else (False, True))
        ]


class MortalOperator:
    """The operator without its watches: it looks at everything again and again, until a look has written nothing."""

    def __init__(self, cluster: MortalCluster, namespace: str) -> None:
        self.cluster = cluster
        self._operator = Operator(
            cluster, Settings(watch_namespaces=(namespace,), progress_seconds=0, image="registry/mb:v1")
        )
        self._namespace = namespace

    async def settle(self) -> None:
        """Come to rest; for an operator that has anything more to write after so many looks there is none."""
        for _ in range(MOST_LOOKS):
            before = self._writes()
            for kind in (TENANT, *WATCHED):
                if kind not in OPTIONAL:
                    for reflector in self._operator.reflectors(kind):
                        await reflector.list()
            self._operator.resync()
            await self._operator.reconciler.reconcile(TenantKey(self._namespace, "customer1"))
            if self._writes() == before:
                return
        raise AssertionError(f"it writes and writes: {self.cluster.calls[-40:]}")

    def _writes(self) -> int:
        return sum(not call.startswith("get") for call in self.cluster.calls)
