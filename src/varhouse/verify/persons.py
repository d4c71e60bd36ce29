"""What genotypes say of each person, for the counts of `samples` and for the table `carried`.

A person adds to his counts once a record, to `carried` once an allele (docs/numbers.md,
docs/store-format.md). Of who has REF alone nothing is added, so that bytes of planes that are
all 0 are passed over.
"""

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from varhouse.verify.filescan import Rows
from varhouse.verify.people import Cohort, OneCopy
from varhouse.verify.rowhash import Words, bytes_of, ends_of, hash_values, join_hashes
from varhouse.verify.words import KEY

OF_PERSON = (
    "n_missing", "n_het", "n_hom_alt", "n_hemi", "n_snv", "n_indel", "n_ti", "n_tv",
)  # fmt: skip
"""Counts of a row of `samples`."""

OF_PLANES = (
    "ac", "n_het", "n_hom_alt", "n_hemi", "n_het_not_diploid", "n_hom_alt_not_diploid",
)  # fmt: skip
"""Counts of `carried` that a genotype alone decides; those of high quality follow."""

OTHER, TRANSITION, TRANSVERSION, SHORT, TWICE = range(5)
"""Kinds of an ALT: one that was rejected or is symbolic; two SNVs; other bases; one that
stands in an earlier record too, which counts as nobody's."""

_LEVELS = 34
"""Bits of a counter: no VCF has 2**34 records."""

Longs = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def _person(p, q, alts, at, bits, absent, a0, missing, m0, got):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the copies of a person from slot `q` on: how many there are, how many called."""
    copies = 0
    called = 0
    for slot in range(q, q + p):
        byte, bit = slot >> 3, 0x80 >> (slot & 7)
        if a0 >= 0 and absent[a0 + byte] & bit:
            continue
        copies += 1
        if m0 >= 0 and missing[m0 + byte] & bit:
            continue
        got[called] = 0
        for k in range(alts.size - 1):
            if bits[alts[k] + byte] & bit:
                got[called] = k + 1
                break
        called += 1
    return copies, called


@nb.njit(cache=True, nogil=True)
def _count_record(copies, called, got, kind, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add one genotype to the counts of its person."""
    alts = 0
    same = True
    for j in range(called):
        same &= got[j] == got[0]
        if got[j] > 0:
            t = kind[got[j] - 1]
            alts += t != TWICE
            out[4] += TRANSITION <= t <= TRANSVERSION
            out[5] += t == SHORT
            out[6] += t == TRANSITION
            out[7] += t == TRANSVERSION
    if called < copies or copies == 0:
        out[0] += 1
    elif alts and copies == 1:
        out[3] += 1
    elif alts and same:
        out[2] += 1
    elif alts:
        out[1] += 1


