"""Small files that lead through the compiled functions: records of all kinds, and faults."""

import json
import random
from pathlib import Path

CONTIG, LENGTH = "c1", 6_000
SAMPLES = ("a1", "a2", "a3")
KIN = tuple(f"k{i}" for i in range(24))
"""People enough for what is said of people; the third is a child of the first two."""

_INFO = (
    "AC,A,Integer", "AN,1,Integer", "AF,A,Float", "DP,1,Integer", "DB,0,Flag", "QS,R,Float",
    "NOTE,.,String", "CH,1,Character", "PL1,G,Integer", "END,1,Integer", "SVTYPE,1,String",
    "SVLEN,A,Integer", "MATEID,.,String", "CN,A,Float", "CIPOS,2,Integer", "EVENT,.,String",
)  # fmt: skip
_FORMAT = (
    "GT,1,String", "AD,R,Integer", "DP,1,Integer", "GQ,1,Integer", "PL,G,Integer",
    "GL,G,Float", "FT,1,String", "PS,1,Integer", "HQ,2,Integer", "DS,A,Float",
    "LAA,.,Integer", "LAD,.,Integer", "LPL,.,Integer", "PSL,.,String", "PSO,.,Integer",
    "MIN_DP,1,Integer", "CN,1,Float",
)  # fmt: skip
_FULL = "GT:AD:DP:GQ:PL:GL:FT:PS:HQ:DS"


def write_inputs(folder: Path) -> Path:
    """Write reference, genes, cohorts, sources and a chain; give the configuration."""
    bases = _bases()
    (folder / "ref.fa").write_text(f">{CONTIG}\n{bases}\n")
    (folder / "genes.gff3").write_text(_genes())
    (folder / "same.chain").write_text(
        f"chain 1 {CONTIG} {LENGTH} + 0 {LENGTH} {CONTIG} {LENGTH} + 0 {LENGTH} 1\n"
        f"2000 10 10\n{LENGTH - 2010}\n"
    )
    (folder / "plain.vcf").write_text(_vcf(_plain(bases)))
    (folder / "full.vcf").write_text(_vcf(_full(bases)))
    (folder / "sites.vcf").write_text(_vcf(_sites(bases), samples=()))
    (folder / "faults.vcf").write_text(_vcf(_faults(bases)))
    (folder / "gvcf.vcf").write_text(_vcf(_blocks(bases), samples=SAMPLES[:1]))
    (folder / "freq.vcf").write_text(_vcf(_source(bases), samples=()))
    (folder / "spans.bed").write_text(f"{CONTIG}\t100\t900\tone\n{CONTIG}\t800\t4000\ttwo\n")
    (folder / "gene.tsv").write_text("gene\tscore\nG1\t0.5\nG2\t0.25\n")
    (folder / "kin.vcf").write_text(_vcf(_kin(bases), samples=KIN))
    cohorts = ("plain", "full", "sites", "gvcf", "kin")
    rows = [f"{c}\t{s}\tfemale\tP\t\t" for c in cohorts[:2] for s in SAMPLES]
    for cohort in ("kin", "again"):
        for k, name in enumerate(KIN):
            parents = f"{KIN[0]}\t{KIN[1]}" if k == 2 else "\t"
            rows.append(f"{cohort}\t{name}\t{('male', 'female')[k % 2]}\tP\t{parents}")
    (folder / "samples.tsv").write_text(
        "\n".join(["cohort\tsample\tsex\tpopulation\tfather\tmother", *rows, ""])
    )
    sheet = [f"{c}\t{c}.vcf" for c in cohorts] + ["again\tkin.vcf"]
    (folder / "cohorts.tsv").write_text("\n".join(["cohort\tfiles", *sheet, ""]))
    return _config(folder)


def _config(folder: Path) -> Path:
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "genes": "genes.gff3", "cohorts": "cohorts.tsv", "samples": "samples.tsv",
        "strata": ["population"],
        "policy": {"unlisted_samples": "unknown"},
        "sources": [
            {"name": "freq", "path": "freq.vcf", "kind": "allele",
             "fields": ["AC", "AF", "NOTE"]},
            {"name": "spans", "path": "spans.bed", "kind": "overlap"},
            {"name": "score", "path": "gene.tsv", "kind": "gene",
             "columns": {"gene": "gene"}, "fields": {"score": "float"}},
        ],
    }  # fmt: skip
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    return file


def _bases() -> str:
    """Make a contig with repeats, two genes of both strands with open reading frames."""
    rng = random.Random(5)
    bases = rng.choices("ACGT", k=LENGTH)
    bases[300:330] = "CA" * 15
    bases[4_000:4_020] = "A" * 20
    codons = [a + b + c for a in "ACG" for b in "ACGT" for c in "ACGT"]
    frame = "ATG" + "".join(rng.choices(codons, k=118)) + "TAA"
    bases[1_100:1_220], bases[1_300:1_540] = frame[:120], frame[120:360]
    turned = frame[::-1].translate(str.maketrans("ACGT", "TGCA"))
    bases[3_000:3_360] = turned[:360]
    return "".join(bases)


