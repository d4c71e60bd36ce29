"""Calls of freebayes, GATK and DeepVariant brought to one form.

GATK and DeepVariant are stood in for by scripts that keep their arguments and give lines as
their documentation has them.
"""

import gzip
import math
import re
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest

from varhouse.errors import InputError
from varhouse.reads.callregion import MARGIN, PART_FILES, CallSettings
from varhouse.reads.external import Program
from varhouse.reads.gvcf import join_regions
from varhouse.reads.model import Filters, Span
from varhouse.reads.othercallers import (
    call_options,
    call_region_with,
    caller_tool,
    stretches,
)
from varhouse.reads.othervcf import (
    Record,
    lay_block,
    read_records,
    split_substitution,
    strand_bias,
)
from varhouse.reads.pileup import Pileup
from varhouse.reads.pipeline import Bcftools, Function, run_pipeline

FREEBAYES = (
    "q\t1817\t.\tGCCC\tACCT\t129.28\t.\tAB=0.3;AC=1;AF=0.5;CIGAR=1X2M1X;SAF=5;SAR=4;SRF=12;"
    "SRR=7;technology.ILLUMINA=1\tGT:DP:AD:RO:QR:AO:QA:GL\t"
    "0/1:28:19,9:19:697:9:294:-18.3443,0,-54.6217\n"
)
GATK = (
    "q\t74\t.\tAGAAG\tA,<NON_REF>\t52.6\t.\tDP=10\tGT:AD:DP:GQ:PGT:PID:PL:PS:SB\t"
    "0|1:6,4,0:10:99:0|1:74_AGAAG_A:150,0,211,168,223,391:74:5,1,3,1\n"
)
DEEPVARIANT = (
    "q\t5\t.\tA\tC,<*>\t41\tPASS\t.\tGT:GQ:DP:AD:VAF:PL\t"
    "1/1:38:9:0,9,0:1,0:41,30,0,990,990,990\n"
)


def only(line: str, copies: int = 2) -> Record:
    ((record, end),) = read_records([line], copies=copies, path="x")
    assert end is None
    return record


def record(ref: str, alts: str, called: list[int | None], pl_: list[int] | None) -> Record:
    n = 1 + len(alts.split(","))
    reads = [10 * (i + 1) for i in range(n)]
    return Record(
        *(7, ref, alts.split(","), "50", ".", called, 40, sum(reads), reads, pl_),
        *(reads, [0] * n),
    )


def test_what_freebayes_counts_becomes_the_common_fields() -> None:
    found = only(FREEBAYES)
    assert (found.pos, found.called, found.depth) == (1817, [0, 1], 28)
    assert found.likelihoods == [183, 0, 546]
    # By the likelihoods, and no more than 99.
    assert found.gq == 99
    assert (found.forward, found.reverse) == ([12, 5], [7, 4])
    # Of many people, or wrong once it is split.
    assert found.info == "AB=0.3;SAF=5;SAR=4;SRF=12;SRR=7"
    assert found.line("q") == (
        "q\t1817\t.\tGCCC\tACCT\t129.28\t.\tAB=0.3;SAF=5;SAR=4;SRF=12;SRR=7\t"
        "GT:GQ:DP:AD:PL:SP:ADF:ADR\t0/1:99:28:19,9:183,0,546:0:12,5:7,4"
    )


def test_the_unspecified_allele_of_gatk_goes() -> None:
    found = only(GATK)
    assert (found.alts, found.reads, found.likelihoods) == (["A"], [6, 4], [150, 0, 211])
    # Phases are of sets that are not kept.
    assert found.called == [0, 1]
    assert (found.forward, found.reverse) == ([5, 3], [1, 1])
    # A genotype of it names no allele.
    none = only(GATK.replace("0|1:6", "0/2:6"))
    assert none.called == [0, None]
    assert not none.is_variant()
    assert not none.is_reference()


def test_one_copy_of_a_caller_that_knows_two() -> None:
    found = only(DEEPVARIANT, copies=1)
    assert (found.called, found.likelihoods) == ([1], [41, 0])
    # Half a genotype where there is one copy is none.
    assert only(DEEPVARIANT.replace("1/1", "0/1"), copies=1).called == [None]
    # GATK with --sample-ploidy 1 has one already.
    line = GATK.replace("0|1:6", "1:6").replace("150,0,211,168,223,391", "150,0,223")
    assert only(line, copies=1).likelihoods == [150, 0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (FREEBAYES.replace("\n", "\t0/1\n"), "several people"),
        ("q\t1\n", "no line of a VCF"),
        (FREEBAYES.replace("0/1", "a/b"), "POS 1817: invalid literal"),
    ],
)
def test_what_is_no_calls_of_one_person_is_refused(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_records([line], copies=2, path="x"))


