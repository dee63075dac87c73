"""Tenants where they are run: made, listed, changed, looked into and deleted.

What the commands say to whatever runs the tenants is `target.Target`; `kubernetes` is the one there is.
"""
