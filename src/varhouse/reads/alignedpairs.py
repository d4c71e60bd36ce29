"""What bwa mem takes and gives, as arrays: reads of a text, and records as bytes of a BAM.

Structures are read where bwa has them in memory (`bseq1_t` and `bams_t` of bwa.h as pybwa
patches it, `bam1_t` of htslib's sam.h), and freed when they have been copied.

pybwa loses flags of paired reads. First and second mate are known by their place. A
pair is proper by bwa's rule (bwamem_pair.c, mem_sam_pe): both ends on one contig, and the
distance of their 5' ends within the bounds that mem_pestat found for their orientation in the
batch; bwa tells the bounds on stderr.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Words = npt.NDArray[np.int64]

SEQ_WORDS = 6
"""Words of 8 bytes of `bseq1_t`: length and id, name, comment, bases, qualities, records."""

_MIN_QUALITY = 15
"""Base quality from which a base counts in the score by which markdup picks the read that it
keeps (samtools' bam_mate.c: MD_MIN_QUALITY)."""

_FORWARD, _REVERSE, _OUTWARD, _BACK = range(4)
_ORIENTATIONS = ("FF", "FR", "RF", "RR")

_PROPER = re.compile(
    r"analyzing insert size distribution for orientation (FF|FR|RF|RR)"
    r"|low and high boundaries for proper pairs: \((\d+), (\d+)\)"
    r"|skip orientation (FF|FR|RF|RR)"
)


def proper_bounds(said: str) -> Words:
    """Read the bounds of proper pairs from what bwa said of a batch (mem_pestat).

    Returns
    -------
    int64[4, 2]
        Least and greatest distance of the 5' ends, inclusive, of FF, FR, RF and RR; of an
        orientation that is not used the least is above the greatest.
    """
    bounds = np.array([[1, 0]] * 4, np.int64)
    at = 0
    for match in _PROPER.finditer(said):
        if match[1]:
            at = _ORIENTATIONS.index(match[1])
        elif match[2]:
            bounds[at] = int(match[2]), int(match[3])
        else:
            # Said of too few pairs before, and of a rare orientation after its bounds.
            bounds[_ORIENTATIONS.index(match[4])] = 1, 0
    return bounds


_typed: Any = intrinsic


def _load(bits: int, signed: bool) -> Any:
    """Make a function that reads an integer at an address."""

    @intrinsic
    def load(_context, address):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
        def code(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
            kind = ir.IntType(bits)
            value = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()))
            if bits == 64:
                return value
            extend = builder.sext if signed else builder.zext
            return extend(value, ir.IntType(64))

        return types.int64(types.int64), code

    return load


_word = _load(64, signed=True)
_int = _load(32, signed=True)
_short = _load(16, signed=False)
_byte = _load(8, signed=False)


