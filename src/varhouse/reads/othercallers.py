"""freebayes, GATK HaplotypeCaller or DeepVariant in place of `bcftools call`.

    the program -> othervcf (one form of records) -> bcftools norm -> the same folder

A called region has the same files whoever called it (`varhouse.reads.callregion`), so that it
is joined, filtered and measured in one way. Depths, and the counts of the panel, come from the
pile-up of the default way in each case.

- freebayes: variants are its own, blocks those of the pile-up. Its own blocks cannot be used:
  their GQ is a sum over the block (147,659 at 22 reads), they have no genotype, leave out the
  base after a variant, and go over bases without reads.
- GATK and DeepVariant: blocks are their own, put right by the rules of
  `varhouse.reads.blocks`: none without reads, none over a called allele, no genotype where
  nothing is sure.

A program looks at a stretch of one number of copies and `MARGIN` bases on both sides; a
variant belongs to the stretch in which its POS lies as the program wrote it. So each has one
owner.
"""

import gzip
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pysam

from varhouse.errors import InputError
from varhouse.files import whole_folder
from varhouse.reads.blocks import cut_blocks, make_blocks
from varhouse.reads.callregion import MARGIN, PART_FILES, CallSettings, call_region
from varhouse.reads.copies import Uint8, copies_at
from varhouse.reads.external import Program
from varhouse.reads.model import Copies, Span, Tool
from varhouse.reads.othertools import tool_of
from varhouse.reads.othervcf import (
    LEAST_QUALITY,
    Record,
    header_lines,
    lay_block,
    likely_lines,
    read_records,
    split_substitution,
)
from varhouse.reads.pileup import Pileup
from varhouse.reads.pipeline import Bcftools, Command, Function, run_pipeline
from varhouse.reads.variants import RAW, covered, read_variants


@dataclass(frozen=True)
class Task:
    """What a program is to call: a stretch of one number of copies.

    Attributes
    ----------
    bed
        The stretch with its margins, as a BED.
    place
        Folder for what it writes.
    """

    bam: Path
    fasta: Path
    contig: str
    copies: int
    bed: Path
    place: Path
    threads: int
    memory_mb: int


def call_options(program: Program, settings: CallSettings) -> list[str]:
    """List the options of a caller that decide the result, apart from place and copies."""
    if program.name == "freebayes":
        return ["--min-mapping-quality", str(settings.mapping_quality), *program.options]
    if program.name == "gatk":
        bands = [w for band in settings.bands for w in ("--gvcf-gq-bands", str(band))]
        return ["--emit-ref-confidence", "GVCF", *bands, *program.options]
    model = program.settings.get("model", "WGS")
    return [f"--model_type={model}", *program.options]


def call_command(program: Program, task: Task, settings: CallSettings) -> tuple[Command, Path]:
    """Give the command that calls a stretch, and the file in which its calls are."""
    options = call_options(program, settings)
    if program.name == "freebayes":
        # Its calls come from the standard output.
        out = task.place / "calls.vcf"
        argv = program.argv(
            *("--fasta-reference", str(task.fasta), "--targets", str(task.bed)),
            *("--ploidy", str(task.copies), *options, str(task.bam)),
        )
    elif program.name == "gatk":
        out = task.place / "calls.g.vcf"
        argv = program.argv(
            *("--java-options", f"-Xmx{task.memory_mb}m -XX:-UsePerfData"),
            *("HaplotypeCaller", "--input", str(task.bam), "--reference", str(task.fasta)),
            *("--intervals", str(task.bed), "--sample-ploidy", str(task.copies)),
            *("--native-pair-hmm-threads", str(task.threads), "--tmp-dir", str(task.place)),
            *options,
            *("--output", str(out)),
        )
    else:
        out = task.place / "calls.g.vcf.gz"
        haploid = [f"--haploid_contigs={task.contig}"] if task.copies == 1 else []
        argv = program.argv(
            *(f"--ref={task.fasta}", f"--reads={task.bam}", f"--regions={task.bed}"),
            *options,
            *haploid,
            f"--output_vcf={task.place / 'calls.vcf.gz'}",
            f"--output_gvcf={out}",
            f"--intermediate_results_dir={task.place / 'steps'}",
            f"--num_shards={task.threads}",
        )
    return Command(argv, program.name), out


def call_region_with(
    program: Program,
    bam: Path,
    fasta: Path,
    span: Span,
    out: Path,
    *,
    sample: str,
    copies: Copies,
    settings: CallSettings,
    panel: pl.DataFrame | None = None,
    threads: int = 1,
    memory_mb: int = 4000,
    log: Path | None = None,
) -> None:
    """Call a person in a span with another program, and write the folder of `call_region`.

    Parameters
    ----------
    program
        freebayes, gatk or deepvariant, as `varhouse.reads.tools.resolve` gives it.
    bam
        Its read groups name one sample.
    threads, memory_mb
        For GATK (MiB of the Java heap) and DeepVariant (shards); freebayes has one thread.

    Raises
    ------
    InputError
        If the program wrote calls of several people, or what is no VCF.
    PipelineError
        With what it said.
    """
    with whole_folder(out, PART_FILES[-1]) as folder:
        own = folder / "pileup"
        call_region(
            *(bam, fasta, span, own),
            sample=sample,
            copies=copies,
            settings=settings,
            panel=panel,
            log=log,
        )
        with tempfile.TemporaryDirectory(dir=folder) as place:
            caller = _Caller(program, bam, fasta, span, settings, threads, memory_mb, log)
            variants, blocks = caller.run(Path(place), copies, own)
        at = variants["raw_pos"].to_numpy() - 1 - span.start
        held = copies_at(copies, span.start, span.end)
        is_own = (at >= 0) & (at < span.end - span.start)
        mine = variants.filter(pl.Series(is_own))
        own_copies = pl.Series("copies", held[at[is_own]], pl.UInt8)
        mine.insert_column(2, own_copies).write_parquet(folder / "variants.parquet")
        blocks.write_parquet(folder / "blocks.parquet")
        (folder / "header.txt").write_text("".join(f"{line}\n" for line in caller.header))
        for name in ("panel.parquet", PART_FILES[-1]):
            (own / name).rename(folder / name)
        for path in own.iterdir():
            path.unlink()
        own.rmdir()


