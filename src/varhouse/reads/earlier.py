"""The programs that made an alignment before it came here, as its header names them."""

import re
from collections.abc import Sequence
from pathlib import Path

import pysam

from varhouse.reads.model import Tool

_STEPS = (
    ("duplicates", r"mark_?dup|dupmarked|samblaster|dupsifter|bamsormadup|dedup"),
    ("base_quality", r"bqsr|recal|printreads|qualcal"),
    ("trim", r"cutadapt|fastp|trimmomatic|trim_?galore|soapnuke|adapterremoval"),
    ("align", r"bwa|minimap|bowtie|novoalign|snap|dragen|dragmap|gem|hisat|star|strobealign"
     r"|accel-align|fq2bam"),
)  # fmt: skip
"""Steps of `reads.model.Tool`, by what @PG says, in this order: names may hold two."""

_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
"""What no header line of a VCF can hold (`varhouse.lineage`)."""

OTHER = "reads"
"""Step of other programs: sorted, merged, converted."""


def earlier_tools(files: Sequence[str]) -> list[Tool]:
    """List the programs that a BAM or CRAM went through, in the order of its header.

    Lines @PG that differ in their arguments alone, as those of lanes that were merged, are
    told once, with the arguments of the first.

    Parameters
    ----------
    files
        Of a person; of a file whose header cannot be read nothing is told.
    """
    found: dict[tuple[str, str, str], Tool] = {}
    for file in files:
        for line in _lines(Path(file)):
            name = line.get("PN") or line.get("ID") or ""
            version, command = line.get("VN", ""), line.get("CL", "")
            if not name:
                continue
            # `samtools sort` and `samtools markdup` are two programs.
            words = [Path(w).name for w in command.split()[:2]]
            part = words[1] if len(words) > 1 and words[0] == name else ""
            own = f"{name} {part}" if re.fullmatch(r"[A-Za-z]\w*", part) else name
            step = _step(own) or _step(line.get("ID", "")) or OTHER
            found.setdefault((step, own, version), Tool(step, own, version, "", command))
    return list(found.values())


def _step(said: str) -> str:
    return next((step for step, words in _STEPS if re.search(words, said, re.I)), "")


def _lines(path: Path) -> list[dict[str, str]]:
    """Read the lines @PG of a header, without characters that end a line."""
    loudness = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            header = file.header.to_dict()
    except (OSError, ValueError):
        return []
    finally:
        pysam.set_verbosity(loudness)
    return [
        {key: _REFUSED.sub(" ", str(value)) for key, value in line.items()}
        for line in header.get("PG", [])
    ]
