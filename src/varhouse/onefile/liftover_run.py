"""One run of `liftover` over a file: its records, what was seen on the way, the result."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.swap import Swapper
from varhouse.ingest.setup.known_names import other_names
from varhouse.liftover import Chain, Lifter
from varhouse.liftover.reasons import Reason
from varhouse.liftover.vcf import COLUMNS, Split, VcfLifter
from varhouse.normalise.split import Splitter
from varhouse.vcf.header.header import Header
from varhouse.vcf.stream import open_records
from varhouse.vcf.text.lines import COLUMNS as NAMES
from varhouse.vcf.text.lines import RecordBatch, text_array

REJECT_COLUMNS = ("line", "contig", "pos", "ref", "alt", "reason", "detail", "text")
_REJECT_TYPES = {n: pl.Int64 if n in ("line", "pos") else pl.String for n in REJECT_COLUMNS}


@dataclass(frozen=True)
class ChainContigs:
    """Contigs as the chain and the target FASTA name them.

    Attributes
    ----------
    sources, targets
        Those of the chain file.
    reference
        Those of the target.
    unlike_sizes
        (name in the chain file, bases there, bases in the assembly) where these differ:
        the chain may be of other assemblies.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    reference: tuple[str, ...]
    unlike_sizes: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Lifted:
    """What came of `liftover`.

    Attributes
    ----------
    output
        The file that was written; None if none was asked for.
    frame
        The alleles in the target, if neither a file nor a function was to take them, sorted:
        contig, pos (1-based), ref, alt; source_contig ... source_alt as they came; reverse
        (the target has the other strand), swapped (the target's reference was ALT),
        ambiguous (the way back may not lead here); then the other columns.
    rejects
        What was not lifted, where `frame` is given: line (1-based), contig, pos, ref, alt,
        reason, detail, text. Of a frame that was handed in: its columns and `reason`.
    counts
        records, lifted, reverse, swapped, split, ambiguous; again (records with the marks
        of an earlier lift-over, which are replaced).
    rejected
        Number of rejects by their reason, in the order of `varhouse liftover --help`.
    left_out
        Fields that could not follow, and in how many records they were left out.
    split_losses
        (field, what became of its values, number of split records) where these did not fit.
    unchecked
        Alleles lifted without a check of REF: the source FASTA does not hold their place.
    known_names
        Contigs of the chain that were found by another name, and that name; empty with
        `aliases`.
    contigs
        What the chain and the target call their contigs.
    """

    output: Path | None
    counts: dict[str, int]
    rejected: dict[str, int]
    contigs: ChainContigs
    left_out: dict[str, int] = field(default_factory=dict)
    split_losses: tuple[tuple[str, str, int], ...] = ()
    unchecked: int = 0
    known_names: dict[str, str] = field(default_factory=dict)
    frame: pl.DataFrame | None = None
    rejects: pl.DataFrame | None = None


