"""`make release`: all that a version is, in one folder whose files are named in SHA256SUMS.

dist/VERSION/
    memorybank-VERSION.tgz          the chart
    crds.yaml                       the custom resource definitions
    service-VERSION.tar             the images, as `docker load` and `ctr images import` take them
    operator-VERSION.tar
    service-VERSION.cdx.json        what is in each image: Python's and Debian's packages (CycloneDX)
    operator-VERSION.cdx.json
    memorybank-VERSION-*.whl        the Python client with the command line
    SHA256SUMS
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

import yaml

from e2e.cluster.archive import rename_image
from e2e.cluster.build import program, sha256
from e2e.cluster.components import COMPONENTS
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress
from e2e.images import PROGRAMS, archive
from e2e.images.buildah import ImageError
from scripts.bill_of_materials import bill_of

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "helm" / "memorybank"
SUMS: Final = "SHA256SUMS"


def main() -> int:
    version = str(yaml.safe_load((CHART / "Chart.yaml").read_text())["version"])
    folder = ROOT / "dist" / version
    try:
        release(version, folder, Progress())
    except (ClusterError, ImageError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"make release: {getattr(error, 'stderr', None) or error}\n")
        return 1
    for file in sorted(folder.iterdir()):
        sys.stdout.write(f"{file.stat().st_size:>12,}  {file.relative_to(ROOT)}\n")
    return 0


def release(version: str, folder: Path, progress: Progress) -> None:
    """Under another name until it is whole; what an earlier run made of this version goes."""
    part = folder.with_name(f".{folder.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with progress.step("Packaging the chart, the CRDs and the client"):
        helm = str(program(COMPONENTS["helm"], progress))
        _run(helm, "package", str(CHART), f"--destination={part}")
        crds = sorted((ROOT / "crds").glob("*.yaml"))
        (part / "crds.yaml").write_text("---\n".join(file.read_text() for file in crds))
        wheel = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        _run(sys.executable, *wheel, f"--wheel-dir={part}", str(ROOT / "client"))
    for name, image in PROGRAMS.items():
        tag, made = f"memorybank/{name}:v{version}", part / f"{name}-{version}.tar"
        rename_image(archive(image, progress), made, tag)
        with progress.step(f"Looking through the image of the {name}"), tarfile.open(made) as image_tar:
            (part / f"{name}-{version}.cdx.json").write_text(bill_of(image_tar, tag, version))
    files = sorted(part.iterdir())
    (part / SUMS).write_text("".join(f"{sha256(file)}  {file.name}\n" for file in files))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
