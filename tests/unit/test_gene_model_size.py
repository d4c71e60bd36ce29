"""The made-up annotation of human shape, and its model against plain Python."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from varhouse.genes import compile_genes
from varhouse.genome.reference import OpenedReference
from varhouse.transcripts.genemodel import load_genes

ROOT = Path(__file__).parents[2]
N, LENGTH = 300, 160_020
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("b", ROOT / "scripts/benchmark_genes.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_model_of_the_measured_annotation(script: ModuleType, tmp_path: Path) -> None:
    """Every spliced sequence and codon, read from the text without varhouse."""
    gff, fasta = tmp_path / "genes.gff3", tmp_path / "genome.fa"
    script.write_genome(fasta, LENGTH)
    made = script.write_annotation(gff, N, LENGTH)
    assert made["transcripts"] == N
    assert made["genes"] == 72
    with OpenedReference(fasta) as reference:
        model = load_genes(compile_genes(gff, reference, tmp_path / "m"))
    assert model.n_transcripts == N
    left_out = {k: v for k, v in model.meta["counts"].items() if v}
    assert left_out == {}
    genome = {
        c.split("\n", 1)[0]: "".join(c.split("\n")[1:])
        for c in fasta.read_text().split(">")[1:]
    }
    lines = [x.split("\t") for x in gff.read_text().splitlines() if x[0] != "#"]
    rows = model.transcripts.with_row_index()
    number = dict(rows.select("transcript_id", "index").iter_rows())
    sequences: dict[tuple[str, int], str] = {}
    for kind in ("exon", "CDS"):
        parts = sorted(
            (int(f[3]), int(f[4]), f[0], f[6], f[8].split("transcript:")[1].split(";")[0])
            for f in lines
            if f[2] == kind
        )
        for t in {p[4] for p in parts}:
            own = [p for p in parts if p[4] == t]
            text = "".join(genome[c][a - 1 : b] for a, b, c, _, _ in own)
            text = text[::-1].translate(COMPLEMENT) if own[0][3] == "-" else text
            sequences[kind, number[t]] = text
    letters = np.frombuffer(b"ACGT", np.uint8)
    assert sum(k == "CDS" for k, _ in sequences) == int(model.coding.sum()) > 100
    for (kind, t), text in sequences.items():
        if kind == "exon":
            at = int(model.cdna_ptr[t])
            codes = model.cdna[at : at + int(model.cdna_length[t])]
            assert letters[codes].tobytes().decode() == text
        else:
            assert len(text) % 3 == 0
            at = int(model.codon_ptr[t])
            codes = model.codon[at : at + len(text) // 3]
            triplets = np.stack([codes >> 4, codes >> 2 & 3, codes & 3], axis=1)
            assert letters[triplets].tobytes().decode() == text


def test_shape_of_the_measured_annotation(script: ModuleType, tmp_path: Path) -> None:
    """Rows for each transcript as in Ensembl's human annotation: 6 exons, 3.6 CDS rows."""
    made = script.write_annotation(tmp_path / "g.gff3", 5_000, 600_000)
    assert 5.7 < made["exons"] / 5_000 < 6.3
    assert 3.3 < made["cds_rows"] / 5_000 < 3.9
    lines = [x.split("\t") for x in (tmp_path / "g.gff3").read_text().splitlines()[1:]]
    assert {f[7] for f in lines if f[2] == "CDS"} == {"0", "1", "2"}
