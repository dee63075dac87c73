"""The `memorybank` command: a tenant's memory from the shell."""

from memorybank.cli.program import main

__all__ = ["main"]
