"""What the table `callable` counts at the places of alleles: the sum of the rows over each."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.verify.figures import SITE_COUNTS
from varhouse.verify.filescan import Rows


@nb.njit(cache=True, nogil=True)
def _add_steps(first, last, counts, stratum, places, steps):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(first.size):
        a = np.searchsorted(places, first[i])
        b = np.searchsorted(places, last[i], side="right")
        if a < b:
            for c in range(counts.shape[1]):
                steps[stratum[i], a, c] += counts[i, c]
                steps[stratum[i], b, c] -= counts[i, c]


@dataclass
class CallableAt:
    """Counts of one partition at the places of its alleles, 32 bytes a place and stratum.

    Attributes
    ----------
    places
        int64[n], ascending: rank of the contig x 2**32 + position.
    rank
        Contig to its rank.
    """

    places: npt.NDArray[np.int64]
    rank: dict[str, int]
    _steps: dict[int, npt.NDArray[np.int32]] = field(default_factory=dict)
    _strata: dict[int, dict[int, int]] = field(default_factory=dict)
    _alone: dict[int, bool] = field(default_factory=dict)

    def add(self, cohort: int, rows: Rows, *, by_runs_alone: bool) -> None:
        """Add rows of the table callable of a cohort."""
        self._alone[cohort] = by_runs_alone
        strata = self._strata.setdefault(cohort, {})
        hashes = rows.key(("stratum_by", "stratum")).view(np.int64)
        distinct, number = np.unique(hashes, return_inverse=True)
        own = np.array([strata.setdefault(int(h), len(strata)) for h in distinct], np.int64)
        held = self._steps.get(cohort)
        if held is None or held.shape[0] < len(strata):
            grown = np.zeros((len(strata), self.places.size + 1, len(SITE_COUNTS)), np.int32)
            if held is not None:
                grown[: held.shape[0]] = held
            self._steps[cohort] = held = grown
        contigs = rows.batch.column("contig").to_pylist()
        base = np.array([self.rank.get(c, 0) << 32 for c in contigs], np.int64)
        counts = np.stack([rows.numbers(n) for n in SITE_COUNTS], axis=1)
        start, end = rows.numbers("start"), rows.numbers("end")
        _add_steps(base + start, base + end, counts, own[number], self.places, held)

    def finish(self) -> None:
        """Add the steps up, once all rows are in."""
        for steps in self._steps.values():
            np.cumsum(steps, axis=1, out=steps)

    def __call__(
        self, places: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int, bool, pl.DataFrame]]:
        """Give of each cohort a row for each place and stratum with people assessed."""
        at = np.searchsorted(self.places, places)
        for cohort, steps in self._steps.items():
            frames = []
            for stratum, number in self._strata[cohort].items():
                counts = steps[number][at].astype(np.int64)
                columns = dict(zip(SITE_COUNTS, counts.T, strict=True))
                frame = pl.DataFrame({"place": places, **columns})
                frame = frame.with_columns(s=pl.lit(stratum, pl.Int64))
                frames.append(frame.filter(pl.col("n_samples") > 0))
            yield cohort, self._alone[cohort], pl.concat(frames)
