"""Whether an object is as it should be: every field that is desired has the desired value.

Fields that are not desired belong to others (an injected sidecar, a default of the API server, kubectl's restart
annotation) and are left alone, as server-side apply leaves them alone. What the API server treats as one whole is
compared as one whole; lists of maps are compared by their keys; quantities by their value.
"""

from collections.abc import Mapping
from typing import Any, Final

from memorybank_operator.api.quantity import same_quantity

LIST_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
}
"""Lists that several managers share, by the fields that tell their items apart. All other lists are one whole."""

WHOLE_MAPS: Final = frozenset({"selector", "podSelector", "namespaceSelector", "matchLabels", "nodeSelector"})
"""Maps that the API server treats as one whole: a key more makes another value."""

QUANTITY_MAPS: Final = frozenset({"requests", "limits"})


def differs(desired: Any, actual: Any) -> str | None:
    """The path of the first desired field that is not as desired; None if all are."""
    return _differs(desired, actual, "", "")


def leftovers(desired: dict[str, Any], actual: dict[str, Any]) -> dict[str, Any] | None:
    """A merge patch that takes out what must not be there; None if there is nothing of the kind.

    That is a field which is None in what is desired, and a port that a Service should not have.

    Server-side apply cannot remove another manager's field, and may be refused because of it. The patch also sets the
    removed field's neighbours, which may only be valid without it.
    """
    if any(value is None and actual.get(key) is not None for key, value in desired.items()):
        return dict(desired)
    patch: dict[str, Any] = {}
    # A Service's ports have their number for a key: to server-side apply, another one is somebody else's, who keeps it.
    if "ports" in desired and _ports(actual.get("ports") or []) - _ports(desired["ports"]):
        patch["ports"] = desired["ports"]
    patch |= {
        key: inner
        for key, value in desired.items()
        if isinstance(value, dict) and isinstance(actual.get(key), dict) and (inner := leftovers(value, actual[key]))
    }
    return patch or None


def _ports(ports: list[dict[str, Any]]) -> set[tuple[Any, Any]]:
    return {(port.get("port"), port.get("protocol", "TCP")) for port in ports}


def _differs(desired: Any, actual: Any, path: str, field: str) -> str | None:
    if desired == actual:
        return None
    if isinstance(desired, dict):
        return _map_differs(desired, actual, path, field)
    if isinstance(desired, list):
        return _list_differs(desired, actual, path, field)
    return path


def _map_differs(desired: dict[str, Any], actual: Any, path: str, field: str) -> str | None:
    if not isinstance(actual, dict):
        # The API server drops an empty map here and there: none is as good as empty.
        return path if desired or actual is not None else None
    if field in WHOLE_MAPS and set(desired) != set(actual):
        return path
    for key, value in desired.items():
        inner = f"{path}.{key}"
        if field in QUANTITY_MAPS:
            if key not in actual or not same_quantity(value, actual[key]):
                return inner
        elif found := _differs(value, actual.get(key), inner, key):
            return found
    return None


def _list_differs(desired: list[Any], actual: Any, path: str, field: str) -> str | None:
    if actual is None:
        return path if desired else None
    # A container's ports are no more than a note of what it listens on; a Service's are what it opens.
    keys = ("containerPort", "protocol") if field == "ports" and ".containers[" in path else LIST_KEYS.get(field)
    if keys is not None:
        by_key = {tuple(item.get(key) for key in keys): item for item in actual}
        for item in desired:
            key = tuple(item.get(key) for key in keys)
            if found := _differs(item, by_key.get(key), f"{path}[{'/'.join(map(str, key))}]", ""):
                return found
        return None
    if len(desired) != len(actual):
        return path
    for index, (wanted, found_item) in enumerate(zip(desired, actual, strict=True)):
        if found := _differs(wanted, found_item, f"{path}[{index}]", ""):
            return found
    return None
