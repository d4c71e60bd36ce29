"""The digest of a contig changes with what the model says of it, and with nothing else."""

from pathlib import Path

import numpy as np
import pytest
from gene_builders import gff3_text, transcript_rows, write_fasta

from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.transcripts.genemodel import ARRAYS, GeneModel
from varhouse.transcripts.modeldigest import _LEFT_OUT, _PACKED, BY_TRANSCRIPT, contig_digests

RNG = np.random.default_rng(5)
BASES = {c: "".join(RNG.choice(list("ACGT"), 3000)) for c in ("c1", "c2", "c3")}


def model(folder: Path, texts: list[str]) -> GeneModel:
    folder.mkdir()
    fasta = write_fasta(folder / "r.fa", BASES)
    (folder / "g.gff3").write_text("".join(texts))
    with OpenedReference(fasta, None) as reference:
        return load_genes(compile_genes(folder / "g.gff3", reference, folder / "m"))


def genes(contig: str, *, exons: list[tuple[int, int]], strand: str = "+") -> str:
    inner = [(exons[0][0] + 10, exons[0][1]), *exons[1:]]
    rows = transcript_rows(exons, inner, name=f"T{contig}", gene=f"G{contig}", strand=strand)
    return gff3_text(rows, contig)


ONE = genes("c1", exons=[(100, 300), (400, 600)])
TWO = genes("c2", exons=[(100, 300), (500, 700)], strand="-")
THREE = genes("c3", exons=[(1000, 1300)])


def test_other_contigs_and_comments_do_not_count(tmp_path: Path) -> None:
    base = contig_digests(model(tmp_path / "a", [ONE, TWO, THREE]))
    # Before c2 on the axis there is now nothing, and the rows come in another order.
    without = contig_digests(model(tmp_path / "b", ["# later\n", THREE, TWO]))
    assert without == {c: base[c] for c in ("c2", "c3")}
    more = ONE + genes("c1", exons=[(2000, 2100)]).replace("Tc1", "U").replace("Gc1", "V")
    changed = contig_digests(model(tmp_path / "c", [more, TWO, THREE]))
    assert changed["c1"] != base["c1"]
    assert {c: changed[c] for c in ("c2", "c3")} == {c: base[c] for c in ("c2", "c3")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\t600\t", "\t601\t"), ("\t400\t", "\t402\t"), ("biotype=protein", "biotype=x"),
        ("Name=NGc1", "Name=Other"), ("transcript:Tc1", "transcript:Tc9"),
        ("ID=CDS:PTc1", "ID=CDS:P2"), ("\t110\t", "\t113\t"),
    ],
)  # fmt: skip
def test_anything_said_of_the_contig_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in ONE
    before = contig_digests(model(tmp_path / "a", [ONE, TWO]))
    after = contig_digests(model(tmp_path / "b", [ONE.replace(old, new), TWO]))
    assert after["c1"] != before["c1"]
    assert after["c2"] == before["c2"]


def test_every_array_counts_or_is_known_to_follow_from_others(tmp_path: Path) -> None:
    """A new array of the model must be placed here, or a change in it is overlooked."""
    segments = {n for n in ARRAYS if n.startswith("seg_")}
    assert set(ARRAYS) == BY_TRANSCRIPT | set(_PACKED) | _LEFT_OUT | segments
    built = model(tmp_path / "a", [ONE, TWO])
    assert {n: getattr(built, n).shape for n in BY_TRANSCRIPT} == dict.fromkeys(
        BY_TRANSCRIPT, (built.n_transcripts,)
    )
    sizes = {n: getattr(built, n).size for n in segments - {"seg_ptr"}}
    assert set(sizes.values()) == {built.seg_ptr[-1]}
