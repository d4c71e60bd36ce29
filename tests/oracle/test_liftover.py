"""Lift-over against Picard's results, and between two references of chromosome 20."""

import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from varhouse.cli import main
from varhouse.genome.reference import OpenedReference, Reference, compile_reference
from varhouse.liftover import Chain, Lifter, read_chain
from varhouse.normalise import normalise_alleles

pytestmark = pytest.mark.real

RESOURCES = Path(__file__).parents[2] / "resources"
FIELDS = ("GT", "AD", "PL")


def records(path: Path) -> list[list[str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    return [ln.split("\t") for ln in text.splitlines() if ln and ln[0] != "#"]


def haplotypes(bases: str, record: list[str]) -> list[str]:
    """Give the contig with each allele of a record put in: spelling does not matter."""
    start = int(record[1]) - 1
    ref = record[3]
    assert bases[start : start + len(ref)] == ref
    alleles = [ref, *record[4].split(",")]
    return [bases[:start] + a + bases[start + len(ref) :] for a in alleles]


@pytest.mark.parametrize(
    ("source", "chain", "result"),
    [
        ("MismatchingSnps", "test.positive.over.chain", "vcfWithFlippedAlleles"),
        ("MismatchingSnps", "test.over.chain", "vcfWithFlippedAllelesNegativeChain"),
        ("MixedVariants", "test.over.chain", "vcfWithMixed"),
    ],
)
def test_picard(data_dir: Path, tmp_path: Path, source: str, chain: str, result: str) -> None:
    folder = data_dir / "liftover" / "picard"
    out, rejected = tmp_path / "o.vcf", tmp_path / "r.tsv"
    arguments = [
        "liftover",
        folder / f"testLiftover{source}.vcf",
        "-o",
        out,
        "--chain",
        folder / chain,
        "--target-reference",
        folder / "dummy.reference.fasta",
        "--rejects",
        rejected,
    ]
    assert main([str(a) for a in arguments]) == 0
    lines = (folder / "dummy.reference.fasta").read_text().splitlines()
    bases = "".join(ln for ln in lines if ln[0] != ">")

    def content(record: list[str]) -> tuple[object, ...]:
        return (
            haplotypes(bases, record),
            record[2],
            record[5:7],
            record[8:],
            "Swapped" in record[7] or "LIFT_SWAP" in record[7],
            "ReverseComp" in record[7] or "LIFT_REVERSE" in record[7],
        )

    expected = [content(r) for r in records(folder / f"{result}.lift.vcf")]
    mine = [content(r) for r in records(out)]
    assert sorted(mine, key=str) == sorted(expected, key=str)
    refused = [r[:2] + r[3:5] for r in records(folder / f"{result}.reject.vcf")]
    table = [ln.split("\t") for ln in rejected.read_text().splitlines()[1:]]
    assert [r[1:5] for r in table] == refused
    assert {r[5] for r in table} <= {"ref_not_found"}


def test_a_contig_that_is_missing(data_dir: Path, tmp_path: Path) -> None:
    """Both ways to miss a contig: in the chain, and in the target."""
    folder = data_dir / "liftover" / "picard"
    seen = []
    for chain in ("test.over.chain", "test.over.badContig.chain"):
        arguments = [
            "liftover",
            folder / "testLiftoverUsingMissingContig.vcf",
            "-o",
            tmp_path / "o.vcf",
            "--chain",
            folder / chain,
            "--target-reference",
            folder / "dummy.reference.fasta",
            "--rejects",
            tmp_path / "r",
        ]
        assert main([str(a) for a in arguments]) == 0
        lines = (tmp_path / "r").read_text().splitlines()[1:]
        seen.append([(ln.split("\t")[1], ln.split("\t")[5]) for ln in lines])
    assert seen == [
        [("missingContig", "contig_not_in_chain")],
        [("chr1", "contig_not_in_chain"), ("missingContig", "contig_missing")],
    ]


def test_an_indel_beside_a_gap_of_the_chain_is_refused(data_dir: Path) -> None:
    """Picard's chain of two blocks: GGGGG stands between them in the target only."""
    folder = data_dir / "liftover" / "picard"
    chain = read_chain(folder / "test.two.block.over.chain")
    with OpenedReference(folder / "dummy.two.block.reference.fasta") as target:
        rows = {
            "contig": ["chr1"] * 3,
            "pos": [540, 541, 300],
            "ref": ["A", "CA", "A"],
            "alt": ["AG", "C", "T"],
        }
        out = Lifter(chain, target, normalise_alleles).lift(pl.DataFrame(rows))
    assert out.rejects["reason"].to_list()[0] == "indel_at_gap"
    assert out.lifted.filter(pl.col("source_pos") == 300).height == 1


def target_of(data_dir: Path) -> Path:
    return data_dir / "reference" / "GRCh38-chr20-first-3Mb" / "example" / "chr20_2Mb.hg38.fa"


@pytest.mark.parametrize(
    "chain", ["hg19ToHg38.over.chain.gz", "human/GRCh37_to_GRCh38.chain.gz"]
)
def test_chr20_with_genotypes(data_dir: Path, tmp_path: Path, chain: str) -> None:
    source = data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz"
    fasta = data_dir / "reference" / "GRCh37-chr20-first-252kb" / "chr20.250k.fa.gz"
    arguments = [
        "liftover",
        source,
        "-o",
        tmp_path / "o.vcf.gz",
        "--chain",
        data_dir / "liftover" / "chains" / chain,
        "--source-reference",
        fasta,
        "--target-reference",
        target_of(data_dir),
        "--aliases",
        RESOURCES / "GRCh38.tsv",
        "--source-aliases",
        RESOURCES / "GRCh37.tsv",
        "--rejects",
        tmp_path / "r.tsv",
    ]
    assert main([str(a) for a in arguments]) == 0
    assert len((tmp_path / "r.tsv").read_text().splitlines()) == 1
    before, after = records(source), records(tmp_path / "o.vcf.gz")
    assert len(after) == 298
    by_id = {(r[2], r[1]): r for r in before}
    swapped = 0
    for r in after:
        info = dict(item.partition("=")[::2] for item in r[7].split(";"))
        contig, pos, ref, alt = info["LIFTED_FROM"].split(":")
        old = by_id[r[2], pos]
        assert (old[0], old[3], old[4]) == (contig, ref, alt.replace("/", ","))
        if "LIFT_SWAP" not in info:
            assert r[3:5] == old[3:5]
            assert r[9:] == old[9:]
            continue
        swapped += 1
        assert (pos, r[1], ref, alt, *r[3:5]) == ("61795", "81154", "G", "T", "T", "G")
        assert r[9:] == [g.translate(str.maketrans("01", "10")) for g in old[9:]]
        ac = sum(g.count("1") for g in r[9:])
        assert int(info["AC"]) == ac
        assert float(info["AF"]) == pytest.approx(ac / int(info["AN"]), abs=1e-6)
    assert swapped == 1


def run_lift(source: Path, out: Path, chain: Path, *references: Path) -> None:
    """Lift a file between GRCh37 and GRCh38: source and target reference."""
    sheets = [RESOURCES / "GRCh37.tsv", RESOURCES / "GRCh38.tsv"]
    if references[0].name == "chr20_2Mb.hg38.fa":
        sheets.reverse()
    arguments = [
        "liftover",
        source,
        "-o",
        out,
        "--chain",
        chain,
        "--source-reference",
        references[0],
        "--target-reference",
        references[1],
        "--source-aliases",
        sheets[0],
        "--aliases",
        sheets[1],
        "--rejects",
        out.with_name("rejects.tsv"),
    ]
    assert main([str(a) for a in arguments]) == 0


def without_lift_tags(record: list[str]) -> list[str]:
    """Give a record as it was before; the contig has the name that the FASTA gives it."""
    tags = {"LIFTED_FROM", "LIFT_SWAP"}
    assert record[7].count("LIFTED_FROM") < 2
    if record[1] == "61795":
        # Number=A, and nothing is known of the new ALT: named on stderr.
        tags.add("ssID")
    info = [x for x in record[7].split(";") if x.split("=")[0] not in tags]
    return [*record[1:7], ";".join(info), *record[8:]]


def test_records_with_genotypes_come_back(data_dir: Path, tmp_path: Path) -> None:
    """298 records, one of them with REF and ALT exchanged, and back by the real chain."""
    source = data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz"
    old = data_dir / "reference" / "GRCh37-chr20-first-252kb" / "chr20.250k.fa.gz"
    chains = data_dir / "liftover" / "chains"
    there, back = tmp_path / "there.vcf.gz", tmp_path / "back.vcf.gz"
    new = target_of(data_dir)
    run_lift(source, there, chains / "hg19ToHg38.over.chain.gz", old, new)
    run_lift(there, back, chains / "hg38ToHg19.over.chain.gz", new, old)
    assert sum("LIFT_SWAP" in r[7] for r in records(there)) == 1
    assert sum("LIFT_SWAP" in r[7] for r in records(back)) == 1
    wanted = [without_lift_tags(r) for r in records(source)]
    assert len(wanted) == 298
    assert [without_lift_tags(r) for r in records(back)] == wanted


@pytest.fixture(scope="module")
def megabase(data_dir: Path) -> pl.DataFrame:
    """The records of GRCh37 chr20:1,000,001-2,000,000, whose file counts from 1."""
    path = data_dir / "reference" / "GRCh37-chr20-1Mb-2Mb" / "z.vcf.gz"
    rows = records(path)
    return pl.DataFrame(
        {
            "contig": ["20"] * len(rows),
            "pos": [int(r[1]) + 1_000_000 for r in rows],
            "ref": [r[3] for r in rows],
            "alt": [r[4].split(",") for r in rows],
            "record": range(len(rows)),
        },
        schema_overrides={"pos": pl.Int32},
    )


def inverse(path: Path, out: Path) -> Path:
    """Write a chain file with source and target exchanged."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    lines: list[str] = []
    head: list[str] = []
    blocks: list[list[str]] = []
    for words in map(str.split, text.splitlines()):
        if words and words[0] == "chain":
            head, blocks = words, []
        elif words and words[0][0] != "#":
            blocks.append(words)
        if len(words) != 1:
            continue
        t, q = head[2:7], head[7:12]
        gaps = [(dq, dt) for _, dt, dq in blocks[:-1]]
        sizes = [b[0] for b in blocks]
        if q[2] == "-":
            # The side that comes first is read on its plus strand: all is turned round.
            t, q = (
                [n, size, sign, str(int(size) - int(end)), str(int(size) - int(start))]
                for n, size, sign, start, end in ((*t[:2], "-", *t[3:]), (*q[:2], "+", *q[3:]))
            )
            gaps.reverse()
            sizes.reverse()
        lines.append(" ".join([*head[:2], *q, *t, *head[12:]]))
        lines += [f"{n} {a} {b}" for n, (a, b) in zip(sizes, gaps, strict=False)]
        lines += [sizes[-1], ""]
    out.write_text("\n".join(lines))
    return out


def alleles_at_gaps(chain: Chain, bases: str, n: int) -> pl.DataFrame:
    """Draw alleles of chr20, half of them within 60 bases of an end of a block."""
    rnd = random.Random(3)
    twenty = next(i for i, name in enumerate(chain.sources) if name in ("20", "chr20"))
    mine = (chain.source == twenty) & (chain.start < len(bases))
    edges = [*chain.start[mine].tolist(), *chain.end[mine].tolist()]
    rows = []
    while len(rows) < n:
        at = rnd.randrange(len(bases))
        if rnd.random() < 0.5:
            at = rnd.choice(edges) + rnd.randint(-60, 60)
        ref = bases[max(at, 0) : at + rnd.choice([1, 1, 1, 2, 3, 8, 30])].upper()
        if at < 0 or not ref or set(ref) - set("ACGT"):
            continue
        added = "".join(rnd.choices("ACGT", k=rnd.randint(1, 5)))
        alt = rnd.choice([added[0] + ref[1:], ref[0], ref + added, ref + ref, added])
        if alt != ref:
            rows.append(("20", at + 1, ref, alt, -1))
    names = ("contig", "pos", "ref", "alt", "record")
    return pl.DataFrame(rows, schema=dict(zip(names, _TYPES, strict=True)), orient="row")


_TYPES = (pl.String, pl.Int32, pl.String, pl.String, pl.Int64)


@pytest.fixture(scope="module")
def grch37(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Reference]:
    """Chromosome 20 of GRCh37 as far as it is here: 0 to 252 kb and 1 to 2 Mb."""
    folder = tmp_path_factory.mktemp("grch37")
    stretches = data_dir / "reference"
    first = gzip.decompress(
        (stretches / "GRCh37-chr20-first-252kb" / "chr20.250k.fa.gz").read_bytes()
    ).decode()
    second = (stretches / "GRCh37-chr20-1Mb-2Mb" / "z.fa").read_text()
    texts = ["".join(text.splitlines()[1:]) for text in (first, second)]
    bases = texts[0].ljust(1_000_000, "N") + texts[1]
    (folder / "20.fa").write_text(f">20\n{bases}\n")
    return bases, Reference(compile_reference(folder / "20.fa", folder / "20"))


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("hg19ToHg38.over.chain.gz", "hg38ToHg19.over.chain.gz"),
        ("human/GRCh37_to_GRCh38.chain.gz", "human/GRCh38_to_GRCh37.chain.gz"),
    ],
)
def test_alleles_of_chr20_come_back(
    data_dir: Path,
    tmp_path: Path,
    megabase: pl.DataFrame,
    grch37: tuple[str, Reference],
    there: str,
    back: str,
    invert: bool,
) -> None:
    """29,144 alleles of 1000 Genomes and 20,000 around gaps, by chains of two makers."""
    chains = data_dir / "liftover" / "chains"
    bases, source = grch37
    chain = read_chain(chains / there)
    other = inverse(chains / there, tmp_path / "back.chain") if invert else chains / back
    cohort = megabase.explode("alt")
    assert (megabase.height, cohort.height) == (28_998, 29_144)
    drawn = alleles_at_gaps(chain, bases, 20_000)
    alleles = normalise_alleles(pl.concat([cohort, drawn]), source).drop("status")
    with OpenedReference(target_of(data_dir)) as target:
        out = Lifter(chain, target, normalise_alleles, source=source).lift(alleles)
        sure = out.lifted.filter(~pl.col("ambiguous"))
        home = Lifter(read_chain(other), source, normalise_alleles, source=target).lift(
            sure.select("contig", "pos", "ref", "alt")
        )
    assert home.rejects.rows() == []
    key = ["contig", "pos", "ref", "alt"]
    assert home.lifted.select(key).rows() == sure.select(f"source_{c}" for c in key).rows()
    of_cohort = pl.col("record") >= 0
    rejected = out.rejects.filter(of_cohort)["reason"].value_counts()
    assert dict(rejected.iter_rows()) == {"symbolic": 24, "spans_gap": 1}
    assert out.lifted.filter(of_cohort)["swapped"].sum() == 5
    assert sure.filter(of_cohort).height == 29_144 - 25
    assert set(out.rejects["reason"]) >= {"spans_gap", "indel_at_gap", "no_chain"}
    assert sure.filter(~of_cohort).height > 19_400