@dataclass
class _Caller:
    """One run over a span."""

    program: Program
    bam: Path
    fasta: Path
    span: Span
    settings: CallSettings
    threads: int
    memory_mb: int
    log: Path | None
    header: list[str] = field(default_factory=list)

    def run(self, place: Path, copies: Copies, own: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give variants (of the margins, too) and blocks; `header` is left."""
        with pysam.FastaFile(str(self.fasta)) as file:
            length = file.get_reference_length(self.span.contig)
            text = file.fetch(self.span.contig, self.span.start, self.span.end)
        first, last = max(0, self.span.start - MARGIN), min(length, self.span.end + MARGIN)
        around = copies_at(copies, first, last)
        reference = Pileup.of(self.span.end - self.span.start)
        records: list[Record] = []
        lines: list[str] = []
        for i, (a, b, n) in enumerate(stretches(around, first)):
            if n == 0:
                continue
            folder = place / str(i)
            folder.mkdir()
            bed = folder / "stretch.bed"
            edges = max(first, a - MARGIN), min(last, b + MARGIN)
            bed.write_text(f"{self.span.contig}\t{edges[0]}\t{edges[1]}\n")
            task = Task(
                *(self.bam, self.fasta, self.span.contig, n, bed, folder),
                *(self.threads, self.memory_mb),
            )
            found = self._call(task, settings=self.settings)
            lines = lines or header_lines(_open_lines(found))
            records += self._sort_out(found, (a, b, n), reference)
        variants, self.header = self._normalise(place, length, lines, records)
        starts, ends = np.array(covered(variants), np.int64).reshape(-1, 2).T
        order = np.argsort(starts, kind="stable")
        called = (starts[order], ends[order])
        if self.program.name == "freebayes":
            return variants, cut_blocks(pl.read_parquet(own / "blocks.parquet"), called)
        bases = np.frombuffer(text.encode(), np.uint8)
        held = around[self.span.start - first : self.span.end - first]
        blocks = make_blocks(
            *(self.span.start, bases, reference, held, covered(variants)), self.settings.bands
        )
        return variants, blocks

    def _call(self, task: Task, settings: CallSettings) -> Path:
        command, out = call_command(self.program, task, settings)
        is_piped = self.program.name == "freebayes"
        run_pipeline([command], log=self.log, out=out if is_piped else None)
        if not out.exists():
            raise InputError(f"{self.program.name} ended without calls", "see its log")
        return out

    def _sort_out(
        self, found: Path, stretch: tuple[int, int, int], reference: Pileup
    ) -> Iterator[Record]:
        """Give the variants of a stretch, and lay all else into the arrays."""
        start, end, copies = stretch
        path, lines = f"calls of {self.program.name}", _open_lines(found)
        if self.program.name == "freebayes":
            lines = likely_lines(lines)
        for record, block_end in read_records(lines, copies=copies, path=path):
            if block_end is None and _is_call(record):
                if start < record.pos <= end:
                    yield from split_substitution(record)
            elif self.program.name != "freebayes":
                last = block_end or record.pos + len(record.ref) - 1
                clipped = record._replace(pos=max(record.pos, start + 1))
                lay_block(clipped, min(last, end), self.span.start, reference)

    def _normalise(
        self, place: Path, length: int, lines: Sequence[str], records: list[Record]
    ) -> tuple[pl.DataFrame, list[str]]:
        """Normalise as the default way does, and read the result."""
        contig = self.span.contig
        records.sort(key=lambda record: record.pos)
        names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "S"]
        head = ["##fileformat=VCFv4.2", *lines, f"##contig=<ID={contig},length={length}>"]

        def write(_: BinaryIO, sink: BinaryIO) -> None:
            for line in [*head, "\t".join(names)]:
                sink.write(f"{line}\n".encode())
            for record in records:
                sink.write(f"{record.line(contig)}\n".encode())

        out = place / "calls.vcf"
        norm = [
            "norm",
            "-f",
            str(self.fasta),
            "--old-rec-tag",
            RAW,
            "-Ov",
            "-o",
            str(out),
            "-",
        ]
        run_pipeline([Function(write, "calls"), Bcftools(norm)], log=self.log)
        return read_variants(out.read_bytes())


def stretches(copies: Uint8, first: int) -> list[tuple[int, int, int]]:
    """List stretches of one number of copies: (start, end, copies), counted from `first`."""
    cuts = np.flatnonzero(np.diff(copies)) + 1
    edges = [0, *cuts.tolist(), copies.size]
    return [(first + a, first + b, int(copies[a])) for a, b in pairwise(edges)]


def _is_call(record: Record) -> bool:
    """Tell whether a record calls a variant, and not only a place that was looked at."""
    if not record.is_variant():
        return False
    return record.quality == "." or float(record.quality) >= LEAST_QUALITY


def _open_lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from file


def caller_tool(program: Program, settings: CallSettings) -> Tool:
    """Describe the caller for the lineage."""
    options = [o for o in call_options(program, settings) if o]
    name = "HaplotypeCaller" if program.name == "gatk" else ""
    return tool_of(program, "call", [name, *options] if name else options)
