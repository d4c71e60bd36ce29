"""What the name of a file of reads tells: sample, lane, mate.

Known are the names of bcl2fastq and BCL Convert (`P1_S3_L001_R1_001.fastq.gz`), of MGI's and
BGI's splitting (`V350012345_L01_12_1.fq.gz`: flow cell, lane, barcode, mate), of the archives
(`SRR1234567_1.fastq.gz`), of GSA (`CRR123456_f1.fq.gz`, `CRR123456_r2.fq.gz`), and any whose
stem ends in the mate (`x_1`, `x.R1`, `x_read2`, `x-R2_001`, `x_fwd`, `x_reverse`), begins with
it (`R1_x`), is it (`R1`: the folder is the sample) or has it within (`x_R1_run7`). What
trimmers add (`_val_1`, `.trimmed`, `_paired`, Trimmomatic's P in `x_1P`) is no part of a name;
reads whose mates they dropped (`x_1U`, `x_R2_unpaired`) are a part of their own.
"""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ENDING = re.compile(
    r"(?i)\.(?:(?P<reads>fastq|fq)(?:\.(?:gz|bgz))?|(?P<other>bam|cram|g\.vcf(?:\.b?gz)?|"
    r"gvcf(?:\.b?gz)?))\Z"
)
"""How names of files end that a reads sheet may have."""

_ILLUMINA = re.compile(
    r"(?P<sample>.+?)_S\d+(?:_L(?P<lane>\d{3}))?_(?P<kind>[RI])(?P<mate>[1-4])_(?P<part>\d{3})"
)
_MGI = re.compile(
    r"(?P<cell>[A-Z]{1,3}\d{6,}[A-Z]*)_L(?P<lane>\d{2})_(?P<barcode>[\w-]+?)_(?P<mate>[12])"
)
_GSA = re.compile(r"(?P<sample>[CH]RR\d+)_(?:f(?P<one>1)|r(?P<two>2))")
_LANE = re.compile(r"(?P<sample>.+?)[._-](?:L(?P<lane>\d{1,3})|lane(?P<other>\d+))", re.I)
_ADDED = re.compile(
    r"(?i)(?:_val_[12]|[._-](?:trim|trimmed|trimgalore|paired|repaired|clean|cleaned|cleandata|"
    r"raw|rawdata|filt|filter|filtered|pass|qc|hq|good|final|dedup|sorted|fastp|cutadapt|"
    r"noadapt|noadapter|adapter_removed|trimmomatic|bbduk|rmhost|nohost|rmdup))+\Z"
)
_WITHIN = re.compile(r"(?P<stem>.+?)[._-]R(?P<mate>[12])[._-](?P<rest>.+)")
_ENDS = re.compile(
    r"(?P<stem>.+?)[._-](?:(?:R|read_?|pair_?|mate_?|end_?|fwd_?|rev_?)?(?P<mate>[12])P?|"
    r"(?P<one>fwd|forward)|(?P<two>rev|reverse))(?:_\d{3})?",
    re.I,
)
_BEGINS = re.compile(r"(?:R|read_?|mate_?)(?P<mate>[12])[._-](?P<stem>.+)", re.I)
_WHOLE = re.compile(r"(?:R|read_?|mate_?)?(?P<mate>[12])(?:_\d{3})?", re.I)
_UNPAIRED = re.compile(
    r"(?P<stem>.+?)[._-](?:R?(?P<mate>[12])(?:U|[._-]unpaired(?:_[12])?)|"
    r"unpaired[._-]?R?(?P<other>[12])|(?:unpaired|singles?|singletons?|orphans?))",
    re.I,
)


@dataclass(frozen=True)
class FileName:
    """What a name tells.

    Attributes
    ----------
    sample
        Whose reads they are, as far as a name can tell; "" if it names nobody.
    lane
        "" if it names none.
    mate
        1 or 2; 0: it says none (a single file, or no FASTQ).
    part
        Of a lane that was split into several files; "" if it was not.
    is_index
        Whether it holds index reads (`I1`).
    """

    sample: str
    lane: str = ""
    mate: int = 0
    part: str = ""
    is_index: bool = False


