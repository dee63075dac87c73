"""A watch's lines: what is an object, what only a place, what an error, and what none of an API server's."""

import json
from typing import Any

import pytest

from memorybank_operator.answers import ApiError, Unreadable
from memorybank_operator.watching import event_of

SERVICE: dict[str, Any] = {
    "kind": "Service",
    "metadata": {"name": "customer1", "namespace": "customers", "resourceVersion": "7"},
}


def line(kind: str, told: Any) -> bytes:
    return json.dumps({"type": kind, "object": told}).encode()


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
def test_an_object_comes_with_what_is_kept_of_it(kind: str) -> None:
    managers = [{"manager": "kubectl", "operation": "Update"}]
    told = {**SERVICE, "metadata": {**SERVICE["metadata"], "managedFields": managers}, "spec": {"ports": []}}
    event = event_of(line(kind, told), 200)
    assert (event.type, event.object.name, event.object.version) == (kind, ("customers", "customer1"), 7)
    assert event.object.manifest() == {**SERVICE, "spec": {"ports": []}}


def test_a_bookmark_is_a_version() -> None:
    told = {"kind": "Service", "metadata": {"resourceVersion": "12", "creationTimestamp": None}, "spec": {}}
    event = event_of(line("BOOKMARK", told), 200)
    assert (event.type, event.object.version) == ("BOOKMARK", 12)


def test_an_error_is_raised_as_it_was_told() -> None:
    told = {"kind": "Status", "metadata": {}, "code": 410, "reason": "Expired", "message": "too old resource version"}
    with pytest.raises(ApiError, match="too old resource version") as raised:
        event_of(line("ERROR", told), 200)
    assert (raised.value.status, raised.value.reason) == (410, "Expired")


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"null",
        b'{"type": "ADDED", "obj',
        b'{"type": "ADDED"}',
        b'{"object": {}}',
        line("ADDED", {"metadata": {"name": "customer1"}}),
        line("RENAMED", SERVICE),
        line("BOOKMARK", {"metadata": {}}),
        line("ERROR", "gone"),
    ],
)
def test_what_is_no_line_of_a_watch_is_said_so(told: bytes) -> None:
    with pytest.raises(Unreadable):
        event_of(told, 200)
