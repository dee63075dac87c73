"""Which image a version means."""

from __future__ import annotations

import re

from memorybank.fleet.errors import RefusedError

TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)


def image_of(version: str, current: str | None) -> str:
    """The image that `version` means: itself where it is one, else the current one with that tag.

    Raises RefusedError where there is no current one, ValueError for what can be neither.
    """
    if any(mark in version for mark in "/:@"):
        return version
    if not TAG.fullmatch(version):
        raise ValueError(f"{version!r} is neither a tag such as v1.1.0 nor an image such as registry/memorybank:v1.1.0")
    if current is None:
        raise RefusedError("it is not known yet which image the tenant runs: name the whole image instead of a tag")
    repository = current.partition("@")[0]
    path, slash, last = repository.rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}:{version}"
