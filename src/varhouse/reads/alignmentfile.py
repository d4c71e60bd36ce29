"""Checks of BAM, CRAM and gVCF that a reads sheet begins with."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pysam

from varhouse.errors import InputError
from varhouse.reads.alignmentscan import RecordScan, damaged_block, scan_records
from varhouse.reads.cramcheck import cram_problem
from varhouse.reads.fastqcheck import LONGEST_READ
from varhouse.reads.filekind import kind_of, lacks_end, misplaced
from varhouse.reads.model import LaneFacts
from varhouse.reads.pipeline import PipelineError
from varhouse.textfile import line_blocks

_FIRST_READS = 1000
"""Reads by which the length of all is told."""

_MOST_NAMED = 5

_MARKING = re.compile(r"mark_?dup|dupmarked|samblaster|dupsifter|bamsormadup", re.I)
"""Programs that mark duplicates, by what @PG says of them."""

_LONG_PLATFORMS = ("PACBIO", "ONT")


def check_alignment(
    path: Path,
    *,
    form: Literal["bam", "cram"],
    sample: str,
    contigs: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
    threads: int = 1,
) -> LaneFacts:
    """Read a BAM or CRAM to its end.

    Parameters
    ----------
    sample
        Whose reads they are by the sheet.
    contigs
        Contigs of the reference, with lengths; None: they are not compared.
    digests
        MD5 of the contigs' bases, as @SQ M5 has it.

    Returns
    -------
    LaneFacts
        Reads are counted without secondary and supplementary alignments; bases of a CRAM are
        told by the first 1,000 reads. The dict of the file has, besides: `aligned` (false: an
        unmapped BAM, to be aligned), `sorted` (coordinate, queryname, unsorted, unknown),
        `marked` (duplicates are), `n_duplicates`, `samples` (SM of the read groups),
        `read_groups`, `platform` (of the read groups, if they agree), `paired` and `missing`
        (contigs of the reference that it lacks).
    """
    facts = LaneFacts(form)
    if problem := misplaced(path, kind_of(path), form):
        facts.problems.append(problem)
        return facts
    if form == "bam" and lacks_end(path):
        facts.problems.append(f"{path}: no end block: cut off; fix: copy it again")
        return facts
    if form == "cram" and (problem := cram_problem(path)):
        facts.problems.append(problem)
        return facts
    try:
        header, first = _look(path, form)
        scan = scan_records(path, is_cram=form == "cram", threads=threads)
    except (OSError, ValueError, PipelineError, InputError) as error:
        where = damaged_block(path) if form == "bam" else ""
        told = where or " ".join(str(error).split())
        facts.problems.append(f"{path}: damaged ({told}); fix: copy it again")
        return facts
    counts = scan.counts
    groups = [{k: str(v) for k, v in g.items()} for g in header.get("RG", [])]
    is_aligned = bool(header.get("SQ")) and counts["mapped"] > 0
    facts.n_reads = counts["primary"]
    facts.longest = max(counts["longest"], *first.lengths, 0)
    mean = sum(first.lengths) / max(1, len(first.lengths))
    facts.n_bases = counts["bases"] or round(mean * facts.n_reads)
    facts.files = [
        {
            **_digests(path),
            "n_reads": facts.n_reads,
            "aligned": is_aligned,
            "sorted": str(header.get("HD", {}).get("SO", "unknown")),
            "marked": is_aligned and (counts["duplicates"] > 0 or _is_marked(header)),
            "n_duplicates": counts["duplicates"],
            "paired": counts["paired"] > 0,
            "samples": list(dict.fromkeys(g["SM"] for g in groups if g.get("SM"))),
            "read_groups": groups,
            "platform": _platform(groups),
            "missing": [],
        }
    ]
    facts.problems += _read_problems(path, facts, first, groups)
    facts.problems += _order_problems(path, header.get("HD", {}), scan) if is_aligned else []
    if scan.shifted:
        low, high = scan.shifted
        facts.problems.append(
            f"{path}: qualities of {low} to {high}: they count from 64 and were taken to "
            "count from 33; fix: begin from its FASTQ (samtools fastq)"
        )
    _compare_sample(path, sample, facts)
    if is_aligned and contigs is not None:
        _compare_contigs(path, header["SQ"], contigs, digests or {}, facts)
    if facts.n_reads and not is_aligned:
        facts.notes.append(f"{path}: no read is aligned: it goes through the aligner")
    return facts


def samples_of(path: Path) -> list[str]:
    """List the samples of a file's read groups; nobody if its header cannot be read."""
    loudness = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            groups = file.header.to_dict().get("RG", [])
    except (OSError, ValueError):
        return []
    finally:
        pysam.set_verbosity(loudness)
    return list(dict.fromkeys(str(g["SM"]) for g in groups if g.get("SM")))