def _genes() -> str:
    rows = ["##gff-version 3"]
    genes = (
        ("G1", "+", [(1_051, 1_220), (1_301, 1_700)], [(1_101, 1_220), (1_301, 1_540)]),
        ("G2", "-", [(2_951, 3_500)], [(3_001, 3_360)]),
    )
    for name, strand, exons, cds in genes:
        low, high = exons[0][0], exons[-1][1]

        def row(
            kind: str, start: int, end: int, phase: str, text: str, strand: str = strand
        ) -> None:
            rows.append(
                "\t".join([CONTIG, "t", kind, str(start), str(end), ".", strand, phase, text])
            )

        row("gene", low, high, ".", f"ID=gene:{name};Name={name};biotype=protein_coding")
        mrna = f"ID=transcript:{name}T;Parent=gene:{name};biotype=protein_coding"
        row("mRNA", low, high, ".", mrna)
        for start, end in exons:
            row("exon", start, end, ".", f"Parent=transcript:{name}T")
        for start, end in cds:
            row("CDS", start, end, "0", f"ID=CDS:{name}P;Parent=transcript:{name}T")
    return "\n".join([*rows, ""])


def _vcf(records: list[str], samples: tuple[str, ...] = SAMPLES) -> str:
    lines = [
        "##fileformat=VCFv4.4",
        f"##contig=<ID={CONTIG},length={LENGTH}>",
        '##FILTER=<ID=q10,Description="low">',
        '##ALT=<ID=DEL,Description="deletion">',
        '##ALT=<ID=NON_REF,Description="any">',
    ]
    for kind, keys in (("INFO", _INFO), ("FORMAT", _FORMAT)):
        for key, number, type_ in (k.split(",") for k in keys):
            lines.append(f'##{kind}=<ID={key},Number={number},Type={type_},Description="d">')
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    lines.append("\t".join([*head, *(["FORMAT", *samples] if samples else [])]))
    return "\n".join([*lines, *records, ""])


def _record(pos: int, ref: str, alt: str, info: str, *cells: str) -> str:
    fields = [CONTIG, str(pos), f"rs{pos}" if pos % 3 else ".", ref, alt, "50.5", "PASS", info]
    return "\t".join([*fields, *cells])


def _changes(bases: str, step: int) -> list[tuple[int, str, str]]:
    """List alleles of all plain kinds, some of them not left-aligned."""
    found = []
    for k, pos in enumerate(range(40, LENGTH - 60, step)):
        at = bases[pos - 1]
        other = "ACGT".replace(at, "")
        long = bases[pos - 1 : pos + 3]
        kinds = (
            (at, other[0]),
            (at, f"{other[1]},{other[2]}"),
            (at, at + "GAT"),
            (long, at),
            (bases[pos - 1 : pos + 1], other[:2]),
            (long, other[0] + "C"),
            (at, f"{other[0]},*"),
            (long, long[:2] + "," + other),
        )
        found.append((pos, *kinds[k % len(kinds)]))
    found.append((321, bases[320:323], bases[320]))
    found.append((4_010, "A", "AA"))
    return sorted(found)


def _plain(bases: str) -> list[str]:
    """Write records with GT alone: phased, unphased, half-missing, haploid, missing."""
    rows = []
    for k, (pos, ref, alt) in enumerate(_changes(bases, 37)):
        last = "2" if "," in alt else "1"
        cells = (
            ("0|0", "0|1", "1|1"),
            ("0/1", "./.", last + "/0"),
            ("./1", "1", "0"),
            ("0|" + last, ".", ".|."),
            ("0/0/1", "0/1", "0/0"),
        )[k % 5]
        rows.append(_record(pos, ref, alt, ".", "GT", *cells))
    return rows


def _full(bases: str) -> list[str]:
    """Write records with many FORMAT fields, all types of INFO, and local alleles."""
    rows = []
    for k, (pos, ref, alt) in enumerate(_changes(bases, 53)):
        n = 1 + alt.count(",") + 1
        pairs = n * (n + 1) // 2
        cell = ":".join(
            [
                "0/1",
                ",".join(["10"] * n),
                "20",
                "99",
                ",".join(["30"] * pairs),
                ",".join(["-1.5"] * pairs),
                "PASS",
                ".",
                "51,52",
                ",".join(["0.5"] * (n - 1)),
            ]
        )
        phased = cell.replace("0/1", "0|1", 1).replace(":PASS:.:", f":q10:{pos}:")
        of_alts = ",".join(["0.25"] * (n - 1))
        info = f"AC={','.join(['2'] * (n - 1))};AN=6;AF={of_alts};DP={pos};NOTE=a%2Cb,c;CH=x"
        info += ";DB" if k % 2 else f";QS={','.join(['1e-3'] * n)}"
        rows.append(
            _record(pos, ref, alt, info, _FULL, cell, phased, "./." if k % 2 else cell)
        )
    at = bases[5_969]
    local = ("1|1:1:3,4:0,9,9", "0/0:.:7:0", "0/1:1:3,4:9,0,9")
    rows.append(_record(5_970, at, "ACGT".replace(at, "")[0], ".", "GT:LAA:LAD:LPL", *local))
    return rows