@pytest.mark.parametrize(
    ("forward", "reverse", "p"),
    # Fisher's exact test, from textbooks: tea (1/70 x 2 + 16/70 x 2), and by counting.
    [
        ([3, 1], [1, 3], 34 / 70),
        ([0, 10], [10, 0], 2 / math.comb(20, 10)),
        ([1, 11], [9, 3], 0.002759456),
        ([5, 5], [5, 5], 1.0),
        ([9, 0], [4, 0], 1.0),
    ],
)
def test_strand_bias_is_fishers(forward: list[int], reverse: list[int], p: float) -> None:
    assert strand_bias(forward, reverse) == round(-10 * math.log10(p))


def test_strand_bias_of_unknown_and_of_all_alleles() -> None:
    assert strand_bias(None, [1]) is None
    assert strand_bias([9, 1, 2], [3, 4, 5]) == strand_bias([9, 3], [3, 9])
    assert strand_bias([500, 0], [0, 500]) == 255


def test_substitutions_are_split_as_bcftools_does(tmp_path: Path) -> None:
    """Against `bcftools norm --atomize`, on all genotypes of two alleles."""
    fasta = tmp_path / "r.fa"
    fasta.write_text(">q\nTTTTTTGCCCAAAA\n")
    pysam.faidx(str(fasta))
    head = "##fileformat=VCFv4.2\n##contig=<ID=q,length=14>\n"
    for name, kind, number in (("GT", "String", "1"), ("PL", "Integer", "G")):
        head += f'##FORMAT=<ID={name},Number={number},Type={kind},Description="x">\n'
    head += '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    for called in ([0, 1], [1, 1]):
        one = record("GCCC", "ACCT", called, [90, 7, 0])
        line = "q\t7\t.\tGCCC\tACCT\t50\t.\t.\tGT:PL:AD\t{}/{}:90,7,0:10,20\n".format(*called)
        out = tmp_path / "out.vcf"
        text = (head + line).encode()
        norm = Bcftools(["norm", "--atomize", "-f", str(fasta), "-o", str(out), "-"])
        run_pipeline([Function(lambda _, sink, t=text: sink.write(t)), norm])
        rows = [x.split("\t") for x in out.read_text().splitlines() if x[0] != "#"]
        ours = [
            [str(r.pos), r.ref, *r.alts, "/".join(map(str, r.called)), r.likelihoods, r.reads]
            for r in split_substitution(one)
        ]
        theirs = []
        for row in rows:
            gt, pl_, ad = row[9].split(":")
            numbers = [[int(x) for x in v.split(",")] for v in (pl_, ad)]
            theirs.append([row[1], row[3], row[4], gt, *numbers])
        assert ours == theirs


def test_two_alleles_share_the_bases_they_have() -> None:
    """GA/TA: the first base is G/T, the second A/A, which both have."""
    likelihoods = [99, 80, 70, 60, 0, 50]
    one = record("CC", "GA,TA", [1, 2], likelihoods)
    one = one._replace(info="MQM=60,50;DP=9")
    first, second = split_substitution(one)
    assert (first.alts, first.called, first.reads) == (["G", "T"], [1, 2], [10, 20, 30])
    assert first.likelihoods == likelihoods
    assert first.info == "MQM=60,50;DP=9"
    assert (second.pos, second.alts, second.called) == (8, ["A"], [1, 1])
    # 0/0; the likelier of 0/1 and 0/2; the likeliest of 1/1, 1/2 and 2/2.
    assert second.likelihoods == [99, 60, 0]
    assert (second.reads, second.info) == ([10, 50], "MQM=60;DP=9")
    # One copy.
    first, second = split_substitution(record("CC", "GA,TA", [2], [50, 30, 0]))
    assert (first.called, first.likelihoods) == ([2], [50, 30, 0])
    assert (second.called, second.likelihoods) == ([1], [50, 0])


def test_a_base_that_somebody_has_as_the_reference_is_no_variant() -> None:
    # CA has only the second base other, GC only the first; 0/1 is of GC.
    assert [r.pos for r in split_substitution(record("CC", "GC,CA", [0, 1], None))] == [7]
    for alts in ("G", "GAA", "<DEL>", "GA,G"):
        one = record("CC", alts, [0, 1], None)
        assert split_substitution(one) == [one]