@dataclass
class Work:
    """One run over a file: where the records come from, and what was seen on the way."""

    header: Header
    batches: Iterator[RecordBatch]
    vcf: VcfLifter
    splitter: Splitter
    source: Path = Path()
    chain_name: str = ""
    rejects: IO[str] | None = None
    collects: bool = False
    listed: list[pl.DataFrame] = field(default_factory=list)

    @property
    def lifter(self) -> Lifter:
        """What lifts the alleles."""
        return self.vcf.lifter

    def records(self) -> Iterator[pl.DataFrame]:
        """Give the records in frames; lines that are none go to the rejects."""
        columns = 8 + (1 + len(self.header.samples) if self.header.has_format else 0)
        for batch in self.batches:
            filled = batch.end > batch.start[:, 0]
            good = filled & (batch.tabs == columns - 1) & (batch.pos >= 0)
            bad = np.flatnonzero(filled & ~good)
            if bad.size:
                self.vcf.counts[Reason.LINE_INVALID.code] += bad.size
                self.reject_lines(_no_records(batch, bad))
            rows = np.flatnonzero(good)
            text = {c: batch.column(n, rows) for c, n in zip(COLUMNS, NAMES[:8], strict=False)}
            start = np.ascontiguousarray(batch.start[rows, 8])
            text["rest"] = text_array(batch.text, start, batch.end[rows])
            text["pos"] = pl.Series(batch.pos[rows], dtype=pl.Int64)
            yield pl.DataFrame({"line": pl.Series(rows + batch.line), **text})

    def reject_lines(self, rejects: pl.DataFrame) -> None:
        """Write rejects, or keep them."""
        if not rejects.height:
            return
        if self.rejects is None:
            if self.collects:
                typed = [pl.col(n).cast(t, strict=False) for n, t in _REJECT_TYPES.items()]
                self.listed.append(rejects.select(typed))
            return
        text = (
            pl.col("text")
            .str.replace_all("\\", "\\\\", literal=True)
            .str.replace_all("\t", "\\t", literal=True)
        )
        lines = rejects.with_columns(text).select(
            pl.concat_str(*REJECT_COLUMNS, separator="\t")
        )
        self.rejects.write("\n".join([*lines.to_series().to_list(), ""]))

    def result(self, output: Path | None, frame: pl.DataFrame | None) -> Lifted:
        """Sum up what was done."""
        counts = self.vcf.counts
        rejects = None
        if frame is not None and self.rejects is None:
            rejects = pl.concat([pl.DataFrame(schema=_REJECT_TYPES), *self.listed])
        return Lifted(
            output,
            {k: n for k, n in counts.items() if k not in _CODES},
            {r.code: counts[r.code] for r in Reason if r and counts[r.code]},
            chain_contigs(self.lifter),
            dict(sorted(self.vcf.swapper.removed.items())),
            tuple(
                (name, loss.says, lost.records)
                for (name, loss), lost in sorted(self.splitter.losses.items())
            ),
            self.lifter.unchecked,
            other_names(self.lifter.chain.targets, self.lifter.target),
            frame,
            rejects,
        )


_CODES = frozenset(r.code for r in Reason if r)


def chain_contigs(lifter: Lifter) -> ChainContigs:
    """Tell what the chain and the target call their contigs."""
    chain: Chain = lifter.chain
    return ChainContigs(
        tuple(chain.sources),
        tuple(chain.targets),
        tuple(lifter.target.contigs.names),
        tuple(lifter.unlike_sizes()),
    )


def open_run(path: Path, lifter: Lifter) -> Work:
    """Open a file that is to be lifted."""
    header, batches = open_records(path)
    # The other ALTs may not be lifted: in GT they are unknown, not REF.
    splitter = Splitter(header.numbers, header.types, other=".")
    vcf = VcfLifter(lifter, Swapper(header.numbers), _split_with(splitter))
    return Work(header, batches, vcf, splitter)


def _no_records(batch: RecordBatch, rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Give the rejects of lines that are no records."""
    text = batch.lines(rows)
    cells = text.str.splitn("\t", 6).struct
    reason = Reason.LINE_INVALID
    return pl.DataFrame(
        [
            pl.Series(rows + batch.line),
            *(cells[k].fill_null("") for k in (0, 1, 3, 4)),
            pl.repeat(reason.code, rows.size, eager=True),
            pl.repeat(reason.says, rows.size, eager=True),
            text,
        ],
        schema=list(REJECT_COLUMNS),
    )


def _split_with(splitter: Splitter) -> Split:
    def split(info: bytes, rest: bytes, n_alt: int) -> list[tuple[bytes, bytes]]:
        infos = splitter.info(info, n_alt)
        keys, tab, cells = rest.partition(b"\t")
        if not tab:
            return [(i, rest) for i in infos]
        pairs = splitter.samples(keys, cells, n_alt)
        return [(i, k + b"\t" + c) for i, (k, c) in zip(infos, pairs, strict=True)]

    return split
