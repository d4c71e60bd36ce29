"""How mates are told in the names of a lane's reads: which mark they have, and where."""

import re
from collections.abc import Sequence
from pathlib import Path

from varhouse.reads import fastqscan as fq
from varhouse.reads.fastqfile import FastqFile

FIRST_PAIRS = 64
"""Pairs by which it is decided how mates are marked."""

_ENOUGH_MARKS = 10
"""Names that all end in the same number, of which it is then the mate's."""


def turn_mode(file: FastqFile) -> int | None:
    """Find how mates that stand in turn are marked; None: reads have no mates here."""
    n = min(len(file.left) // 2, FIRST_PAIRS)
    pairs = file.left[: 2 * n]
    for mode in (fq.PLAIN, fq.MIDDLE, fq.LAST):
        # A running number looks like a mark at the end, for one pair: 7.1 and 7.2.
        asked = pairs if mode == fq.LAST and n > 1 else pairs[:2]
        if not n or (mode == fq.LAST and n == 1 and file.name(file.row).count(b".") < 2):
            continue
        _, what = fq.first_odd_pair(file.buf, asked[0::2], file.buf, asked[1::2], mode)
        if what == fq.SAME:
            return mode
    return None


def pair_mode(one: FastqFile, first: fq.Ints, two: FastqFile, second: fq.Ints) -> int:
    """Find how mates are marked: the first way in which the first pairs fit."""
    # The plain way sees no mark in names that say twice the same mate otherwise.
    last = _marks(one, first, fq.LAST)
    is_mark = len(first) >= _ENOUGH_MARKS and len(set(last)) == 1 and last[0] > 0
    # Behind a dash or colon it may be of a barcode (ACGT-1) or a coordinate.
    is_mark = is_mark and one.name(one.row)[-2:-1] in (b".", b"R", b"/")
    if is_mark and last == _marks(two, second, fq.LAST):
        return fq.LAST
    for mode in (fq.MIDDLE, fq.PLAIN, fq.LAST):
        _, what = fq.first_odd_pair(one.buf, first, two.buf, second, mode)
        # A pair in the wrong order is marked so, too.
        if what in (fq.SAME, fq.SWAPPED, fq.BOTH_SAME):
            return mode
    return fq.PLAIN


def _marks(file: FastqFile, spans: fq.Ints, mode: int) -> list[int]:
    """List which mates names say they are."""
    rows = ((int(s[fq.NAME]), int(s[fq.WORD_END])) for s in spans)
    return [fq.mark_of(file.buf, begin, end, mode)[1] for begin, end in rows]


def mark_problems(path: Path, mode: int, names: Sequence[bytes]) -> list[str]:
    """Find marks of mates that the aligner would take for a part of the name."""
    first, second = names
    if first == second:
        return []
    if re.fullmatch(rb".*[/.][12]", first) and second[-1:] in (b"1", b"2"):
        return []
    if mode == fq.PLAIN and not second.endswith(b"/3"):
        return []
    mark = {fq.MIDDLE: "_[123]:[YN]:.*", fq.PLAIN: "/[123].*"}.get(mode, "R?[123]( .*)?$")
    return [
        f"{path}: mates are named {_text(first)!r} and {_text(second)!r}, and only /1, /2 and "
        f".1, .2 are taken off; fix: for each file: gzip -cdf OLD | awk 'NR % 4 == 1 "
        f'{{sub("{mark}", "")}} 1\' | gzip > NEW'
    ]


def mate_number(name: bytes) -> int:
    """Give the mate's number of a name that has one."""
    mark = re.search(rb"_([123]):[YN]:|([123])\Z", name)
    return int(mark[1] or mark[2]) if mark else 0


def _text(name: bytes) -> str:
    return name.decode(errors="replace")
