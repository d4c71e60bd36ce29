"""How a gVCF is written is told: its tool, ALT and extent of its blocks, its samples."""

import json
import random

import pysam
import pytest

from varhouse.cli import main
from varhouse.genome.contigs import AnyContigs
from varhouse.onefile.validate import validate
from varhouse.vcf.check.scan import scan_file
from varhouse.vcf.gvcf.dialects import TOOLS
from varhouse.vcf.gvcf.recognition import BlockWatch
from varhouse.vcf.text.lines import read_batch

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">'
LEN = '##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="l">'
END = '##INFO=<ID=END,Number=1,Type=Integer,Description="e">'
HEADS = {
    "GATK HaplotypeCaller": '##GATKCommandLine=<ID=HaplotypeCaller,CommandLine="x -ERC GVCF">',
    "GATK ReblockGVCF": (
        "##GATKCommandLine.HaplotypeCaller=<ID=HaplotypeCaller,Version=3.5>\n"
        "##GATKCommandLine.ReblockGVCF=<ID=ReblockGVCF,Version=4>\n##GVCFBlock0-20=minGQ=0"
    ),
    "GATK CombineGVCFs": (
        '##GATKCommandLine=<ID=CombineGVCFs,CommandLine="x">\n'
        '##GATKCommandLine=<ID=HaplotypeCaller,CommandLine="x">'
    ),
    "GATK GenomicsDB": '##GATKCommandLine=<ID=GenomicsDBImport,CommandLine="x">',
    "GATK Mutect2": '##GATKCommandLine=<ID=Mutect2,CommandLine="x">\n##GVCFBlock0-1=minGQ=0',
    "GATK": "##GVCFBlock60-99=minGQ=60(inclusive),maxGQ=99(exclusive)",
    "DRAGEN": '##DRAGENCommandLine=<ID=dragen,Version="SW: 4.2",CommandLineOptions="x">',
    "Sentieon": "##SentieonCommandLine.Haplotyper=<ID=Haplotyper>\n##GVCFBlock0-1=minGQ=0",
    "DeepVariant": "##DeepVariant_version=1.6.0",
    "Strelka2": "##source=strelka\n##source_version=2.9.10",
    "Isaac": "##source=IsaacVariantCaller",
    "xAtlas": "##source=/opt/xatlas v0.2.1",
    "weCall": "##source=weCall v2.0.0",
    "Octopus": "##octopus=<version=0.7.4>",
    "freebayes": '##source=freeBayes v1.3.6\n##commandline="freebayes --gvcf"',
    "Clair3": "##source=Clair3\n##clair3_version=1.0.4",
    "varhouse call": "##source=varhouse call 0.1.0",
    "bcftools call": "##bcftools_mpileupCommand=mpileup\n##bcftools_callCommand=call -m -g 5",
    "bcftools mpileup": "##bcftools_mpileupCommand=mpileup -g 5",
    "bcftools merge": "##bcftools_mergeCommand=merge -g ref.fa a.vcf b.vcf",
    None: "##source=in-house",
}


def text_of(rows, samples=("s",), meta=(GT, END), version=2, contigs=("1",)):
    head = [f"##fileformat=VCFv4.{version}", *meta, *[f"##contig=<ID={c}>" for c in contigs]]
    names = "".join(f"\t{s}" for s in ("FORMAT", *samples)) if samples else ""
    return "\n".join([*head, COLUMNS + names, *["\t".join(r.split()) for r in rows], ""])


def check(path, text):
    path.write_text(text)
    return validate(path)


BLOCKS = ("1 1 . A <NON_REF> . . END=9 GT 0/0", "1 10 . A C,<NON_REF> . . . GT 0/1")


@pytest.mark.parametrize("tool", HEADS)
def test_the_tool_is_told_by_its_header(tmp_path, tool):
    found = check(tmp_path / "x.vcf", text_of(BLOCKS, meta=(HEADS[tool], GT, END)))
    assert found.gvcf_dialect == (tool, "<NON_REF>", "END", 1)
    message = found.account.first["VH-F-030"][0].message
    assert message.startswith(f"a gVCF of {tool}, 1 sample(s)" if tool else "a gVCF, 1 sample")


def test_every_tool_has_a_header():
    assert set(HEADS) - {None} == {name for name, _ in TOOLS}


def test_a_header_alone_makes_no_gvcf(tmp_path):
    rows = ["1 5 . A C . . . GT 0/1"]
    for tool, head in HEADS.items():
        found = check(tmp_path / "x.vcf", text_of(rows, meta=(head, GT, END)))
        assert not found.is_gvcf, tool
        assert found.gvcf_dialect is None


