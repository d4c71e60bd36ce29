"""Programs of the machine or cluster that the configuration names in place of the packages."""

import importlib.util
from pathlib import Path
from typing import Any

from varhouse.calling.run import CallRun
from varhouse.calling.settings import Settings
from varhouse.errors import UsageError, install_extra
from varhouse.reads.align import AlignSettings, Other, read_group
from varhouse.reads.external import Program
from varhouse.reads.index import Index, make_index
from varhouse.reads.model import Lane, LaneFacts
from varhouse.reads.othertools import (
    INDEXES,
    align_command,
    align_options,
    index_argv,
    tool_of,
    trim_command,
    trim_figures,
    trim_options,
)
from varhouse.reads.pipeline import Command
from varhouse.reads.tools import ALTERNATIVES, ask_again, resolve, resolve_all, wants_conda
from varhouse.reads.trim import adapters_for

_PACKAGES = ("cutadapt", "pybwa")
"""Of the extra `reads`; samtools and bcftools lie in pysam, which is always there."""


def named_programs(settings: Settings) -> list[str]:
    """List the programs that do steps in place of the packages."""
    chosen = (settings.trim, settings.aligner, settings.base_quality, settings.caller)
    return [name for name in dict.fromkeys(chosen) if name in ALTERNATIVES]


def conda_programs(settings: Settings) -> list[str]:
    """List those of which Snakemake makes the environment, by conda."""
    names = named_programs(settings)
    return [name for name in names if wants_conda(settings.tools.get(name))]


def check_programs(run: CallRun) -> None:
    """Find all programs, and see that they run and are new enough, before any job.

    Raises
    ------
    ConfigError
        With all that cannot be used, and how they can be had.
    UsageError
        If packages of the extra `reads` are missing.
    """
    said, lanes = run.settings, [x for p in run.people for x in p.person.lanes]
    wanted = [name for name in (said.trim, said.aligner) if name in _PACKAGES]
    # Alignments need none of them; that a BAM is not aligned, its check tells only later.
    is_aligned = all(lane.form in ("cram", "gvcf") for lane in lanes)
    missing = [] if is_aligned else [n for n in wanted if importlib.util.find_spec(n) is None]
    if missing:
        raise UsageError(
            f"packages that trim and align reads are missing: {', '.join(missing)}",
            install_extra("reads"),
        )
    resolve_all(named_programs(run.settings), run.settings.tools, binds=_folders(run))


def find_program(run: CallRun, name: str) -> Program:
    """Find a program in a job, with its version."""
    return ask_again(resolve(name, run.settings.tools.get(name), binds=_folders(run)))


def _folders(run: CallRun) -> list[Path]:
    """List the folders that a container has to see."""
    files = [f for p in run.people for lane in p.person.lanes for f in lane.files]
    files += [run.reference, *run.settings.known_sites]
    found = [Path(run.folder), Path(run.index), *(Path(f).parent for f in files)]
    return list(dict.fromkeys(found))


def open_index(run: CallRun) -> Index:
    """Make the index of the reference for the aligner that is used, or find it.

    Where nobody's reads are aligned only the FASTA is made ready.
    """
    reference, folder, name = Path(run.reference), Path(run.index), run.settings.aligner
    if not any(p.start == "reads" for p in run.todo):
        return make_index(reference, folder, aligner=None)
    if name not in INDEXES:
        return make_index(reference, folder, aligner=name)

    def build(fasta: Path) -> Command:
        return Command(index_argv(find_program(run, name), fasta), f"{name} index")

    return make_index(
        reference, folder, aligner=name, build=build, suffixes=INDEXES[name].suffixes
    )


def align_settings(run: CallRun) -> AlignSettings:
    """Give how reads are aligned."""
    return AlignSettings(trim=run.settings.trim, adapters=run.settings.adapters)


def other_aligner(
    run: CallRun, lane: Lane, facts: LaneFacts, index: Index, threads: int
) -> Other | None:
    """Give the stage of an aligner in place of pybwa; None: it is pybwa."""
    name = run.settings.aligner
    if name not in ALTERNATIVES:
        return None
    program = find_program(run, name)
    paired = facts.form in ("pairs", "interleaved") or any(
        f.get("paired") for f in facts.files
    )
    stage = align_command(program, index.fasta, read_group(lane), threads, paired=paired)
    return Other(stage, tool_of(program, "align", align_options(program, paired=paired)))


def other_trimmer(run: CallRun, lane: Lane, facts: LaneFacts, report: Path) -> Other | None:
    """Give the stage of a trimmer in place of cutadapt; None: it is cutadapt, or none.

    Parameters
    ----------
    report
        For what the program counts.
    """
    name = run.settings.trim
    if name not in ALTERNATIVES or facts.form not in ("pairs", "interleaved", "single"):
        return None
    program, said = find_program(run, name), run.settings.adapters
    # By itself it finds adapters by how mates overlap.
    known = None if said == "auto" else _sequences(lane.platform, said)
    base = facts.quality_base
    stage = trim_command(
        program, lane.files, facts.form, report, quality_base=base, adapters=known
    )
    options = trim_options(program, facts.form, base, known)
    return Other(stage, tool_of(program, "trim", options), lambda: trim_figures(report))


def _sequences(platform: str, said: Any) -> list[str] | None:
    found = adapters_for(platform, said)
    return [a for pair in found[:1] for a in pair] or None
