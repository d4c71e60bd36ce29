"""Whether `callable` counts what `runs` say: by steps, hashed (decisions 0034, 0035).

Both say of each group of people how many are called at each base: functions that change at
some bases by some steps. Each step is multiplied by 64 random bits of its base; two
functions are the same if these sums are, but for a chance of 2^-64. So rows may come in any
order and reach over each other, and nothing is kept but the sums of windows of bases.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.verify.figures import SITE_COUNTS
from varhouse.verify.filescan import Rows
from varhouse.verify.people import Groups, OneCopy
from varhouse.verify.rowhash import ends_of, numbers_of

WINDOW_BITS = 16
_AN, _SAMPLES, _NOT_DIPLOID, _WRITTEN, _SAMPLES_ADJ, _AN_ADJ, _MISSING, _MISSING_ADJ = range(8)
assert SITE_COUNTS == (
    "an", "n_samples", "n_not_diploid", "an_written", "n_samples_adj", "an_adj", "n_missing",
    "n_missing_adj",
)  # fmt: skip


@nb.njit(inline="always")
def _weight(base):  # type: ignore[no-untyped-def]  # pragma: no cover
    x = np.uint64(base) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return x ^ (x >> np.uint64(32))


@nb.njit(cache=True, nogil=True)
def _state_adds(code, is_male, is_female, one_copy, on_y, adds):  # type: ignore[no-untyped-def]  # pragma: no cover
    level, called, ploidy = code >> 28, code >> 25 & 7, code >> 22 & 7
    unknown, span = code >> 21 & 1, code >> 20 & 1
    man = is_male and one_copy
    if man and ploidy == 2 and called == 1:
        ploidy = 1
    adds[:] = 0
    full = level >= 3 and ploidy > 0 and called == ploidy
    adds[_SAMPLES] = 1
    adds[_MISSING] = not full
    adds[_NOT_DIPLOID] = full and (ploidy != 2 or man)
    adds[_AN] = called if level >= 3 else 0
    adds[_WRITTEN] = called if level >= 2 and not span else 0
    if span or unknown or (on_y and one_copy and is_female):
        return
    adds[_SAMPLES_ADJ] = 1
    if level == 4:
        adds[_AN_ADJ] = min(called, 1) if man else called
    else:
        adds[_MISSING_ADJ] = 1


@nb.njit(cache=True, nogil=True)
def _add_runs(  # type: ignore[no-untyped-def]  # pragma: no cover
    sample, start, ends, lengths, states, sex, groups, pieces, on_y, sums, exact, low
):
    """Add the steps of runs; with `exact` those of one window, base by base, from `low` on."""
    adds = np.zeros(8, np.int64)
    bad = -1
    for i in range(sample.size):
        at = np.int64(start[i])
        person = sample[i]
        for k in range(ends[i], ends[i + 1]):
            first, last = at, at + lengths[k] - 1
            at = last + 1
            if states[k] == 0:
                continue
            for p in range(pieces.shape[0]):
                a, b = max(first, pieces[p, 0]), min(last, pieces[p, 1])
                if a > b:
                    continue
                _state_adds(
                    states[k],
                    sex[person] == 1,
                    sex[person] == 2,
                    pieces[p, 2] != 0,
                    on_y,
                    adds,
                )
                for g in groups[person]:
                    for edge in range(2):
                        base = a if edge == 0 else b + 1
                        if low >= 0:
                            if low <= base < low + exact.shape[1]:
                                for c in range(8):
                                    exact[g, base - low, c] += -adds[c] if edge else adds[c]
                            continue
                        weight = _weight(base)
                        window = base >> WINDOW_BITS
                        if window >= sums.shape[0]:
                            bad = base
                            continue
                        for c in range(8):
                            step = np.uint64(adds[c]) * weight
                            if edge:
                                sums[window, g, c] -= step
                            else:
                                sums[window, g, c] += step
    return bad


@nb.njit(cache=True, nogil=True)
def _add_rows(group, start, end, counts, sums, exact, low):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(group.size):
        for edge in range(2):
            base = np.int64(end[i]) + 1 if edge else np.int64(start[i])
            if low >= 0:
                if low <= base < low + exact.shape[1]:
                    for c in range(8):
                        exact[group[i], base - low, c] += (
                            -counts[i, c] if edge else counts[i, c]
                        )
                continue
            weight = _weight(base)
            window = base >> WINDOW_BITS
            for c in range(8):
                step = np.uint64(counts[i, c]) * weight
                if edge:
                    sums[window, group[i], c] -= step
                else:
                    sums[window, group[i], c] += step


class StepSums:
    """Sums of steps of the groups of a cohort, contig by contig.

    Parameters
    ----------
    groups
        Of the people.
    sexes
        int8[ordinals], see `Cohort.sexes`.
    one_copy
        Where males have one copy.
    """

    def __init__(self, groups: Groups, sexes: npt.NDArray[np.int8], one_copy: OneCopy) -> None:
        self._groups, self._sexes, self._one_copy = groups, sexes, one_copy
        self._number = {name: n for n, name in enumerate(groups.names)}
        self._sums: dict[tuple[str, str], npt.NDArray[np.uint64]] = {}
        self.unknown: list[str] = []

    def _array(self, side: str, contig: str, last: int) -> npt.NDArray[np.uint64]:
        windows = (last + 1 >> WINDOW_BITS) + 1
        held = self._sums.get((side, contig))
        if held is None or held.shape[0] < windows:
            shape = (
                max(windows, 2 * held.shape[0] if held is not None else 0),
                len(self._number),
                8,
            )
            grown = np.zeros(shape, np.uint64)
            if held is not None:
                grown[: held.shape[0]] = held
            self._sums[side, contig] = held = grown
        return held

    def _each_contig(self, rows: Rows) -> Iterator[tuple[str, slice]]:
        contigs = rows.batch.column("contig").to_pylist()
        begin = 0
        for k in range(1, len(contigs) + 1):
            if k == len(contigs) or contigs[k] != contigs[begin]:
                yield contigs[begin], slice(begin, k)
                begin = k

    def add_runs(self, rows: Rows, window: tuple[str, int, Any] | None = None) -> None:
        """Add rows of runs; `window`: (contig, first base, int64[groups, bases, 8])."""
        for contig, part in self._each_contig(rows):
            if window is not None and window[0] != contig:
                continue
            batch = rows.batch.slice(part.start, part.stop - part.start)
            lengths, states = batch.column("lengths"), batch.column("states")
            ends = ends_of(lengths)
            values = [numbers_of(a.values)[ends[0] : ends[-1]] for a in (lengths, states)]
            start = numbers_of(batch.column("start"))
            last = int(numbers_of(batch.column("end")).max(initial=0))
            exact = window[2] if window else np.zeros((1, 1, 1), np.int64)
            sums = self._array("runs", contig, max(last, 0))
            bad = _add_runs(  # type: ignore[call-arg]
                numbers_of(batch.column("sample")), start, ends - ends[0], *values,
                self._sexes, self._groups.of, self._one_copy.pieces(contig),
                self._one_copy.is_on_y(contig), sums, exact, window[1] if window else -1,
            )  # fmt: skip
            if bad >= 0:
                self.unknown.append(f"runs reach to {contig}:{bad}, beyond their end")

    def add_rows(self, rows: Rows, window: tuple[str, int, Any] | None = None) -> None:
        """Add rows of the table callable; see `add_runs`."""
        names = list(
            zip(
                rows.batch.column("stratum_by").to_pylist(),
                rows.batch.column("stratum").to_pylist(),
                strict=True,
            )
        )
        number = np.array([self._number.get(n, -1) for n in names], np.int64)
        if (number < 0).any():
            by, of = names[int(np.argmin(number))]
            self.unknown.append(f"a stratum {by} {of} of nobody")
        counts = np.stack([rows.numbers(n).astype(np.int64) for n in SITE_COUNTS], axis=1)
        start, end = rows.numbers("start"), rows.numbers("end")
        for contig, part in self._each_contig(rows):
            if window is not None and window[0] != contig:
                continue
            own = np.flatnonzero(number[part] >= 0) + part.start
            exact = window[2] if window else np.zeros((1, 1, 1), np.int64)
            sums = self._array("callable", contig, int(end[own].max(initial=0)))
            _add_rows(
                number[own], start[own], end[own], counts[own], sums, exact,
                window[1] if window else -1,
            )  # fmt: skip

    def differing(self) -> tuple[str, int] | None:
        """Give contig and number of the first window in which both differ."""
        for contig in sorted({c for _, c in self._sums}):
            both = [self._sums.get((side, contig)) for side in ("runs", "callable")]
            n = max(a.shape[0] for a in both if a is not None)
            whole = np.zeros((2, n, len(self._number), 8), np.uint64)
            for k, a in enumerate(both):
                if a is not None:
                    whole[k, : a.shape[0]] = a
            off = (whole[0] != whole[1]).any(axis=(1, 2))
            if off.any():
                return contig, int(np.argmax(off))
        return None

    def first_base(
        self, where: tuple[str, int], runs: Iterable[Rows], rows: Iterable[Rows]
    ) -> str:
        """Find in a window that differs the first base, by reading it again."""
        contig, number = where
        low = number << WINDOW_BITS
        exact = np.zeros((2, len(self._number), 1 << WINDOW_BITS, 8), np.int64)
        for batch in runs:
            self.add_runs(batch, (contig, low, exact[0]))
        for batch in rows:
            self.add_rows(batch, (contig, low, exact[1]))
        off = (exact[0] != exact[1]).any(axis=(0, 2))
        return f"{contig}:{low + int(np.argmax(off))}"
