"""From the records of a file to runs of states: rows of the table `runs`.

A chunk keeps the states that its records say; what holds at a base is known only when all
chunks that reach over it are, for blocks reach over cuts and left alignment carries alleles
back over them. So states wait in a file beside the shards of their chunk. When the file was
read to its end its runs are laid, chunk by chunk; only what reaches into a later one is held.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.unspecified import NO_ALT
from varhouse.callability.codes import Codes
from varhouse.callability.entries import entries
from varhouse.callability.lay import BLOCK, Int32, lay
from varhouse.callability.runs import WINDOW_BITS, run_rows
from varhouse.callability.states import (
    STATE_FIELDS,
    Graded,
    RecordArrays,
    Rules,
    grade,
    is_filtered,
)
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.fields import FieldTape
from varhouse.tables.labels import Labels
from varhouse.tables.schema import RUNS
from varhouse.tables.shards import Shard, write_frame, write_manifest, write_shard

STATES = "states.parquet"
"""States of the records of a chunk, beside its shards."""

RUNS_FOLDER = "runs"
"""Folder of a part with the shards of a file's runs."""

FAR = 2**31 - 1
"""First position behind the longest contig that there can be."""

_SCHEMA = {
    "contig": pl.String, "pos": pl.Int32, "last": pl.Int32, "column": pl.Int32,
    "code": pl.Int32, "kind": pl.UInt8,
}  # fmt: skip


def fields_to_read(kept: Sequence[str] | None, *, with_states: bool) -> Sequence[str] | None:
    """Name the FORMAT fields to read of a file; None: all.

    Parameters
    ----------
    kept
        Those that are kept. States ask for more: 0/0 at DP 0 is no call, whether DP is kept
        or not.
    """
    if kept is None or not with_states:
        return kept
    return sorted({*kept, *STATE_FIELDS})


class RecordStates(NamedTuple):
    """States of records at POS, and of those that are `twice` where another allele stands.

    `elsewhere` is int32[records that are twice, columns].
    """

    graded: Graded
    elsewhere: Codes

    def of(self, says: npt.NDArray[np.bool_]) -> "RecordStates":
        """Give those of some records; `elsewhere` stays, as alleles point into it."""
        codes, reach = self.graded
        return self._replace(graded=Graded(codes[says], reach[says[: len(reach)]]))


class StateRows:
    """Collects the states of a chunk's records.

    Parameters
    ----------
    male
        bool[columns].
    """

    def __init__(self, male: npt.NDArray[np.bool_], rules: Rules) -> None:
        self._male, self._rules = male, rules
        self._frames: list[pl.DataFrame] = []

    def grade(
        self, records: pl.DataFrame, genotypes: Genotypes, fields: FieldTape
    ) -> RecordStates:
        """Say the state of each person in each record.

        Parameters
        ----------
        records
            As `_arrays` takes them, with `twice` (see `copies`); all that are kept.
        """
        graded = grade(self._arrays(records), genotypes, fields, self._male, self._rules)
        twice = records["twice"].to_numpy()
        if not twice.any():
            return RecordStates(graded, graded.codes[:0])
        again = self._arrays(records.filter(twice).with_columns(~pl.col("haploid")))
        its = genotypes.pick(twice), fields.pick(twice)
        return RecordStates(graded, grade(again, *its, self._male, self._rules).codes)

    def _arrays(self, records: pl.DataFrame) -> RecordArrays:
        return RecordArrays(
            records["pos"].to_numpy().astype(np.int64),
            np.minimum(records["end"].to_numpy().astype(np.int64), FAR - 1),
            records["is_block"].to_numpy(),
            records["n_alt"].to_numpy().astype(np.int64),
            is_filtered(records["filter"]),
            records["haploid"].to_numpy(),
        )

    def take(self, records: pl.DataFrame, states: RecordStates, alleles: pl.DataFrame) -> None:
        """Take the states of records, in the order of the file.

        Parameters
        ----------
        records, states
            As of `grade`, with contig, and what it gave.
        alleles
            k (the record), pos and elsewhere (see `copies`) of the alleles that are kept:
            where they stand once they are normalised.
        """
        if self._rules.gvcf:
            # A copy number says nothing of bases, as `<DEL>` says nothing of what it covers.
            says = (records["is_block"] | (records["n_alt"] > 0)).to_numpy()
            if not says.all():
                records, states = records.filter(says), states.of(says)
        arrays = self._arrays(records)
        first_moved, moved, otherwise = _moved(records, alleles)
        a = 0
        for contig, n in records["contig"].rle().struct.unnest().select("value", "len").rows():
            b = a + n
            here = slice(a, b)
            found = entries(
                Graded._make(own[here] for own in states.graded),
                RecordArrays._make(column[here] for column in arrays),
                first_moved[a : b + 1] - first_moved[a],
                moved[first_moved[a] : first_moved[b]],
                otherwise[first_moved[a] : first_moved[b]],
                states.elsewhere,
            )
            frame = pl.DataFrame(found._asdict(), {n: _SCHEMA[n] for n in found._fields})
            self._frames.append(frame.select(pl.lit(contig).alias("contig"), pl.all()))
            a = b

    def finish(self) -> pl.DataFrame:
        """Give the states, as `lay_runs` reads them."""
        return pl.concat([pl.DataFrame(schema=_SCHEMA), *self._frames])


