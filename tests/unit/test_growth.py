"""Cohorts of gVCFs that grow: the same as one build, and only what came is read."""

import json
import random
from pathlib import Path

import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.ingest.jobs import compaction, growcallable, intake, joinfiles
from varhouse.ingest.setup.run import Run
from varhouse.store.verify import verify

BASES = "".join(random.Random(3).choices("ACGT", k=700))
CONTIGS = {"c1": BASES, "X": BASES[::-1], "Y": BASES[100:500]}
POPULATIONS = ("north", "south", "")
HEADER = """##fileformat=VCFv4.2
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
"""


class People:
    """A folder of gVCFs of people, and the configuration that names some of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        path.write_text("".join(lines))
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

    def ingest(self, store: Path, files: list[str], people: list[str] | None = None) -> dict:
        """Bring a store up to what holds some files."""
        people = people or [f.removesuffix(".g.vcf").upper() for f in files]
        (self.folder / "list.txt").write_text("\n".join(files) + "\n")
        (self.folder / "cohorts.tsv").write_text("cohort\tfiles\nc\t@list.txt\n")
        rows = [
            f"c\t{p}\t{('female', 'male')[int(p[1:]) % 2]}\t{POPULATIONS[int(p[1:]) % 3]}"
            for p in people
        ]
        (self.folder / "samples.tsv").write_text(
            "\n".join(["cohort\tsample\tsex\tpopulation", *rows])
        )
        config = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv",
            "strata": ["sex", "population"],
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        return ingest_here(store, self.folder / "config.json", chunk_records=25)


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def _grown(account: dict) -> dict | None:
    assert not account["held_back"]
    return account["cohorts"][0].get("grown")


def _same(people: People, store: Path, files: list[str]) -> None:
    """Compare a store with one build of what it holds, table by table."""
    whole = store.with_name(f"whole-{len(list(store.parent.iterdir()))}")
    people.ingest(whole, files)
    one, other = varhouse.open(store), varhouse.open(whole)
    digests, wanted = one.record.table_digests(), other.record.table_digests()
    assert {n for n in wanted if digests.get(n) != wanted[n]} == set()
    assert one.digest() == other.digest()
    assert [str(p) for p in verify(one)] == []
    # Not of the content, as it follows from it: rows of people add up to the same.
    for part in CONTIGS:
        at = one.callability(f"{part}:1-700").rows()
        assert at == other.callability(f"{part}:1-700").rows()


def test_people_come_one_by_one_leave_and_are_replaced(people: People) -> None:
    store = people.folder / "s"
    names = [people.write(k) for k in range(8)]
    people.ingest(store, names[:3])
    steps = [
        (names[:4], {"came": 1, "replaced": 0, "gone": 0, "kept": 3}),
        (names[:7], {"came": 3, "replaced": 0, "gone": 0, "kept": 4}),
        (names[1:7], {"came": 0, "replaced": 0, "gone": 1, "kept": 6}),
        # In the freed number comes another one; and somebody with two who leave.
        (names[3:], {"came": 1, "replaced": 0, "gone": 2, "kept": 4}),
    ]
    for files, told in steps:
        assert _grown(people.ingest(store, files)) == told
        _same(people, store, files)
    people.write(4, seed=1)
    assert _grown(people.ingest(store, names[3:])) == {
        "came": 0, "replaced": 1, "gone": 0, "kept": 4,
    }  # fmt: skip
    _same(people, store, names[3:])
    assert people.ingest(store, names[3:])["up_to_date"]


def test_only_what_came_is_read(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    store = people.folder / "s"
    names = [people.write(k) for k in range(5)]
    people.ingest(store, names[:4])
    read: list[str] = []
    own = intake.take_in

    def take_in(run: Run, cohort: str, number: int, folder: Path) -> None:
        read.append(Path(run.cohort(cohort).files[number]).name)
        own(run, cohort, number, folder)

    monkeypatch.setattr(intake, "take_in", take_in)
    before = varhouse.open(store)
    kept = {t: set(before.file_frame(t)["path"]) for t in ("sites", "runs", "genotypes")}
    people.ingest(store, names)
    assert read == ["p4.g.vcf"]
    after = varhouse.open(store)
    for table, files in kept.items():
        assert files < set(after.file_frame(table)["path"])
    # People keep their numbers.
    rows = [s.samples().select("sample", "ordinal", "file").collect() for s in (before, after)]
    assert set(rows[0].rows()) < set(rows[1].rows())


def test_files_are_joined_and_windows_cut(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few files a partition, few rows at once: the same rows."""
    for module in (compaction, joinfiles):
        monkeypatch.setattr(module, "FILES", 4)
    monkeypatch.setattr("varhouse.ingest.jobs.growth.FILES", 4)
    monkeypatch.setattr("varhouse.ingest.jobs.growth.MERGE_ROWS", 50)
    monkeypatch.setattr(growcallable, "ROWS_AT_ONCE", 40)
    store = people.folder / "s"
    names = [people.write(k) for k in range(9)]
    people.ingest(store, names[:2])
    for n in range(3, 10):
        people.ingest(store, names[:n])
        found = varhouse.open(store)
        for table in ("sites", "runs", "carried"):
            by_part = found.file_frame(table).group_by("partition.part").len()
            assert by_part["len"].max() <= 4
    _same(people, store, names)
    people.ingest(store, names[4:])
    _same(people, store, names[4:])