def _kin(bases: str) -> list[str]:
    """Write common SNVs of a family and others, with reads and quality."""
    rng = random.Random(11)
    rows = []
    for pos in range(30, LENGTH - 60, 9):
        ref = bases[pos - 1]
        copies = [[rng.randrange(2), rng.randrange(2)] for _ in KIN]
        copies[2] = [rng.choice(copies[0]), rng.choice(copies[1])]
        cells = []
        for a, b in copies:
            reads = f"{rng.randrange(2)},30" if a + b == 2 else "15,15"
            cells.append(f"{a}/{b}:{reads}:30:50" if rng.random() > 0.02 else "./.")
        alt = "ACGT".replace(ref, "")[0]
        rows.append(_record(pos, ref, alt, ".", "GT:AD:DP:GQ", *cells))
    return rows


def _sites(bases: str) -> list[str]:
    """Write records without samples: symbolic alleles, breakends, a repeat, plain ones."""
    rows = [
        _record(p, r, a, f"DP={p};AF={','.join(['0.1'] * (a.count(',') + 1))}")
        for p, r, a in _changes(bases, 41)
    ]
    events = [
        (2_001, "<DEL>", "SVTYPE=DEL;SVLEN=40;END=2041;CIPOS=-5,5"),
        (2_101, "<DUP>", "SVTYPE=DUP;SVLEN=60;CN=3"),
        (2_201, "<INS>", "SVTYPE=INS;SVLEN=30"),
        (2_301, f"N]{CONTIG}:2501]", "SVTYPE=BND;MATEID=m2;EVENT=e"),
        (2_501, f"N]{CONTIG}:2301]", "SVTYPE=BND;MATEID=m1;EVENT=e"),
        (2_601, "<CNV>", "SVTYPE=CNV;SVLEN=80;CN=1.5"),
    ]
    for pos, alt, info in events:
        ref = bases[pos - 1]
        rows.append(_record(pos, ref, alt.replace("N", ref, 1) if "]" in alt else alt, info))
    return sorted(rows, key=lambda row: int(row.split("\t")[1]))


def _faults(bases: str) -> list[str]:
    """Write records that break rules: each fault is noted by the function that reads it."""
    rows = [
        _record(100, "N", "A", "DP=x;AC=1,2,3;UNKNOWN=1;AF", "GT:DP", "0/3:9", "0|1:y", "1/"),
        _record(100, "N", "A", "AF=nan;DB=3;END=50", "GT:AD", "0/1:1", "0/1:1,2,3", "a/b:."),
        _record(90, "AC", "A,A", "QS=1;DP=1;DP=2", "GT:GL:PL", "0/1:1:2", "0/1:.:1,2,3", "."),
        _record(120, "A", "<X>", "SVLEN=a;SVTYPE=DEL", "GT:XX", "0/1:1", "0/0:2:3", "0/1"),
        _record(
            130, "a", "c", "NOTE=\x01;CH=xy;PL1=1", "GT:PS:HQ", "0|1:-1:1", "1|0:b:2,3", "1"
        ),
        _record(140, "A", "G]", "CIPOS=1;SVTYPE=BND", "DP:GT", "1:0/1", "2:0/1", "3:0/1"),
        _record(150, "", "G", "", "GT:LAA:LPL", "0/1:9:1", "0/1:1,1:2", "0/1:.:3"),
        _record(5_999, bases[5_998] + "ACGT", "G", "END=9000", "GT", "0/1", "0/1", "."),
    ]
    return [*rows, "c9\t1\t.\tA\tC\tx\tq9;q9\t.\tGT\t0/1\t0/1\t0/1"]


def _blocks(bases: str) -> list[str]:
    """Write reference blocks of a gVCF with a variant between them."""
    other = "ACGT".replace(bases[499], "")[0]
    return [
        _record(400, bases[399], "<NON_REF>", "END=499", "GT:GQ:MIN_DP:PL", "0/0:9:9:0,9,9"),
        _record(
            500, bases[499], f"{other},<NON_REF>", "DP=9", "GT:AD:PL", "0/1:4,5,0:9,0,9,9,9,9"
        ),
        _record(501, bases[500], "<NON_REF>", "END=600", "GT:GQ:MIN_DP:PL", "0/0:9:9:0,9,9"),
    ]


def _source(bases: str) -> list[str]:
    rows = _changes(bases, 37)
    return [
        _record(
            p,
            r,
            a,
            f"AC={','.join(['3'] * (a.count(',') + 1))};"
            f"AF={','.join(['0.01'] * (a.count(',') + 1))};NOTE=n{p}",
        )
        for p, r, a in rows
    ]
