"""Tenants of one machine, each a compose project of its own, behind one Traefik."""
