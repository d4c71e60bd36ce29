"""Codons that an annotation says are read otherwise: selenocysteine, pyrrolysine, TERM.

The gene (forward): a 5' UTR of 6, `ATG GCT TG|A AAA GGT TAG CTG TGA` with an intron
inside the first TGA, and a 3' UTR. Its mirror image has the same answers.
"""

from pathlib import Path

import pytest
from gene_builders import Row, alleles, build, gff3_text, reverse_complement
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer
from varhouse.transcripts.genemodel import GeneModel
from varhouse.transcripts.geneticcode import AMINO_ACID

CDS1, INTRON, CDS2 = "ATGGCTTG", "GTAAG" + "C" * 40 + "TTCAG", "AAAAGGTTAGCTGTGA"
GENE = "CCACCC" + CDS1 + INTRON + CDS2 + "GGCTGACCTTTT"
EXONS = [(1, 14), (65, 92)]
CDS = [(7, 14), (65, 80)]
PLACES = {"TGA": (13, 65), "TAG": (72, 74)}


def mirror(pos: int) -> int:
    return len(GENE) + 1 - pos


def mirrored(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(mirror(b), mirror(a)) for a, b in parts[::-1]]


class Gene:
    """The gene on either strand; bases are given on the forward one."""

    def __init__(self, folder: Path, strand: str, annotation: list[Row] | str) -> None:
        self.strand, self.held = strand, GENE if strand == "+" else reverse_complement(GENE)
        self.model = build(folder, self.held, annotation)
        with OpenedReference(folder / "r.fa") as reference:
            self.describe = Describer(self.model, reference)

    def call(self, first: int, last: int, new: str) -> tuple[str, str, str | None]:
        """Terms, amino acids and p. name of bases first to last replaced by `new`."""
        if self.strand == "-":
            first, last, new = mirror(last), mirror(first), reverse_complement(new)
        old = self.held[first - 1 : last]
        anchor = "" if old and new else self.held[first - 2]
        frame = alleles((first - len(anchor), anchor + old, anchor + new))
        row = consequences(self.model, frame, describe=self.describe).row(0, named=True)
        name = row["hgvsp"]
        return row["consequence"], row["amino_acids"], name and name.split("p.")[1]


def ncbi(strand: str, codon: str = "TGA", aa: str = "Sec", comma: str = "%2C") -> list[Row]:
    """NCBI's form: the codon's bases in the file's order, `complement` on the reverse."""
    a, b = PLACES[codon]
    a, b = (a, b) if strand == "+" else (mirror(b), mirror(a))
    pos = f"{a}..{b}"
    if codon == "TGA":
        pos = "join(13..14,65)" if strand == "+" else f"join({a},{mirror(14)}..{b})"
    pos = pos if strand == "+" else f"complement({pos})"
    extra = f";transl_except=(pos:{pos}{comma}aa:{aa})"
    exons, cds = (EXONS, CDS) if strand == "+" else (mirrored(EXONS), mirrored(CDS))
    return rows(exons, cds, strand=strand, cds_extra=extra)


@pytest.fixture(params=["+", "-"])
def seleno(request: pytest.FixtureRequest, tmp_path: Path) -> Gene:
    return Gene(tmp_path / "m", request.param, ncbi(request.param))


def counts(model: GeneModel, *names: str) -> list[int]:
    return [model.meta["counts"][n] for n in names]


def test_33_selenocysteine_is_no_stop(seleno: Gene) -> None:
    """A change of the codon itself: Sec is a residue among others, its TAA a stop."""
    found = counts(seleno.model, "transcripts_with_transl_except", "codons_recoded")
    assert found == [1, 1]
    assert seleno.call(13, 13, "C") == (
        "missense_variant&splice_region_variant",
        "U/R",
        "Sec3Arg",
    )
    terms, residues, name = seleno.call(14, 14, "A")
    assert (terms, residues, name) == ("stop_gained&splice_region_variant", "U/*", "Sec3Ter")
    assert seleno.call(65, 65, "C")[1:] == ("U/C", "Sec3Cys")
    # The last codon is the stop it always was.
    assert seleno.call(80, 80, "C")[:2] == ("stop_lost", "*/C")


@pytest.mark.parametrize(
    ("first", "last", "new", "terms", "residues", "name"),
    [
        # In frame beside it, and of it.
        (66, 68, "", "inframe_deletion", "K/-", "Lys4del"),
        (10, 9, "GGG", "inframe_insertion", "-/G", "Met1_Ala2insGly"),
        (67, 66, "GGGGGG", "protein_altering_variant", "K/RGE", "Lys4delinsArgGlyGlu"),
        (10, 12, "", "inframe_deletion", "A/-", "Ala2del"),
        # Frames lost before it: its bases are read in another frame. Behind it: as they were.
        (10, 10, "", "frameshift_variant", "A/X", "Ala2LeufsTer?"),
        (66, 65, "C", "frameshift_variant", "-/X", "Lys4GlnfsTer?"),
        (69, 69, "", "frameshift_variant&splice", "G/X", "Gly5ValfsTer?"),
    ],
)  # fmt: skip
def test_33_indels_beside_a_selenocysteine(
    seleno: Gene, first: int, last: int, new: str, terms: str, residues: str, name: str
) -> None:
    found = seleno.call(first, last, new)
    assert (found[0].split("&")[0], *found[1:]) == (terms.split("&")[0], residues, name)


