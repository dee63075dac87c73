"""What is wrong with a cluster and its tenants, and what to do; looked at from where the user sits."""

from memorybank.fleet.kubernetes.doctor.examining import examine

__all__ = ["examine"]
