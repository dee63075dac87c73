"""The `memorybank` command, which is `kubectl memorybank` too: tenants, and a tenant's memory, from the shell."""

from memorybank.cli.program import main, plugin

__all__ = ["main", "plugin"]
