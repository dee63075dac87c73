"""Tenants in a Kubernetes cluster, by the operator's resource `MemoryBankTenant`."""
