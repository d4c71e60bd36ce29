"""bwa's own functions, which the compiled part of pybwa exports, called without its objects.

pybwa makes an object of Python a read and one a record, copies the bases of a read one by one
in Python, holds the interpreter's lock while it aligns, and leaves out the flags of pairs. The
functions of bwa that it calls take and give arrays of C structures, whose layout pybwa
publishes (`libbwamem.pxd`, `libbwaindex.pxd` in its folder); `reads.alignedpairs` fills and
reads them in place.
"""

import ctypes
import os
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from varhouse.errors import InputError, VarhouseError, install_extra

PAIRED = 0x2
SOFT_CLIP = 0x200
"""Flags of `Options.flag` (bwamem.h: MEM_F_PE, MEM_F_SOFTCLIP)."""

_AS_KNOWN = {
    **{"a": 1, "b": 4, "o_del": 6, "e_ins": 1, "T": 30, "min_seed_len": 19},
    "max_mem_intv": 20,
    "max_occ": 500,
    "chunk_size": 10_000_000,
    "mapQ_coef_fac": 3,
    "max_ins": 10_000,
    "max_XA_hits_alt": 200,
    "n_threads": 1,
    "flag": 0,
}
"""Defaults of bwa mem at places of `Options`: the layout is the one known here."""


class Options(ctypes.Structure):
    """Options of bwa mem (`mem_opt_t` of bwamem.h)."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("a", "b", "o_del", "e_del", "o_ins", "e_ins")),
        *((name, ctypes.c_int) for name in ("pen_unpaired", "pen_clip5", "pen_clip3", "w")),
        ("zdrop", ctypes.c_int),
        ("max_mem_intv", ctypes.c_uint64),
        *((name, ctypes.c_int) for name in ("T", "flag", "min_seed_len", "min_chain_weight")),
        ("max_chain_extend", ctypes.c_int),
        ("split_factor", ctypes.c_float),
        *((name, ctypes.c_int) for name in ("split_width", "max_occ", "max_chain_gap")),
        *((name, ctypes.c_int) for name in ("n_threads", "chunk_size")),
        *((name, ctypes.c_float) for name in ("mask_level", "drop_ratio", "XA_drop_ratio")),
        *((name, ctypes.c_float) for name in ("mask_level_redun", "mapQ_coef_len")),
        *((name, ctypes.c_int) for name in ("mapQ_coef_fac", "max_ins", "max_matesw")),
        *((name, ctypes.c_int) for name in ("max_XA_hits", "max_XA_hits_alt")),
        ("mat", ctypes.c_int8 * 25),
    )


class _Index(ctypes.Structure):
    """A loaded index (the start of `bwaidx_t` of bwa.h)."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("bwt", "bns", "pac"))


class BwaLibrary:
    """bwa's functions of an installed pybwa.

    Raises
    ------
    VarhouseError
        If pybwa is not installed, or has other structures than the ones known here.
    """

    def __init__(self) -> None:
        found = find_spec("pybwa")
        if found is None or found.origin is None:
            raise VarhouseError("bwa mem (pybwa) is not installed", install_extra("reads"))
        files = [p for p in Path(found.origin).parent.glob("libbwamem*") if _is_library(p)]
        try:
            self._lib = ctypes.CDLL(str(files[0]))
            self._declare()
        except (IndexError, OSError, AttributeError, ValueError) as error:
            raise VarhouseError(
                f"pybwa {pybwa_version()} has other functions than the known ones ({error})",
                "pip install pybwa==2.3.2",
            ) from None
        self.destroy = ctypes.cast(self._lib.bams_destroy, ctypes.c_void_p).value or 0

    def _declare(self) -> None:
        lib, pointer = self._lib, ctypes.c_void_p
        lib.mem_opt_init.restype = ctypes.POINTER(Options)
        lib.bwa_idx_load.restype = ctypes.POINTER(_Index)
        lib.bwa_idx_load.argtypes = (ctypes.c_char_p, ctypes.c_int)
        lib.mem_process_seqs.restype = None
        lib.mem_process_seqs.argtypes = (
            *(ctypes.POINTER(Options), pointer, pointer, pointer, ctypes.c_int64),
            *(ctypes.c_int, pointer, pointer, pointer),
        )
        self.options: Options = lib.mem_opt_init().contents
        found = {name: getattr(self.options, name) for name in _AS_KNOWN}
        if found != _AS_KNOWN or self.options.mat[24] != -1 or self.options.mat[0] != 1:
            raise ValueError("bwa mem's defaults are others")
        self._verbose = ctypes.c_int.in_dll(lib, "bwa_verbose")

    def load(self, prefix: Path) -> None:
        """Load an index: `prefix`.bwt, .sa, .ann, .amb and .pac.

        Raises
        ------
        InputError
            If a file of it is missing or damaged. bwa itself ends the process, with its words
            on stderr, where it cannot read on.
        """
        self._verbose.value = 1
        self._index = self._lib.bwa_idx_load(os.fsencode(prefix), 7)
        if not self._index:
            raise InputError(f"{prefix}: bwa cannot load this index", "make it anew")

    def set_read_group(self, name: str) -> None:
        """Have bwa write the tag RG in each record."""
        place = (ctypes.c_char * 256).in_dll(self._lib, "bwa_rg_id")
        raw = name.encode()
        if len(raw) > 255:
            raise InputError(
                f"read group {name[:40]}... has {len(raw)} bytes, bwa knows 255",
                "shorten the name of the sample or the lane in the reads sheet",
            )
        place.value = raw

    def align(self, reads: int, n: int, done: int, *, paired: bool) -> str:
        """Align reads; each has a list of records at its `bams` afterwards.

        Parameters
        ----------
        reads
            Address of n structures `bseq1_t`; mates in turn where `paired`.
        done
            Reads aligned before, of the lane: decides between hits of equal score.

        Returns
        -------
        str
            What bwa said on stderr: insert sizes of the batch are in it (`mem_pestat`).
        """
        options = self.options
        options.flag = (options.flag & ~PAIRED) | (PAIRED if paired else 0)
        index = self._index.contents
        self._verbose.value = 3
        with _heard() as said:
            self._lib.mem_process_seqs(
                options, index.bwt, index.bns, index.pac, done, n, reads, None, None
            )
        self._verbose.value = 1
        return said.text


class _heard:  # noqa: N801 - used as a statement
    """Collects what is written to stderr of the process while a block runs."""

    text = ""

    def __enter__(self) -> "_heard":
        self._file = tempfile.TemporaryFile()
        self._before = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *_exc: object) -> None:
        os.dup2(self._before, 2)
        os.close(self._before)
        self._file.seek(0)
        self.text = self._file.read().decode(errors="replace")
        self._file.close()


def _is_library(path: Path) -> bool:
    return path.suffix in (".so", ".dylib", ".pyd")


def pybwa_version() -> str:
    """Give the version of pybwa that is installed; empty if none is."""
    with suppress(PackageNotFoundError):
        return version("pybwa")
    return ""
