"""A lane's reads to a sorted BAM: adapters, alignment, order, in one pipeline without files.

    cutadapt | bwa mem (pybwa) | samtools sort

Each record has what marking duplicates needs (MC, ms): bwa's own process writes it. Of another
aligner `samtools fixmate -m` adds it.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from varhouse.errors import InputError
from varhouse.files import new_file, unfinished_name
from varhouse.reads.bwalibrary import pybwa_version
from varhouse.reads.bwamem import BATCH, Job, opened
from varhouse.reads.index import Index
from varhouse.reads.model import Lane, LaneFacts, Tool
from varhouse.reads.pipeline import Command, Function, Samtools, Stage, run_pipeline
from varhouse.reads.textpairs import interleave
from varhouse.reads.trim import adapters_for, trim_command, trim_figures, trim_tool
from varhouse.reads.unaligned import Counts, check_counts, unaligned_reads


@dataclass(frozen=True)
class Other:
    """A program that does a step in place of the default one.

    Attributes
    ----------
    stage
        An aligner reads FASTQ, mates in turn, from its standard input and writes SAM or BAM
        grouped by name. A trimmer reads the lane's files and writes FASTQ, mates in turn, with
        qualities from 33 on.
    tool
        For the lineage.
    figures
        Of a trimmer: gives `reads_in`, `reads_out`, `reads_trimmed` once it has run.
    """

    stage: Stage
    tool: Tool
    figures: Any = None


@dataclass(frozen=True)
class AlignSettings:
    """How reads are aligned.

    Attributes
    ----------
    trim
        `cutadapt` or `none`.
    adapters
        As the configuration has it (`trim.adapters_for`).
    sort_mb
        MiB of each thread's buffer of records to sort; what is more goes to temporary files.
    """

    trim: str = "cutadapt"
    adapters: str | Mapping[str, str] = "auto"
    sort_mb: int = 512
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further fields of @RG: CN, DT, PM."""


