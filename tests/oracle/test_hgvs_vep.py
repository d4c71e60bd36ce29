"""HGVS names against the stored answers of VEP 115.2, and both against a plain reading.

VEP looks 1,000 bases to each side of an allele, so near the end of a contig it shifts
wrongly: those alleles are left out. `docs/consequence-differences.md` names what is left;
more is a fault.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hgvs_reading import check_protein, protein
from vep_answers import KEY, read_vep

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference, Reference
from varhouse.hgvs import Describer
from varhouse.transcripts.genemodel import EXON, GeneModel

# The first base of the CDS's last exon is its last base: VEP writes `c.*-7` for the
# intron before it.
SPLIT_STOP = "ENST00000375992"
_STOP = r"(fs|ext)Ter(\d+|\?)$"


@pytest.fixture(scope="module")
def model(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> GeneModel:
    folder = data_dir / "consequence" / "vep115"
    with OpenedReference(folder / "genome.fa") as reference:
        out = tmp_path_factory.mktemp("genes") / "model"
        return load_genes(compile_genes(folder / "genes.gff3", reference, out))


@pytest.fixture(scope="module", params=["snv", "mix"])
def pairs(
    request: pytest.FixtureRequest, data_dir: Path, model: GeneModel
) -> tuple[str, pl.DataFrame]:
    """VEP's pairs far from the ends of contigs, our names as VEP's and as they are."""
    folder = data_dir / "consequence" / "vep115"
    vep = read_vep(folder / f"{request.param}.vep115.vcf.gz")
    with OpenedReference(folder / "genome.fa") as reference:
        length = {c: reference.length(c) for c in model.contigs}
        ours = [
            consequences(model, vep.select(KEY), describe=Describer(model, reference, how))
            for how in (True, False)
        ]
    names = ["hgvsc", "hgvsp", "hgvs_offset"]
    as_vep, plain = (o.select(*KEY, "transcript_id", *names) for o in ours)
    own = plain.rename({"hgvsc": "own_c", "hgvsp": "own_p"}).drop("hgvs_offset")
    on = [*KEY, "transcript_id"]
    joined = (
        vep.rename({"Feature": "transcript_id"})
        .join(as_vep, on=on, how="left")
        .join(own, on=on, how="left")
        .with_columns(
            pl.col("hgvsc", "hgvsp", "own_c", "own_p").fill_null(""),
            # VEP gives a protein without a version the version 1.
            HGVSp=pl.col("HGVSp").str.replace(r"^(ENS\w+)\.1:", "$1:").str.replace("%3D", "="),
            length=pl.col("contig").replace_strict(length),
        )
        .filter(pl.col("pos") > 1_100, pl.col("pos") < pl.col("length") - 1_500)
    )
    return request.param, joined


def test_names_in_transcripts(pairs: tuple[str, pl.DataFrame]) -> None:
    name, rows = pairs
    named = rows.filter((pl.col("hgvsc") != "") | (pl.col("HGVSc") != ""))
    assert named.height > 55_000
    wrong = named.filter(pl.col("hgvsc") != pl.col("HGVSc"))
    assert 1 - wrong.height / named.height >= 0.9995
    rest = wrong.filter(pl.col("transcript_id") != SPLIT_STOP)
    # A deletion that ends with the transcript's first base moves into the transcript.
    assert rest.height <= (0 if name == "snv" else 1)


def test_offsets(pairs: tuple[str, pl.DataFrame]) -> None:
    _, rows = pairs
    ours = rows.select(pl.col("hgvs_offset").cast(pl.String).fill_null("")).to_series()
    assert (ours != rows["HGVS_OFFSET"]).sum() <= 1


def _behind_the_stop() -> pl.Expr:
    """Names on the reverse strand that need the 3' UTR, which VEP reads wrongly there."""
    same = pl.col("hgvsp").str.replace(_STOP, "$1") == pl.col("HGVSp").str.replace(_STOP, "$1")
    lost = pl.col("Consequence").str.contains("frameshift_variant&stop_lost")
    return (pl.col("STRAND") == "-1") & (same | lost)


def test_names_in_proteins(pairs: tuple[str, pl.DataFrame]) -> None:
    name, rows = pairs
    named = rows.filter((pl.col("hgvsp") != "") | (pl.col("HGVSp") != ""))
    assert named.height > 13_000
    wrong = named.filter(pl.col("hgvsp") != pl.col("HGVSp"))
    fault = wrong.filter(_behind_the_stop())
    assert fault.height <= (8 if name == "snv" else 191)
    rest = wrong.height - fault.height
    assert rest <= (0 if name == "snv" else 22)
    assert 1 - rest / (named.height - fault.height) >= 0.998


