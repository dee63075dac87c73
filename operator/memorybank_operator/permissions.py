"""What the operator may ask of the API server: the one table that the chart's roles are made of.

`python -m memorybank_operator.permissions` writes the chart's copy. A test walks an operator that has these rights and
no others through a tenant's life: whatever is missing here is refused there, and whatever nobody needs is told.
"""

from pathlib import Path
from typing import Final, NamedTuple

from memorybank_operator.kinds import (
    BACKUP,
    CERTIFICATE,
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    INGRESS,
    JOB,
    LEASE,
    MIDDLEWARE,
    NETWORK_POLICY,
    POD,
    POD_MONITOR,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)

CHART_COPY: Final = Path("helm/memorybank/templates/_permissions.tpl")

KEPT: Final = ("get", "list", "watch", "create", "patch")
"""An object that a tenant always has; server-side apply is a patch, and a create where nothing is there yet."""
OPTIONAL: Final = (*KEPT, "delete")
"""An object that a change of the spec may remove."""


class Grant(NamedTuple):
    """Verbs on a kind, or on one subresource of it; `names`: on these objects only."""

    kind: Kind
    verbs: tuple[str, ...]
    subresource: str = ""
    names: tuple[str, ...] = ()


TENANTS: Final = (
    Grant(TENANT, ("get", "list", "watch", "patch")),  # its finalizer, never its spec
    Grant(TENANT, ("patch",), "status"),
    Grant(BACKUP, ("list", "watch", "create", "delete")),
    Grant(BACKUP, ("patch",), "status"),
    Grant(JOB, ("list", "watch", "create", "delete")),  # a final backup's, which would hold its volume
    Grant(SERVICE_ACCOUNT, KEPT),
    Grant(NETWORK_POLICY, OPTIONAL),
    Grant(VOLUME_CLAIM, KEPT),
    Grant(SERVICE, KEPT),
    Grant(DEPLOYMENT, KEPT),
    Grant(MIDDLEWARE, OPTIONAL),
    Grant(INGRESS, OPTIONAL),
    Grant(HTTP_ROUTE, OPTIONAL),
    Grant(POD_MONITOR, OPTIONAL),
    # Roles know no label selectors: so Secrets are never listed nor watched. A rotation makes a key's Secret anew.
    Grant(SECRET, ("get", "create", "patch", "delete")),
    Grant(POD, ("list", "watch", "patch")),
    Grant(EVENT, ("get", "list", "create", "patch")),  # the same one again is counted; those of what waits are read
    Grant(CERTIFICATE, ("get",)),  # its one by name: cert-manager's objects do not carry our labels
)
"""Wherever it serves tenants: in the cluster, or in each of the namespaces it was given."""

HOME: Final = (
    Grant(LEASE, ("create",)),  # an object that is not there yet has no name to restrict this to
    Grant(LEASE, ("get", "update", "watch"), names=("memorybank-operator",)),
    Grant(EVENT, ("create",)),  # on the Lease: that an older installation goes before
)
"""In the namespace that it runs in."""

CLUSTER: Final = (Grant(LEASE, ("list",)),)  # which other installations there are
"""In the cluster, however few namespaces it serves."""

_PLACES: Final = {"tenants": TENANTS, "home": HOME, "cluster": CLUSTER}

_HEADER: Final = (
    "{{- /* Made from operator/memorybank_operator/permissions.py by `make generate`: change it there. */ -}}"
)


def chart_template() -> str:
    """The chart's template: for each place a named list of a role's rules."""
    parts = [_HEADER]
    for place, grants in _PLACES.items():
        rules = "".join(_rule(grant) for grant in grants)
        parts.append(f'{{{{- define "memorybank.permissions.{place}" }}}}\n{rules}{{{{- end }}}}')
    return "\n".join(parts) + "\n"


def _rule(grant: Grant) -> str:
    resource = f"{grant.kind.plural}/{grant.subresource}" if grant.subresource else grant.kind.plural
    names = f"  resourceNames: [{', '.join(grant.names)}]\n" if grant.names else ""
    return (
        f"- apiGroups: [{grant.kind.group or repr('')}]\n"
        f"  resources: [{resource}]\n{names}"
        f"  verbs: [{', '.join(grant.verbs)}]\n"
    )


if __name__ == "__main__":
    CHART_COPY.write_text(chart_template())
