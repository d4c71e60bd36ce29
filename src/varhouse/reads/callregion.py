"""Calls of a person in a stretch of a contig: blocks, variants, and counts of the reads.

    bcftools mpileup -> pileup.read_pileup -> bcftools call -> bcftools norm

`mpileup` looks at the span and `MARGIN` bases on both sides, so that what it says of a base
does not depend on where spans begin and end. A variant belongs to the span in which it stood
before it was normalised: each has one owner, however far it moves. What the variants of the
margins cover is known, too, and is in no block.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import polars as pl
import pysam

from varhouse.errors import InputError
from varhouse.files import whole_folder, write_json
from varhouse.reads.blocks import BANDS, make_blocks
from varhouse.reads.copies import Uint8, copies_at
from varhouse.reads.model import Copies, Span
from varhouse.reads.pileup import SAMPLE, Panel, Pileup, Window, read_pileup
from varhouse.reads.pipeline import Bcftools, Function, run_pipeline
from varhouse.reads.variants import RAW, covered, read_variants

MARGIN = 1000
"""Bases on each side of a span that mpileup looks at. Mates overlap and insertions and
deletions are aligned anew within the length of some reads; 200 were enough for equal
records."""

PART_FILES = (
    "blocks.parquet",
    "variants.parquet",
    "panel.parquet",
    "header.txt",
    "depth.json",
)
"""Files of a called region, of which the last makes it whole."""

_INDELS = {
    "default": (),
    "2.0": ("--indels-2.0",),
    "cns": ("--indels-cns", "--indel-size", "110", "--seqq-offset", "150"),
}


@dataclass(frozen=True)
class CallSettings:
    """What decides the calls.

    Attributes
    ----------
    indels
        Model of insertions and deletions of `bcftools mpileup` (decision 0055).
    base_alignment
        Whether qualities of bases go down that might be aligned to another place (BAQ). It
        loses SNVs near insertions and deletions, and a fifth more CPU.
    mapping_quality
        Reads of a lower one do not count.
    depth
        Reads that are held in one place, at most 60,000. Of more, those that begin where the
        place is full are left out, and with them what they alone reach into, so that it has
        to lie above what mitochondria and amplicons have. Bases that were full are counted.
        The cost goes by the bases of the reads: at 20,000 a place 200 CPU seconds a gigabase,
        and 11 MB more than at 1,000.
    prior
        Expected substitution rate (`bcftools call -P`).
    options
        More options of `bcftools mpileup`.
    bands
        See `varhouse.reads.blocks.BANDS`.
    """

    indels: Literal["default", "2.0", "cns"] = "cns"
    base_alignment: bool = False
    mapping_quality: int = 1
    depth: int = 50_000
    prior: str = "1.1e-3"
    options: Sequence[str] = ()
    bands: Sequence[int] = BANDS

    @property
    def full(self) -> int:
        """Reads of a base from which on some may have been left out.

        mpileup counts reads that end just before, and those with a deletion, too.
        """
        return self.depth - self.depth // 20

    def pileup_options(self) -> list[str]:
        """Give the options of `bcftools mpileup` that decide the result.

        Without -L insertions and deletions are left out, without a word, where there are more
        than 250 reads, MT for one.
        """
        counts = ["-q", str(self.mapping_quality), "-d", str(self.depth), "-L", str(2**30)]
        without = () if self.base_alignment else ("-B",)
        return [*counts, *without, *_INDELS[self.indels], *self.options]

    def caller_options(self) -> list[str]:
        """Give the options of `bcftools call` that decide the result."""
        return ["-m", "-v", "-P", self.prior, "-a", "GQ"]

    def as_json(self) -> dict[str, Any]:
        """Give the settings as `json` takes them."""
        return asdict(self) | {"bands": list(self.bands), "options": list(self.options)}


def call_region(
    bam: Path,
    fasta: Path,
    span: Span,
    out: Path,
    *,
    sample: str,
    copies: Copies,
    settings: CallSettings,
    panel: pl.DataFrame | None,
    log: Path | None = None,
) -> None:
    """Call a person in a span, and write the folder `out`, which appears whole.

    - `blocks.parquet` (`varhouse.reads.blocks.SCHEMA`), `variants.parquet`
      (`varhouse.reads.variants.SCHEMA`), `header.txt` (what their INFO and FORMAT are);
    - `panel.parquet`: the panel's rows of the span with `n_ref`, `n_alt`, `n_other` reads and
      the mean qualities of the bases of REF and ALT: `quality` of both, `ref_quality`,
      `alt_quality` (Phred, as mpileup sees them; null without reads);
    - `depth.json`: `contig`, `start`, `end`, `bases` (without N), `depths` (how many bases
      have 0, 1, ... reads), `pileup` (records, and the bases that were `full`: see
      `CallSettings.depth`), `copies` and `settings`.

    Parameters
    ----------
    bam
        BAM or CRAM of one person, sorted, with an index. All reads are the person's, whatever
        their read groups say.
    fasta
        Uncompressed, with `.fai`.
    copies
        Stretches of the contig with other than two copies; where there are none nothing is
        called, but depths are counted.
    panel
        SNVs (contig, pos 1-based, ref, alt, ...) of which reads are counted.

    Raises
    ------
    InputError
        If the span is not in the FASTA, or the alignment is to another reference.
    PipelineError
        If a program fails, as for want of an index.
    """
    length, bases = _bases_of(bam, fasta, span)
    first, last = max(0, span.start - MARGIN), min(length, span.end + MARGIN)
    around = copies_at(copies, first, last)
    own = around[span.start - first : span.end - first]
    window = Window(span.start, span.end, first, around)
    rows = _rows_of(panel, span)
    sites = Panel.at(rows["pos"].to_numpy() - 1, _codes(rows["alt"]))
    with whole_folder(out) as folder:
        pileup, records = _run(bam, fasta, span, folder, window, sites, settings, log)
        variants, header = read_variants((folder / "calls.vcf").read_bytes())
        (folder / "calls.vcf").unlink()
        blocks = make_blocks(span.start, bases, pileup, own, covered(variants), settings.bands)
        blocks.write_parquet(folder / "blocks.parquet")
        is_own = pl.col("raw_pos").is_between(span.start + 1, span.end)
        mine = variants.filter(is_own)
        at = mine["raw_pos"].to_numpy() - 1 - span.start
        mine.insert_column(2, pl.Series("copies", own[at], pl.UInt8)).write_parquet(
            folder / "variants.parquet"
        )
        _counted(rows, sites).write_parquet(folder / "panel.parquet")
        (folder / "header.txt").write_text("".join(f"{line}\n" for line in header))
        facts = _facts(span, bases, pileup)
        facts |= {"pileup": records, "copies": _stretches(own), "settings": settings.as_json()}
        write_json(folder / PART_FILES[-1], facts, indent=None)


def _bases_of(bam: Path, fasta: Path, span: Span) -> tuple[int, Uint8]:
    """Give the length of a contig, and the bases of the span; check that the files fit."""
    fix = "call with the reference of the alignment"
    with pysam.FastaFile(str(fasta)) as file:
        if span.contig not in file.references:
            raise InputError(f"{fasta}: no contig {span.contig}", fix)
        length = file.get_reference_length(span.contig)
        if not 0 <= span.start < span.end <= length:
            raise InputError(
                f"{span.contig}:{span.start + 1}-{span.end} is not within its {length:,} bases"
            )
        text = file.fetch(span.contig, span.start, span.end)
    try:
        with pysam.AlignmentFile(str(bam), reference_filename=str(fasta)) as alignments:
            lengths = dict(zip(alignments.references, alignments.lengths, strict=True))
    except (OSError, ValueError) as error:
        raise InputError(f"{bam} cannot be read as BAM or CRAM: {error}") from None
    if lengths.get(span.contig) != length:
        found = lengths.get(span.contig)
        said = f"{found:,} bases" if found is not None else "no such contig"
        raise InputError(
            f"{bam}: {span.contig} has {length:,} bases in {fasta}, {said} in the alignment",
            fix,
        )
    return length, np.frombuffer(text.encode(), np.uint8)


def _run(
    bam: Path,
    fasta: Path,
    span: Span,
    folder: Path,
    window: Window,
    sites: Panel,
    settings: CallSettings,
    log: Path | None,
) -> tuple[Pileup, dict[str, int]]:
    """Run the programs; they leave `calls.vcf` in the folder."""
    first, last = window.first, window.first + window.copies.size
    found: list[tuple[Pileup, dict[str, int]]] = []

    def scan(source: BinaryIO, sink: BinaryIO) -> None:
        found.append(read_pileup(source, sink, window, sites, most=settings.full))

    keys = ["AD", "DP", "SP", "ADF", "ADR", *(["QS"] if sites.pos.size else [])]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        ploidy, people, region = (Path(place) / n for n in ("ploidy", "people", "span.bed"))
        # Without a file of people everybody is a woman to bcftools call. Its form is PED.
        people.write_text(f"{SAMPLE}\t{SAMPLE}\t0\t0\t1\n")
        ploidy.write_text(_ploidy_lines(span.contig, first, window.copies))
        # Names of contigs may hold colons and dashes, which a region on the command line
        # parts.
        region.write_text(f"{span.contig}\t{first}\t{last}\n")
        run_pipeline(
            [
                Bcftools(
                    [
                        *("mpileup", "-f", str(fasta), "-R", str(region), "--ignore-RG"),
                        *settings.pileup_options(),
                        *("-a", ",".join(f"FORMAT/{key}" for key in keys), "-Ou", str(bam)),
                    ]
                ),
                Function(scan, "the pile-up"),
                Bcftools(
                    [
                        *("call", *settings.caller_options()),
                        *("--ploidy-file", str(ploidy), "-S", str(people), "-Ou", "-"),
                    ]
                ),
                Bcftools(
                    [
                        *("norm", "-f", str(fasta), "--old-rec-tag", RAW),
                        *("-Ov", "-o", str(folder / "calls.vcf"), "-"),
                    ]
                ),
            ],
            log=log,
        )
    return found[0]


def _stretches(copies: Uint8, first: int = 0) -> list[tuple[int, int, int]]:
    """List the stretches of one number of copies, counted from `first`: (start, end, n)."""
    cuts = np.flatnonzero(np.diff(copies)) + 1
    edges = [0, *cuts.tolist(), copies.size]
    return [(first + a, first + b, int(copies[a])) for a, b in pairwise(edges)]


def _ploidy_lines(contig: str, first: int, copies: Uint8) -> str:
    """Write the file of ploidies of bcftools call: contig, from, to (1-based), sex, copies."""
    lines = [
        f"{contig}\t{a + 1}\t{b}\tM\t{n}\n" for a, b, n in _stretches(copies, first) if n == 1
    ]
    return "".join([*lines, "*\t*\t*\tM\t2\n"])


def _codes(bases: pl.Series) -> Uint8:
    return np.frombuffer("".join(bases.str.to_uppercase().to_list()).encode(), np.uint8)


def _rows_of(panel: pl.DataFrame | None, span: Span) -> pl.DataFrame:
    """Give the SNVs of the panel that lie in the span, ascending."""
    if panel is None:
        schema = {"contig": pl.String, "pos": pl.Int64, "ref": pl.String, "alt": pl.String}
        return pl.DataFrame(schema=schema | {"af": pl.Float64})
    inside = pl.col("pos").cast(pl.Int64).is_between(span.start + 1, span.end)
    one = (pl.col("ref").str.len_bytes() == 1) & (pl.col("alt").str.len_bytes() == 1)
    rows = panel.filter((pl.col("contig") == span.contig) & inside & one)
    return rows.with_columns(pl.col("pos").cast(pl.Int64)).sort("pos", "alt")


def _counted(rows: pl.DataFrame, sites: Panel) -> pl.DataFrame:
    """Add the reads of the sites."""
    names = ("n_ref", "n_alt", "n_other")
    out = rows.with_columns(
        pl.Series(name, sites.counts[:, i], pl.Int64) for i, name in enumerate(names)
    )
    n_ref, n_alt = pl.col("n_ref"), pl.col("n_alt")
    ref, alt = (pl.Series(sites.quality[:, i], dtype=pl.Float64) for i in (0, 1))
    means = {
        "quality": (n_ref + n_alt, ref + alt),
        "ref_quality": (n_ref, ref),
        "alt_quality": (n_alt, alt),
    }
    return out.with_columns(
        pl.when(n > 0).then(sums / n).alias(name) for name, (n, sums) in means.items()
    )


def _facts(span: Span, bases: Uint8, pileup: Pileup) -> dict[str, Any]:
    """Count the bases of each depth; N of the reference are left out."""
    known = np.isin(bases, np.frombuffer(b"ACGTacgt", np.uint8))
    return {
        "contig": span.contig,
        "start": span.start,
        "end": span.end,
        "bases": int(known.sum()),
        "depths": np.bincount(pileup.depth[known]).tolist(),
    }