@_typed
def _copy(_context, _out, _at, _address, _size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy bytes of an address into an array of bytes: out, place in it, address, size."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte = ir.IntType(8).as_pointer()
        target = builder.gep(builder.bitcast(array.data, byte), [arguments[1]])
        source = builder.inttoptr(arguments[2], byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, byte, ir.IntType(64), ir.IntType(1)])
        name = "llvm.memcpy.p0i8.p0i8.i64"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(function, [target, source, arguments[3], ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.none(types.Array(types.uint8, 1, "C"), *[types.int64] * 3), code


@_typed
def _call(_context, _function, _argument):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Call a function of C that takes a pointer and gives nothing: address, and pointer."""

    def code(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte]).as_pointer()
        function = builder.inttoptr(arguments[0], kind)
        builder.call(function, [builder.inttoptr(arguments[1], byte)])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), code


@njit(cache=True, nogil=True)
def _fill(reads, first, step, text, rows, spare, spare_at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    base = text.ctypes.data
    empty = spare.ctypes.data
    for i in range(rows.shape[0]):
        k = first + i * step
        size = rows[i, 3]
        reads[k, 1] = base + rows[i, 0]
        reads[k, 2] = 0
        reads[k, 5] = 0
        if size == 0:
            # bwa's rescue of mates reads beyond a read of no bases: it gets one, N.
            at = spare_at + 2 * i
            spare[at], spare[at + 1] = 78, 35
            reads[k, 0] = 1
            reads[k, 3], reads[k, 4] = empty + at, empty + at + 1
        else:
            reads[k, 0] = size
            reads[k, 3], reads[k, 4] = base + rows[i, 2], base + rows[i, 4]


class ReadArray:
    """Reads as bwa takes them: structures that point into blocks of FASTQ text.

    The texts have to stay as they are until the records have been taken.
    """

    def __init__(self, n: int, *, paired: bool) -> None:
        self.paired = paired
        self.words: Words = np.zeros((n, SEQ_WORDS), np.int64)
        self._spare = np.zeros(2 * n, np.uint8)
        self._filled = 0

    def put(
        self, text: npt.NDArray[np.uint8], rows: Words, first: int = 0, step: int = 1
    ) -> None:
        """Set reads `first`, `first + step`, ... from rows of `fastqtext.Rows`."""
        _fill(self.words, first, step, text, rows, self._spare, 2 * self._filled)
        self._filled += len(rows)

    @property
    def address(self) -> int:
        """Where the structures are."""
        return int(self.words.ctypes.data)

    def records(self, destroy: int, bounds: Words) -> npt.NDArray[np.uint8]:
        """Give the records that bwa has made, as bytes of a BAM, and free them.

        Parameters
        ----------
        destroy
            Address of bwa's `bams_destroy`.
        bounds
            As `proper_bounds` gives them.
        """
        out = np.empty(int(_count(self.words, self.paired)), np.uint8)
        size = _write(self.words, self.paired, bounds, destroy, out)
        assert size == out.size
        return out


@njit(cache=True, nogil=True)
def _count(reads, paired):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    total = 0
    for i in range(reads.shape[0]):
        bams = reads[i, 5]
        records = _word(bams + 8)
        for k in range(_int(bams)):
            b = _word(records + 8 * k)
            total += 36 + _int(b + 64) - _byte(b + 15) + (7 if paired else 0)
    return total


@njit(cache=True, nogil=True)
def _five_prime(b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the 0-based position of the 5' end of the aligned part of a record."""
    position = _word(b)
    if _short(b + 16) & 16:
        data = _word(b + 56) + _short(b + 18)
        for k in range(_int(b + 20)):
            operation = _int(data + 4 * k)
            if operation & 15 in (0, 2, 3, 7, 8):
                position += operation >> 4
        return position - 1
    return position


@njit(cache=True, nogil=True)
def _is_proper(a, b, bounds):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Apply bwa's rule to the primary records of two mates (mem_infer_dir, mem_sam_pe)."""
    flag1, flag2 = _short(a + 16), _short(b + 16)
    if (flag1 | flag2) & 4 or _int(a + 8) != _int(b + 8):
        return False
    reverse1, reverse2 = (flag1 & 16) != 0, (flag2 & 16) != 0
    x1, x2 = _five_prime(a), _five_prime(b)
    # Mate 2 on the strand of mate 1: is it behind its 5' end?
    behind = x2 < x1 if reverse1 else x2 > x1
    orientation = (0 if reverse1 == reverse2 else 1) ^ (0 if behind else 3)
    return bounds[orientation, 0] <= abs(x2 - x1) <= bounds[orientation, 1]


@njit(cache=True, nogil=True)
def _score(reads, i):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    total = 0
    for k in range(_int(reads[i : i + 1, 0].ctypes.data)):
        quality = _byte(reads[i, 4] + k) - 33
        if quality >= _MIN_QUALITY:
            total += quality
    return total


@njit(cache=True, nogil=True)
def _put(out, at, value, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    for k in range(size):
        out[at + k] = (value >> (8 * k)) & 255


@njit(cache=True, nogil=True)
def _write(reads, paired, bounds, destroy, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write records of all reads, in the form of the SAM specification, section 4.2."""
    at = 0
    flags = 0
    for i in range(reads.shape[0]):
        bams = reads[i, 5]
        records = _word(bams + 8)
        score = 0
        if paired:
            if i & 1 == 0:
                other = _word(_word(reads[i + 1, 5] + 8))
                flags = 2 if _is_proper(_word(records), other, bounds) else 0
            score = _score(reads, i ^ 1)
        for k in range(_int(bams)):
            b = _word(records + 8 * k)
            data, size = _word(b + 56), _int(b + 64)
            l_name, l_padding = _short(b + 18), _byte(b + 15)
            length = 32 + size - l_padding + (7 if paired else 0)
            flag = _short(b + 16)
            if paired:
                flag |= flags | (0x80 if i & 1 else 0x40)
                if flag & 0x1C == 0x18:
                    # A mate that is not mapped has the strand of its read (bwa's mem_aln2sam).
                    flag |= 0x20
            _put(out, at, length, 4)
            _put(out, at + 4, _int(b + 8), 4)
            _put(out, at + 8, _word(b), 4)
            out[at + 12] = l_name - l_padding
            out[at + 13] = _byte(b + 14)
            _put(out, at + 14, _short(b + 12), 2)
            _put(out, at + 16, _int(b + 20), 2)
            _put(out, at + 18, flag, 2)
            _put(out, at + 20, _int(b + 24), 4)
            _put(out, at + 24, _int(b + 28), 4)
            _put(out, at + 28, _word(b + 32), 4)
            _put(out, at + 32, _word(b + 40), 4)
            at += 36
            _copy(out, at, data, l_name - l_padding)
            at += l_name - l_padding
            _copy(out, at, data + l_name, size - l_name)
            at += size - l_name
            if paired:
                # ms:i, as fixmate -m writes it.
                out[at], out[at + 1], out[at + 2] = 109, 115, 105
                _put(out, at + 3, score, 4)
                at += 7
        if paired and i & 1:
            _call(destroy, reads[i - 1, 5])
            _call(destroy, bams)
            reads[i - 1, 5], reads[i, 5] = 0, 0
        elif not paired:
            _call(destroy, bams)
            reads[i, 5] = 0
    return at