def heard(
    records: pl.DataFrame, states: RecordStates, alleles: pl.DataFrame
) -> tuple[pl.DataFrame, RecordStates]:
    """Leave of records of a file that is no gVCF those that say something of their base.

    A record of which every allele was rejected is about nothing (`frequencies.assessed`);
    one without ALT says that people are called.

    Parameters
    ----------
    records, states
        As of `StateRows.take`.
    alleles
        Those that are kept: k.
    """
    has_allele = records["k"].is_in(alleles["k"].unique().implode())
    says = (has_allele | records["alt"].str.contains(NO_ALT)).to_numpy()
    if says.all():
        return records, states
    return records.filter(says), states.of(says)


def _moved(
    records: pl.DataFrame, alleles: pl.DataFrame
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """List for each record the bases, other than its POS, where its alleles stand.

    With `elsewhere` of the alleles at each base.
    """
    places = (
        records.select("k", own=pl.col("pos").cast(pl.Int64))
        .with_row_index("row")
        .join(alleles.select("k", pl.col("pos").cast(pl.Int64), "elsewhere"), on="k")
        .filter(pl.col("pos") != pl.col("own"))
        .select("row", "pos", "elsewhere")
        .unique()
        .sort("row", "pos")
    )
    rows = places["row"].to_numpy().astype(np.int64)
    first = np.searchsorted(rows, np.arange(records.height + 1)).astype(np.int64)
    return first, places["pos"].to_numpy().astype(np.int64), places["elsewhere"].to_numpy()


def write_states(states: pl.DataFrame, folder: Path) -> dict[str, int]:
    """Write the states of a chunk; return the first base of each contig that they are of."""
    if states.is_empty():
        return {}
    write_frame(states, folder / STATES, compression="lz4")
    low = states.group_by("contig", maintain_order=True).agg(pl.col("pos").min())
    return dict(low.rows())


@dataclass(frozen=True)
class ChunkStates:
    """The states of a chunk of a file: where they are, its partition, what they begin at."""

    path: Path
    part: str
    low: dict[str, int]

    @classmethod
    def of(cls, folder: Path, info: dict[str, Any]) -> "ChunkStates":
        """Find those of a chunk by its entry in `chunks.json`."""
        return cls(folder / info["folder"] / STATES, info["part"], info["states"])


class PeopleRuns(NamedTuple):
    """Runs of several people on one contig: int32[n] each, ascending by sample and start.

    `sample` is the ordinal of the person; the others as in `varhouse.callability.lay.Runs`.
    """

    sample: Int32
    start: Int32
    end: Int32
    code: Int32


@dataclass
class _Held:
    """Of one contig what is not done: entries that reach on, runs that may go on.

    `entries` has the columns pos, last, column, code, kind.
    """

    entries: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=_SCHEMA).drop("contig")
    )
    runs: PeopleRuns = field(
        default_factory=lambda: PeopleRuns._make(np.zeros((4, 0), np.int32))
    )


def known_length(contigs: Contigs, reference: Reference, contig: str) -> int | None:
    """Give the bases of a contig; None where neither the assembly nor the reference says."""
    length = contigs.by_name[contig].length
    if length is None and reference.is_whole(contig):
        return reference.length(contig)
    return length


