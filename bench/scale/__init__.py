"""The parts of the figures of an operator with many tenants."""
