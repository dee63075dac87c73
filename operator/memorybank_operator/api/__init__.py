"""The custom resources: the one place where a field is defined, described, bounded and defaulted."""