def test_blocks_are_laid_over_bases() -> None:
    pileup = Pileup.of(10)
    lines = [
        # Before the span, and into it.
        "q\t95\t.\tA\t<NON_REF>\t.\t.\tEND=102\tGT:DP:GQ:MIN_DP:PL\t0/0:30:60:25:0,60,900\n",
        # Without reads, and of which nothing is known.
        "q\t103\t.\tA\t<NON_REF>\t.\t.\tEND=104\tGT:DP:GQ:MIN_DP:PL\t0/0:0:0:0:0,0,0\n",
        "q\t105\t.\tA\t<NON_REF>\t.\t.\t.\tGT:DP:GQ:MIN_DP:PL\t./.:9:3:9:0,0,0\n",
        # Two on one base: the lower holds.
        "q\t106\t.\tAG\tA,<NON_REF>\t0\t.\t.\tGT:AD:DP:GQ:PL\t0/0:8,1,0:9:12:0,12,90,30,93,99\n",
        "q\t107\t.\tG\t<NON_REF>\t.\t.\tEND=120\tGT:DP:GQ:MIN_DP:PL\t0/0:30:50:25:0,50,500\n",
    ]
    for one, end in read_records(lines, copies=2, path="x"):
        lay_block(one, end or one.pos + len(one.ref) - 1, 100, pileup)
    assert pileup.depth.tolist() == [25, 25, 0, 0, 9, 9, 9, 25, 25, 25]
    assert pileup.quality.tolist() == [60, 60, 0, 0, 0, 12, 12, 50, 50, 50]
    assert pileup.likelihoods[0].tolist() == [0, 60, 255]
    assert pileup.likelihoods[6].tolist() == [0, 12, 90]


def test_commands_are_those_of_the_documentation() -> None:
    settings = CallSettings(bands=(1, 20), mapping_quality=5)
    freebayes = Program("freebayes", ["freebayes"], "1.3.6", "", {"options": "-C 3"})
    assert call_options(freebayes, settings) == ["--min-mapping-quality", "5", "-C", "3"]
    gatk = Program("gatk", ["gatk"], "4.6.1.0", "module GATK/4.6", {})
    tool = caller_tool(gatk, settings)
    assert tool.options == (
        "HaplotypeCaller --emit-ref-confidence GVCF --gvcf-gq-bands 1 --gvcf-gq-bands 20"
    )
    assert (tool.step, tool.carrier) == ("call", "module GATK/4.6")
    model = Program("deepvariant", ["x"], "1.9.0", "", {"model": "WES"})
    assert caller_tool(model, settings).options == "--model_type=WES"
    assert call_options(Program("deepvariant", ["x"], "", "", {}), settings) == [
        "--model_type=WGS"
    ]


def test_stretches_are_counted_from_the_first_base() -> None:
    held = np.array([2, 2, 1, 0, 0], np.uint8)
    assert stretches(held, 100) == [(100, 102, 2), (102, 103, 1), (103, 105, 0)]


