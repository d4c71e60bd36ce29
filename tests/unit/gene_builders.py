"""Tiny references and annotations, written out so that a test can be read."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import OpenedReference
from varhouse.transcripts.genemodel import GeneModel

Row = tuple[str, int, int, str, str, str]
"""type, start, end (1-based), strand, phase, attributes."""


def reverse_complement(sequence: str) -> str:
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    path.write_text("".join(f">{n}\n{s}\n" for n, s in sequences.items()))
    return path


def gff3_text(rows: Sequence[Row], contig: str = "c") -> str:
    lines = ["##gff-version 3"]
    for kind, start, end, strand, phase, attributes in rows:
        fields = [contig, "t", kind, str(start), str(end), ".", strand, phase, attributes]
        lines.append("\t".join(fields))
    return "\n".join(lines) + "\n"


def transcript_rows(
    exons: Sequence[tuple[int, int]],
    cds: Sequence[tuple[int, int]] = (),
    *,
    name: str = "T",
    gene: str = "G",
    strand: str = "+",
    biotype: str = "protein_coding",
    phase: int = 0,
    extra: str = "",
    cds_extra: str = "",
) -> list[Row]:
    """Gene, transcript, exon and CDS rows of one transcript (Ensembl style)."""
    low, high = exons[0][0], exons[-1][1]
    rows: list[Row] = [
        ("gene", low, high, strand, ".", f"ID=gene:{gene};Name=N{gene};biotype={biotype}"),
        (
            "transcript",
            low,
            high,
            strand,
            ".",
            f"ID=transcript:{name};Parent=gene:{gene};biotype={biotype}{extra}",
        ),
    ]
    rows += [("exon", a, b, strand, ".", f"Parent=transcript:{name}") for a, b in exons]
    done = 0
    for a, b in cds if strand == "+" else cds[::-1]:
        frame = phase if not done else (phase - done) % 3
        text = f"ID=CDS:P{name};Parent=transcript:{name}{cds_extra}"
        rows.append(("CDS", a, b, strand, str(frame), text))
        done += b - a + 1
    return rows


def build(
    folder: Path,
    sequences: dict[str, str] | str,
    annotation: Sequence[Row] | str,
    contigs: Contigs | None = None,
) -> GeneModel:
    """Compile a model of a reference (one sequence: contig `c`) and an annotation."""
    held = {"c": sequences} if isinstance(sequences, str) else sequences
    text = annotation if isinstance(annotation, str) else gff3_text(annotation)
    folder.mkdir(exist_ok=True)
    (folder / "genes.txt").write_text(text)
    with OpenedReference(write_fasta(folder / "r.fa", held), contigs) as reference:
        return load_genes(compile_genes(folder / "genes.txt", reference, folder / "model"))


def alleles(*rows: tuple[int, str, str], contig: str = "c") -> pl.DataFrame:
    return pl.DataFrame(
        [(contig, *row) for row in rows],
        schema={"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String},
        orient="row",
    )


def call(
    model: GeneModel,
    pos: int,
    ref: str,
    alt: str,
    name: str = "T",
    contig: str = "c",
    as_vep: bool = False,
) -> dict[str, object]:
    """Give the one row of an allele on a transcript; empty when there is none."""
    rows = consequences(model, alleles((pos, ref, alt), contig=contig), as_vep=as_vep)
    rows = rows.filter(pl.col("transcript_id") == name)
    assert rows.height <= 1
    return rows.to_dicts()[0] if rows.height else {}


def terms(model: GeneModel, pos: int, ref: str, alt: str, name: str = "T") -> str:
    return str(call(model, pos, ref, alt, name).get("consequence", ""))