class _First:
    """What the first reads of a file are like."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.n_without_quality = 0


def _look(path: Path, form: str) -> tuple[dict[str, Any], _First]:
    """Read the header and the first reads.

    Of a CRAM lengths alone, by CIGAR: its bases and qualities may ask for the reference.
    """
    first = _First()
    is_cram = form == "cram"
    # htslib would say of every CRAM without an index that it has none.
    loudness = pysam.set_verbosity(0)
    try:
        file = pysam.AlignmentFile(
            str(path),
            "rc" if is_cram else "rb",
            check_sq=False,
            format_options=["required_fields=0x22", "decode_md=0"] if is_cram else [],
        )
    finally:
        pysam.set_verbosity(loudness)
    with file:
        header: dict[str, Any] = file.header.to_dict()
        for n, read in enumerate(file.fetch(until_eof=True)):
            if n == _FIRST_READS:
                break
            if read.is_secondary or read.is_supplementary:
                continue
            length = read.infer_query_length() if is_cram else read.query_length
            if length:
                first.lengths.append(length)
                first.n_without_quality += not is_cram and read.query_qualities is None
    return header, first


def _order_problems(path: Path, said: Mapping[str, Any], scan: RecordScan) -> list[str]:
    """Find records that are not in the order that the header says: it is gone by."""
    if said.get("SO") == "coordinate" and scan.unordered:
        return [
            f"{path}: its header says that it is sorted by coordinate, and record "
            f"{scan.unordered:,} stands behind one of a later place; fix: samtools sort -o "
            "NEW OLD"
        ]
    is_grouped = said.get("SO") == "queryname" or said.get("GO") == "query"
    if is_grouped and scan.has_mates_apart:
        return [
            f"{path}: its header says that reads are grouped by name, and mates are apart; "
            "fix: samtools sort -o NEW OLD"
        ]
    return []


def _digests(path: Path) -> dict[str, Any]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            md5.update(part)
            sha256.update(part)
    return {
        "name": path.name,
        "bytes": path.stat().st_size,
        "md5": md5.hexdigest(),
        "sha256": sha256.hexdigest(),
    }


def _is_marked(header: Mapping[str, Any]) -> bool:
    """Tell whether a program that marks duplicates has gone over the file."""
    said = (
        f"{p.get('ID', '')} {p.get('PN', '')} {p.get('CL', '')}" for p in header.get("PG", [])
    )
    return any(_MARKING.search(text) for text in said)


def _platform(groups: Sequence[Mapping[str, str]]) -> str:
    found = {g["PL"].upper() for g in groups if g.get("PL")}
    return found.pop() if len(found) == 1 else ""


def _read_problems(
    path: Path, facts: LaneFacts, first: _First, groups: Sequence[Mapping[str, str]]
) -> list[str]:
    problems = []
    if not facts.n_reads:
        problems.append(f"{path}: holds no read; fix: copy it again")
    if facts.longest > LONGEST_READ or _platform(groups) in _LONG_PLATFORMS:
        what = _platform(groups) or f"{facts.longest:,} bases"
        problems.append(
            f"{path}: long reads ({what}): calls of them "
            " need other programs; fix: name short reads, or their gVCF in the column gvcf"
        )
    if first.lengths and first.n_without_quality == len(first.lengths):
        problems.append(
            f"{path}: reads without qualities, by which calls weigh them; fix: name a file "
            "with qualities"
        )
    return problems


def _compare_sample(path: Path, sample: str, facts: LaneFacts) -> None:
    """Compare the sheet's name with those of the read groups."""
    samples: list[str] = facts.files[0]["samples"]
    if len(samples) > 1:
        shown = ", ".join(samples[:_MOST_NAMED])
        facts.problems.append(
            f"{path}: reads of {len(samples)} samples ({shown}); fix: samtools split -f "
            "'%*_%!.%.' makes a file a read group"
        )
    elif not samples:
        facts.notes.append(f"{path}: no sample in its read groups; taken as {sample}")
    elif samples[0] != sample:
        facts.notes.append(
            f"{path}: its read groups say sample {samples[0]!r}; {sample!r} of the sheet is "
            "taken"
        )