def mirrored(model: GeneModel, reference: Reference) -> GeneModel:
    """Put what VEP takes for the 3' UTR of the reverse strand in the place of the UTR.

    An exon that lies d bases above the transcript's low end is read d bases behind its
    5' end: the bases of the mirrored places, introns among them.
    """
    pair = bytes.maketrans(b"ACGTN", bytes((3, 2, 1, 0, 4)))
    contigs = model.transcripts["contig"].to_list()
    origin = dict(zip(model.contigs, model.contig_start.tolist(), strict=True))
    cdna = model.cdna.copy()
    for t in np.flatnonzero(model.coding & (model.strand < 0)):
        letters, zero = reference.sequence(contigs[t]).tobytes(), origin[contigs[t]]
        low, high = int(model.start[t]), int(model.end[t])
        segments = range(int(model.seg_ptr[t + 1]) - 1, int(model.seg_ptr[t]) - 1, -1)
        pieces = []
        for s in segments:
            if model.seg_kind[s] == EXON:
                a, b = int(model.seg_start[s]) - low, int(model.seg_end[s]) - low
                pieces.append(letters[high - b - zero : high - a - zero][::-1].translate(pair))
        bases = np.frombuffer(b"".join(pieces), np.uint8)
        behind = int(model.cds_offset[t] + model.cds_length[t])
        at = int(model.cdna_ptr[t])
        cdna[at + behind : at + bases.size] = bases[behind:]
    # As a model's own, or the names are compiled anew.
    cdna.flags.writeable = False
    return replace(model, cdna=cdna)


def test_what_the_reverse_strand_reads(
    pairs: tuple[str, pl.DataFrame], model: GeneModel, data_dir: Path
) -> None:
    """VEP's names behind the stop codon are ours, once the mirrored bases are read."""
    _, rows = pairs
    fault = rows.filter(_behind_the_stop(), pl.col("hgvsp") != pl.col("HGVSp"))
    with OpenedReference(data_dir / "consequence" / "vep115" / "genome.fa") as reference:
        names = Describer(mirrored(model, reference), reference, as_vep=True)
        found = consequences(model, fault.select(KEY), describe=names)
    on = [*KEY, "transcript_id"]
    both = fault.join(found.select(*on, pl.col("hgvsp").alias("mirrored")), on=on)
    assert both.height == fault.height > 0
    assert both.filter(pl.col("mirrored") != pl.col("HGVSp")).rows() == []


def _proteins(model: GeneModel, row: dict[str, object]) -> tuple[str, str] | None:
    """Proteins before and after an allele as it stands; None if it leaves the exons."""
    t = model.transcripts["transcript_id"].to_list().index(str(row["transcript_id"]))
    at = int(model.contig_start[model.contigs.index(str(row["contig"]))])
    ref, alt, first = str(row["ref"]), str(row["alt"]), int(str(row["pos"])) - 1 + at
    index = []
    for place in range(first, first + len(ref)):
        for s in range(int(model.seg_ptr[t]), int(model.seg_ptr[t + 1])):
            inside = model.seg_start[s] <= place < model.seg_end[s]
            if inside and model.seg_kind[s] == EXON:
                index.append(int(model.seg_anchor[s] + model.strand[t] * place))
    if len(index) != len(ref):
        return None
    if model.strand[t] < 0:
        turn = str.maketrans("ACGT", "TGCA")
        ref, alt = ref[::-1].translate(turn), alt[::-1].translate(turn)
    low = min(index)
    begin = int(model.cdna_ptr[t])
    bases = "".join("ACGTN"[b] for b in model.cdna[begin : begin + model.cdna_length[t]])
    assert bases[low : low + len(ref)] == ref
    edited = bases[:low] + alt + bases[low + len(ref) :]
    start = int(model.cds_offset[t])
    if start < 0 or model.phase[t]:
        return None
    # Where the whole CDS is there still, it is read from its own start codon.
    cds = bases[start : start + int(model.cds_length[t])]
    moved = low < start + 3 and edited.find(cds, low) >= 0
    return protein(bases, start), protein(edited, start + moved * (len(alt) - len(ref)))


def _is_true(name: str, both: tuple[str, str]) -> bool:
    try:
        check_protein(name.split(":p.")[1], *both)
    except (AssertionError, IndexError, KeyError, ValueError):
        return False
    return True


def test_who_is_right(pairs: tuple[str, pl.DataFrame], model: GeneModel) -> None:
    """Where our own names are others than VEP's, the proteins agree with ours."""
    name, rows = pairs
    wrong = rows.filter(
        pl.col("own_p") != pl.col("HGVSp"), pl.col("own_p") != "", pl.col("HGVSp") != ""
    )
    ours = theirs = checked = 0
    for row in wrong.filter(~pl.col("own_p").str.ends_with("p.?")).to_dicts():
        both = _proteins(model, row)
        if both is None:
            continue
        checked += 1
        ours += _is_true(row["own_p"], both)
        theirs += _is_true(row["HGVSp"], both)
    assert ours == checked > (0 if name == "snv" else 300)
    assert theirs < checked
