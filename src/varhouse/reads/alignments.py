"""What the header and the first records of a BAM or CRAM tell of it."""

import re
from dataclasses import dataclass
from pathlib import Path

import pysam

from varhouse.errors import InputError

_PEEK = 2000
"""Records at the start of a file that tell whether it was prepared for marking duplicates."""

_PATTERNED = re.compile(r"(A\d{5}|LH\d{5}|VH\d{5}|VL\d{5}|K\d{5}|ST-K|E\d{5}|ST-E|FS\d)")
_ILLUMINA = re.compile(r"[A-Z][A-Za-z0-9-]*:\d+:[A-Za-z0-9-]+:\d:\d{4,5}:\d+:\d+")


@dataclass(frozen=True)
class Alignments:
    """What the start of a BAM or CRAM tells.

    Attributes
    ----------
    order
        SO of its header.
    grouped
        Whether mates stand together: by SO or GO.
    groups
        Fields of its @RG lines.
    has_pairs, has_scores
        Whether there are pairs, and have the tags MC and ms, among the first records.
    name
        Of the first read.
    """

    path: Path
    is_cram: bool
    order: str
    grouped: bool
    groups: list[dict[str, str]]
    longest_contig: int
    has_pairs: bool
    has_scores: bool
    name: str


def look(path: Path, fasta: Path) -> Alignments:
    """Read a file's header and first records.

    Raises
    ------
    InputError
        If it is no BAM or CRAM.
    """
    try:
        with pysam.AlignmentFile(
            str(path), reference_filename=str(fasta), check_sq=False
        ) as file:
            header = file.header.to_dict()
            pairs, scored, name = 0, 0, ""
            for _, record in zip(range(_PEEK), file.fetch(until_eof=True), strict=False):
                name = name or str(record.query_name)
                if record.is_paired and not record.is_secondary | record.is_supplementary:
                    pairs += 1
                    mapped = not record.mate_is_unmapped
                    scored += record.has_tag("ms") and (record.has_tag("MC") or not mapped)
            is_cram, lengths = bool(file.is_cram), file.lengths
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no BAM or CRAM that can be read ({error})") from None
    head = header.get("HD", {})
    return Alignments(
        path=path,
        is_cram=is_cram,
        order=str(head.get("SO", "unknown")),
        grouped=head.get("SO") == "queryname" or head.get("GO") == "query",
        groups=[{k: str(v) for k, v in group.items()} for group in header.get("RG", [])],
        longest_contig=max(lengths, default=0),
        has_pairs=pairs > 0,
        has_scores=pairs > 0 and scored == pairs,
        name=name,
    )


def optical_distance(name: str) -> int:
    """Say how near duplicates of one cluster are: pixels of samtools markdup -d; 0: not known.

    Parameters
    ----------
    name
        Of a read: INSTRUMENT:RUN:FLOWCELL:LANE:TILE:X:Y has coordinates.

    Returns
    -------
    int
        2500 on patterned flow cells, which the instrument's name tells (NovaSeq, NextSeq 1000
        and 2000, HiSeq X, 3000 and 4000, iSeq), 100 on others: samtools' manual, as Picard's.
    """
    # Element's names have the same form, with coordinates in another unit.
    if name.startswith("AV") or _ILLUMINA.fullmatch(name) is None:
        return 0
    return 2500 if _PATTERNED.match(name) else 100