def parse_name(name: str) -> FileName:
    """Read the name of a file, without its folder."""
    match = ENDING.search(name)
    stem = name[: match.start()] if match else name
    if match and match["other"]:
        return FileName(stem)
    stem = _ADDED.sub("", stem) or stem
    if found := _UNPAIRED.fullmatch(stem):
        one = _with_lane(found["stem"], 0)
        number = found["mate"] or found["other"] or ""
        return FileName(one.sample, one.lane, 0, f"unpaired{number}")
    if found := _ILLUMINA.fullmatch(stem):
        lane = f"L{found['lane']}" if found["lane"] else ""
        part = "" if found["part"] == "001" else found["part"]
        # R3 is mate 2 where R2 holds the second index or a UMI.
        return FileName(
            found["sample"], lane, int(found["mate"]), part, is_index=found["kind"] == "I"
        )
    if found := _MGI.fullmatch(stem):
        return FileName(
            f"{found['cell']}_{found['barcode']}", f"L{found['lane']}", int(found["mate"])
        )
    if found := _GSA.fullmatch(stem):
        return FileName(found["sample"], "", 1 if found["one"] else 2)
    if found := _WHOLE.fullmatch(stem):
        return FileName("", "", int(found["mate"]))
    if found := _ENDS.fullmatch(stem):
        return _with_lane(found["stem"], int(found["mate"] or (1 if found["one"] else 2)))
    for pattern in (_WITHIN, _BEGINS):
        if found := pattern.fullmatch(stem):
            return _with_lane(found["stem"], int(found["mate"]))
    return _with_lane(stem, 0)


def plain_stem(name: str) -> str:
    """Give the name of a file of FASTQ without its ending and what trimmers have added."""
    match = ENDING.search(name)
    stem = name[: match.start()] if match else name
    return _ADDED.sub("", stem) or stem


def named_as_fastq(files: Sequence[str], beside: Path) -> list[str]:
    """Give FASTQ files under names that say what they are, by links where their own do not.

    Trimmers go by names: text in `x.fasta` is FASTA for them, `x.fq.bz2` bzip2, and a gzip
    whose name does not end in `.gz` text. The check of a lane refuses some such names; a step
    that is given files by itself does not depend on it.

    Parameters
    ----------
    files
        FASTQ, plain or gzip; what is none of the machine's files stays.
    beside
        Of a job of its own: links are called as this file, with an ending.
    """
    named = []
    for n, name in enumerate(files, 1):
        path, ending = Path(name), ""
        with suppress(FileNotFoundError), path.open("rb") as file:
            ending = ".gz" if file.read(2) == b"\x1f\x8b" else ""
        # fastp compares the case of .gz.
        if not re.search(rf"\.(?i:fastq|fq){re.escape(ending)}\Z", name) and path.exists():
            path = beside.with_name(f"{beside.name}.{n}.fastq{ending}")
            path.unlink(missing_ok=True)
            path.symlink_to(Path(name).absolute())
            name = str(path)
        named.append(name)
    return named


def letter_mates(names: Collection[str]) -> dict[str, FileName]:
    """Find mates that a single letter tells, `x_F` and `x_R`: only where both are there.

    A letter alone may as well be a person's sex, or part of a name.
    """
    stems = {plain_stem(name): name for name in names}
    found = {}
    for stem, name in stems.items():
        other = stems.get(f"{stem[:-1]}R")
        if other is not None and re.fullmatch(r".+[._-]F", stem):
            found[name] = _with_lane(stem[:-2], 1)
            found[other] = _with_lane(stem[:-2], 2)
    return found


def _with_lane(stem: str, mate: int) -> FileName:
    """Take a lane off the end of what is left of a name."""
    if found := _LANE.fullmatch(stem):
        return FileName(found["sample"], f"L{found['lane'] or found['other']}", mate)
    return FileName(stem, "", mate)
