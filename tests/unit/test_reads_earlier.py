"""What an alignment went through before is in the header of its calls."""

from pathlib import Path

import pysam
import pytest

from varhouse.lineage import lineage_lines, read_lineage
from varhouse.reads.earlier import earlier_tools

PG = [
    {
        "ID": "bwa",
        "PN": "bwa",
        "VN": "0.7.17",
        "CL": "/opt/bwa mem -t 8 -R @RG /h/ref.fa",
    },
    {"ID": "bwa-1", "PN": "bwa", "VN": "0.7.17", "CL": "/opt/bwa mem -t 8 -R @RG2 ref.fa"},
    {"ID": "samtools", "PN": "samtools", "VN": "1.9", "CL": "samtools sort -m 1G"},
    {"ID": "samtools.1", "PN": "samtools", "VN": "1.9", "CL": "samtools markdup in out"},
    {
        "ID": "MarkDuplicates",
        "PN": "MarkDuplicates",
        "VN": "4.2",
        "CL": "MarkDuplicates I=bwa",
    },
    {"ID": "GATK ApplyBQSR", "VN": "4.2"},
    {"ID": "cutadapt", "PN": "cutadapt", "VN": "5.2", "CL": "cutadapt -a ACGT"},
    {"ID": "odd\x07", "CL": "a\x1fb"},
]
TOLD = [
    ("align", "bwa mem", "0.7.17"),
    ("reads", "samtools sort", "1.9"),
    ("duplicates", "samtools markdup", "1.9"),
    ("duplicates", "MarkDuplicates", "4.2"),
    ("base_quality", "GATK ApplyBQSR", "4.2"),
    ("trim", "cutadapt", "5.2"),
    ("reads", "odd ", ""),
]


@pytest.mark.parametrize("form", ["bam", "cram"])
def test_programs_of_the_header_reach_the_lineage(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "1", "LN": 10, "M5": "0" * 32}], "PG": PG}
    with pysam.AlignmentFile(str(path), "wb" if form == "bam" else "wc", header=header):
        pass
    found = earlier_tools([str(path), str(path)])
    assert [(t.step, t.name, t.version) for t in found] == TOLD
    lines = lineage_lines("ann", [], {"name": "r.fa"}, [t.as_json() for t in found], "1")
    entries = [e for e in read_lineage("\n".join(lines)) if e.step not in (None, "workflow")]
    assert [e.name for e in entries] == [name for _, name, _ in TOLD]
    assert entries[0].options == "bwa mem -t 8 -R @RG ref.fa"


def test_a_file_without_a_header_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.bam").write_bytes(b"BAM\x01")
    assert earlier_tools([str(tmp_path / "a.bam"), str(tmp_path / "none.bam")]) == []
