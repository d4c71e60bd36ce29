"""Names in transcripts and proteins find the alleles that the store gave these names to."""

import json
import random
import re

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.errors import StoreError, UsageError, nearest
from varhouse.query import find_keys
from varhouse.query.transcript_names import alike, residues
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY

# Codons with runs and repeats: shifts of one base and of whole codons.
UNIT = "GATTTACACACAGGCAGCAGCATGGGTCCATTGAAACTG"
BASES = "ACGGT" * 20 + UNIT * 20 + "TTGCA" * 20


def transcript(name: str, gene: str, strand: str, exons: list[tuple[int, int]]) -> str:
    rows = [
        (
            "gene",
            exons[0][0],
            exons[-1][1],
            f"ID=gene:{gene};Name=SYM{gene};biotype=protein_coding",
        ),
        (
            "mRNA",
            exons[0][0],
            exons[-1][1],
            f"ID=transcript:{name};Parent=gene:{gene};"
            "biotype=protein_coding;version=4;tag=Ensembl_canonical",
        ),
        *(("exon", a, b, f"Parent=transcript:{name}") for a, b in exons),
        *(
            (
                "CDS",
                max(a, exons[0][0] + 10),
                min(b, exons[-1][1] - 8),
                f"ID=CDS:P{name};protein_id=P{name};version=2;Parent=transcript:{name}",
            )
            for a, b in exons
        ),
    ]
    lengths = [b - a + 1 for k, a, b, _ in rows if k == "CDS"]
    if strand == "-":
        lengths = lengths[::-1]
    phases = [-sum(lengths[:i]) % 3 for i in range(len(lengths))]
    if strand == "-":
        phases = phases[::-1]
    left = iter(phases)
    return "".join(
        f"c1\tt\t{k}\t{a}\t{b}\t.\t{strand}\t{next(left) if k == 'CDS' else '.'}\t{more}\n"
        for k, a, b, more in rows
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Give a store of substitutions and indels over two genes, one on each strand."""
    folder = tmp_path_factory.mktemp("tn")
    rng = random.Random(11)
    (folder / "r.fa").write_text(f">c1\n{BASES}\n")
    (folder / "g.gff3").write_text(
        "##gff-version 3\n"
        + transcript("TF", "F", "+", [(120, 250), (301, 333), (400, 480)])
        + transcript("TR", "R", "-", [(510, 610), (650, 700), (760, 860)])
    )
    lines = [
        "##fileformat=VCFv4.3",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts",
    ]
    for pos in range(105, 880, 3):
        ref = BASES[pos - 1]
        alts = [rng.choice([b for b in "ACGT" if b != ref])]
        size = rng.choice([1, 2, 3, 6])
        if rng.random() < 0.5:
            alts.append(ref + BASES[pos : pos + size])
        if rng.random() < 0.3:
            alts.append(ref + "".join(rng.choices("ACGT", k=4)))
        for alt in alts:
            lines.append(f"c1\t{pos}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t0/1")
        if rng.random() < 0.5:
            lines.append(
                f"c1\t{pos}\t.\t{ref + BASES[pos : pos + size]}\t{ref}\t.\tPASS\t.\tGT\t0/1"
            )
    (folder / "a.vcf").write_text("\n".join(lines) + "\n")
    (folder / "s.tsv").write_text("cohort\tsample\tsex\na\ts\tfemale\n")
    (folder / "c.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    config = {"assembly": {"name": "toy", "reference": "r.fa"}, "genes": "g.gff3",
              "cohorts": "c.tsv", "samples": "s.tsv"}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    ingest_here(folder / "store", folder / "config.json")
    return varhouse.open(folder / "store")


def found(store: Store, name: str) -> list[tuple[object, ...]]:
    return find_keys(store, name).rows()


def named(store: Store, column: str) -> list[tuple[str, tuple[object, ...]]]:
    rows = store.consequences().filter(pl.col(column).is_not_null()).collect()
    return [(name, tuple(k)) for name, *k in rows.select(column, *KEY).sort(column).rows()]


def test_every_name_of_the_store_finds_its_allele(store: Store) -> None:
    names = named(store, "hgvsc")
    assert {n.split(":")[0] for n, _ in names} == {"TF.4", "TR.4"}
    missed = [n for n, k in names if found(store, n) != [k]]
    assert missed == []
    kinds = {m for n, _ in names for m in re.findall(r"del|dup|ins|>|[*]|\+|c\.-", n)}
    assert kinds == {"del", "dup", "ins", ">", "*", "+", "c.-"}


def test_every_name_of_a_protein_finds_all_its_alleles(store: Store) -> None:
    alleles: dict[str, set[tuple[object, ...]]] = {}
    for name, k in named(store, "hgvsp"):
        alleles.setdefault(name, set()).add(k)
    assert max(map(len, alleles.values())) > 1
    for name, keys in alleles.items():
        assert set(found(store, name)) == keys, name


def test_names_need_not_be_shifted(store: Store) -> None:
    """A deletion or copy moved by a base or two towards 5' is the same change."""
    moved = 0
    rows = store.consequences().filter(
        pl.col("hgvsc").str.contains(r":c\.\d+(_\d+)?(del|dup)$"),
        pl.col("hgvs_offset").abs() > 0,
    )
    for name, offset, *k in rows.select("hgvsc", "hgvs_offset", *KEY).collect().rows():
        who, places, kind = re.fullmatch(r"(.*:c\.)([\d_]+)(del|dup)", name).groups()
        numbers = [int(n) for n in places.split("_")]
        # The first copy cannot be called a copy of what lies before it.
        size = numbers[-1] - numbers[0] + 1 if kind == "dup" else 0
        for by in range(1, abs(offset) - size + 1):
            if numbers[0] - by < 1:
                break
            other = who + "_".join(str(n - by) for n in numbers) + kind
            assert found(store, other) == [tuple(k)], (name, other)
            moved += 1
    assert moved > 50


def pick(store: Store, column: str, pattern: str) -> tuple[str, list[tuple[object, ...]]]:
    name = next(n for n, _ in named(store, column) if re.search(pattern, n))
    return name, sorted(k for n, k in named(store, column) if n == name)


def test_spellings(store: Store) -> None:
    name, keys = pick(store, "hgvsc", r"^TR\.4:c\.\d+[ACGT]>")
    rest = name.split(":")[1]
    for who in ("TR", "TR.4", "TR.4(SYMR)", "TR(SYMR)", "SYMR", "symr", "R"):
        assert found(store, f"{who}:{rest}") == keys, who
    name, keys = pick(store, "hgvsc", r"^TR\.4:c\.\d+_\d+del$")
    first, last = map(int, re.findall(r"\d+", name.split(":")[1]))
    assert found(store, f"TR:c.{first}del{last - first + 1}") == keys
    missense, keys = pick(store, "hgvsp", r"^PTF\.2:p\.[A-Z][a-z]{2}\d+(?!Ter)[A-Z][a-z]{2}$")
    a, number, b = re.fullmatch(r".*:p\.(...)(\d+)(...)", missense).groups()  # type: ignore[union-attr]
    for who in ("PTF", "PTF.2", "PTF.2(SYMF)", "TF", "SYMF"):
        for rest in (f"{a}{number}{b}", f"({a}{number}{b})"):
            assert sorted(found(store, f"{who}:p.{rest}")) == keys, (who, rest)
    stop, keys = pick(store, "hgvsp", r"^PTF\.2:p\.[A-Z][a-z]{2}\d+Ter$")
    one = residues_short(stop.split("p.")[1].removesuffix("Ter"))
    for rest in (f"{one}*", f"{one}X", f"({one}*)", stop.split("p.")[1].replace("Ter", "*")):
        assert sorted(found(store, f"PTF:p.{rest}")) == keys, rest
    shift, keys = pick(store, "hgvsp", r"^PTF\.2:p\..*fsTer\d+$")
    letter, number = residues_short(re.sub(r"[A-Z][a-z]{2}fs.*", "", shift.split("p.")[1])), ""
    assert set(keys) <= set(found(store, f"PTF:p.{letter}{number}fs"))


def residues_short(text: str) -> str:
    three = {residues(c)[:3]: c for c in "ARNDCQEGHILKMFPSTWYV"}
    return three[text[:3]] + text[3:]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("R12*", "Arg12Ter"), ("R12X", "Arg12Ter"), ("(Arg12*)", "Arg12Ter"),
        ("R97Pfs*23", "Arg97ProfsTer23"), ("Arg97ProfsX23", "Arg97ProfsTer23"),
        ("K23_V25del", "Lys23_Val25del"), ("K2_L3insQSK", "Lys2_Leu3insGlnSerLys"),
        ("C28delinsWV", "Cys28delinsTrpVal"), ("*110Qext*17", "Ter110GlnextTer17"),
        ("R12R", "Arg12="), ("Arg12Arg", "Arg12="), ("R12=", "Arg12="), ("M1?", "Met1?"),
        ("U3C", "Sec3Cys"), ("G5dup", "Gly5dup"),
        # The names at start and stop codons, in either spelling, and in older ones.
        ("Lys3*", "Lys3Ter"), ("(K3*)", "Lys3Ter"), ("Lys3X", "Lys3Ter"), ("K3X", "Lys3Ter"),
        ("Lys3stop", "Lys3Ter"), ("Lys3delinsTer", "Lys3Ter"), ("K3delins*", "Lys3Ter"),
        ("A2_K3ins*", "Lys3Ter"), ("Cys5_Ser6delins*GluAsp", "Cys5Ter"),
        ("Tyr4TerfsTer1", "Tyr4Ter"), ("Y4*fs*1", "Tyr4Ter"),
        ("A2_K3insP*", "Ala2_Lys3insProTer"), ("K3_G4delinsF*", "Lys3_Gly4delinsPheTer"),
        ("*22Sext*4", "Ter22SerextTer4"), ("(Ter22Serext*4)", "Ter22SerextTer4"),
        ("*22SerextX4", "Ter22SerextTer4"), ("X22SextX4", "Ter22SerextTer4"),
        ("*22Sfs*5", "Ter22SerextTer4"), ("Ter22LysfsTer?", "Ter22LysextTer?"),
        ("C21Gfs*6", "Cys21GlyfsTer6"), ("(Cys21Glyfs*6)", "Cys21GlyfsTer6"),
        ("*22?", "Ter22?"), ("(Ter22?)", "Ter22?"), ("*22=", "Ter22="), ("C21fs", "Cys21fs"),
        ("(M1?)", "Met1?"), ("V1?", "Met1?"), ("Val1?", "Met1?"), ("Met1=", "Met1="),
    ],
)  # fmt: skip
def test_residues_are_spelt_as_in_the_store(written: str, meant: str) -> None:
    assert residues(written) == meant


