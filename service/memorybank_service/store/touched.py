"""What a transaction has touched: told to the caches once it is on disk."""

from dataclasses import dataclass, field


@dataclass
class Touched:
    """Memories by their numbers, each with its owner's."""

    added: set[int] = field(default_factory=set)
    """Owners that have new memories."""
    changed: list[tuple[int, int]] = field(default_factory=list)
    removed: list[tuple[int, int]] = field(default_factory=list)
    unembedded: bool = False
    """Some wait for their vector now."""
