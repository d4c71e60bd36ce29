"""FASTQ files as one text, mates in turn, for aligners that read their standard input."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numba import njit

from varhouse.reads.bwamem import opened
from varhouse.reads.fastqtext import FastqText, check_ends, classify, match_files

_BATCH = 4_000_000
"""Bases at a time: some 20 MB of text."""


@njit(cache=True, nogil=True)
def _emit(text, rows, i, out, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    out[at] = 64
    at += 1
    for k in range(rows[i, 1]):
        out[at + k] = text[rows[i, 0] + k]
    at += rows[i, 1]
    out[at] = 10
    at += 1
    for k in range(rows[i, 3]):
        out[at + k] = text[rows[i, 2] + k]
    at += rows[i, 3]
    out[at], out[at + 1], out[at + 2] = 10, 43, 10
    at += 3
    for k in range(rows[i, 3]):
        out[at + k] = text[rows[i, 4] + k]
    at += rows[i, 3]
    out[at] = 10
    return at + 1


@njit(cache=True, nogil=True)
def _write(text1, rows1, text2, rows2, paired, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    at = 0
    for i in range(rows1.shape[0]):
        at = _emit(text1, rows1, i, out, at)
        if paired:
            at = _emit(text2, rows2, i, out, at)
    return at


def interleave(
    files: Sequence[str], quality_base: int, *, paired: bool
) -> Callable[[BinaryIO, BinaryIO], None]:
    """Give the function that writes the reads of FASTQ files, those of two in turn.

    Names lose what follows a space and the mark of the mate; qualities begin at 33.

    Parameters
    ----------
    files
        One or two; none: the text is what the function reads.
    quality_base
        33 or 64: what stands for quality 0 in the files.
    paired
        Whether there are pairs: in two files, or neighbours of one name.
    """

    def write(source: BinaryIO, sink: BinaryIO) -> None:
        with ExitStack() as stack:
            texts = [
                FastqText(opened(Path(name), stack), name, quality_base) for name in files
            ] or [FastqText(source.read, "the reads", quality_base)]
            while n := _next(texts, paired=paired):
                rows = [text.rows[:n] for text in texts]
                size = sum(int((2 * r[:, 3] + r[:, 1] + 6).sum()) for r in rows)
                out = np.empty(size, np.uint8)
                two = len(texts) == 2
                _write(texts[0].text, rows[0], texts[-1].text, rows[-1], two, out)
                sink.write(out.data)
                for text in texts:
                    text.drop(n)
            if len(texts) == 2:
                check_ends(texts[0], texts[1])

    return write


def _next(texts: Sequence[FastqText], *, paired: bool) -> int:
    """Read on; gives the number of rows of each text that are written next."""
    for text in texts:
        text.more(_BATCH)
    if len(texts) == 2:
        return match_files(texts[0], texts[1], 2 * _BATCH)
    return classify(texts[0], 2 * _BATCH)[2] if paired else len(texts[0].rows)
