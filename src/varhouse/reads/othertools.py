"""Other programs for trimming, alignment and base qualities: what is run, and what it says.

`align_command` reads FASTQ from its standard input, mates in turn, and writes SAM grouped by
name, as `bwa mem` does; so the stages before and after it stay what they are. Options that
decide the result are listed apart, for the lineage (`tool_of`).
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varhouse.errors import InputError
from varhouse.files import put, unfinished_name
from varhouse.reads.external import Program
from varhouse.reads.lanefiles import named_as_fastq
from varhouse.reads.model import Form, Tool
from varhouse.reads.pipeline import Command, Samtools, run_pipeline

BATCH = 10_000_000
"""Bases that are aligned at a time, and of whose pairs the insert size is estimated (-K): the
same with every number of threads. As large as the batches of pybwa."""

LONGEST_FRAGMENT = 2000
"""Of minimap2 (-F). Its own 800 takes the longer pairs of a library for improper ones, which
`bcftools mpileup` leaves out: one in twelve of real reads with a mean of 550."""

SHORTEST = 15
"""Bases that fastp has to leave of a read; with fewer it drops the pair and counts it. What is
shorter is adapter alone and would be aligned nowhere (its own default)."""


@dataclass(frozen=True)
class IndexForm:
    """The index of an aligner.

    Attributes
    ----------
    suffixes
        What is added to the FASTA's name.
    memory
        Bytes a base of the reference that building it takes at most.
    """

    suffixes: tuple[str, ...]
    memory: float


INDEXES = {
    # The files are those of pybwa, byte for byte.
    "bwa": IndexForm((".amb", ".ann", ".bwt", ".pac", ".sa"), 5.4),
    # Its README: 28 bytes a base.
    "bwa-mem2": IndexForm((".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac"), 28),
    "minimap2": IndexForm((".mmi",), 12),
}


def index_argv(program: Program, fasta: Path) -> list[str]:
    """Give the command that makes an aligner's index beside an uncompressed FASTA."""
    if program.name == "minimap2":
        # One part, however large: of an index in parts each is a reference of its own.
        return program.argv("-x", "sr", "-I", "1000G", "-d", f"{fasta}.mmi", str(fasta))
    return program.argv("index", str(fasta))


def index_target(name: str, fasta: Path) -> Path:
    """Name what the aligner is given as its index."""
    return Path(f"{fasta}.mmi") if name == "minimap2" else fasta


def align_options(program: Program, *, paired: bool) -> list[str]:
    """List the options of an aligner that decide the result."""
    # -Y: no hard clips, so that each supplementary record has its read's bases.
    options = ["-Y", "-K", str(BATCH)]
    if program.name == "minimap2":
        options = ["-a", "-x", "sr", "-F", str(LONGEST_FRAGMENT), *options]
        # The preset takes neighbours of one name for mates.
        options += [] if paired else ["--frag=no"]
    elif paired:
        options.append("-p")
    return [*options, *program.options]


def align_command(
    program: Program,
    fasta: Path,
    read_group: Mapping[str, str],
    threads: int,
    *,
    paired: bool = True,
) -> Command:
    """Give the stage that aligns FASTQ of its standard input to SAM.

    Parameters
    ----------
    fasta
        Uncompressed, with the aligner's index beside it (`index_argv`).
    read_group
        Fields of SAM's @RG: ID, SM, LB, PL, ... Each record gets RG:Z:ID.
    paired
        Whether mates come in turn, with one name.
    """
    if any("\t" in v or "\n" in v or "\\" in v for v in read_group.values()):
        raise InputError(f"a read group may hold no tab or backslash: {dict(read_group)}")
    # Aligners turn \t into a tab themselves.
    line = "\\t".join(["@RG", *(f"{key}:{value}" for key, value in read_group.items())])
    verb = [] if program.name == "minimap2" else ["mem"]
    options = align_options(program, paired=paired)
    target = str(index_target(program.name, fasta))
    argv = program.argv(*verb, *options, "-t", str(threads), "-R", line, target, "-")
    return Command(argv, program.name)


def trim_options(
    program: Program, form: Form, quality_base: int, adapters: Sequence[str] | None
) -> list[str]:
    """List the options of fastp that decide the result.

    Adapters alone are cut off, and poly-G where fastp does so by itself (two-colour
    instruments): with its filter of qualities two of 69 known SNVs of real reads were lost.
    """
    options = ["--disable_quality_filtering", "--length_required", str(SHORTEST)]
    if form == "interleaved":
        options.append("--interleaved_in")
    if quality_base == 64:
        options.append("--phred64")
    if adapters:
        options += ["--adapter_sequence", adapters[0]]
        if form != "single":
            options += ["--adapter_sequence_r2", adapters[-1]]
    elif form == "pairs":
        # With one file fastp looks for a second one and fails; overlaps show most adapters.
        options.append("--detect_adapter_for_pe")
    return [*options, *program.options]