def lay_runs(
    cohort: str,
    chunks: Sequence[ChunkStates],
    ordinal: Int32,
    length_of: Callable[[str], int | None],
    labels: Labels | None,
    directory: Path,
) -> list[Shard]:
    """Lay the runs of the people of a file and write them as shards.

    Writes `manifest.json` too, which lists them.

    Parameters
    ----------
    chunks
        All of the file, in its order.
    ordinal
        int32[columns]: ordinal of each sample column in the cohort.
    length_of
        Gives the bases of a contig, where they are known: no block is laid beyond them (R13).
    labels
        Those of the samples, for digests.
    """
    shards: list[Shard] = []
    held: dict[str, _Held] = {}
    for k, chunk in enumerate(chunks):
        if not chunk.low:
            continue
        states = pl.read_parquet(chunk.path, glob=False)
        rows = []
        for (contig,), mine in states.group_by("contig", maintain_order=True):
            name = str(contig)
            later = min((c.low[name] for c in chunks[k + 1 :] if name in c.low), default=None)
            size = length_of(name)
            # A breakend may stand beside the last base, as at POS 0.
            end = FAR if size is None else size + 2
            limit = end if later is None else min(later, end)
            own = held.setdefault(name, _Held())
            mine = _cut(mine.drop("contig"), FAR if size is None else size)
            done = _lay_window(own, mine, ordinal, limit, last=later is None)
            rows.append(run_rows(name, *done))
            if later is None:
                del held[name]
        partition = {"cohort": cohort, "part": chunk.part}
        name = f"runs-{k:05d}"
        shard = write_shard(pl.concat(rows), RUNS, directory, name, partition, labels)
        shards += [shard] if shard is not None else []
    directory.mkdir(parents=True, exist_ok=True)  # without runs no shard has made it
    write_manifest(directory / "manifest.json", shards)
    return shards


def _cut(states: pl.DataFrame, size: int) -> pl.DataFrame:
    """Let blocks and the rest of a REF end with the contig (R13)."""
    return states.with_columns(
        pl.when(pl.col("kind") <= BLOCK)
        .then(pl.min_horizontal("last", pl.lit(size, pl.Int32)))
        .otherwise("last")
        .alias("last")
    )


def _lay_window(
    held: _Held, states: pl.DataFrame, ordinal: Int32, limit: int, *, last: bool
) -> PeopleRuns:
    """Lay entries up to before the base `limit`; return the runs that are done.

    What is not goes into `held`: entries that reach further, and the runs of the windows of
    rows that later ones may begin in or go on.
    """
    entries = pl.concat([held.entries, states]).sort("column", "pos", maintain_order=True)
    if not last:
        held.entries = entries.filter(pl.col("last") >= limit).with_columns(
            pl.max_horizontal("pos", pl.lit(limit, pl.Int32))
        )
    laid = list(_lay_columns(entries, ordinal, limit))
    columns = zip(held.runs, *laid, strict=True)
    runs = _joined(PeopleRuns._make(np.concatenate(c) for c in columns))
    if last:
        return runs
    window = (runs.start - 1) >> WINDOW_BITS
    # A run up to the limit may go on, and so the row in which it stands.
    open_from = np.full(int(ordinal.max()) + 1, (limit - 1) >> WINDOW_BITS)
    goes_on = runs.end == limit - 1
    people = runs.sample[goes_on]
    open_from[people] = np.minimum(open_from[people], window[goes_on])
    done = window < open_from[runs.sample]
    held.runs = PeopleRuns._make(c[~done] for c in runs)
    return PeopleRuns._make(c[done] for c in runs)


def _lay_columns(entries: pl.DataFrame, ordinal: Int32, limit: int) -> Iterator[PeopleRuns]:
    """Lay the entries (sorted by column and pos) of each sample column."""
    column = entries["column"].to_numpy()
    pos, end = (entries[c].to_numpy().astype(np.int64) for c in ("pos", "last"))
    code, kind = entries["code"].to_numpy(), entries["kind"].to_numpy()
    cuts = np.flatnonzero(np.diff(column, prepend=-1, append=-1))
    for a, b in pairwise(cuts):
        runs = lay(pos[a:b], end[a:b], code[a:b], kind[a:b], limit)
        yield PeopleRuns(np.full(runs.start.size, ordinal[column[a]], np.int32), *runs)


def _joined(runs: PeopleRuns) -> PeopleRuns:
    """Sort runs by sample and start, and join those that go on with one state."""
    order = np.lexsort((runs.start, runs.sample))
    sample, start, end, code = (column[order] for column in runs)
    goes_on = np.zeros(sample.size, np.bool_)
    goes_on[1:] = (
        (sample[1:] == sample[:-1]) & (start[1:] == end[:-1] + 1) & (code[1:] == code[:-1])
    )
    closing = np.append(~goes_on[1:], True)[: sample.size]
    return PeopleRuns(sample[~goes_on], start[~goes_on], end[closing], code[~goes_on])
