"""Commands on tenants in a cluster."""
