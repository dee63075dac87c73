"""One script a figure; `python -m bench` runs them on the cluster that runs and keeps what they print as JSON."""
