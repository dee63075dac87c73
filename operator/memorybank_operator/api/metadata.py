"""What the operator reads of an object's metadata."""

import msgspec


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel"):
    """Of any object."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