def test_a_bad_new_file_leaves_the_cohort_as_it_was(people: People) -> None:
    store = people.folder / "s"
    names = [people.write(k) for k in range(4)]
    people.ingest(store, names[:3])
    content = varhouse.open(store).digest()
    path = people.folder / names[3]
    path.write_text(
        path.read_text().replace("\t50\t", "\tfifty five\t").replace("#CHROM", "CHROM")
    )
    for _ in range(2):
        account = people.ingest(store, names)
        assert account["held_back"][0]["stays"] == 3
        assert varhouse.open(store).digest() == content
    people.write(3)
    assert _grown(people.ingest(store, names))["came"] == 1
    _same(people, store, names)


@pytest.mark.parametrize("what", ["setting", "vcf", "shared", "several leave", "sex"])
def test_what_does_not_grow_is_replaced(people: People, what: str) -> None:
    """Another setting, a file that is no gVCF, people in two files: all is read."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    others = [f"P{k}" for k in range(3)]
    if what == "several leave":
        names.append(people.write(3, names=["P3", "P4"]))
        people.ingest(store, names, [*others, "P3", "P4"])
        assert _grown(people.ingest(store, names[:3])) is None
        _same(people, store, names[:3])
        return
    people.ingest(store, names)
    if what == "vcf":
        text = (people.folder / people.write(3)).read_text()
        rows = [r for r in text.splitlines() if "\t<NON_REF>" not in r]
        (people.folder / "p3.g.vcf").write_text(
            "\n".join(rows)
            .replace(",<NON_REF>", "")
            .replace("9,8,0", "9,8")
            .replace("0|2", "0|1")
            + "\n"
        )
    elif what == "shared":
        people.write(3, names=["P2"], seed=3)
    elif what == "setting":
        people.write(3)
        assert _grown(people.ingest(store, names[:2])) is not None
        config = json.loads((people.folder / "config.json").read_text())
        config["policy"] = {"pass_only": True}
        (people.folder / "config.json").write_text(json.dumps(config))
        account = ingest_here(store, people.folder / "config.json")
        assert _grown(account) is None
        return
    elif what == "sex":
        # The sheet says something else of a person: only this one is read again.
        sheet = people.folder / "samples.tsv"
        sheet.write_text(sheet.read_text().replace("c\tP1\tmale", "c\tP1\tfemale"))
        account = ingest_here(store, people.folder / "config.json")
        assert _grown(account) == {"came": 0, "replaced": 1, "gone": 0, "kept": 2}
        assert [str(p) for p in verify(varhouse.open(store))] == []
        return
    listed = [*others, *(["P3"] if what == "vcf" else [])]
    account = people.ingest(store, [*names, "p3.g.vcf"], listed)
    assert _grown(account) is None


def test_a_cohort_grows_beside_others(people: People) -> None:
    """Alleles of others stay when the last of this cohort leaves; totals are of all."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(4)]
    vcf = people.folder / "other.vcf"
    lines = (people.folder / names[0]).read_text().splitlines()
    head = [x for x in lines if x.startswith("#")]
    rows = [
        x.replace(",<NON_REF>", "").replace("9,8,0", "9,8").replace("0|2", "0/0")
        for x in lines
        if ",<NON_REF>" in x
    ]
    vcf.write_text("\n".join([*head, *rows]).replace("\tP0", "\tQ0") + "\n")

    def ingest(where: Path, files: list[str]) -> dict:
        people.ingest(people.folder / "unused", files[:1])
        (people.folder / "list.txt").write_text("\n".join(files) + "\n")
        (people.folder / "cohorts.tsv").write_text(
            "cohort\tfiles\nc\t@list.txt\no\tother.vcf\n"
        )
        sexes = ["c\tP0\tfemale\tnorth", "o\tQ0\tfemale\tnorth"] + [
            f"c\tP{k}\tmale\tsouth" for k in (1, 2, 3)
        ]
        listed = {f[1] for f in files}
        rows = [s for s in sexes if s.startswith("o") or s[3] in listed]
        (people.folder / "samples.tsv").write_text(
            "\n".join(["cohort\tsample\tsex\tpopulation", *rows])
        )
        return ingest_here(where, people.folder / "config.json", chunk_records=25)

    ingest(store, names[:3])
    for files in (names[1:3], names[1:], names[2:]):
        ingest(store, files)
        whole = people.folder / f"whole-{'-'.join(files)}"
        ingest(whole, files)
        one, other = varhouse.open(store), varhouse.open(whole)
        digests, wanted = one.record.table_digests(), other.record.table_digests()
        assert {n for n in wanted if digests.get(n) != wanted[n]} == set()
        assert [str(p) for p in verify(one)] == []