def trim_command(
    program: Program,
    files: Sequence[str],
    form: Form,
    report: Path,
    *,
    quality_base: int = 33,
    adapters: Sequence[str] | None = None,
) -> Command:
    """Give the stage in which fastp trims the reads of FASTQ files.

    It writes FASTQ, mates in turn, with qualities from 33 on. Names stay as they are.

    Parameters
    ----------
    files
        Two of `pairs`, else one.
    report
        Where fastp writes its figures (`trim_figures`); beside it are links to files whose
        names do not say that they are FASTQ.
    adapters
        Of read 1 and read 2; none: fastp looks for them, in pairs by their overlap, too.
    """
    options = trim_options(program, form, quality_base, adapters)
    named = named_as_fastq(files, report)
    inputs = ["--in1", named[0]]
    if form == "pairs":
        inputs += ["--in2", named[1]]
    argv = program.argv(
        *inputs,
        "--stdout",
        *options,
        # Duplicates are found after alignment; to look for them here takes 1 GB.
        "--dont_eval_duplication",
        # Several workers write to the standard output in any order, and the batches of the
        # aligner would depend on it. One is faster than what aligns.
        "--thread",
        "1",
        "--json",
        str(report),
        "--html",
        "/dev/null",
    )
    return Command(argv, program.name)


def trim_figures(report: Path) -> dict[str, Any]:
    """Read what fastp counted.

    Returns
    -------
    dict
        As `varhouse.reads.trim.trim_figures`: `reads_in`, `reads_out` (both mates),
        `bases_in`, `bases_out`, `reads_trimmed` and `adapters` (reads by adapter, as far as
        fastp names them); and `reads_dropped` by reason.

    Raises
    ------
    InputError
        If it is no report of fastp.
    """
    try:
        data = json.loads(report.read_text(encoding="utf-8"))
        before, after = data["summary"]["before_filtering"], data["summary"]["after_filtering"]
        dropped = data["filtering_result"]
        cut = data.get("adapter_cutting", {})
        adapters: dict[str, int] = {}
        for mate in ("read1", "read2"):
            sequence = cut.get(f"{mate}_adapter_sequence", "unspecified")
            counts = sum(cut.get(f"{mate}_adapter_counts", {}).values())
            if sequence != "unspecified" and counts:
                adapters[sequence] = adapters.get(sequence, 0) + counts
        return {
            "reads_in": int(before["total_reads"]),
            "reads_out": int(after["total_reads"]),
            "bases_in": int(before["total_bases"]),
            "bases_out": int(after["total_bases"]),
            "reads_trimmed": int(cut.get("adapter_trimmed_reads", 0)),
            "adapters": adapters,
            "reads_dropped": {
                "short": int(dropped["too_short_reads"]),
                "quality": int(dropped["low_quality_reads"]),
                "n": int(dropped["too_many_N_reads"]),
            },
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{report} is no report of fastp: {error}", "see what fastp says in the log"
        ) from None


def tool_of(program: Program, step: str, options: Sequence[str]) -> Tool:
    """Describe what did a step, for the lineage."""
    return Tool(step, program.name, program.version, program.carrier, " ".join(options))


def known_problems(known: Sequence[Path]) -> list[str]:
    """List files of known variants that GATK cannot read, each with the fix."""
    return [
        f"{path} has no index; make one: gatk IndexFeatureFile -I {path}"
        for path in known
        if not any(Path(f"{path}{end}").exists() for end in (".tbi", ".idx"))
    ]


def recalibrate_with(
    program: Program,
    bam: Path,
    out: Path,
    *,
    fasta: Path,
    known: Sequence[Path],
    memory_mb: int = 4000,
    log: Path | None = None,
) -> dict[str, Any]:
    """Recalibrate base qualities with GATK's BaseRecalibrator and ApplyBQSR.

    Parameters
    ----------
    bam
        Coordinate-sorted, duplicates marked, with its index.
    out
        BAM (or CRAM) to write; its index (`.bai`, `.crai`) is there before it.
    fasta
        With `.fai` and `.dict` beside it.
    known
        VCFs of known variants, indexed; bases there are no errors and are left out.
    memory_mb
        Of the Java heap, in MiB.

    Returns
    -------
    dict
        `tools`: the program as JSON of `Tool`.

    Raises
    ------
    InputError
        If there are no known variants, or they have no index.
    PipelineError
        With what GATK says.
    """
    if not known:
        raise InputError(
            "base qualities cannot be recalibrated without known variants",
            "calling: known_sites: [dbsnp.vcf.gz]",
        )
    problems = known_problems(known)
    if problems:
        raise InputError("; ".join(problems))
    heap = ["--java-options", f"-Xmx{memory_mb}m -XX:-UsePerfData"]
    sites = [word for path in known for word in ("--known-sites", str(path))]
    # GATK tells the form by the name's ending: the file needs its own in a folder apart.
    work = unfinished_name(out.with_name(f"{out.name}.gatk"))
    work.mkdir(parents=True)
    try:
        table, made = work / "table", work / out.name
        shared = ["--input", str(bam), "--reference", str(fasta), "--tmp-dir", str(work)]
        count = ["BaseRecalibrator", *shared, *sites, "--output", str(table)]
        run_pipeline([Command(program.argv(*heap, *count), "gatk BaseRecalibrator")], log=log)
        apply = ["ApplyBQSR", *shared, "--bqsr-recal-file", str(table)]
        # Its index would be NAME.bai; others look for NAME.bam.bai.
        apply += ["--create-output-bam-index", "false", "--output", str(made)]
        run_pipeline([Command(program.argv(*heap, *apply), "gatk ApplyBQSR")], log=log)
        ending = ".crai" if out.suffix == ".cram" else ".bai"
        index = made.with_name(made.name + ending)
        run_pipeline([Samtools(["index", "-o", str(index), str(made)])], log=log)
        put(index, out.with_name(out.name + ending))
        put(made, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    names = " ".join(f"--known-sites {path.name}" for path in known)
    options = ["BaseRecalibrator", names, "ApplyBQSR"]
    return {"tools": [tool_of(program, "base_quality", options).as_json()]}
