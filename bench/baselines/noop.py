"""An operator that watches what ours watches, and does nothing: what kopf itself costs."""

from __future__ import annotations

from typing import Any

import kopf

from bench.baselines.common import connect, run
from memorybank_operator.api.names import CHILD_SELECTOR
from memorybank_operator.kinds import OPTIONAL, TENANT, WATCHED


async def nothing(**_: Any) -> None:
    pass


def main() -> None:
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    settings.posting.enabled = False
    connect(registry)
    for kind in (TENANT, *WATCHED):
        if kind in OPTIONAL:
            continue
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"nothing/{kind.plural}")(nothing)
        if kind is not TENANT:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = CHILD_SELECTOR
    run(registry, settings)


if __name__ == "__main__":
    main()
