"""Consequences, positions, codons and amino acids against the stored answers of VEP 115.2.

Every difference that is left is named here, with its number: more is a fault.
"""

from pathlib import Path

import polars as pl
import pytest
from vep_answers import KEY, read_vep

from varhouse.consequence import TERMS, consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.transcripts.genemodel import GeneModel

RANK = {t: i for i, t in enumerate(TERMS)}
# VEP skips transcripts whose gene row is missing; they are kept here (trap 31).
WITHOUT_GENE = 9


@pytest.fixture(scope="module")
def model(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> GeneModel:
    folder = data_dir / "consequence" / "vep115"
    with OpenedReference(folder / "genome.fa") as reference:
        out = tmp_path_factory.mktemp("genes") / "model"
        return load_genes(compile_genes(folder / "genes.gff3", reference, out))


def _range(name: str) -> pl.Expr:
    first, last = pl.col(f"{name}_start"), pl.col(f"{name}_end")
    low, high = first.cast(pl.String).fill_null("?"), last.cast(pl.String).fill_null("?")
    text = pl.when(first == last).then(low).otherwise(pl.concat_str(low, pl.lit("-"), high))
    return pl.when(first.is_null() & last.is_null()).then(pl.lit("")).otherwise(text)


def _worst(column: str) -> pl.Expr:
    rank = pl.element().replace_strict(RANK, return_dtype=pl.Int32)
    return pl.col(column).str.split("&").list.eval(rank).list.min()


def _set(column: str) -> pl.Expr:
    return pl.col(column).str.split("&").list.sort()


@pytest.fixture(scope="module", params=["snv", "mix", "snv own", "mix own"])
def answers(
    request: pytest.FixtureRequest, data_dir: Path, model: GeneModel
) -> tuple[str, pl.DataFrame]:
    """Pairs of VEP with ours beside them: with `as_vep`, or `own`, as they are."""
    name, _, own = request.param.partition(" ")
    vep = read_vep(data_dir / "consequence" / "vep115" / f"{name}.vep115.vcf.gz")
    ours = consequences(model, vep.select(KEY), as_vep=not own)
    extra = ours.join(
        vep.select(*KEY, transcript_id="Feature"), on=[*KEY, "transcript_id"], how="anti"
    )
    assert extra["transcript_id"].n_unique() == WITHOUT_GENE
    assert not set(extra["transcript_id"]) & set(vep["Feature"])
    joined = vep.join(
        ours, left_on=[*KEY, "Feature"], right_on=[*KEY, "transcript_id"], how="left"
    )
    assert joined["consequence"].null_count() == 0
    return request.param, joined.with_columns(
        vep_worst=_worst("Consequence"),
        our_worst=_worst("consequence"),
        same=_set("Consequence") == _set("consequence"),
    )


def test_sets_of_terms(answers: tuple[str, pl.DataFrame]) -> None:
    """docs/consequence-differences.md names each class, and who is right."""
    name, pairs = answers
    different = pairs.filter(~pl.col("same"))
    assert pairs.height > (84_000 if name.startswith("snv") else 81_000)
    most = {"snv": 0, "snv own": 1, "mix": 16, "mix own": 158}[name]
    assert different.height <= most


def test_most_severe_term(answers: tuple[str, pl.DataFrame]) -> None:
    name, pairs = answers
    wrong = pairs.filter(pl.col("vep_worst") != pl.col("our_worst")).height
    assert wrong <= {"snv": 0, "snv own": 1, "mix": 12, "mix own": 104}[name]


STOPS = pl.col("Consequence").str.contains("inframe_insertion.*stop_retained")
CODONS = pl.col("consequence").str.contains("(start|stop)_(lost|retained)")


def test_our_own_terms_differ_in_named_classes_only(
    answers: tuple[str, pl.DataFrame],
) -> None:
    """What `as_vep` gives otherwise, by class; the numbers stand in the documentation."""
    name, pairs = answers
    if name != "mix own":
        return
    different = pairs.filter(~pl.col("same"))
    gained = different.filter(STOPS, pl.col("consequence").str.contains("stop_gained"))
    # Of 75 that bring a stop codon one is a copy of the CDS's end and of the 3' UTR: the
    # protein stays.
    assert gained.height == 74
    assert set(gained["impact"]) == {"HIGH"}
    assert gained.filter(
        pl.col("lof").is_null(), pl.col("BIOTYPE") == "protein_coding"
    ).is_empty()
    long = pl.col("ref").str.len_bytes() > pl.col("alt").str.len_bytes()
    taken = different.filter(~STOPS, CODONS, long)
    assert taken.filter(~pl.col("Consequence").str.contains("coding_sequence")).height <= 3


@pytest.mark.parametrize(
    ("column", "mine"),
    [
        ("EXON", pl.col("exon")),
        ("INTRON", pl.col("intron")),
        ("cDNA_position", _range("cdna")),
        ("CDS_position", _range("cds")),
        ("Protein_position", _range("protein")),
        ("Amino_acids", pl.col("amino_acids")),
        ("Codons", pl.col("codons")),
        ("DISTANCE", pl.col("distance").cast(pl.String)),
        ("STRAND", pl.col("strand").cast(pl.String)),
        ("SYMBOL", pl.col("gene_name")),
        ("Gene", pl.col("gene_id")),
        ("BIOTYPE", pl.col("biotype")),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_column(answers: tuple[str, pl.DataFrame], column: str, mine: pl.Expr) -> None:
    name, pairs = answers
    theirs = pl.col(column)
    if column.endswith("_position"):
        # `12/3026`: VEP adds the length; `-/951` is no position at all.
        theirs = theirs.str.replace(r"/\d+$", "").replace("-", "")
    both = pairs.select(*KEY, "Feature", ours=mine.fill_null(""), theirs=theirs)
    assert both.filter(pl.col("theirs") != "").height > 10_000
    different = both.filter(pl.col("ours") != pl.col("theirs"))
    if (name[:3], column) == ("mix", "Codons"):
        # Deletions of exon, intron, exon: VEP writes as many capitals as bases deleted in
        # the genome, which runs on over bases that stay.
        lower = different.filter(
            pl.col("ours").str.to_lowercase() != pl.col("theirs").str.to_lowercase()
        )
        assert lower.height == 0
        assert different.height <= 7
        return
    assert different.height == 0


def test_impact_follows_the_most_severe_term(answers: tuple[str, pl.DataFrame]) -> None:
    _, pairs = answers
    same = pairs.filter(pl.col("vep_worst") == pl.col("our_worst"))
    assert same.filter(pl.col("IMPACT") != pl.col("impact")).height == 0
