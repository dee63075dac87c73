"""Blanks what deleted rows leave in a database file that even `secure_delete` does not reach.

SQLite overwrites a deleted cell with zeros. But when it spreads the cells of a full page over two, a copy of those
that moved stays in the first page's unused middle, and outlives their deletion. That middle, between the list of cells
and the first cell, means nothing to SQLite: zeros there change nothing that it reads. (Format of a page: "Database
File Format", sections 1.5 and 1.6 of SQLite's documentation.)
"""

import os
from collections.abc import Iterator

_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}  # pages of a tree by their first byte, with the length of their header
_MOST_PAGES = 1 << 24  # with more, the first byte of an overflow page may look like that of a tree
_READ_PAGES = 256
_LOCK_BYTE = 1 << 30


def scrub(descriptor: int, first: int, count: int) -> int | None:
    """Blanks `count` pages from the number `first` on: how many had something to blank; None behind the last page.

    The file must be complete (its log is empty) and nobody may write meanwhile, nor keep pages of it to write later.
    """
    header = os.pread(descriptor, 100, 0)
    size = _two(header, 16)
    size = 65536 if size == 1 else size
    usable = size - header[20]
    pages = os.fstat(descriptor).st_size // size
    if first > pages or pages >= _MOST_PAGES:
        return None
    scrubbed = 0
    for start in range(first, min(first + count, pages + 1), _READ_PAGES):
        block = os.pread(descriptor, size * min(_READ_PAGES, first + count - start), (start - 1) * size)
        for number, begin, end in _remains(block, start, size, usable):
            os.pwrite(descriptor, bytes(end - begin), (number - 1) * size + begin)
            scrubbed += 1
    if scrubbed:
        os.fsync(descriptor)
    return scrubbed


def _remains(block: bytes, first: int, size: int, usable: int) -> Iterator[tuple[int, int, int]]:
    """Pages with something in their unused middle: the number, and from where to where."""
    for place in range(0, len(block) - size + 1, size):
        number = first + place // size
        head = place + (100 if number == 1 else 0)
        length = _HEADERS.get(block[head])
        if length is None or _is_pointer_map(number, size, usable):
            continue
        begin = head + length + 2 * _two(block, head + 3)
        end = place + (_two(block, head + 5) or 65536)
        if begin < end <= place + usable and block.count(0, begin, end) < end - begin:
            yield number, begin - place, end - place


def _is_pointer_map(number: int, size: int, usable: int) -> bool:
    """Pages of a database that can shrink which tell where others are used."""
    if number < 2:
        return False
    group = usable // 5 + 1
    start = (number - 2) // group * group + 2
    return number == (start + 1 if start == _LOCK_BYTE // size + 1 else start)


def _two(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")