def test_what_is_not_there_is_not_found(store: Store) -> None:
    name, _ = pick(store, "hgvsc", r"^TF\.4:c\.\d+[ACGT]>")
    place, ref, alt = re.fullmatch(r"TF\.4:c\.(\d+)(.)>(.)", name).groups()  # type: ignore[union-attr]
    for wrong in (f"c.{place}{alt}>{ref}", f"c.{int(place) + 1}{ref}>{alt}", "p.Trp1Cys"):
        assert found(store, f"TF:{wrong}") == []
    for wrong, message in {
        "TX:c.5A>G": "no transcript.*nearest: T",
        "TF:c.5A>": "cannot be read",
        "TF:c.99999A>G": "no such",
        "TF:c.0A>G": "no such",
        "TF:c.-300del": "no such",
        "TF:c.9_5del": "no such",
        "TF:c.5_7insT": "no such",
    }.items():
        with pytest.raises(UsageError, match=message):
            found(store, wrong)
    empty = varhouse.open(store.path, 1)
    with pytest.raises(StoreError, match="no transcripts"):
        found(empty, "TF:c.5A>G")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ENST00000100999", "ENST00000100998"),
        ("ENST0000100998", "ENST00000100998"),
        ("EMST00000100998", "ENST00000100998"),
        ("SYNBOL4", "SYMBOL4"),
        ("xymbol4", "SYMBOL4"),
    ],
)
def test_hints_of_a_whole_gene_model_are_found_among_few(typed: str, meant: str) -> None:
    ids = [f"ENST{n:011d}" for n in range(90_000, 110_000, 2)]
    names = [f"SYMBOL{n}" for n in range(1, 10_001)]
    table = pl.LazyFrame({"transcript_id": ids, "gene_name": names, "protein_id": ids})
    found = alike(table, typed)
    assert meant in found
    assert len(found) <= 5_000
    assert meant in nearest(typed, found)
    assert alike(table, "Q") == []
    assert alike(table.with_columns(gene_name=pl.lit("QA")), "Q") == ["QA"]
