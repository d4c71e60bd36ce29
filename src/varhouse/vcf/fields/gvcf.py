"""Is a file a gVCF? Reference blocks and the allele of unknown sequence.

A gVCF says, beside its variants, where a sample is like the reference: in blocks, records
whose ALT is the unspecified allele alone (`<*>` of VCF 4.3, `<NON_REF>` of GATK, its alias;
VCF 4.5 section 5.5), or `.` with an END behind REF (Strelka, Isaac, xAtlas). The allele also
stands beside the ALTs of its variants.

A segment of a known copy number (GATK's gCNV) or a repeat of the length of REF
(ExpansionHunter) has ALT `.` and END, too, and is a call and no block: its keys, or a REF of
N, say so.

The rule: a file is a gVCF if at least half of its records are such blocks or hold the
unspecified allele. A cohort in which a few records have kept the allele is none, and neither
is one by its header alone (`##GVCFBlock`, `##ALT=<ID=NON_REF>`), which outlives genotyping.
"""

from dataclasses import dataclass, field

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import Account
from varhouse.vcf.fields.alts import UNSPECIFIED, allele_kind
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]

_BLOCK, _OPEN, _BARE = range(3)
_BASE = np.zeros(256, np.bool_)
_LESS, _DOT, _COMMA, _SEMICOLON, _COLON, _N = 60, 46, 44, 59, 58, 78


@nb.njit(cache=True, nogil=True)
def _end_behind(text, i, e, last):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether INFO text[i:e] has an END behind the position `last`."""
    while i + 4 < e:
        if text[i] == 69 and text[i + 1] == 78 and text[i + 2] == 68 and text[i + 3] == 61:
            value = np.int64(0)
            i += 4
            while i < e and 48 <= text[i] <= 57:
                value = min(value * 10 + text[i] - 48, np.int64(2**40))
                i += 1
            return value > last
        while i < e and text[i] != _SEMICOLON:
            i += 1
        i += 1
    return False


def _keys(names: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(f" {names} ".encode(), np.uint8)


_OF_CALLS = _keys("CN CNQ CNL CNP REPCN REPCI RU RUS SVTYPE")


@nb.njit(cache=True, nogil=True)
def _is_one_of(text, a, b, names):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether text[a:b] is one of names with blanks around each."""
    n = b - a
    for j in range(names.size - n - 1):
        if n > 0 and names[j] == 32 and names[j + 1 + n] == 32:
            same = True
            for i in range(n):
                if names[j + 1 + i] != text[a + i]:
                    same = False
                    break
            if same:
                return True
    return False


@nb.njit(cache=True, nogil=True)
def _is_call(text, a, e, apart, calls):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether one of the keys in text[a:e] is of a repeat or a copy number."""
    while a < e and text[a] != 9:
        q = a
        while q < e and text[q] != apart and text[q] != 61 and text[q] != 9:
            q += 1
        if _is_one_of(text, a, q, calls):
            return True
        while q < e and text[q] != apart and text[q] != 9:
            q += 1
        if q < e and text[q] == 9:
            break
        a = q + 1
    return False


@nb.njit(cache=True, nogil=True)
def _count(text, start, end, pos, base, calls, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count blocks, variants with the unspecified allele, and records with ALT `.`."""
    for k in range(end.size):
        a, b = start[k, 4], min(start[k, 5] - 1, end[k])
        if b - a == 1 and text[a] == _DOT:
            info, stop = start[k, 7], min(start[k, 8] - 1, end[k])
            length = start[k, 4] - 1 - start[k, 3]
            if _end_behind(text, info, stop, pos[k] + length - 1):
                # Segments of callers of copy numbers have REF N.
                call = text[start[k, 3]] & 0xDF == _N
                call = call or _is_call(text, info, stop, _SEMICOLON, calls)
                if not call and stop < end[k]:
                    call = _is_call(text, stop + 1, end[k], _COLON, calls)
                found[_BARE if call else _BLOCK] += 1
            else:
                found[_BARE] += 1
            continue
        # The allele stands last where tools write it, but nothing says so.
        if b - a < 3 or (text[b - 1] != 62 and text[a] != _LESS):
            continue
        begin = a
        several = False
        unspecified = False
        for j in range(a, b + 1):
            if j == b or text[j] == _COMMA:
                several = several or j < b
                unspecified = unspecified or allele_kind(text, begin, j, base) == UNSPECIFIED
                begin = j + 1
        if unspecified:
            found[_OPEN if several else _BLOCK] += 1


@dataclass
class BlockWatch:
    """Counts reference blocks batch by batch.

    Attributes
    ----------
    found
        int64[3]: reference blocks, variants beside the unspecified allele, records whose
        ALT is `.` and that are no blocks.
    """

    found: Ints = field(default_factory=lambda: np.zeros(3, np.int64))

    def take(self, batch: RecordBatch) -> None:
        """Count the records of the next batch."""
        _count(
            batch.text,
            batch.start,
            batch.end,
            batch.pos,
            _BASE,
            _OF_CALLS,
            self.found,
        )

    def is_gvcf(self, n_records: int) -> bool:
        """Tell whether a file of so many records is a gVCF, by the rule above."""
        marked = int(self.found[_BLOCK] + self.found[_OPEN])
        return marked > 0 and 2 * marked >= n_records

    def tell(self, account: Account, n_records: int) -> None:
        """Say that a file is a gVCF, if it is one."""
        if self.is_gvcf(n_records):
            blocks, beside, bare = self.found.tolist()
            account.add(
                "VH-F-030",
                f"a gVCF: of {n_records:,} records {blocks:,} are reference blocks, {bare:,} "
                f"others have no ALT, and {beside:,} hold <*> or <NON_REF> beside their ALT",
            )
