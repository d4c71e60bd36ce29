"""The draft of a configuration for `varhouse call`, from files of reads: `varhouse init`."""

import os
from collections.abc import Sequence
from pathlib import Path

from varhouse.ingest.setup.draft import (
    Draft,
    assembly_of_files,
    check_arguments,
    reference_lines,
)
from varhouse.ingest.setup.filelists import find_files
from varhouse.ingest.setup.fromfiles import name_of_files
from varhouse.reads.draft import ReadsDraft, draft_lanes, is_reads_file
from varhouse.sheetfile import tab_cell

SHEET = "reads.tsv"


def draft_of_reads(
    folder: Path,
    files: Sequence[str],
    *,
    reference: Path | None = None,
    genes: Path | None = None,
    assembly: str | None = None,
) -> Draft:
    """Draft a configuration and a reads sheet. Nothing is written.

    Parameters
    ----------
    folder
        Where it is to lie: paths are written relative to it.
    files
        FASTQ, BAM and CRAM, and gVCFs beside them: paths, globs, lists `@PATH`.

    Raises
    ------
    ConfigError
        With every file that is not there, or cannot stand in a reads sheet.
    UsageError
        If the folder is a file.
    """
    paths, problems = find_files(Path.cwd(), "FILE", files)
    found = draft_lanes([Path(os.path.abspath(f)) for f in paths])  # noqa: PTH100 - links stay
    check_arguments(folder, paths, problems + found.problems, reference, genes, assembly)
    name, why = (assembly, "") if assembly else assembly_of_files([], reference)
    draft = Draft(folder, {}, [], name, reference, found.notes, _people(found))
    cohort = name_of_files([str(folder.absolute())])
    draft.texts["config.yaml"] = "\n".join(
        [
            "# Drafted by varhouse init; config/README.md explains every key. Paths are",
            "# relative to this file. Where a line begins with #, fill it in and take the #",
            "# away. Then:",
            "#   varhouse call --config config.yaml",
            *reference_lines(draft, why, genes),
            f"{f'reads: {SHEET}':<40} # a row a lane",
            "calling:",
            f"{f'  cohort: {cohort}':<40} # who the people are together",
            "#  folder: calls                        # results; the other keys have defaults",
            "",
        ]
    )
    draft.texts[SHEET] = _sheet(found, folder)
    return draft


def are_reads(files: Sequence[str]) -> bool:
    """Tell whether there is any file of reads among those that a command line names."""
    found, _ = find_files(Path.cwd(), "FILE", files)
    return any(is_reads_file(f) for f in found)


def _people(found: ReadsDraft) -> dict[str, int]:
    """Count the rows of everybody."""
    lanes = [lane.sample for lane in found.lanes]
    return {sample: lanes.count(sample) for sample in found.samples}


def _sheet(found: ReadsDraft, folder: Path) -> str:
    order = ("fastq_1", "fastq_2", "bam", "cram", "gvcf")
    columns = [c for c in order if any(c in lane.files for lane in found.lanes)]
    lines = [
        "## A row a lane: fill in sex (male, female; decides how X and Y are called), and",
        "## check sample. More columns: cohort, library. Lines with ## are comments.",
        "\t".join(["sample", "sex", "lane", "platform", *columns]),
    ]
    for lane in found.lanes:
        files = [lane.files.get(c, "") for c in columns]
        paths = [os.path.relpath(f, folder.absolute()) if f else "" for f in files]
        row = [lane.sample, "unknown", lane.lane, lane.platform, *paths]
        lines.append("\t".join(map(tab_cell, row)))
    return "\n".join(lines) + "\n"