def _compare_contigs(
    path: Path,
    listed: Sequence[Mapping[str, Any]],
    contigs: Mapping[str, int],
    digests: Mapping[str, str],
    facts: LaneFacts,
) -> None:
    """Compare @SQ with the reference: names, lengths, checksums of bases."""
    known = [s for s in listed if s["SN"] in contigs]
    shorter = [s for s in known if int(s["LN"]) != contigs[s["SN"]]]
    other = [
        s
        for s in known
        if s.get("M5") and s["SN"] in digests and s["M5"].lower() != digests[s["SN"]].lower()
    ]
    unknown = [s["SN"] for s in listed if s["SN"] not in contigs]
    if not known:
        facts.problems.append(
            f"{path}: aligned to contigs ({_some(unknown)}) that the reference has not "
            f"({_some(contigs)}): another assembly or other names; fix: name the reference "
            "that it was aligned to, or begin from its FASTQ"
        )
    elif shorter:
        one = shorter[0]
        facts.problems.append(
            f"{path}: {one['SN']} has {int(one['LN']):,} bases there and "
            f"{contigs[one['SN']]:,} in the reference ({len(shorter):,} contigs differ): "
            "another assembly; fix: name the reference that it was aligned to, or begin from "
            "its FASTQ"
        )
    elif other:
        facts.problems.append(
            f"{path}: the bases of {_some(s['SN'] for s in other)} are not those of the "
            "reference (M5 differs); fix: name the reference that it was aligned to, or begin "
            "from its FASTQ"
        )
    elif unknown and facts.form == "cram":
        facts.problems.append(
            f"{path}: {_some(unknown)} are not in the reference, and reads of a CRAM there "
            "cannot be read without; fix: name the reference that it was aligned to"
        )
    elif unknown:
        facts.notes.append(
            f"{path}: {len(unknown):,} contigs that the reference has not ({_some(unknown)}): "
            "reads there are not called"
        )
    names = {s["SN"] for s in listed}
    missing = [c for c in contigs if c not in names]
    facts.files[0]["missing"] = missing
    if known and missing:
        facts.notes.append(
            f"{path}: was not aligned to {_some(missing)}: nothing is called there"
        )


def _some(names: Any) -> str:
    every = list(names)
    more = len(every) - _MOST_NAMED
    return ", ".join(every[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def check_calls(path: Path, sample: str) -> LaneFacts:
    """Look at a gVCF that only waits for the ingest, which checks its records.

    Returns
    -------
    LaneFacts
        The dict of the file has `samples`, besides.
    """
    facts = LaneFacts("gvcf")
    if problem := misplaced(path, kind_of(path), "vcf"):
        facts.problems.append(problem)
        return facts
    if lacks_end(path):
        facts.problems.append(f"{path}: no end block: cut off; fix: copy it again")
        return facts
    try:
        samples = _samples_of_calls(path)
    except InputError as error:
        facts.problems.append(f"{error.message}; fix: {error.fix}")
        return facts
    if samples != [sample]:
        facts.problems.append(
            f"{path}: holds {_some(samples) or 'no sample'}, the sheet says {sample}; fix: a "
            "gVCF of one person, under the name that it has there"
        )
    facts.files = [{**_digests(path), "samples": samples}]
    return facts


def _samples_of_calls(path: Path) -> list[str]:
    """Read the names of samples in a VCF's header."""
    for block in line_blocks(path):
        at = block.find(b"\n#CHROM\t") + 1
        if at:
            line = block[at : block.find(b"\n", at)].decode(errors="replace")
            return line.rstrip("\r").split("\t")[9:]
        if not block.startswith(b"#"):
            break
    raise InputError(f"{path}: no line #CHROM in its header", "copy it again")
