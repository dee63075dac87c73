"""Whether a person wants what cannot be taken back."""

from __future__ import annotations

import sys

from memorybank.cli.progress import Progress


def confirm(what: str, warning: str, word: str, progress: Progress) -> None:
    """Raises ValueError unless a person types the word. `what` is the deed, such as "erasing user ada"."""
    if not sys.stdin.isatty():
        raise ValueError(f"{what} wants --yes where no terminal can be asked")
    with progress.held():
        sys.stderr.write(f"{warning} will be gone for good. Type the id to go on: ")
        sys.stderr.flush()
        said = sys.stdin.readline().strip()
    if said != word:
        raise ValueError(f"{what} was not confirmed: nothing is changed")
