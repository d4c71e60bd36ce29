"""gVCFs and VCFs of people who share alleles, and the configuration of a cohort of some."""

import json
import random
from collections.abc import Collection
from pathlib import Path

from builders import make_fasta
from inprocess import ingest_here

BASES = "".join(random.Random(3).choices("ACGT", k=700))
CONTIGS = {"c1": BASES, "X": BASES[::-1], "Y": BASES[100:500]}
POPULATIONS = ("north", "south", "")
BATCHES = ("1", "2", "", "1")
"""A column that only the sheet knows."""
HEADER = """##fileformat=VCFv4.2
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
"""


def without_blocks(text: str) -> str:
    """Leave of a gVCF what a VCF of variants has; of some blocks the first base stays."""
    rows = []
    for k, line in enumerate(text.splitlines()):
        row = line.split("\t")
        if line.startswith("#") or row[4] != "<NON_REF>":
            line = line.replace(",<NON_REF>", "").replace(":9,8,0", ":9,8")
            rows.append(line.replace("0|2:", "0|1:"))
        elif k % 5 == 0:
            rows.append("\t".join([*row[:4], ".", *row[5:7], ".", *row[8:]]))
    return "\n".join(rows) + "\n"


class People:
    """A folder of gVCFs of people, and the configuration that names some of them.

    Those whose numbers are in `plain` have a VCF of their variants instead.
    """

    def __init__(self, folder: Path, plain: Collection[int] = ()) -> None:
        self.folder = folder
        self.plain = plain
        make_fasta(folder / "ref.fa", CONTIGS)
        rng = random.Random(8)
        # Alleles that people share: SNVs, deletions, insertions to be left-aligned.
        self.sites = [
            (c, p)
            for c, b in CONTIGS.items()
            for p in sorted(rng.sample(range(20, len(b) - 20), 14))
        ]

    def write(self, number: int, *, names: list[str] | None = None, seed: int = 0) -> str:
        """Write the gVCF of a person, or of several."""
        rng = random.Random(f"{number} {seed}")
        names = names or [f"P{number}"]
        male = number % 2 == 1
        meta = HEADER + "".join(
            f"##contig=<ID={c},length={len(b)}>\n" for c, b in CONTIGS.items()
        )
        columns = "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT", *names])
        lines = [meta + columns.replace(" ", "\t") + "\n"]
        for contig, bases in CONTIGS.items():
            held = [p for c, p in self.sites if c == contig and rng.random() < 0.5]
            at = 1
            for pos in [*held, len(bases) + 1]:
                while at < pos:
                    end = min(pos - 1, at + rng.randrange(60))
                    if rng.random() < 0.9:
                        lines.append(
                            self._line(
                                contig,
                                at,
                                bases[at - 1],
                                "<NON_REF>",
                                f"END={end}",
                                rng,
                                names,
                            )
                        )
                    at = end + 1
                if pos > len(bases) or pos < at:
                    continue
                ref = bases[pos - 1 : pos + 2] if pos % 3 == 0 else bases[pos - 1]
                alt = ref[0] if len(ref) > 1 else "ACGT"[("ACGT".index(ref) + pos % 3) % 4]
                alt = f"{ref}{ref}" if alt == ref else alt
                haploid = male and contig != "c1" and rng.random() < 0.5
                lines.append(
                    self._line(
                        contig,
                        pos,
                        ref,
                        f"{alt},<NON_REF>",
                        ".",
                        rng,
                        names,
                        haploid,
                        f"rs{pos}" if pos % 2 else ".",
                    )
                )
                at = pos + len(ref)
        path = self.folder / f"p{number}.g.vcf"
        path.write_text(
            without_blocks("".join(lines)) if number in self.plain else "".join(lines)
        )
        return path.name

    @staticmethod
    def _line(contig, pos, ref, alt, info, rng, names, haploid=False, id_=".") -> str:
        gts = (
            ["0/0"]
            if alt == "<NON_REF>"
            else ["0", "1", "."]
            if haploid
            else ["0/1", "1/1", "0/1", "./.", "0/0", "0|2"]
        )
        cells = [
            f"{rng.choice(gts)}:{rng.choice([0, 4, 12, 30])}:{rng.choice([0, 9, 25, 99])}:"
            + ("." if alt == "<NON_REF>" else "9,8,0")
            for _ in names
        ]
        return (
            "\t".join(
                [contig, str(pos), id_, ref, alt, "50", ".", info, "GT:DP:GQ:AD", *cells]
            )
            + "\n"
        )

    def configure(self, files: list[str], people: list[str] | None = None) -> None:
        """Write the configuration of a cohort of some files."""
        people = people or [f.removesuffix(".g.vcf").upper() for f in files]
        (self.folder / "list.txt").write_text("\n".join(files) + "\n")
        (self.folder / "cohorts.tsv").write_text("cohort\tfiles\nc\t@list.txt\n")
        rows = [
            f"c\t{p}\t{('female', 'male')[n % 2]}\t{POPULATIONS[n % 3]}\t{BATCHES[n % 4]}"
            for p, n in ((p, int(p[1:])) for p in people)
        ]
        (self.folder / "samples.tsv").write_text(
            "\n".join(["cohort\tsample\tsex\tpopulation\tbatch", *rows])
        )
        config = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv",
            "strata": ["sex", "population", "sex+batch"],
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))

    def ingest(self, store: Path, files: list[str], people: list[str] | None = None) -> dict:
        """Bring a store up to what holds some files, each cut into two pieces at least."""
        self.configure(files, people)
        # A gVCF has 71 records or more, a VCF 27 or more; each piece costs time.
        records = [(self.folder / f).read_text().count("\tGT:") for f in files]
        cut = 25 if any(1 < n <= 60 for n in records) else 60
        return ingest_here(store, self.folder / "config.json", chunk_records=cut)