WRITTEN = {
    "END": ("<*>", ("1 1 . A <*> . . END=9 GT 0/0", "1 10 . A <*> . . . GT 0/0")),
    "base": ("<X>", ("1 1 . A <X> . . . GT 0/0", "1 2 . A C,<X> . . . GT 0/1")),
    "LEN": ("<*>", ("1 1 . A <*> . . . GT:LEN 0/0:9", "1 10 . A <*> . . . GT:LEN 0/0:20")),
    "dots": (".", ("1 1 . A . . . END=9 GT 0/0", "1 10 . A C . . . GT 0/1")),
    "stars": ("*", ("1 1 . A * . . END=9 GT 0|0", "1 10 . A C . . . GT 0|1")),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("n_samples", [1, 3])
def test_blocks_are_told(tmp_path, kind, n_samples):
    alt, rows = WRITTEN[kind]
    rows = [r + f" {r.split()[-1]}" * (n_samples - 1) for r in rows]
    names = [f"s{k}" for k in range(n_samples)]
    found = check(tmp_path / "x.vcf", text_of(rows, names, (GT, END, LEN), version=5))
    extent = kind if kind in ("END", "base", "LEN") else "END"
    assert found.gvcf_dialect == (None, alt, extent, n_samples)


def test_without_blocks_there_is_only_the_allele(tmp_path):
    found = check(tmp_path / "x.vcf", text_of(["1 5 . A C,<NON_REF> . . . GT 0/1"]))
    assert found.gvcf_dialect == (None, None, "base", 1)


def test_json_names_the_dialect(tmp_path, capsys):
    (tmp_path / "g.vcf").write_text(text_of(BLOCKS, meta=(HEADS["DRAGEN"], GT, END)))
    (tmp_path / "v.vcf").write_text(text_of(["1 5 . A C . . . GT 0/1"]))
    assert main(["validate", "--json", str(tmp_path / "g.vcf"), str(tmp_path / "v.vcf")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first, second = [line for line in lines if "verdict" in line]
    assert first["gvcf_dialect"] == {
        "tool": "DRAGEN", "alt": "<NON_REF>", "extent": "END", "n_samples": 1,
    }  # fmt: skip
    assert "gvcf_dialect" not in second


def test_blocks_without_gt_are_told(tmp_path):
    """Freebayes writes GT at variants only: nobody is called in its blocks."""
    rows = ["1 1 . A <*> . . END=9 DP 7", "1 10 . A C . . . GT:DP 0/1:5"]
    found = check(tmp_path / "x.vcf", text_of(rows))
    assert "; 1 records without ALT have no GT" in found.account.first["VH-F-030"][0].message
    assert not found.counts.keys() & {"VH-F-031", "VH-F-032"}


def as_bcf(path):
    """Write a VCF as a BCF beside it."""
    out = path.with_suffix(".bcf")
    with (
        pysam.VariantFile(str(path)) as source,
        pysam.VariantFile(str(out), "wb", header=source.header) as copy,
    ):
        for record in source:
            copy.write(record)
    return out


def _random_rows(rng, n):
    """Give records of two contigs: blocks, variants with and without the allele, bare ones."""
    rows = []
    for contig in "12":
        pos = 1
        for _ in range(n):
            kind = rng.choice(
                ("block", "one", "dot", "open", "variant", "bare", "gap", "star")
            )
            length = rng.choice((2, 5, 40))
            end = pos + length - 1
            cells = {
                "block": f"<*> END={end} 0/0", "one": "<NON_REF> . 0/0",
                "dot": f". END={end} 0/0", "open": "C,<*> . 0/1", "variant": "C . 0/1",
                "bare": ". . 0/0", "star": "* . 0/0",
            }  # fmt: skip
            if kind != "gap":
                alt, info, gt = cells[kind].split()
                rows.append(f"{contig} {pos} . A {alt} . . {info} GT {gt}")
            pos += length if kind in ("block", "dot", "gap") else rng.choice((0, 1))
    return rows


def _slow(rows):
    """Recognise a gVCF by the rule, record by record."""
    cells = [r.split() for r in rows]
    spans, marked, others, touching, inside, outside = [], 0, 0, 0, 0, 0
    for contig, pos, _, _, alt, _, _, info, *_ in cells:
        end = int(info[4:]) if info.startswith("END=") else int(pos)
        block = alt in ("<*>", "<NON_REF>", "*") or (alt == "." and end > int(pos))
        marked += block or "<" in alt
        others += alt == "C"
        inside += (end - int(pos) + 1) * block
        outside += alt == "C"
        spans.append((contig, int(pos), end, block))
    reach = {}
    ahead = []
    for contig, pos, end, _ in spans:
        ahead.append(reach.get(contig, -9) in (pos, pos - 1))
        reach[contig] = max(reach.get(contig, -9), end)
    for k, (contig, pos, end, block) in enumerate(spans):
        behind = k + 1 < len(spans) and spans[k + 1][0] == contig and ahead[k + 1]
        touching += block and end > pos and (ahead[k] or behind)
    return bool(
        marked and (marked >= others or (inside > outside and 10 * touching >= others))
    )


@pytest.mark.parametrize("seed", range(40))
def test_recognition_does_not_depend_on_batches(seed):
    rng = random.Random(seed)
    rows = _random_rows(rng, rng.choice((3, 12, 60)))
    # Some files with few blocks: only the rare turn decides there.
    if seed % 2:
        rows = [r for r in rows if " C . . . " in r or rng.random() < 0.15]
    lines = ["\t".join(r.split()) + "\n" for r in rows]
    found = set()
    for size in (1, 2, 7, len(lines) or 1):
        watch = BlockWatch()
        for at in range(0, len(lines), size):
            watch.take(read_batch("".join(lines[at : at + size]).encode(), at, at + 1))
        found.add((watch.is_gvcf(), tuple(watch._found.tolist())))
    assert len(found) == 1
    assert found.pop()[0] == _slow(rows)


def test_a_bcf_is_recognised_as_its_vcf(tmp_path):
    rows = [*BLOCKS, "1 11 . A <NON_REF> . . END=20 GT ./."]
    (tmp_path / "x.vcf").write_text(text_of(rows))
    as_bcf(tmp_path / "x.vcf")
    found = [scan_file(tmp_path / n, AnyContigs(), None) for n in ("x.vcf", "x.bcf")]
    assert [f.dialect for f in found] == [(None, "<NON_REF>", "END", 1)] * 2