def test_33_indels_of_the_codon_itself(seleno: Gene) -> None:
    # The deleted A is shifted behind the codon; its terms are those of the place given.
    assert seleno.call(65, 65, "")[0].startswith("frameshift_variant")
    assert seleno.call(65, 65, "")[2] == "Gly5ValfsTer?"
    assert seleno.call(11, 13, "")[1:] == ("AU/G", "Ala2_Sec3delinsGly")
    terms, residues, name = seleno.call(14, 13, "C")
    assert (terms.split("&")[0], residues, name) == (
        "frameshift_variant",
        "U/SX",
        "Sec3SerfsTer?",
    )
    assert seleno.call(65, 66, "GC")[1:] == ("UK/WQ", "Sec3_Lys4delinsTrpGln")


def test_33_pyrrolysine(tmp_path: Path) -> None:
    gene = Gene(tmp_path / "m", "+", ncbi("+", "TAG", "Pyl", ","))
    assert counts(gene.model, "codons_recoded") == [1]
    assert gene.call(73, 73, "G")[1:] == ("O/W", "Pyl6Trp")
    assert gene.call(75, 77, "")[1:] == ("L/-", "Leu7del")


@pytest.mark.parametrize("aa", ["TERM", "Met", "OTHER"])
def test_28_other_exceptions_are_counted(tmp_path: Path, aa: str) -> None:
    """`aa:TERM` completes a stop codon by poly-A: the last codon stays incomplete."""
    short = [(7, 14), (65, 78)]
    extra = f";transl_except=(pos:78%2Caa:{aa});transl_table=2"
    gene = Gene(tmp_path / "m", "+", rows([(1, 14), (65, 78)], short, cds_extra=extra))
    assert counts(gene.model, "codons_recoded", "translation_exceptions_not_used") == [0, 1]
    assert (
        gene.call(78, 78, "C")[0]
        == "incomplete_terminal_codon_variant&coding_sequence_variant"
    )
    # Table 2 reads TGA as tryptophan: that is no exception.
    assert gene.call(13, 13, "C")[1] == "W/R"


def test_33_exception_that_names_no_such_codon_is_counted(tmp_path: Path) -> None:
    wrong = [(*r[:5], r[5].replace("13..14,65", "10..12")) for r in ncbi("+")]
    gene = Gene(tmp_path / "m", "+", wrong)
    assert counts(gene.model, "codons_recoded", "translation_exceptions_not_used") == [0, 1]


def gtf(tag: str = "", codon: bool = True) -> str:
    common = f'gene_id "G"; transcript_id "T"; gene_type "protein_coding";{tag}'
    parts = [("transcript", 1, 92), *(("exon", *e) for e in EXONS), ("CDS", 7, 14)]
    parts += [("CDS", 65, 77), ("stop_codon", 78, 80)]
    if codon:
        # A codon over two exons has a row in each.
        parts += [("Selenocysteine", 13, 14), ("Selenocysteine", 65, 65)]
    lines = (
        "\t".join(["c", "t", kind, str(a), str(b), ".", "+", "0", common])
        for kind, a, b in parts
    )
    return "\n".join(lines) + "\n"


def gff3_rows() -> str:
    """GENCODE's GFF3: a row for each part of the codon."""
    extra = [
        ("stop_codon_redefined_as_selenocysteine", a, b, "+", ".", "Parent=transcript:T")
        for a, b in ((13, 14), (65, 65))
    ]
    return gff3_text([*rows(EXONS, CDS), *extra])


@pytest.mark.parametrize(
    "annotation",
    [
        gtf(),
        gtf(' tag "seleno";', codon=False),
        gtf(' tag "basic"; tag "seleno";'),
        gff3_rows(),
        gff3_text(rows(EXONS, CDS, extra=";tag=basic,seleno")),
    ],
    ids=["rows", "tag", "both", "GFF3 rows", "GFF3 tag"],
)
def test_33_dialects(tmp_path: Path, annotation: str) -> None:
    gene = Gene(tmp_path / "m", "+", annotation)
    assert counts(gene.model, "codons_recoded", "translation_exceptions_not_used") == [1, 0]
    assert "feature:Selenocysteine" not in gene.model.meta["features_not_used"]
    assert gene.call(65, 65, "C")[1:] == ("U/C", "Sec3Cys")
    assert gene.call(80, 80, "C")[0] == "stop_lost"


def test_33_without_a_word_it_is_a_stop(tmp_path: Path) -> None:
    gene = Gene(tmp_path / "m", "+", rows(EXONS, CDS))
    assert gene.call(65, 65, "C")[0].startswith("stop_lost")


def test_33_selenoprotein_p_reads_through(data_dir: Path, tmp_path: Path) -> None:
    """NCBI's SELENOP: ten selenocysteines, one stop codon at the end."""
    own = data_dir / "hgvs" / "mutalyzer"
    with OpenedReference(own / "NM_005410.4.fasta") as reference:
        folder = compile_genes(own / "NM_005410.4.gff3", reference, tmp_path / "m")
        model = load_genes(folder)
    assert counts(model, "codons_recoded", "translation_exceptions_not_used") == [10, 0]
    protein = bytes(AMINO_ACID[1, model.codon]).decode()
    assert (protein.count("U"), protein.index("*")) == (10, len(protein) - 1)