@nb.njit(cache=True, nogil=True)
def _weigh_alleles(copies, called, got, male, one, weight, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add what a genotype counts of each allele, times the weight of the allele."""
    for j in range(called):
        a = got[j]
        if a == 0:
            continue
        own = 0
        for i in range(called):
            own += got[i] == a
            if got[i] == a and i < j:
                own = -called
        if own <= 0:
            continue
        w = weight[a - 1]
        hemi = male and one[a - 1]
        n = 1 if hemi and copies == 2 and called == 1 else copies
        odd = n != 2 or hemi
        out[0] += w * np.uint64(own)
        if called < n:
            continue
        if n == 1:
            out[3] += w
        elif own == n:
            out[2] += w
            out[5] += w * np.uint64(odd)
        else:
            out[1] += w
            out[4] += w * np.uint64(odd)


@nb.njit(cache=True, nogil=True)
def _slice_in(bits, begin, end, sums):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add a plane of pairs of copies to counters, of 32 people at a time.

    Counters are cut into their bits: word k of `sums` uint64[words, LEVELS] has bit k of the
    64 numbers (of each person: how often one copy, how often both).
    """
    low = np.uint64(0x5555555555555555)
    for w in range((end - begin + 7) >> 3):
        a = begin + 8 * w
        word = np.uint64(0)
        if a + 8 <= end:
            for k in range(8):
                word = word << np.uint64(8) | np.uint64(bits[a + k])
        else:
            for k in range(8):
                byte = bits[a + k] if a + k < end else np.uint8(0)
                word = word << np.uint64(8) | np.uint64(byte)
        if word == 0:
            continue
        other = word >> np.uint64(1)
        carry = (word ^ other) & low | (word & other & low) << np.uint64(1)
        level = 0
        while carry:
            both = sums[w, level] & carry
            sums[w, level] ^= carry
            carry = both
            level += 1


@nb.njit(cache=True, nogil=True)
def _slice_out(sums, word_at, column_at, who, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give each person what counters of `_slice_in` have of him.

    `sums` is uint64[kinds, words, LEVELS]; `word_at` and `column_at` cut words and columns to
    files.
    """
    for kind in range(sums.shape[0]):
        for f in range(word_at.size - 1):
            for c in range(column_at[f + 1] - column_at[f]):
                w = word_at[f] + (c >> 5)
                shift = np.uint64(62 - 2 * (c & 31))
                once = np.int64(0)
                both = np.int64(0)
                for level in range(sums.shape[2]):
                    two = sums[kind, w, level] >> shift
                    once += np.int64(two & np.uint64(1)) << level
                    both += np.int64(two >> np.uint64(1) & np.uint64(1)) << level
                o = who[column_at[f] + c]
                out[o, 1] += once
                out[o, 2] += both
                copies = once + 2 * both
                out[o, 4] += copies * (TRANSITION <= kind <= TRANSVERSION)
                out[o, 5] += copies * (kind == SHORT)
                out[o, 6] += copies * (kind == TRANSITION)
                out[o, 7] += copies * (kind == TRANSVERSION)


@nb.njit(cache=True, nogil=True)
def _count(  # type: ignore[no-untyped-def]  # pragma: no cover
    people, ploidy, cut, at, bits, masks, mask_bits, site, alt_at, kind, one, weight, counts,
    one_copy, who_at, who, male, is_alone, out, held, word, sums,
):  # fmt: skip
    got = np.zeros(256, np.int64)
    for r in range(people.size):
        p, s = np.int64(ploidy[r]), site[r]
        if p < 0:
            # A record without GT: nobody is called.
            for i in range(people[r] * counts[s]):
                out[who[who_at[r] + i], 0] += 1
            continue
        alts = at[cut[r] : cut[r + 1] + 1]
        m0 = masks[0, r] if masks[0, r + 1] > masks[0, r] else np.int64(-1)
        a0 = masks[1, r] if masks[1, r + 1] > masks[1, r] else np.int64(-1)
        if p == 2 and alts.size == 2 and m0 < 0 and a0 < 0 and not is_alone[r]:
            if counts[s]:
                _slice_in(bits, alts[0], alts[1], sums[kind[alt_at[s]], word[r] :])
            continue
        missing, absent = mask_bits[0], mask_bits[1]
        kinds, ones = kind[alt_at[s] : alt_at[s + 1]], one[alt_at[s] : alt_at[s + 1]]
        weights = weight[alt_at[s] : alt_at[s + 1]]
        done = 0
        for byte in range((people[r] * p + 7) >> 3):
            some = np.uint8(0)
            for k in range(alts.size - 1):
                some |= bits[alts[k] + byte]
            if m0 >= 0:
                some |= missing[m0 + byte]
            if a0 >= 0:
                some |= absent[a0 + byte]
            if some == 0:
                continue
            last = min((8 * byte + 7) // p, people[r] - 1)
            begin = 8 * byte // p
            for i in range(begin if begin > done else done, last + 1):
                copies, called = _person(
                    p, i * p, alts, at, bits, absent, a0, missing, m0, got
                )
                o = who[who_at[r] + i]
                n = 1 if one_copy[s] and male[o] and copies == 2 and called == 1 else copies
                if counts[s]:
                    _count_record(n, called, got, kinds, out[o])
                if is_alone[r]:
                    _weigh_alleles(copies, called, got, male[o], ones, weights, held[o])
            done = last + 1


@nb.njit(cache=True, nogil=True)
def _weigh(sample, weight, counts, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(sample.size):
        for k in range(out.shape[1]):
            out[sample[i], k] += weight[i] * np.uint64(counts[i, k])


def weigh_rows(rows: Rows, names: tuple[str, ...], out: Words) -> bool:
    """Add rows of the table carried up by person, each times the hash of its allele.

    Parameters
    ----------
    out
        uint64[ordinals, names].

    Returns
    -------
    bool
        False, with nothing added, if a row is of nobody.
    """
    sample = rows.numbers("sample").astype(np.int64)
    if ((sample < 0) | (sample >= len(out))).any():
        return False
    counts = np.stack([rows.numbers(n).astype(np.int64) for n in names], axis=1)
    _weigh(sample, rows.key(KEY), counts, out)
    return True


def _kinds(ref: Any, alt: Any) -> npt.NDArray[np.int8]:
    """Sort ALTs into kinds by their normalised bases; null: rejected."""
    bases = pa.array(["A", "C", "G", "T"], alt.type)
    one, other = (np.asarray(pc.fill_null(pc.index_in(a, bases), -1)) for a in (ref, alt))
    is_short = np.asarray(
        pc.fill_null(pc.match_substring_regex(alt, "^[ACGTN]+$"), fill_value=False)
    )
    kind = np.where(is_short, SHORT, OTHER).astype(np.int8)
    snv = (one >= 0) & (other >= 0)
    kind[snv] = np.where((one ^ other)[snv] & 1, TRANSVERSION, TRANSITION)
    return kind


class PersonCounts:
    """Counts the people of a cohort by their genotypes, part by part.

    Parameters
    ----------
    cohort, one_copy
        Its people and files, and where its men have one copy.
    with_carried
        Whether to add up what `carried` has to say.
    """

    def __init__(self, cohort: Cohort, one_copy: OneCopy, *, with_carried: bool) -> None:
        n = max(cohort.samples, default=-1) + 1
        self.counts = np.zeros((n, len(OF_PERSON)), np.int64)
        self.held = np.zeros((n, len(OF_PLANES)), np.uint64)
        self.is_whole = True
        """Whether all rows could be counted."""
        self._cohort, self._one_copy, self._with_carried = cohort, one_copy, with_carried
        self._male = cohort.sexes() == 1
        numbers = sorted(cohort.files)
        people = [np.array(cohort.files[f]["samples"] or [], np.int32) for f in numbers]
        self._who = np.concatenate([np.zeros(0, np.int32), *people])
        first = np.cumsum([0, *(p.size for p in people)])
        self._first = dict(zip(numbers, first.tolist(), strict=False))
        words = np.cumsum([0, *(-(-p.size // 32) for p in people)])
        self._words = dict(zip(numbers, words.tolist(), strict=False))
        self._cuts = words, first
        # Of one ALT that is not TWICE: a record that has nothing else does not count.
        self._sums = np.zeros((TWICE, int(words[-1]), _LEVELS), np.uint64)
        self.end_of_part()

    def end(self) -> None:
        """Finish the counts, once all rows are in."""
        _slice_out(self._sums, *self._cuts, self._who, self.counts)

    def end_of_part(self) -> None:
        """Forget the records of a part."""
        self._sites: list[tuple[Longs, ...]] = []
        self._twice: list[tuple[Longs, Longs]] = []
        self._part: dict[str, Any] = {}

    def rejects(self, place: Longs, rows: Rows) -> None:
        """Take rows of the table rejects: which ALTs stand twice; before `sites`."""
        same = pc.equal(rows.batch.column("reason"), "duplicate_allele")
        mine = np.asarray(pc.and_(same, pc.is_valid(rows.batch.column("alt_index"))))
        if mine.any():
            alt = rows.numbers("alt_index").astype(np.int64)
            self._twice.append((place[mine], alt[mine] - 1))

    def sites(self, place: Longs, n_alt: Longs, rows: Rows) -> None:
        """Take rows of the table sites, each with so many ALTs, before their genotypes."""
        batch = rows.batch
        pos, ref, alt, extent = (
            batch.column(f"allele_{n}").flatten() for n in ("pos", "ref", "alt", "extent")
        )
        if not len(pos) == len(ref) == len(alt) == len(extent) == n_alt.sum():
            self.is_whole = False
            return
        contigs, at = batch.column("contig"), rows.numbers("pos").astype(np.int64)
        one_copy = self._one_copy.look(contigs, np.arange(len(rows)), at)
        record = np.repeat(np.arange(len(rows)), n_alt)
        known = np.asarray(pc.is_valid(alt))
        here = np.asarray(pc.fill_null(pos, 0)).astype(np.int64)
        one = self._one_copy.look(contigs, record, here)
        weight = np.zeros(len(alt), np.uint64)
        if self._with_carried:
            parts = [rows.hash("contig")[record]]
            weight = join_hashes([*parts, *(hash_values(a) for a in (pos, ref, alt, extent))])
            weight[~known] = 0
        self._sites.append(
            (place, n_alt, one_copy, _kinds(ref, alt), one, weight, known)  # type: ignore[arg-type]
        )
        self._part = {}

    def _join(self) -> dict[str, Any]:
        """Put the records of the part together, in the order of file and record."""
        if self._part:
            return self._part
        place, n_alt, one_copy, kind, one, weight, known = (
            np.concatenate(c) for c in zip(*self._sites, strict=True)
        )
        alt_at = np.concatenate([[0], np.cumsum(n_alt)])
        order = np.argsort(place, kind="stable")
        has_twice = np.zeros(place.size, np.bool_)
        for of, alt in self._twice:
            at = np.minimum(np.searchsorted(place[order], of), place.size - 1)
            row = order[at]
            mine = (place[row] == of) & (alt < n_alt[row])
            where = alt_at[row[mine]] + alt[mine]
            kind[where], weight[where], known[where] = TWICE, 0, False
            has_twice[row[mine]] = True
        kept = np.concatenate([[0], np.cumsum(known)])
        self._part = {
            "place": place[order], "order": order, "alt_at": alt_at, "kind": kind, "one": one,
            "weight": weight, "one_copy": one_copy,
            # A record that brings nothing but what an earlier one has does not count.
            "counts": (kept[alt_at[1:]] > kept[alt_at[:-1]]) | ~has_twice,
        }  # fmt: skip
        return self._part

    def genotypes(self, place: Longs, files: Longs, rows: Rows) -> None:
        """Count rows of the table genotypes, of which is known that their planes are sound."""
        people, first = (rows.numbers(n).astype(np.int64) for n in ("people", "first"))
        distinct, number = np.unique(files, return_inverse=True)
        known = [self._cohort.files.get(f) for f in distinct.tolist()]
        size = np.array([0 if f is None else len(f["samples"] or ()) for f in known])[number]
        if not self._sites or not len(rows) or (first + people > size).any():
            self.is_whole &= not len(rows)
            return
        part = self._join()
        at = np.minimum(np.searchsorted(part["place"], place), part["place"].size - 1)
        site, planes = part["order"][at], rows.batch.column("planes")
        if (part["place"][at] != place).any() or not self._fits(planes, part, site, rows):
            self.is_whole = False
            return
        begin = np.array([self._first[f] for f in distinct.tolist()])[number]
        alone = np.array([f is not None and is_alone(f) for f in known])[number]
        masks = [rows.batch.column(n) for n in ("missing", "absent")]
        _count(
            people, np.asarray(rows.batch.column("ploidy").fill_null(-1)), ends_of(planes),
            ends_of(planes.values), bytes_of(planes.values),
            np.stack([ends_of(m) for m in masks]), tuple(bytes_of(m) for m in masks), site,
            part["alt_at"], part["kind"], part["one"], part["weight"], part["counts"],
            part["one_copy"], begin + first, self._who, self._male,
            alone & self._with_carried, self.counts, self.held,
            np.array([self._words[f] for f in distinct.tolist()])[number] + first // 32,
            self._sums,
        )  # fmt: skip

    def _fits(self, planes: Any, part: dict[str, Any], site: Longs, rows: Rows) -> bool:
        """Tell whether each row has planes for the ALTs of its site, and known people."""
        most = self._who.max(initial=-1)
        n_alt = np.diff(part["alt_at"])[site]
        has_gt = np.asarray(rows.batch.column("ploidy").is_valid())
        is_alike = (np.diff(ends_of(planes)) == n_alt) | ~has_gt
        return bool(is_alike.all() and most < len(self._male) and self._who.min() >= 0)


def is_alone(file: Any) -> bool:
    """Tell whether a file has runs, of one person: then `carried` has what he holds."""
    return bool(file["has_runs"]) and len(file["samples"] or ()) == 1
