"""Cases of gVCFs in one store, and where it says something else than their goldens.

Cases reuse contigs and disagree about their bases, so each is moved to contigs of its own: its
records keep their distances, INFO/END follows, and the reference is N but where a REF says a
base. In made-up cases blocks contradict variants; then the variant's REF holds, and the block
gets its base. Nothing else of a line changes.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from builders import make_fasta
from gvcf_cases import NO_SEQUENCE, Case, rows_of, samples_of, wanted
from inprocess import ingest_here

import varhouse

GAP = 100_000
"""Records of a contig further apart than this go to contigs of their own."""
MARGIN = 100
"""Bases of N before the first record of a contig, and behind the last."""
COUNTS = ("n_samples", "an", "an_written", "an_adj", "n_missing")
"""Counts of table `callable` that are asked for here."""


class Moved(NamedTuple):
    """Cases on contigs of their own, the bases of these contigs, and where each came from.

    Base p of contig c was base `origin[c][1]` + p of contig `origin[c][0]`.
    """

    cases: list[Case]
    genome: dict[str, str]
    origin: dict[str, tuple[str, int]]


def move(cases: Sequence[Case]) -> Moved:
    """Move each cohort to contigs of its own: `COHORT.CONTIG` and, after a gap, `.2`."""
    moved, genome, origin = [], {}, {}
    cohorts: dict[tuple[str, ...], str] = {}
    for case in cases:
        cohort = cohorts.setdefault(tuple(case.files.values()), case.name)
        pieces = _pieces(case, cohort)
        for piece in pieces:
            genome[piece.name] = stamped(case.files.values(), *piece[:3])
            origin[piece.name] = piece.contig, piece.low
        files = {k: _moved_text(v, pieces, genome) for k, v in case.files.items()}
        golden = _moved_text(case.golden, pieces, genome)
        moved.append(replace(case, files=files, golden=golden, cohort=cohort))
    return Moved(moved, genome, origin)


def stamped(texts: Iterable[str], contig: str, low: int, length: int) -> str:
    """Give bases low + 1 .. low + length of a contig: N but where a REF says a base.

    Where REFs differ that of a variant holds, and of several the first.
    """
    out = bytearray(b"N" * length)
    rows = [row for text in texts for row in rows_of(text) if row[0] == contig]
    for row in sorted(rows, key=_is_block):
        at = int(row[1]) - low - 1
        for i, base in enumerate(row[3].upper().encode(), at):
            if 0 <= i < length and out[i : i + 1] == b"N":
                out[i] = base
    return out.decode()


def _is_block(row: list[str]) -> bool:
    return all(NO_SEQUENCE.match(a) for a in row[4].split(","))


class _Piece(NamedTuple):
    """Bases low + 1 .. low + length of a contig (1-based) under a name of their own."""

    contig: str
    low: int
    length: int
    name: str

    def holds(self, contig: str, pos: int) -> bool:
        return contig == self.contig and self.low < pos <= self.low + self.length


def _last(row: list[str]) -> int:
    found = re.search(r"(?:^|;)END=(\d+)", row[7])
    return max(int(row[1]) + len(row[3]) - 1, int(found.group(1)) if found else 0)


def _pieces(case: Case, cohort: str) -> list[_Piece]:
    spans: dict[str, list[tuple[int, int]]] = {}
    for text in case.files.values():
        for row in rows_of(text):
            spans.setdefault(row[0], []).append((int(row[1]), _last(row)))
    pieces = []
    for contig, found in spans.items():
        clusters: list[list[int]] = []
        for first, last in sorted(found):
            if clusters and first <= clusters[-1][1] + GAP:
                clusters[-1][1] = max(clusters[-1][1], last)
            else:
                clusters.append([first, last])
        for number, (first, last) in enumerate(clusters, 1):
            low = max(first - 1 - MARGIN, 0)
            name = f"{cohort}.{contig}" + (f".{number}" if number > 1 else "")
            pieces.append(_Piece(contig, low, last - low + MARGIN, name))
    return pieces


def _moved_text(text: str, pieces: Sequence[_Piece], genome: Mapping[str, str]) -> str:
    declared = set(re.findall(r"^##contig=<ID=([^,>]*)", text, re.MULTILINE))
    out = []
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("#CHROM"):
            out += [
                f"##contig=<ID={p.name},length={p.length}>"
                for p in pieces
                if p.contig in declared
            ]
        if line.startswith("#"):
            if not line.startswith(("##contig=", "##reference=")):
                out.append(line)
        elif line.strip():
            out.append(_moved_row(line, pieces, genome))
    return "\n".join(out) + "\n"


def _moved_row(line: str, pieces: Sequence[_Piece], genome: Mapping[str, str]) -> str:
    row = line.split("\t")
    piece = next((p for p in pieces if p.holds(row[0], int(row[1]))), None)
    if piece is None:  # only a golden has such records
        return line
    low = piece.low
    row[0], row[1] = piece.name, str(int(row[1]) - low)
    row[7] = re.sub(
        r"(^|;)(END|BEG)=(\d+)", lambda m: f"{m[1]}{m[2]}={int(m[3]) - low}", row[7]
    )
    if _is_block(row) and len(row[3]) == 1 and row[3] in "ACGT":
        row[3] = genome[row[0]][int(row[1]) - 1]
    return "\t".join(row)


class Difference(NamedTuple):
    """Where a case and the store do not say the same, in the case's own coordinates.

    `theirs` and `ours` are copies of the allele / called alleles, of a record without an
    allele the called alleles alone. Bases that stand side by side and differ alike are one
    row (`last`).
    """

    case: str
    contig: str
    pos: int
    last: int
    ref: str
    alt: str
    person: str
    theirs: str
    ours: str
    reason: str


class Answers:
    """A store of cases: each cohort with its files, and each person a stratum.

    Attributes
    ----------
    account
        What the ingest says.
    held_back
        By cohort, why it did not go in.
    store
        The store, opened.
    """

    def __init__(self, folder: Path, moved: Moved, **config: Any) -> None:
        self.moved = moved
        self.cohorts = {case.cohort: case for case in moved.cases}
        self.folder = folder
        self._write(config)
        self.account = ingest_here(folder / "store", folder / "config.json")
        self.held_back = {
            held["cohort"]: " ".join(held["reasons"]) for held in self.account["held_back"]
        }
        self.store = varhouse.open(folder / "store")
        rows = self.store.scan("frequencies").select(
            "contig", "pos", "ref", "alt", "stratum", "ac", "an"
        )
        self._alleles = {row[:5]: row[5:] for row in rows.collect().rows()}
        stretches = self.store.scan("callable").select(
            "contig", "stratum", "start", "end", *COUNTS
        )
        self._stretches: dict[tuple[str, str], list[tuple[int, ...]]] = {}
        for contig, stratum, *stretch in stretches.collect().rows():
            self._stretches.setdefault((contig, stratum), []).append(tuple(stretch))

    def _write(self, config: dict[str, Any]) -> None:
        make_fasta(self.folder / "ref.fa", self.moved.genome)
        cohorts, people = ["cohort\tfiles"], ["cohort\tsample\tperson"]
        for name, case in self.cohorts.items():
            paths = []
            for file, text in case.files.items():
                paths.append(f"{name}/{file}.vcf")
                path = self.folder / paths[-1]
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
                people += [f"{name}\t{s}\t{s}" for s in samples_of(text)]
            cohorts.append(f"{name}\t{','.join(paths)}")
        (self.folder / "cohorts.tsv").write_text("\n".join(cohorts) + "\n")
        (self.folder / "samples.tsv").write_text("\n".join(dict.fromkeys(people)) + "\n")
        whole = {
            "assembly": {"name": "cases", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv",
            "samples": "samples.tsv",
            "strata": ["person"],
            "policy": {"unchecked_ref": "store", "max_ref_mismatch_rate": 1},
        }
        (self.folder / "config.json").write_text(json.dumps(whole | config))

    def found(
        self, contig: str, pos: int, ref: str, alt: str, stratum: str = "all"
    ) -> tuple[int, int]:
        """Give the copies of an allele and the called alleles at its place."""
        row = self._alleles.get((contig, pos, ref, alt, stratum))
        return row or (0, self.at(contig, pos, stratum)["an"])

    def at(self, contig: str, pos: int, stratum: str = "all") -> dict[str, int]:
        """Give the counts at a base, by the table `callable`: the sum of the rows over it."""
        over = [
            counts
            for start, end, *counts in self._stretches.get((contig, stratum), [])
            if start <= pos <= end
        ]
        return {name: sum(c[i] for c in over) for i, name in enumerate(COUNTS)}

    def an(self, contig: str, first: int, last: int | None = None) -> list[int]:
        """Give `an` at each base of a stretch, of everybody."""
        return [self.at(contig, p)["an"] for p in range(first, (last or first) + 1)]

    def compare(self, *, likeliest: bool = False) -> tuple[int, list[Difference]]:
        """Compare all cases that went in: the number of comparisons, and what differs."""
        compared, out = 0, []
        for case in self.moved.cases:
            if case.cohort in self.held_back:
                continue
            for w in wanted(case, self.moved.genome, likeliest=likeliest):
                compared += 1
                if w.alt:
                    ours = self.found(w.contig, w.pos, w.ref, w.alt, w.person)
                    texts = f"{w.copies}/{w.called}", f"{ours[0]}/{ours[1]}"
                else:
                    called = self.at(w.contig, w.pos, w.person)["an"]
                    texts = str(w.called), str(called)
                if texts[0] != texts[1]:
                    contig, low = self.moved.origin[w.contig]
                    place = (w.pos + low, w.pos + low, w.ref if w.alt else ".", w.alt or ".")
                    found = Difference(case.name, contig, *place, w.person, *texts, w.reason)
                    out.append(found)
        return compared, _joined(out)


def _joined(differences: list[Difference]) -> list[Difference]:
    out: list[Difference] = []
    for d in sorted(differences, key=lambda d: (d.case, d.person, d.contig, d.pos, d.alt)):
        same = out and out[-1]._replace(pos=d.pos, last=d.last) == d
        if same and d.alt == "." and out[-1].last + 1 == d.pos:
            out[-1] = out[-1]._replace(last=d.last)
        else:
            out.append(d)
    return out


# --- small cohorts ---

META = """\
##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="x">
##FILTER=<ID=RefCall,Description="x">
##FILTER=<ID=LowDepth,Description="x">
##FILTER=<ID=weak_evidence,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
##FORMAT=<ID=SQ,Number=1,Type=Float,Description="x">
"""
CONTIGS = {"c1": 1000, "c2": 1000}


def gvcf(person: str, *rows: str, contigs: Mapping[str, int] = CONTIGS) -> str:
    """Give a gVCF of one person, or of several whose names blanks divide.

    Rows are CHROM POS REF ALT FILTER INFO FORMAT and a cell for each person.
    """
    lines = [f"##contig=<ID={name},length={length}>" for name, length in contigs.items()]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines.append("\t".join([*columns, *person.split()]))
    for row in rows:
        contig, pos, ref, alt, *rest = row.split()
        lines.append("\t".join([contig, pos, ".", ref, alt, ".", *rest]))
    return META + "\n".join(lines) + "\n"


def cohort(
    folder: Path,
    contigs: Mapping[str, int] = CONTIGS,
    bases_of: Iterable[str] = (),
    **files: str,
) -> Answers:
    """Ingest some gVCFs as the cohort `x`, each a file of its own.

    The reference has the bases that their REFs say, or those of `bases_of`, other gVCFs.
    """
    texts = list(bases_of) or list(files.values())
    genome = {c: stamped(texts, c, 0, length) for c, length in contigs.items()}
    return Answers(folder, Moved([Case("x", files, "", "x")], genome, {}))
