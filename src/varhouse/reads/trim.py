"""Adapters at the ends of reads: which to look for, and cutadapt's stage of a pipeline.

Only adapters are cut off. Bases of low quality stay: the caller weighs each by its quality.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from varhouse.errors import ConfigError, InputError, VarhouseError, install_extra
from varhouse.reads.lanefiles import named_as_fastq
from varhouse.reads.model import Form, Tool
from varhouse.reads.pipeline import Command

Pair = tuple[str, str]
"""What follows the insert in read 1, and in read 2."""

TRUSEQ: Pair = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
"""Illumina's document 1000000002694, TruSeq; libraries of most kits, also for other
instruments, have them."""
NEXTERA: Pair = ("CTGTCTCTTATACACATCT", "CTGTCTCTTATACACATCT")
"""The same document: Nextera, and what Illumina sells as DNA Prep."""
MGI: Pair = ("AAGTCGGAGGCCAAGCGGTCTTAGGAAGACAA", "AAGTCGGATCGTAGCCATGTCGTTCTGTGAGCCAAGGAGTTG")
"""MGI's and BGI's own libraries (manual of SOAPnuke)."""
ELEMENT: Pair = ("ATGTCGGAAGGTGTGCAGGCTACCGCTTGTCAACT", "ATGTCGGAAGGTGTCTGGTGAGCCAATC")
"""Element's Elevate libraries; its Adept and Freestyle ones have Illumina's."""

BY_PLATFORM: dict[str, tuple[Pair, ...]] = {
    "ILLUMINA": (TRUSEQ, NEXTERA),
    "DNBSEQ": (MGI, TRUSEQ),
    "ELEMENT": (ELEMENT, TRUSEQ, NEXTERA),
}
"""What `adapters: auto` looks for, by SAM's PL. A read's best match is cut; one adapter more
costs 3 CPU seconds a gigabase."""
BY_NAME: dict[str, tuple[Pair, ...]] = {
    "illumina": (TRUSEQ, NEXTERA),
    "mgi": (MGI,),
    "element": (ELEMENT,),
}

_LEAST_OVERLAP = 5
"""Bases of an adapter at the end of a read that are cut off; cutadapt's own 3 stand at the end
of one read in 64 by chance, and take bases from reads that have none. An end of 4 bases is a
soft clip or 3 mismatches at most."""


def adapters_for(platform: str, chosen: str | Mapping[str, str] | None) -> tuple[Pair, ...]:
    """Say which adapters are looked for; none: nothing is cut.

    Parameters
    ----------
    platform
        As SAM's PL has it.
    chosen
        `auto`, a name of `BY_NAME`, `none`, or the sequences themselves: `r1`, and `r2` (else
        the same).

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if chosen is None or chosen == "none":
        return ()
    if isinstance(chosen, str):
        if chosen == "auto":
            return BY_PLATFORM.get(platform.upper(), (TRUSEQ, NEXTERA, MGI))
        if chosen not in BY_NAME:
            known = ", ".join(("auto", "none", *BY_NAME))
            raise ConfigError([f"adapters: {chosen!r} is not known: {known}, or {{r1: ...}}"])
        return BY_NAME[chosen]
    first = str(chosen.get("r1", "")).upper()
    second = str(chosen.get("r2", first)).upper()
    for name, sequence in (("r1", first), ("r2", second)):
        if len(sequence) < _LEAST_OVERLAP or set(sequence) - set("ACGTRYSWKMBDHVN"):
            raise ConfigError(
                [f"adapters: {name}: {sequence!r} is no sequence of 5 bases or more"]
            )
    if extra := sorted(set(chosen) - {"r1", "r2"}):
        raise ConfigError([f"adapters: {extra[0]}: not known; r1 and r2 are"])
    return ((first, second),)


def trim_options(adapters: Sequence[Pair], *, paired: bool) -> list[str]:
    """List the options of cutadapt that decide the result."""
    options = ["-O", str(_LEAST_OVERLAP)]
    for first, second in adapters:
        options += ["-a", first]
        if paired:
            options += ["-A", second]
    return options


def trim_command(
    files: Sequence[str], form: Form, adapters: Sequence[Pair], report: Path
) -> Command:
    """Give the stage that cuts adapters off; it writes FASTQ, mates in turn.

    No read is dropped: of one that is all adapter nothing but its name stays.

    Parameters
    ----------
    files
        Two of `pairs`, else one.
    report
        Where cutadapt writes its figures (`trim_figures`); beside it are links to files whose
        names do not say that they are FASTQ.
    """
    if not cutadapt_version():
        raise VarhouseError("cutadapt is not installed", install_extra("reads"))
    paired = form != "single"
    argv = [sys.executable, "-m", "cutadapt", "--quiet", "-j", "1", "--json", str(report)]
    argv += [*trim_options(adapters, paired=paired), *(["--interleaved"] if paired else [])]
    return Command([*argv, *named_as_fastq(files, report)], "cutadapt")


def trim_figures(report: Path) -> dict[str, Any]:
    """Read what cutadapt counted.

    Returns
    -------
    dict
        `reads_in`, `reads_out` (both mates), `bases_in`, `bases_out`, `reads_trimmed`, and
        `adapters`: reads by adapter.

    Raises
    ------
    InputError
        If it is no report of cutadapt.
    """
    try:
        data = json.loads(report.read_text(encoding="utf-8"))
        reads, bases = data["read_counts"], data["basepair_counts"]
        mates = 2 if reads["read2_with_adapter"] is not None else 1
        adapters: dict[str, int] = {}
        for key in ("adapters_read1", "adapters_read2"):
            for adapter in data[key] or ():
                sequence = adapter["three_prime_end"]["sequence"]
                adapters[sequence] = adapters.get(sequence, 0) + adapter["total_matches"]
        return {
            "reads_in": mates * reads["input"],
            "reads_out": mates * reads["output"],
            "bases_in": bases["input"],
            "bases_out": bases["output"],
            "reads_trimmed": reads["read1_with_adapter"] + (reads["read2_with_adapter"] or 0),
            "adapters": adapters,
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{report} is no report of cutadapt: {error}", "see what cutadapt says in the log"
        ) from None


def cutadapt_version() -> str:
    """Give the version of cutadapt that is installed; empty if none is."""
    try:
        return version("cutadapt")
    except PackageNotFoundError:
        return ""


def trim_tool(adapters: Sequence[Pair], *, paired: bool) -> Tool:
    """Describe the step for the lineage."""
    options = " ".join(trim_options(adapters, paired=paired))
    own = cutadapt_version()
    return Tool("trim", "cutadapt", own, f"cutadapt {own}", options)
