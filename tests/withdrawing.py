"""Cohorts that people are withdrawn from, and builds of the same files without them."""

import json
import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from builders import make_fasta
from inprocess import ingest_here
from slow_without import without
from verifying import verify

import varhouse
from varhouse.ingest.setup.config import read_config
from varhouse.ingest.setup.storednames import stored_names
from varhouse.store.reader import Store

BASES = "".join(random.Random(9).choices("ACGT", k=900))
CONTIGS = {"c1": BASES, "c2": BASES[::-1], "X": BASES[200:700], "Y": BASES[100:500],
           "MT": BASES[300:600]}  # fmt: skip
META = """##fileformat=VCFv4.2
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=AN,Number=1,Type=Integer,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="x">
##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="x">
##ALT=<ID=DEL,Description="x">
##FILTER=<ID=q10,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
"""
META += "".join(f"##contig=<ID={c},length={len(b)}>\n" for c, b in CONTIGS.items())
OWN = ("path", "mtime_ns", "bytes", "md5", "sha256", "without", "fingerprint", "ingest_id",
       "problems")  # fmt: skip
"""Columns of `files` that are of the file as it lay there, or follow from that."""


def snv(contig: str, pos: int, nth: int = 0) -> tuple[str, str]:
    """Give REF and an ALT at a base."""
    ref = CONTIGS[contig][pos - 1]
    return ref, [b for b in "ACGT" if b != ref][nth]


def line(contig: str, pos: int, alts: int, cells: Sequence[str], form: str = "GT") -> str:
    """Make a record of SNVs; `cells` are of the sample columns."""
    ref = CONTIGS[contig][pos - 1]
    alt = ",".join(snv(contig, pos, k)[1] for k in range(alts))
    return "\t".join([contig, str(pos), f"rs{pos}", ref, alt, "9", "PASS", ".", form, *cells])


def vcf(names: Sequence[str], lines: Iterable[str]) -> str:
    """Make a VCF."""
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    return META + "\t".join([*columns, *names]) + "\n" + "".join(f"{x}\n" for x in lines)


def random_lines(
    names: Sequence[str],
    seed: int,
    contigs: Iterable[str] = CONTIGS,
    males: Iterable[str] = (),
    form: str = "GT",
) -> list[str]:
    """Make records: one ALT to three, many of them private to somebody, all kinds of calls."""
    rng = random.Random(seed)
    out = []
    for contig in contigs:
        for pos in sorted(rng.sample(range(20, len(CONTIGS[contig]) - 20), 12)):
            n = rng.choice([1, 1, 2, 3])
            cells = []
            for name in names:
                if contig in ("X", "Y", "MT") and name in set(males) and rng.random() < 0.7:
                    gt = rng.choice(["0", "1", ".", str(n)])
                else:
                    a, b = (rng.choice([0, 0, 0, 0, rng.randint(1, n)]) for _ in "ab")
                    gt = rng.choice([f"{a}/{b}", f"{a}|{b}", "./.", f"{a}/."])
                fields = {
                    "GT": gt,
                    "GQ": str(rng.choice([3, 19, 20, 60])),
                    "DP": str(rng.choice([4, 9, 10, 30])),
                    "AD": ",".join(str(rng.randint(0, 30)) for _ in range(n + 1)),
                }
                cells.append(":".join(fields[f] for f in form.split(":")))
            out.append(line(contig, pos, n, cells, form))
    return out


