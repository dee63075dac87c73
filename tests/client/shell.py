"""The `memorybank` command as a shell runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("memorybank")


def memorybank(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments],
        input=stdin,
        env={"PATH": os.environ["PATH"], **environment},
        text=True,
        capture_output=True,
        check=False,
    )
