"""What the chart renders for each value set, kept in snapshots/, so that a change of it is seen where it is reviewed.

`.venv/bin/python -m tests.chart.take_snapshots` writes them anew.
"""

from __future__ import annotations

from pathlib import Path

from tests.chart.conftest import SETS, Helm, new_helm, options

FOLDER = Path(__file__).with_name("snapshots")
COMMAND = ".venv/bin/python -m tests.chart.take_snapshots"


def taken(helm: Helm, name: str) -> dict[str, str]:
    """A value set's snapshots by file name: the manifests without the dashboards' texts, and the notes."""
    manifests = "".join(
        line if not line.startswith("  memorybank-") else f"{line.partition(':')[0]}: (a dashboard)\n"
        for line in helm.text(*options(name)).splitlines(keepends=True)
    )
    return {f"{name}.yaml": manifests, f"{name}.notes.txt": helm.notes(*options(name))}


def main() -> None:
    helm = new_helm()
    for old in FOLDER.glob("*"):
        old.unlink()
    for name in SETS:
        for file, content in taken(helm, name).items():
            (FOLDER / file).write_text(content)


if __name__ == "__main__":
    main()
