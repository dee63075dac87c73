"""What the user is told when a cluster cannot be had."""

from __future__ import annotations


class ClusterError(Exception):
    """What is wrong and what to do about it, in one sentence; printed as it is, without a traceback."""
