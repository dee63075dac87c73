"""What the manual says to type is a command that there is, and where it leads is a page that there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.manual import ELSEWHERE, PAGES, ROOT, WALKED, blocks
from memorybank.cli.program import COMMANDS, parser

BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")
INLINE = re.compile(r"`(memorybank [^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
NAMES = {command.name for command in COMMANDS}
ALONE = {"|", "||", "&&", ";", ">", "<", ">>"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def typed(page: Path) -> Iterator[str]:
    """Each line of the console blocks, with those that go on in the next one as one."""
    for block in BLOCK.findall(page.read_text()):
        for line in re.sub(r"\\\n(?:>\s*)?\s*", "", block).splitlines():
            if line.startswith("$ "):
                yield line[2:]


def words(line: str) -> list[list[str]]:
    """The commands of a line, each in words; variables that are set before one are left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word in ALONE:
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in (_without_variables(one) for one in commands) if command]


def _without_variables(command: list[str]) -> list[str]:
    while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
        command = command[1:]
    return command


def ours(page: Path) -> Iterator[list[str]]:
    """What is typed of `memorybank`, in the console blocks and within sentences."""
    for line in typed(page):
        for command in words(line):
            if command[0] == "memorybank":
                yield command[1:]
            elif command[:2] == ["kubectl", "memorybank"]:
                yield command[2:]
    for text in INLINE.findall(re.sub(r"(?<!\n)\n(?!\n)", " ", page.read_text())):
        if "..." not in text and "…" not in text:
            command = words(text.replace("[", "").replace("]", ""))[0][1:]
            if " ".join(command) not in NAMES:  # spoken of, not typed
                yield command


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_command_of_memorybank_is_one_that_it_takes(page: Path) -> None:
    for command in ours(page):
        if command and not set(command) & {"--help", "-h"}:
            try:
                parser().parse_args(command)
            except SystemExit:
                pytest.fail(f"{name_of(page)}: memorybank {shlex.join(command)}")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_target_of_make_and_each_file_that_is_named_is_there(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):", (ROOT / "Makefile").read_text()))
    for line in typed(page):
        for command in words(line):
            if command[0] == "make":
                wanted = {word for word in command[1:] if "=" not in word and not word.startswith("-")}
                assert wanted <= targets, line
            for word in command:
                if re.match(r"(scripts|config|crds|helm|images)/", word) and "*" not in word:
                    assert (ROOT / word).exists(), line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        led = (page.parent / target).resolve() if target else page
        assert led.exists(), f"{name_of(page)} → {target}"
        if anchor and led.suffix == ".md":
            assert anchor in anchors(led), f"{name_of(page)} → {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """As the usual readers of Markdown make them of headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_block_of_commands_is_run_by_a_test_or_listed_with_what_it_needs() -> None:
    found = [block for page in PAGES for block in blocks(page)]
    run = {block.page for block in found if block.outside is None}
    assert run <= WALKED | ELSEWHERE.keys()
    assert not WALKED & ELSEWHERE.keys()
    told = (ROOT / "docs" / "README.md").read_text().partition("## Commands that no test runs")[2]
    listed = set(re.findall(r"(?m)^\| \[([^\]]+)\]\([^)]+\) \| `([^`]+)` \| (.+) \|$", told))
    assert listed == {
        (block.page, " ".join(block.script.split()[:2]), block.outside) for block in found if block.outside is not None
    }
