"""What is wrong, what a maintainer needs to know of it, and the fleet as it runs."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import add_everywhere
from memorybank.cli.command import Command
from memorybank.cli.fleet import top
from memorybank.cli.opening import the_fleet
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column

if TYPE_CHECKING:
    from memorybank.fleet.target import Target

SIGNS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM", "unknown": "?"}


def _doctor(target: Target, options: Namespace, progress: Progress) -> Any:
    return list(target.examine(options.id, progress.say))


def _doctor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="default: every tenant of the namespace")


def _told(findings: Any) -> list[tuple[str, str, str]]:
    """A line for what is right, two for what is not."""
    lines = []
    for finding in findings:
        lines.append((SIGNS[finding.state], finding.about, finding.message))
        if finding.remedy:
            lines.append(("", "", f"→ {finding.remedy}"))
    return lines


def _wrong(findings: Any) -> str | None:
    problems = sum(finding.state == "problem" for finding in findings)
    return f"{problems} problems were found" if problems > 1 else "1 problem was found" if problems else None


def _report(target: Target, options: Namespace, progress: Progress) -> Any:
    from memorybank.fleet.errors import RefusedError
    from memorybank.fleet.kubernetes.report import write_report
    from memorybank.fleet.kubernetes.tenants import KubernetesTenants

    if not isinstance(target, KubernetesTenants):
        raise RefusedError("a report is of a cluster; here `memorybank --target compose doctor` and `logs` tell it")
    file = options.file or Path(time.strftime("memorybank-report-%Y%m%d-%H%M%S.tar.gz"))
    return write_report(target.cluster, file, options.id, everywhere=options.everywhere, say=progress.say)


def _report_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="default: every tenant of the namespace")
    parser.add_argument("--file", type=Path, metavar="FILE", help="default: memorybank-report-TIME.tar.gz")
    add_everywhere(parser)


COMMANDS = [
    Command(
        "doctor",
        "say what is wrong with what runs the tenants, and with each of them, and what to do",
        _doctor,
        _doctor_arguments,
        "  memorybank doctor\n  memorybank doctor customer1 -o json",
        columns=[
            Column("STATE", lambda line: line[0]),
            Column("WHAT", lambda line: line[1]),
            Column("FOUND", lambda line: line[2]),
        ],
        rows=_told,
        complaint=_wrong,
        opens=the_fleet,
        output="table",
    ),
    Command(
        "report",
        "write what a maintainer needs to know into a file, with no secret in it",
        _report,
        _report_arguments,
        "  memorybank report\n  memorybank report customer1 --file customer1.tar.gz",
        opens=the_fleet,
    ),
    *top.COMMANDS,
]