@pytest.fixture
def fx_reads(data_dir: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Give a BAM of NA12878 on q (12,356 bases), and its FASTA."""
    tiny = data_dir / "reads/freebayes-tiny/tiny"
    fasta = tmp_path / "q.fa"
    fasta.write_bytes((tiny / "q.fa").read_bytes())
    pysam.faidx(str(fasta))
    return tiny / "NA12878.chr22.tiny.bam", fasta


def stand_in(folder: Path, name: str, key: str) -> Program:
    """Make a program that copies `N.vcf`, N its call, to the file after `key`."""
    path = folder / name
    path.write_text(
        "#!/bin/bash\n"
        f"cd '{folder}'; echo \"$*\" >> {name}.log; n=$(wc -l < {name}.log)\n"
        f"out=$(echo \"$*\" | sed 's/.*{key}[ =]//; s/ .*//')\n"
        'case "$out" in *.gz) gzip -c $n.vcf > "$out";; *) cp $n.vcf "$out";; esac\n'
    )
    path.chmod(0o755)
    return Program(name, [str(path)], "1.0", "", {})


def gvcf_line(pos: int, ref: str, alt: str, rest: str, end: int | None = None) -> str:
    info = f"END={end}" if end else "DP=30"
    quality = "." if end else "60"
    return f"q\t{pos}\t.\t{ref}\t{alt}\t{quality}\t.\t{info}\t{rest}\n"


def test_the_gvcf_of_gatk_keeps_the_rules_of_blocks(
    tmp_path: Path, fx_reads: tuple[Path, Path]
) -> None:
    bam, fasta = fx_reads
    text = pysam.FastaFile(str(fasta)).fetch("q").upper()
    block = "GT:DP:GQ:MIN_DP:PL"
    start, cut, end = 4000, 4500, 5000

    def base(pos: int) -> str:
        return text[pos - 1]

    alt = {"A": "C", "C": "A", "G": "A", "T": "A"}
    two = "GT:AD:DP:GQ:PL:SB"
    het = "0/1:15,14,0:29:99:300,0,310,340,350,700:8,7,7,7"
    lines = [
        "##fileformat=VCFv4.2\n",
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n',
        # In the margin: of the part before.
        gvcf_line(3990, base(3990), f"{alt[base(3990)]},<NON_REF>", f"{two}\t{het}"),
        gvcf_line(3991, base(3991), "<NON_REF>", f"{block}\t0/0:30:60:28:0,60,900", 4099),
        # A deletion, over which GATK's next block runs on.
        gvcf_line(4100, text[4099:4104], f"{base(4100)},<NON_REF>", f"{two}\t{het}"),
        gvcf_line(4102, base(4102), "<NON_REF>", f"{block}\t0/0:30:60:28:0,60,900", 4200),
        gvcf_line(4201, base(4201), "<NON_REF>", f"{block}\t0/0:0:0:0:0,0,0", 4300),
        gvcf_line(4301, base(4301), "<NON_REF>", f"{block}\t0/0:30:60:28:0,60,900", 4600),
    ]
    # The part with one copy.
    one = [
        lines[0],
        gvcf_line(
            4490,
            base(4490),
            f"{alt[base(4490)]},<NON_REF>",
            f"{two}\t1:0,9,0:9:99:99,0,99:0,0,5,4",
        ),
        gvcf_line(
            4601,
            base(4601),
            f"{alt[base(4601)]},<NON_REF>",
            f"{two}\t1:0,9,0:9:99:99,0,99:0,0,5,4",
        ),
        gvcf_line(4602, base(4602), "<NON_REF>", f"{block}\t0:30:60:28:0,60", 5100),
    ]
    (tmp_path / "1.vcf").write_text("".join(lines))
    (tmp_path / "2.vcf").write_text("".join(one))
    gatk = stand_in(tmp_path, "gatk", "--output")
    out = tmp_path / "parts" / "0"
    panel = pl.DataFrame(
        {"contig": ["q"], "pos": [4449], "ref": ["G"], "alt": ["A"], "af": [0.5]}
    )
    call_region_with(
        *(gatk, bam, fasta, Span("q", start, end), out),
        sample="NA12878",
        copies=[(cut, 12_356, 1)],
        settings=CallSettings(bands=(1, 20, 40)),
        panel=panel,
        threads=3,
        memory_mb=700,
    )
    assert sorted(p.name for p in out.iterdir()) == sorted(PART_FILES)
    # Depths and the panel are counted as ever.
    assert pl.read_parquet(out / "panel.parquet")["n_alt"].item() > 5
    whole = tmp_path / "x.g.vcf.gz"
    join_regions(
        [out], whole, fasta=fasta, sample="NA12878", header=[], filters=Filters(depth=10)
    )
    text = gzip.decompress(whole.read_bytes()).decode()
    found = [x.split("\t") for x in text.splitlines() if x[0] != "#"]
    blocks = [
        (int(x[1]), int(x[7].removeprefix("END=")), x[9].split(":")[0])
        for x in found
        if x[4] == "<*>"
    ]
    assert blocks == [
        (4001, 4099, "0/0"),
        # Neither over the deletion nor where there are no reads.
        (4105, 4200, "0/0"),
        (4301, 4500, "0/0"),
        (4602, 5000, "0"),
    ]
    variants = [(x[1], x[6], x[9].split(":")[0]) for x in found if x[4] != "<*>"]
    assert variants == [("4100", "PASS", "0/1"), ("4601", "LowDP", "1")]
    assert "NON_REF" not in text
    first, second = (tmp_path / "gatk.log").read_text().splitlines()
    words = first.split(" ")
    bed = words[words.index("--intervals") + 1]
    place = str(Path(bed).parent)
    assert first == (
        "--java-options -Xmx700m -XX:-UsePerfData HaplotypeCaller"
        f" --input {bam} --reference {fasta} --intervals {bed} --sample-ploidy 2"
        f" --native-pair-hmm-threads 3 --tmp-dir {place} --emit-ref-confidence GVCF"
        " --gvcf-gq-bands 1 --gvcf-gq-bands 20 --gvcf-gq-bands 40"
        f" --output {place}/calls.g.vcf"
    )
    assert "--sample-ploidy 1 " in second


def test_deepvariant_is_told_of_one_copy(tmp_path: Path, fx_reads: tuple[Path, Path]) -> None:
    bam, fasta = fx_reads
    text = pysam.FastaFile(str(fasta)).fetch("q").upper()
    ref = text[4]
    alt = "C" if ref != "C" else "A"
    lines = [
        "##fileformat=VCFv4.2\n",
        f"q\t1\t.\t{text[0]}\t<*>\t0\t.\tEND=4\tGT:GQ:MIN_DP:PL\t0/0:50:9:0,50,599\n",
        f"q\t5\t.\t{ref}\t{alt},<*>\t41\tPASS\t.\tGT:GQ:DP:AD:VAF:PL"
        "\t1/1:38:9:0,9,0:1,0:41,30,0,990,990,990\n",
        f"q\t6\t.\t{text[5]}\tN,<*>\t0.1\tRefCall\t.\tGT:GQ:DP:AD:VAF:PL"
        "\t0/0:20:9:8,1,0:0.1,0:0,20,30,990,990,990\n",
        f"q\t7\t.\t{text[6]}\tN,<*>\t0\tNoCall\t.\tGT:GQ:DP:AD:VAF:PL"
        "\t./.:7:9:8,1,0:0.1,0:0,4,3,990,990,990\n",
    ]
    (tmp_path / "1.vcf").write_text("".join(lines))
    program = stand_in(tmp_path, "deepvariant", "--output_gvcf")
    out = tmp_path / "0"
    call_region_with(
        *(program, bam, fasta, Span("q", 0, 20), out),
        sample="s",
        copies=[(0, 12_356, 1)],
        settings=CallSettings(),
        threads=2,
    )
    variants = pl.read_parquet(out / "variants.parquet")
    assert variants.select("pos", "alt", "GT", "PL", "copies").rows() == [
        (5, alt, "1", "41,0", 1)
    ]
    blocks = pl.read_parquet(out / "blocks.parquet")
    assert blocks.select("start", "end", "gq", "copies").rows() == [
        (0, 4, 50, 1),
        (5, 6, 20, 1),
        (6, 7, 0, 1),
    ]
    # Words are cut before options: the path of the data may have blanks.
    words = re.split(r"\s+(?=--)", (tmp_path / "deepvariant.log").read_text().strip())
    bed = words[2].removeprefix("--regions=")
    place = Path(bed).parent
    assert words == [
        f"--ref={fasta}",
        f"--reads={bam}",
        f"--regions={bed}",
        "--model_type=WGS",
        "--haploid_contigs=q",
        f"--output_vcf={place}/calls.vcf.gz",
        f"--output_gvcf={place}/calls.g.vcf.gz",
        f"--intermediate_results_dir={place}/steps",
        "--num_shards=2",
    ]
    assert MARGIN > 0


def test_nothing_stays_of_a_caller_that_fails(
    tmp_path: Path, fx_reads: tuple[Path, Path]
) -> None:
    bam, fasta = fx_reads
    program = Program("deepvariant", ["true"], "", "", {})
    out = tmp_path / "parts" / "0"
    keywords = {"sample": "s", "copies": [], "settings": CallSettings()}
    with pytest.raises(InputError, match="ended without calls"):
        call_region_with(program, bam, fasta, Span("q", 0, 50), out, **keywords)
    assert list(out.parent.iterdir()) == []


def test_where_nothing_is_there_nothing_is_said(
    tmp_path: Path, fx_reads: tuple[Path, Path]
) -> None:
    """No copies: no program is started. A file without a record: neither calls nor blocks."""
    bam, fasta = fx_reads
    program = stand_in(tmp_path, "gatk", "--output")
    (tmp_path / "1.vcf").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\n")
    parts = []
    for start, copies in ((0, [(0, 12_356, 0)]), (100, [])):
        parts.append(tmp_path / "parts" / str(start))
        call_region_with(
            *(program, bam, fasta, Span("q", start, start + 100), parts[-1]),
            sample="s",
            copies=copies,
            settings=CallSettings(),
        )
        assert (tmp_path / "gatk.log").exists() == (not copies)
        for name in ("variants", "blocks"):
            assert pl.read_parquet(parts[-1] / f"{name}.parquet").is_empty()
    out = tmp_path / "x.g.vcf.gz"
    counts = join_regions(parts, out, fasta=fasta, sample="s", header=[], filters=Filters())
    assert (counts["variants"], counts["blocks"]) == (0, 0)
