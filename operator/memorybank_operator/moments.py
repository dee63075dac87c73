"""Moments as Kubernetes writes them."""

import datetime


def utc(moment: datetime.datetime) -> str:
    """RFC 3339 in whole seconds; texts of this form are ordered as the moments are."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
