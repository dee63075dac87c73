"""What a maintainer needs to know of a cluster that misbehaves, in one file, with no secret in it."""

from memorybank.fleet.kubernetes.report.writing import write_report

__all__ = ["write_report"]
