"""FASTQ files as one text, mates in turn, for aligners that read their standard input."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numba import njit

from varhouse.reads.bwamem import opened
from varhouse.reads.fastqtext import FastqText, check_ends, match_files

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
    files: Sequence[str], quality_base: int
) -> Callable[[BinaryIO, BinaryIO], None]:
    """Give the function that writes the reads of FASTQ files, those of two in turn.

    Names lose what follows a space and /1 or /2; qualities begin at 33.

    Parameters
    ----------
    files
        One or two; none: the text is what the function reads.
    quality_base
        33 or 64: what stands for quality 0 in the files.
    """

    def write(source: BinaryIO, sink: BinaryIO) -> None:
        with ExitStack() as stack:
            texts = [
                FastqText(opened(Path(name), stack), name, quality_base) for name in files
            ] or [FastqText(source.read, "the reads", quality_base)]
            paired = len(texts) == 2
            while True:
                for text in texts:
                    text.more(_BATCH)
                n = (
                    match_files(texts[0], texts[1], 2 * _BATCH)
                    if paired
                    else len(texts[0].rows)
                )
                if n == 0:
                    break
                rows = [text.rows[:n] for text in texts]
                size = sum(int((2 * r[:, 3] + r[:, 1] + 6).sum()) for r in rows)
                out = np.empty(size, np.uint8)
                _write(texts[0].text, rows[0], texts[-1].text, rows[-1], paired, out)
                sink.write(out.data)
                for text in texts:
                    text.drop(n)
            if paired:
                check_ends(texts[0], texts[1])

    return write
