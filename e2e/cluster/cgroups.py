"""The cgroup below which a cluster's pods run, in cgroup v1 and v2 alike: made before them, removed after them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


def hierarchies(root: Path = ROOT) -> list[Path]:
    """The one hierarchy of cgroup v2, or v1's one for each controller."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return [path for path in root.iterdir() if path.is_dir() and not path.is_symlink() and path.name != "unified"]


def create(name: str, root: Path = ROOT) -> None:
    for hierarchy in hierarchies(root):
        (hierarchy / name).mkdir(exist_ok=True)
        for file in CPUSET_FILES:  # empty in a new v1 cpuset, and then no process may enter it
            if (hierarchy / file).exists():
                (hierarchy / name / file).write_text((hierarchy / file).read_text())


def remove(name: str, root: Path = ROOT) -> list[Path]:
    """Removes the cgroup with all below it, from the leaves up; answers what is still occupied."""
    left = []
    for hierarchy in hierarchies(root):
        top = hierarchy / name
        for path in sorted((p for p in (top, *top.rglob("*")) if p.is_dir()), key=lambda p: -len(p.parts)):
            try:
                path.rmdir()
            except OSError:
                left.append(path)
    return left
