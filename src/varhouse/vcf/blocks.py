"""Blocks of text from plain, gzip, BGZF, bzip2 or BCF files, cut at line ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from varhouse.errors import InputError
from varhouse.vcf.text.bgzf import BATCH_BYTES, FileHashes, read_pieces
from varhouse.vcf.text.limits import DEFAULTS, RATIO_FROM, LimitError, Limits
from varhouse.vcf.text.lines import RecordBatch, count_lines, read_batch

if TYPE_CHECKING:
    from varhouse.vcf.bcf.reader import PlainSamples
    from varhouse.vcf.bcf.samples import BcfColumns

SHORTEST_RECORD = 16
"""Bytes of the shortest line with eight columns, its newline included."""


@dataclass
class TextBlock:
    """Whole lines of text.

    Attributes
    ----------
    data
        Bytes that end with a newline (added to a last line that lacks it).
    start
        Position of the first byte in the whole text.
    ended
        False when the file's last line has no newline.
    samples
        Of a BCF, the sample values that are left out of the text (see `iter_text`).
    """

    data: bytes
    start: int
    ended: bool = True
    members: list[tuple[int, int]] = field(default_factory=list)
    samples: "BcfColumns | None" = None

    def virtual_offset(self, position: int) -> int:
        """Virtual offset of a byte of `data` (BGZF files only).

        `members` holds (text position, byte in file) of the members, ascending.
        """
        text = self.start + position
        low, high = 0, len(self.members)
        while high - low > 1:
            middle = (low + high) // 2
            if self.members[middle][0] <= text:
                low = middle
            else:
                high = middle
        at, byte = self.members[low]
        return byte << 16 | (text - at)


def iter_text(
    path: Path,
    kind: str,
    batch_bytes: int = BATCH_BYTES,
    limits: Limits = DEFAULTS,
    plain: "Callable[[], PlainSamples | None] | None" = None,
    hashes: FileHashes | None = None,
) -> Iterator[TextBlock]:
    """Yield a file's text from its first to its last byte in blocks of whole lines.

    Never more than a batch and one line are held, whatever the file says of itself. The
    bytes of the file go into `hashes` as they are read, but of a BCF.

    Parameters
    ----------
    plain
        Asked after the header of a BCF was yielded. Leave these sample values where they
        stand, as numbers: the block has them in `samples`, and `read_block` gives them to
        the records. None: all is text.

    Raises
    ------
    LimitError
        At a line that is too long (from 1 MiB on, see `Limits`), or when the file
        unpacks to more than it may.
    InputError
        If the file is damaged or cut off.
    """
    if kind == "bcf" and plain is not None:
        yield from _bcf_blocks(path, batch_bytes, limits, plain)
        return
    pieces = _bcf_text(path) if kind == "bcf" else read_pieces(path, kind, hashes)
    yield from _text_blocks(path, kind, pieces, batch_bytes, limits)


def read_block(block: TextBlock, data: bytes, record: int, line: int) -> RecordBatch:
    """Cut the data lines of a block into records.

    Parameters
    ----------
    data
        The lines of the block that are no header.
    record, line
        0-based ordinal of the first record, and its 1-based line.
    """
    batch = read_batch(data, record, line)
    if block.samples is not None:
        batch.samples = block.samples
        batch.tabs += np.where(block.samples.plain, block.samples.n_samples, 0)
    return batch


def _bcf_text(path: Path) -> Iterator[tuple[int, bytes]]:
    from varhouse.vcf.bcf.lines import bcf_pieces  # noqa: PLC0415 - slow, and few files are BCF

    return ((-1, piece) for piece in bcf_pieces(path))


def _bcf_blocks(
    path: Path, batch_bytes: int, limits: Limits, plain: "Callable[[], PlainSamples | None]"
) -> Iterator[TextBlock]:
    """Yield the text of a BCF, some sample values left out of it."""
    from varhouse.vcf.bcf.lines import bcf_batches  # noqa: PLC0415 - slow, and few files are BCF

    total, size = 0, path.stat().st_size
    # A number takes half the bytes of its text.
    batches = bcf_batches(path, batch_bytes // 2, plain, limits)
    for batch in batches:
        if isinstance(batch, bytes):
            rest = iter([batch]) if total == 0 else chain([batch], batches)
            pieces = ((-1, piece) for piece in rest if isinstance(piece, bytes))
            for block in _text_blocks(path, "bcf", pieces, batch_bytes, limits, total):
                total = block.start + len(block.data)
                yield block
            continue
        _check_lines(path, batch.text, limits)
        _check_size(path, "bcf", total + len(batch.text), size, limits)
        yield TextBlock(batch.text, total, samples=batch.samples)
        total += len(batch.text)


def _check_lines(path: Path, data: bytes, limits: Limits) -> None:
    """Check the length of whole lines.

    Raises
    ------
    LimitError
        When one is too long.
    """
    if len(data) <= limits.line_bytes:
        return
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    if np.diff(ends, prepend=-1).max() > limits.line_bytes + 1:
        raise _too_long(path, limits)


def _too_long(path: Path, limits: Limits) -> LimitError:
    return LimitError(
        f"{path}: a line is longer than {limits.line_bytes:,} bytes", "line_bytes"
    )


def _text_blocks(
    path: Path,
    kind: str,
    source: Iterator[tuple[int, bytes]],
    batch_bytes: int,
    limits: Limits,
    start: int = 0,
) -> Iterator[TextBlock]:
    """Cut pieces of text at line ends; `start` is how much came before them."""
    pieces: list[bytes] = []
    members: list[tuple[int, int]] = []
    last, behind = 0, 0  # the piece with the last newline, and the place behind that
    total, cut = start, 0  # of what was read, length of the whole lines of the block
    size = path.stat().st_size
    damage: InputError | None = None
    for at, text in _until_damage(source):
        if isinstance(text, InputError):
            damage = text
            break
        if at >= 0:
            members.append((total, at))
        newline = text.find(b"\n")
        first = len(text) if newline < 0 else newline
        if total - start - cut + first > limits.line_bytes:
            raise _too_long(path, limits)
        if newline >= 0:
            last, behind = len(pieces), text.rfind(b"\n") + 1
            cut = total - start + behind
        total += len(text)
        pieces.append(text)
        _check_size(path, kind, total, size, limits)
        if total - start < batch_bytes or not cut:
            continue
        rest = [pieces[last][behind:], *pieces[last + 1 :]]
        data = b"".join([*pieces[:last], pieces[last][:behind]])
        yield from _blocks(data, start, True, members)
        del data
        pieces = rest
        start, cut = start + cut, 0
        members = _from(members, start)
    data = b"".join(pieces)
    if damage is not None:
        # The whole lines before it first: what is found does not hang on the batch.
        if cut:
            yield from _blocks(data[:cut], start, True, members)
        raise damage
    if data:
        ended = data.endswith(b"\n")
        yield from _blocks(data if ended else data + b"\n", start, ended, members)


def _until_damage(
    pieces: Iterator[tuple[int, bytes]],
) -> Iterator[tuple[int, bytes | InputError]]:
    """Yield the pieces of a file, and last of all what is wrong if it cannot be read on."""
    try:
        yield from pieces
    except InputError as error:
        yield -1, error


def _check_size(path: Path, kind: str, total: int, size: int, limits: Limits) -> None:
    """Check how much text a file of `size` bytes has given so far.

    Raises
    ------
    LimitError
        When it is more than it may be.
    """
    if total > limits.text_bytes:
        raise LimitError(
            f"{path}: unpacks to more than {limits.text_bytes:,} bytes", "text_bytes"
        )
    # A byte of BCF may be five of text: -100 and a comma.
    ratio = 5 * limits.ratio if kind == "bcf" else limits.ratio
    if kind != "text" and total > RATIO_FROM and total > ratio * size:
        raise LimitError(
            f"{path}: {size:,} bytes unpack to more than {ratio:,} times as many: "
            "a decompression bomb",
            "ratio",
        )


def _blocks(
    data: bytes, start: int, ended: bool, members: list[tuple[int, int]]
) -> Iterator[TextBlock]:
    """Yield whole lines as one block; as several where lines are too short for records.

    What a batch holds in memory beside its text grows with the number of its lines.
    """
    lines = int(count_lines(np.frombuffer(data, np.uint8)))
    if lines <= len(data) // SHORTEST_RECORD + 4096:
        yield TextBlock(data, start, ended, members)
        return
    step = max(1, len(data) // SHORTEST_RECORD)
    at = 0
    while at < len(data):
        end = data.find(b"\n", min(at + step, len(data)) - 1) + 1
        yield TextBlock(data[at:end], start + at, ended or end < len(data), members)
        at = end


def _from(members: list[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    keep = 0
    while keep + 1 < len(members) and members[keep + 1][0] <= start:
        keep += 1
    return members[keep:]
