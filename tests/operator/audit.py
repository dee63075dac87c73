"""What a service account has asked the API server for, from its audit log; and what roles grant."""

import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Manifest = dict[str, Any]


class Right(NamedTuple):
    """A verb on a resource (`group/resource`, `resource/subresource`), in a namespace or (empty) anywhere."""

    verb: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} " + (f"in {self.namespace}" if self.namespace else "in the cluster")


class Request(NamedTuple):
    """One request as the API server saw it; `answer` is the HTTP status, `why` who allowed it."""

    verb: str
    resource: str
    namespace: str
    name: str
    parameters: dict[str, str]
    answer: int
    why: str

    def rights(self) -> Iterator[Right]:
        """What it takes: an apply that made its object has needed the verb create as well."""
        yield Right(self.verb, self.resource, self.namespace)
        if self.verb == "patch" and self.answer == 201:
            yield Right("create", self.resource, self.namespace)


def requests(log: Path, account: str) -> list[Request]:
    """All of an account's (`namespace:name`) requests. The end of a watch is no request."""
    found = []
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] != f"system:serviceaccount:{account}":
            continue
        if event["verb"] == "watch" and event["stage"] == "ResponseComplete" and event["responseStatus"]["code"] == 200:
            continue
        found.append(_request(event))
    return found


def _request(event: Manifest) -> Request:
    address = urllib.parse.urlsplit(event["requestURI"])
    # What is asked about the API itself (/apis/...) is about no object.
    target = event.get("objectRef", {"resource": address.path})
    return Request(
        verb=event["verb"],
        resource=resource(target.get("apiGroup", ""), target["resource"], target.get("subresource", "")),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        parameters=dict(urllib.parse.parse_qsl(address.query)),
        answer=event["responseStatus"]["code"],
        why=event.get("annotations", {}).get("authorization.k8s.io/reason", ""),
    )


def resource(group: str, plural: str, subresource: str = "") -> str:
    return "/".join(part for part in (group, plural, subresource) if part)


def granted(roles: list[Manifest]) -> set[Right]:
    """What roles and cluster roles allow."""
    return {
        Right(verb, resource(group, plural), role["metadata"].get("namespace", ""))
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
    }


def used(asked: list[Request]) -> set[Right]:
    """The rights that requests have needed, where they were asked for and, as a cluster role grants them, anywhere."""
    needed = {right for request in asked for right in request.rights()}
    return needed | {right._replace(namespace="") for right in needed}


def refused(asked: list[Request]) -> set[Right]:
    return {right for request in asked if request.answer == 403 and not _quota(request) for right in request.rights()}


def _quota(request: Request) -> bool:
    """A 403 by admission: the request was authorized."""
    return request.why.startswith("RBAC: allowed")