class Cohorts:
    """A folder of cohorts, their sheets and a configuration.

    Attributes
    ----------
    files
        Cohort to its files, name to text.
    people
        Rows of the sample sheet: cohort, sample, and what it says by column.
    settings
        Further keys of the configuration.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        make_fasta(folder / "ref.fa", CONTIGS)
        (folder / "par.bed").write_text("X\t0\t100\nY\t0\t100\n")
        self.files: dict[str, dict[str, str]] = {}
        self.people: list[dict[str, str]] = []
        self.metadata: dict[str, dict[str, str]] = {}
        self.settings = settings

    def add(
        self,
        cohort: str,
        files: Mapping[str, str],
        people: Mapping[str, Mapping[str, str]],
        **metadata: str,
    ) -> None:
        """Add a cohort; `people` is what the sheet says of each."""
        self.files[cohort] = dict(files)
        self.people += [{"cohort": cohort, "sample": s, **said} for s, said in people.items()]
        self.metadata[cohort] = metadata

    def write(
        self, folder: Path | None = None, goes: Mapping[str, Iterable[str]] | None = None
    ) -> Path:
        """Write all files and the configuration; gives the path of that.

        `goes` are people by cohort who do not stand in the sheet.
        """
        folder = folder or self.folder
        folder.mkdir(exist_ok=True)
        further = sorted({k for m in self.metadata.values() for k in m})
        rows = ["\t".join(["cohort", "files", *further])]
        for cohort, files in self.files.items():
            (folder / cohort).mkdir(exist_ok=True)
            for name, text in files.items():
                path = folder / cohort / name
                if not path.exists() or path.read_text() != text:
                    path.write_text(text)
            said = [self.metadata[cohort].get(k, "") for k in further]
            rows.append("\t".join([cohort, f"{cohort}/*", *said]))
        (folder / "cohorts.tsv").write_text("\n".join(rows) + "\n")
        columns = list(dict.fromkeys(k for p in self.people for k in p))
        sheet = ["\t".join(columns)]
        left = [p for p in self.people if p["sample"] not in (goes or {}).get(p["cohort"], ())]
        sheet += ["\t".join(p.get(c, "") for c in columns) for p in left]
        (folder / "samples.tsv").write_text("\n".join(sheet) + "\n")
        config = {
            "assembly": {"name": "toy", "reference": str(self.folder / "ref.fa"),
                         "par": str(self.folder / "par.bed")},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv", **self.settings,
        }  # fmt: skip
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        return path

    def ingest(self, store: Path) -> dict:
        """Ingest all cohorts as they are now."""
        config = read_config(self.write(), stored_names(store))
        return ingest_here(store, config)

    def build_without(self, name: str, goes: Mapping[str, Iterable[str]]) -> Path:
        """Build a store of the same files without some people of cohorts.

        Files of which nobody is left are not there; nor do they stand in the sheet.
        """
        folder = self.folder / name
        self.write(folder, goes)
        for cohort, people in goes.items():
            for path in sorted((folder / cohort).iterdir()):
                rows = path.read_text().splitlines()
                head = next(r for r in rows if r.startswith("#CHROM"))
                columns = head.split("\t")[9:]
                if columns and set(columns) <= set(people):
                    path.unlink()
                    continue
                path.write_text(without(path.read_text(), set(people) & set(columns)))
        store = folder / "store"
        account = ingest_here(store, folder / "config.json")
        assert account["held_back"] == []
        return store


def compare(one: Path, other: Path) -> None:
    """Check that a store after a withdrawal is as one build without the people."""
    a, b = varhouse.open(one), varhouse.open(other)
    mine, wanted = a.record.table_digests(), b.record.table_digests()
    rows = {t: (a.record.tables[t].rows, b.record.tables[t].rows) for t in wanted}
    differ = {t for t in wanted if mine[t] != wanted[t]} - {"files"}
    assert differ == set(), {t: (rows[t], _rows(a, t), _rows(b, t)) for t in differ}
    assert _files(a).equals(_files(b))
    problems = [str(p) for p in verify(a)]
    assert problems == []


def _rows(store: Store, table: str) -> list[tuple]:
    return store.scan(table).collect().rows()[:20]


def _files(store: Store) -> pl.DataFrame:
    """Give what `files` says but for the bytes of the files, and names in place of numbers."""
    names = store.scan("samples").select("cohort", "ordinal", "sample").collect()
    known = {(c, o): s for c, o, s in names.rows()}
    rows = store.scan("files").drop(OWN).sort("cohort", "name").collect()
    people = [
        [known[c, o] for o in of]
        for c, of in zip(rows["cohort"], rows["samples"].to_list(), strict=True)
    ]
    return rows.drop("file").with_columns(pl.Series("samples", people, pl.List(pl.String)))


def copy_store(store: Path, name: str) -> Path:
    """Copy a store beside itself."""
    out = store.with_name(name)
    shutil.copytree(store, out)
    return out
