"""`python -m e2e.images`: builds the images and prints where each one's archive lies."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from e2e.cluster.choice import chosen
from e2e.cluster.progress import Progress
from e2e.images.build import PROGRAMS, archive


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.images", description=__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}; none: all of them")
    parser.add_argument(
        "--tag", help="the image's name, with one PROGRAM; default: localhost/memorybank/PROGRAM:DIGEST-OF-ITS-SOURCES"
    )
    parser.add_argument("--load", action="store_true", help="load it into the cluster that runs")
    options = parser.parse_args()
    wanted = options.programs or list(PROGRAMS)
    for name in wanted:
        if name not in PROGRAMS:
            parser.error(f"there is no program {name!r}; there are {', '.join(PROGRAMS)}")
    if options.tag and len(wanted) != 1:
        parser.error("--tag names one image: give one PROGRAM with it")
    progress = Progress()
    for name in wanted:
        image = PROGRAMS[name] if not options.tag else replace(PROGRAMS[name], given_tag=options.tag)
        path = archive(image, progress)
        if options.load:
            chosen().load_image(path, progress)
        sys.stdout.write(f"{image.tag}  {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