def read_group(lane: Lane, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the fields of SAM's @RG of a lane."""
    fields = {
        "ID": lane.read_group,
        "SM": lane.sample,
        "LB": lane.library,
        "PL": lane.platform,
        "PU": lane.lane,
        **(extra or {}),
    }
    for key, value in fields.items():
        if any(c in value for c in "\t\n\r"):
            raise InputError(
                f"line {lane.line}: {key} of a read group may hold no tab: {value!r}"
            )
    return {key: value for key, value in fields.items() if value}


def align_lane(
    lane: Lane,
    facts: LaneFacts,
    index: Index,
    out: Path,
    *,
    settings: AlignSettings,
    threads: int = 1,
    log: Path | None = None,
    aligner: Other | None = None,
    trimmer: Other | None = None,
) -> dict[str, Any]:
    """Align the reads of a lane to a coordinate-sorted BAM.

    Parameters
    ----------
    facts
        What the check of the lane's files has shown: its form and base of qualities.
    out
        BAM to write; it appears whole.
    threads
        Of the aligner and of sorting. The result does not depend on them.
    log
        For what the programs say.
    aligner, trimmer
        Programs in place of bwa mem and cutadapt.

    Returns
    -------
    dict
        `lane`, `read_group`, `reads_in`, `reads_out`, `reads_trimmed`, `adapters` (null where
        nothing was cut), `notes`, and `tools`: JSON of each `Tool`.

    Raises
    ------
    PipelineError, InputError
        Which step failed, and why.
    """
    work = unfinished_name(out.with_name(f"{out.name}.work"))
    work.mkdir(parents=True)
    try:
        plan = _plan(lane, facts, index, settings, threads, work, aligner, trimmer)
        sort = ["sort", "--no-PG", "-l", "1", "-m", f"{settings.sort_mb}M", "-@"]
        sort += [str(max(threads - 1, 0)), "-T", str(work / "sort"), "-o"]
        aligned = Counts()
        with new_file(out) as own:
            stages = [*plan.stages, aligned.stage(), Samtools([*sort, str(own), "-"])]
            run_pipeline(stages, log=log)
            if plan.found is not None:
                plan.notes += check_counts(Path(lane.files[0]), plan.found, aligned)
            elif trimmer is None and facts.n_reads not in (0, aligned.reads):
                raise InputError(
                    f"{', '.join(lane.files)}: {facts.n_reads:,} reads were found in the "
                    f"check, and {aligned.reads:,} were aligned",
                    "are the files the same as then? Begin again",
                )
        figures = _figures(facts, plan) | {"reads_out": aligned.reads}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {
        "lane": lane.lane,
        "read_group": lane.read_group,
        **figures,
        "notes": plan.notes,
        "tools": [tool.as_json() for tool in plan.tools],
    }


@dataclass
class _Plan:
    """Stages up to the sorting, and what to tell of them."""

    stages: list[Stage]
    tools: list[Tool]
    notes: list[str]
    figures: Any = None
    found: Counts | None = None
    """Of a BAM's reads."""


def _plan(
    lane: Lane,
    facts: LaneFacts,
    index: Index,
    settings: AlignSettings,
    threads: int,
    work: Path,
    aligner: Other | None,
    trimmer: Other | None,
) -> _Plan:
    group = read_group(lane, settings.extra)
    plan = _Plan([], [], [])
    form = facts.form
    is_text = form in ("pairs", "interleaved", "single")
    adapters = (
        adapters_for(lane.platform, settings.adapters) if settings.trim != "none" else ()
    )
    files, base = list(lane.files), facts.quality_base
    if is_text and trimmer is not None:
        plan.stages.append(trimmer.stage)
        plan.tools.append(trimmer.tool)
        plan.figures = trimmer.figures
        files, base = [], 33
    elif is_text and adapters:
        report = work / "cutadapt.json"
        if any(_has_other_names(file) for file in files):
            is_paired = form != "single"
            plan.stages.append(Function(interleave(files, base, paired=is_paired), "reads"))
            files, base, form = ["-"], 33, "interleaved" if is_paired else "single"
        plan.stages.append(trim_command(files, form, adapters, report))
        plan.tools.append(trim_tool(adapters, paired=form != "single"))
        plan.figures = lambda: trim_figures(report)
        files = []
    elif not is_text:
        plan.found = Counts()
        path = Path(lane.files[0])
        plan.stages += unaligned_reads(path, work, index.fasta, plan.found)
        if adapters or trimmer is not None:
            plan.notes.append("adapters are not cut off reads of a BAM")
        files, base = [], 33
    tool = aligner.tool if aligner is not None else _bwa_tool()
    plan.tools.append(tool)
    if aligner is not None:
        if is_text:
            # Names of mates are made equal, and qualities begin at 33.
            text = interleave(files, base, paired=form != "single")
            plan.stages.append(Function(text, "reads"))
        plan.stages += [aligner.stage, Samtools(["fixmate", "--no-PG", "-m", "-u", "-", "-"])]
        return plan
    header = _header(index, group, plan.tools)
    kind = form if is_text else "mixed"
    # What cutadapt and others write has mates in turn.
    kind = "interleaved" if kind == "pairs" and not files else kind
    job = Job(str(index.prefix), kind, header, group["ID"], files, base, threads)
    plan.stages.append(Command(job.argv(work / "bwa.json"), "bwa mem"))
    return plan


def _has_other_names(file: str) -> bool:
    """Tell whether cutadapt does not take names that are in order.

    It takes mates for others where a description is joined on (NAME_1:N:0:INDEX), and one read
    for two where the line of + has the name alone.
    """
    with ExitStack() as stack:
        lines = opened(Path(file), stack)(4000).splitlines()[:3]
    name = lines[0].split()[0] if lines and lines[0].split() else b""
    is_joined = re.search(rb"_[123]:[YN]:", name) is not None
    return is_joined or (len(lines) == 3 and lines[2] != b"+" and lines[2][1:] != lines[0][1:])


def _bwa_tool() -> Tool:
    # Which version of bwa pybwa is built from, it does not tell.
    own = pybwa_version()
    return Tool("align", "pybwa", own, f"pybwa {own}", f"mem -Y -K {BATCH}")


def _header(index: Index, group: Mapping[str, str], tools: Sequence[Tool]) -> str:
    """Give the text of the SAM header; programs are named without paths."""
    lines = ["@HD\tVN:1.6\tSO:unsorted\tGO:query", *index.header_lines()]
    lines.append("\t".join(["@RG", *(f"{key}:{value}" for key, value in group.items())]))
    previous = ""
    for tool in tools:
        name = f"{tool.name.split()[0]}.{group['ID']}"
        line = (
            f"@PG\tID:{name}\tPN:{tool.name}\tVN:{tool.version}\tCL:{tool.name} {tool.options}"
        )
        lines.append(line + (f"\tPP:{previous}" if previous else ""))
        previous = name
    return "".join(f"{line}\n" for line in lines)


def _figures(facts: LaneFacts, plan: _Plan) -> dict[str, Any]:
    n = plan.found.reads if plan.found is not None else facts.n_reads
    none: dict[str, Any] = {"reads_in": n, "reads_trimmed": None, "adapters": None}
    return none | (plan.figures() if plan.figures is not None else {})


def samtools_tool(step: str, options: str) -> Tool:
    """Describe a step of samtools for the lineage."""
    own = str(import_module("pysam.version").__samtools_version__)
    return Tool(step, "samtools", own, f"pysam {version('pysam')}", options)
