"""Normalised names of other projects' cases: the change is carried out, and named again.

biocommons hgvs and mutalyzer normalise names; here the sequence change that a name makes
is given to the annotation as an allele, and its name must be the normalised one. Only
cases whose sequences are there, that are one change in a coding transcript, and that
expect an answer.
"""

import json
import re
from pathlib import Path

import polars as pl
from hgvs_reading import Transcript, edit_of

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer
from varhouse.transcripts.genemodel import EXON, GeneModel

_POSITION = r"[*-]?\d+(?:[+-]\d+)?"
_ONE_CHANGE = re.compile(
    rf"^(?P<where>{_POSITION}(?:_{_POSITION})?)(?P<what>"
    r"[ACGT]>[ACGT]|del[ACGT]*ins[ACGT]+|del[ACGT]*|dup[ACGT]*|ins[ACGT]+|inv)$"
)


def plain(change: str) -> str | None:
    """Leave out deleted and duplicated bases; None for what is not one change."""
    match = _ONE_CHANGE.match(change)
    if match is None:
        return None
    what = re.sub(r"^(del|dup)[ACGT]+", r"\1", match["what"])
    return match["where"] + what


class Named:
    """One transcript of a model, whose names can be carried out."""

    def __init__(self, model: GeneModel, name: str, genome: str, describe: Describer) -> None:
        self.model, self.name, self.genome, self.describe = model, name, genome, describe
        t = model.transcripts["transcript_id"].to_list().index(name)
        self.contig = model.transcripts["contig"][t]
        at = int(model.contig_start[model.contigs.index(self.contig)])
        segments = range(int(model.seg_ptr[t]), int(model.seg_ptr[t + 1]))
        exons = [
            (int(model.seg_start[s]) - at + 1, int(model.seg_end[s]) - at)
            for s in segments
            if model.seg_kind[s] == EXON
        ]
        low, high = int(model.cds_start[t]) - at + 1, int(model.cds_end[t]) - at
        cds = [(max(a, low), min(b, high)) for a, b in exons if a <= high and b >= low]
        self.transcript = Transcript(exons, cds, "+" if model.strand[t] > 0 else "-")

    def again(self, change: str) -> tuple[str, str | None] | None:
        """Name the allele that a change makes; None if a position is unknown."""
        try:
            first, last, new = edit_of(change, self.transcript, self.genome)
        except (KeyError, AssertionError):
            return None
        anchor = self.genome[first - 2] if first > 1 else ""
        old = self.genome[first - 1 : last]
        frame = pl.DataFrame(
            [(self.contig, first - len(anchor), anchor + old, anchor + new)],
            schema={"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String},
            orient="row",
        )
        rows = consequences(self.model, frame, describe=self.describe)
        rows = rows.filter(pl.col("transcript_id") == self.name)
        if not rows.height or rows["hgvsc"][0] is None:
            return "", None
        hgvsp = rows["hgvsp"][0]
        c = rows["hgvsc"][0].split(":c.")[1]
        return c, hgvsp.split(":p.")[1] if hgvsp else None


def cases(folder: Path) -> list[dict[str, object]]:
    found = json.loads((folder / "cases.json").read_text())["cases"]
    return [c for c in found if c["to_test"] and c.get("normalized")]


def test_biocommons(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "hgvs" / "ferro" / "biocommons-normalize"
    held = json.loads((folder / "reference-windows.json").read_text())["transcripts"]
    held = [t for t in held if t["sequence"] and t.get("cds_start")]
    (tmp_path / "r.fa").write_text("".join(f">{t['id']}\n{t['sequence']}\n" for t in held))
    lines = ["##gff-version 3"]
    for t in held:
        name, n = t["id"], len(t["sequence"])
        for kind, a, b, phase, more in (
            ("gene", 1, n, ".", f"ID=gene:{name}"),
            ("transcript", 1, n, ".", f"ID=transcript:{name};Parent=gene:{name}"),
            ("exon", 1, n, ".", f"Parent=transcript:{name}"),
            ("CDS", t["cds_start"], t["cds_end"], "0", f"Parent=transcript:{name}"),
        ):
            lines.append("\t".join([name, "t", kind, str(a), str(b), ".", "+", phase, more]))
    (tmp_path / "g.gff3").write_text("\n".join(lines) + "\n")
    wrong, compared = [], 0
    with OpenedReference(tmp_path / "r.fa") as reference:
        model = load_genes(compile_genes(tmp_path / "g.gff3", reference, tmp_path / "m"))
        describe = Describer(model, reference)
        sequences = {t["id"]: t["sequence"] for t in held}
        for case in cases(folder):
            name, change = str(case["input"]).split(":")
            if name not in sequences or case["shuffle_direction"] != "3prime":
                continue
            text = plain(change.removeprefix("c."))
            if not case["cross_boundaries"] or text is None:
                continue
            got = Named(model, name, sequences[name], describe).again(text)
            assert got is not None
            compared += 1
            if f"{name}:c.{got[0]}" != case["normalized"]:
                wrong.append((case["input"], case["normalized"], got[0]))
    assert compared == 26
    # What is inserted behind a transcript's last base or before its first is outside it.
    assert {w[0] for w in wrong} == {
        "NM_001001656.1:c.945dup",
        "NM_212556.2:c.1400_1401insAC",
        "NM_212556.2:c.1delinsCA",
    }
    assert {w[2] for w in wrong} <= {"", "1400_1401insAC"}


def _mutalyzer(folder: Path, name: str, out: Path) -> dict[str, Named]:
    """Transcripts of one reference of mutalyzer."""
    lines = (folder / f"{name}.fasta").read_text().split("\n")
    genome = "".join(x for x in lines if not x.startswith(">"))
    out.mkdir()
    (out / "r.fa").write_text(f">{name}\n{genome}\n")
    (out / "g.gff3").write_text((folder / f"{name}.gff3").read_text())
    with OpenedReference(out / "r.fa") as reference:
        model = load_genes(compile_genes(out / "g.gff3", reference, out / "m"))
        describe = Describer(model, reference)
    names = model.transcripts.filter(pl.Series(model.coding))["transcript_id"]
    return {n: Named(model, n, genome, describe) for n in names}


def test_mutalyzer(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "hgvs" / "mutalyzer"
    wrong_c, wrong_p, compared, proteins = [], [], 0, 0
    models: dict[str, dict[str, Named]] = {}
    for case in cases(data_dir / "hgvs" / "ferro" / "mutalyzer-normalize"):
        if case.get("errors") or case.get("accepted_divergence"):
            continue
        match = re.match(r"^([^(:]+)(?:\(([^)]+)\))?:c\.(.+)$", str(case["input"]))
        if match is None or match[1][0] != "N" or not (folder / f"{match[1]}.gff3").exists():
            continue
        text = plain(match[3])
        if text is None:
            continue
        if match[1] not in models:
            models[match[1]] = _mutalyzer(folder, match[1], tmp_path / match[1])
        named = models[match[1]].get(match[2] or match[1])
        if named is None:
            continue
        got = named.again(text)
        if got is None:
            continue
        compared += 1
        expected = str(case["normalized"]).split(":c.")[-1]
        if got[0] != expected:
            wrong_c.append((case["input"], expected, got[0]))
        p = str(case.get("protein_description", ""))
        if ":p." in p:
            proteins += 1
            theirs = p.split(":p.")[1].strip("()").replace("*", "Ter")
            if theirs != (got[1] or ""):
                wrong_p.append((case["input"], theirs, got[1]))
    assert (compared, proteins) == (16, 4)
    # Mutalyzer counts repeats.
    assert wrong_c == [("NG_012337.1(NM_012459.2):c.6delinsCCCC", "6C[4]", "6_7insCCC")]
    assert wrong_p == []
