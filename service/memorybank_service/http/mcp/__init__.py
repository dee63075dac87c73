"""The Model Context Protocol at /mcp: a tenant's memory as tools that a language model calls."""

from memorybank_service.http.mcp.endpoint import McpEndpoint

__all__ = ["McpEndpoint"]
