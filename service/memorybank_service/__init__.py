"""The memory service: one process, one volume, one tenant."""

__version__ = "0.1.0"
