"""What a tenant counts itself."""

import msgspec


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's own figures at one moment."""

    active: int
    faded: int
    used_bytes: int
    capacity_bytes: int | None = None
    """Of the file system that the data lie on; not every image tells it."""
    claim: str | None = None
    """What the claim had (status.capacity) when it was read: a reading from before a growth says nothing after it."""

    @property
    def fills(self) -> bool:
        """Whether the volume is so full that it is worth looking at more often."""
        return bool(self.capacity_bytes) and self.used_bytes * 100 >= 70 * (self.capacity_bytes or 0)
