"""The assembly of an ingest: what the package, the FASTA and the store say of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta, make_vcf
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.errors import ConfigError, StoreError
from varhouse.genome import shipped as package
from varhouse.genome.assemblies import BUILDS
from varhouse.genome.contigs import Contig
from varhouse.genome.shipped import Shipped, find_shipped, match_contigs, tell_assembly
from varhouse.ingest import driver
from varhouse.ingest.driver import open_or_init
from varhouse.ingest.setup.assembly import settle_assembly
from varhouse.ingest.setup.config import check_config, read_config
from varhouse.ingest.setup.prepare import prepare
from varhouse.store import commit as commit_module
from varhouse.store.lock import store_lock

GRCH38 = {f"chr{n}": size for n, size in BUILDS["GRCh38 (hg38)"].items()}
GRCH37 = dict(BUILDS["GRCh37 (hg19)"])
BASES = {"1": "ACGTTGCAAC" * 9, "X": "GATTACAGAT" * 8, "MT": "ACGT" * 5, "odd": "TTGACA" * 4}


def own(lengths: dict[str, int]) -> list[Contig]:
    return [Contig(n, [], None, size, f"SQ.{n}") for n, size in lengths.items()]


# --- what a FASTA is of ---


@pytest.mark.parametrize(
    ("name", "known"),
    [("GRCh38", "GRCh38"), ("hg38", "GRCh38"), ("GRCh38.p14", "GRCh38"), ("hg19", "GRCh37"),
     ("b37", "GRCh37"), ("hs37d5", "GRCh37"), ("T2T-CHM13v2.0", "T2T-CHM13v2.0"),
     ("hs1", "T2T-CHM13v2.0"), ("mm10", None), ("DEMO1", None), ("", None)],
)  # fmt: skip
def test_an_assembly_of_the_package_is_found_by_any_name(name: str, known: str | None) -> None:
    found = find_shipped(name)
    assert (found and found.name) == known
    assert found is None or (found.aliases.is_file() and found.par.is_file())


def test_lengths_show_what_a_fasta_is_of() -> None:
    told = [tell_assembly(own(x)) for x in (GRCH38, GRCH37, {"chr21": GRCH38["chr21"]})]
    assert [t and t.name for t in told] == ["GRCh38", "GRCh37", "GRCh38"]
    assert tell_assembly(own({"c1": 900})) is None
    # The mitochondrion is that of GRCh37 and of GRCh38.
    assert tell_assembly(own({"chrM": 16_569})) is None
    # A chromosome of another assembly among those of this one.
    assert tell_assembly(own({**GRCH38, "chr5": GRCH37["5"]})) is None


def test_contigs_beside_the_table_keep_their_names() -> None:
    lengths = {**GRCH37, "MT": 16_569, "hs37d5": 35_477_943}
    match = match_contigs(find_shipped("b37"), own(lengths))
    assert not match.is_table
    assert match.contigs.names[:2] == ["chr1", "chr2"]
    assert match.contigs.names[-1] == "hs37d5"
    assert match.contigs.canonical("22") == match.contigs.canonical("NC_000022.10") == "chr22"
    # The digests of this FASTA are not those of the table.
    assert match.others == [f"chr{n}" for n in (*range(1, 23), "X", "Y", "M")]
    assert match.contigs.by_name["chr1"].refget is None
    ucsc = {f"chr{n}": size for n, size in GRCH37.items()} | {"chrM": 16_571}
    match = match_contigs(find_shipped("hg19"), own(ucsc))
    assert match.contigs.by_name["chrM"] == Contig("chrM", [], None, 16_571)
    assert match.contigs.canonical("MT") is None
    table = find_shipped("GRCh38").contigs.contigs
    assert match_contigs(find_shipped("GRCh38"), table).is_table


# --- the configuration ---


def compiled(folder: Path, lengths: dict[str, int]) -> Path:
    """Make a compiled reference of zeros, which takes no room on the disk."""
    folder.mkdir()
    entries = [{"name": n, "length": size, "refget": "SQ.x"} for n, size in lengths.items()]
    (folder / "reference.json").write_text(
        json.dumps({"fasta": "some.fa", "digest": "d", "contigs": entries})
    )
    with (folder / "reference.bases").open("wb") as out:
        out.truncate(sum(lengths.values()))
    return folder


def settled(tmp_path: Path, lengths: dict[str, int], **said: object):
    if not (tmp_path / "ref").exists():
        compiled(tmp_path / "ref", lengths)
    raw = {"reference": "ref", **said}
    return settle_assembly(tmp_path / "store", check_config(raw, tmp_path, cohorts=[]), None)


def test_a_name_is_enough(tmp_path: Path) -> None:
    found = settled(tmp_path, GRCH38, assembly="hg38")
    assert found.config.assembly == "hg38"
    assert found.config.par == find_shipped("GRCh38").par
    assert found.reference.contigs.canonical("NC_000001.11") == "chr1"
    assert not found.notes
    found = settled(tmp_path, GRCH38, assembly={"name": "GRCh38", "par": None})
    assert found.config.par is None
    assert found.config.contigs.canonical("1") == "chr1"
    assert settled(tmp_path, GRCH38).config.assembly == "GRCh38"


def test_what_the_configuration_names_wins(tmp_path: Path) -> None:
    (tmp_path / "aliases.tsv").write_text("contig\talias\none\tchr1\n")
    (tmp_path / "par.bed").write_text("chrX\t0\t5\n")
    found = settled(tmp_path, GRCH38, assembly={"name": "GRCh38", "aliases": "aliases.tsv"})
    assert found.reference.contigs.names == ["one"]
    assert found.config.par is None
    found = settled(tmp_path, GRCH38, assembly={"name": "GRCh38", "par": "par.bed"})
    assert found.config.par == tmp_path / "par.bed"
    found = settled(tmp_path, GRCH38, assembly={"name": "GRCh38", "aliases": None})
    assert found.config.par is None
    assert found.reference.contigs.canonical("1") is None


def test_a_fasta_of_another_assembly_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"assembly: GRCh38, but some.fa is GRCh37 \(hg19\)"):
        settled(tmp_path, GRCH37, assembly="GRCh38")
    (tmp_path / "b").mkdir()
    found = settled(tmp_path / "b", {"chr1": 900}, assembly="GRCh38")
    assert "do not have the lengths of GRCh38's" in found.notes[0]
    assert found.config.par is None
    assert found.reference.contigs.canonical("NC_000001.11") is None


def test_contigs_of_any_assembly_are_found_with_and_without_chr(tmp_path: Path) -> None:
    found = settled(tmp_path, {"chr1": 900, "chrM": 50, "odd": 7}, assembly="mine")
    canonical = found.reference.contigs.canonical
    assert [canonical(n) for n in ("1", "MT", "M", "chrodd", "2")] == [
        "chr1", "chrM", "chrM", "odd", None,
    ]  # fmt: skip
    assert canonical("NC_000001.11") is None
    # A name that is a contig's own is no other one's.
    (tmp_path / "b").mkdir()
    found = settled(tmp_path / "b", {"1": 900, "chr1": 900}, assembly="mine")
    assert found.reference.contigs.canonical("1") == "1"
    assert found.config.aliases is None


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"assembly": "GRCh38"}, "reference: no FASTA is named"),
        ({"assembly": {"name": "GRCh38"}}, "reference: no FASTA is named"),
        (
            {"assembly": {"name": "a", "reference": "r.fa"}, "reference": "r.fa"},
            "name it once",
        ),
        ({"assembly": "a b", "reference": "r.fa"}, "'a b' does not match"),
        ({"assembly": 38, "reference": "r.fa"}, "38 is not of type"),
        ({"reference": "r.fa"}, "'assembly' is a required property"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, said: dict[str, object], wrong: str) -> None:
    make_fasta(tmp_path / "r.fa", {"1": "ACGT"})
    with pytest.raises(ConfigError) as found:
        check_config({"cohorts": "cohorts.tsv", **said}, tmp_path)
    assert any(wrong in p for p in found.value.problems), found.value.problems


# --- stores ---


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that knows the assembly `toy`, and inputs of it with other names."""
    rows = ["contig\talias\taccession\tlength\trefget"]
    rows += [f"chr{n}\t{n}\tNC_{n}\t{len(BASES[n])}\t" for n in ("1", "X")]
    (tmp_path / "toy.tsv").write_text("\n".join([*rows, "chrM\tMT,M\t\t99\t", ""]))
    (tmp_path / "toy.par.bed").write_text("chrX\t0\t20\n")
    known = Shipped("toy", tmp_path / "toy.tsv", tmp_path / "toy.par.bed")
    monkeypatch.setattr(package, "shipped", lambda: (known,))
    make_fasta(tmp_path / "r.fa", BASES)
    rows = [f"{n} {at} . {BASES[n][at - 1]} {'C' if BASES[n][at - 1] != 'C' else 'T'} . . . "
            f"GT 1/. 0/1" for n in BASES for at in (10, 18)]  # fmt: skip
    rows += [f"X {at} . {BASES['X'][at - 1]} N . . . GT 1/. 0/1" for at in (41, 42)]
    rows[-2:] = [r.replace(" N ", " C " if r.split()[3] != "C" else " T ") for r in rows[-2:]]
    order = {n: i for i, n in enumerate(BASES)}
    rows.sort(key=lambda r: (order[r.split()[0]], int(r.split()[1])))
    make_vcf(tmp_path / "a.vcf", rows, ["P1", "P2"])
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\na\tP1\tmale\na\tP2\tfemale\n")
    return tmp_path


def config_of(toy: Path, **said: object) -> Path:
    raw = {"reference": "r.fa", "cohorts": "cohorts.tsv", "samples": "samples.tsv", **said}
    path = toy / "config.json"
    path.write_text(json.dumps({k: v for k, v in raw.items() if v is not None}))
    return path


def haploid(store: Path) -> list[int]:
    """List where on X the half-missing call of the man is hemizygous."""
    frame = varhouse.open(store).scan("frequencies", contig="X")
    rows = frame.filter((pl.col("stratum_by") == "all") & (pl.col("n_hemi") > 0)).collect()
    return sorted(rows["pos"].to_list())


def test_names_and_par_of_the_package_reach_the_store(toy: Path) -> None:
    assert ingest_here(toy / "s", config_of(toy, assembly="toy"))["release"] == 2
    store = varhouse.open(toy / "s")
    assert store.assembly_contigs.names == ["chr1", "chrX", "MT", "odd"]
    assert haploid(toy / "s") == [41, 42]
    # The same, said in full: nothing to do in the one, and the same rows in the other.
    names = next((toy / "s" / "_cache").glob("names-*.tsv"))
    full = {"name": "toy", "reference": "r.fa", "aliases": str(names), "par": "toy.par.bed"}
    config = config_of(toy, assembly=full, reference=None)
    assert ingest_here(toy / "s", config)["up_to_date"]
    ingest_here(toy / "s2", config)
    assert varhouse.open(toy / "s2").digest() == store.digest()


def test_a_store_made_without_them_goes_on_so(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(toy, assembly="toy")
    with monkeypatch.context() as patch:
        patch.setattr(package, "shipped", lambda: ())
        ingest_here(toy / "s", config)
    assert ingest_here(toy / "s", config)["up_to_date"]
    assert haploid(toy / "s") == [10, 18, 41, 42]
    run = prepare(toy / "s", read_config(config), "now")
    assert "was made without the contig names and PAR" in run.warnings[0]


def test_an_ingest_that_commits_nothing_settles_nothing(toy: Path) -> None:
    """Wrong aliases hold the cohort back; corrected, the same command goes on."""
    (toy / "wrong.tsv").write_text("contig\talias\nseq1\t1\n")
    make_vcf(toy / "a.vcf", [f"chr1 10 . {BASES['1'][9]} T . . . GT 0/1"], ["P1"])
    (toy / "samples.tsv").write_text("cohort\tsample\tsex\na\tP1\tmale\n")
    wrong = {"name": "other", "reference": "r.fa", "aliases": "wrong.tsv"}
    account = ingest_here(toy / "s", config_of(toy, assembly=wrong, reference=None))
    assert account["release"] is None
    assert account["recorded_in"] == 2
    assert varhouse.open(toy / "s").assembly == "other"
    account = ingest_here(toy / "s", config_of(toy, assembly="toy"))
    assert account["release"] == 4
    assert not account["held_back"]
    store = varhouse.open(toy / "s")
    assert (store.assembly, store.assembly_contigs.names[0]) == ("toy", "chr1")
    assert json.loads((toy / "s/_store/store.json").read_text())["assembly"] == "toy"
    assert store.scan("held_back").collect().is_empty()
    fresh = toy / "fresh"
    ingest_here(fresh, config_of(toy, assembly="toy"))
    assert varhouse.open(fresh).digest() == store.digest()
    # Now it holds data.
    with pytest.raises(ConfigError, match="the store is of assembly toy"):
        ingest_here(toy / "s", config_of(toy, assembly=wrong, reference=None))


@pytest.mark.parametrize(
    "point",
    ["store.json", "shard", "linked contigs", "catalogued", "committed contigs", "released"],
)
def test_a_change_that_is_killed_goes_on(
    toy: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Readers see the one store or the other, and the same command ends in the other."""

    def reached(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    def die(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    other = {"name": "other", "reference": "r.fa"}
    open_or_init(toy / "s", read_config(config_of(toy, assembly=other, reference=None)))
    config = config_of(toy, assembly="toy")
    with monkeypatch.context() as patch:
        patch.setattr(commit_module, "_reached", reached)
        if point in ("store.json", "shard"):
            patch.setattr(
                commit_module, "contigs_frame" if point == "store.json" else "commit", die
            )
        with pytest.raises(KeyboardInterrupt):
            open_or_init(toy / "s", read_config(config))
    seen = varhouse.open(toy / "s")
    assert (seen.release, seen.assembly) == (
        (2, "toy") if point == "released" else (1, "other")
    )
    assert len(seen.assembly_contigs.names) == 4
    assert ingest_here(toy / "s", config)["release"] == 3
    store = varhouse.open(toy / "s")
    assert not verify(store)
    assert store.assembly == "toy"
    assert store.assembly_contigs.names[0] == "chr1"


def test_two_at_once(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes while another one changes a store without data waits, and looks again."""
    other = {"name": "other", "reference": "r.fa"}
    first = read_config(config_of(toy, assembly=other, reference=None))
    open_or_init(toy / "s", first)
    config = config_of(toy, assembly="toy")
    with store_lock(toy / "s"), pytest.raises(StoreError, match="being written to"):
        open_or_init(toy / "s", read_config(config))
    real = driver.store_lock

    @contextmanager
    def late(store: Path, wait: float) -> Iterator[object]:
        # The other one is done, data and all, before this one has the lock.
        monkeypatch.setattr(driver, "store_lock", real)
        ingest_here(toy / "s", config)
        with real(store, wait) as holder:
            yield holder

    monkeypatch.setattr(driver, "store_lock", late)
    first = replace(first, assembly="third")
    open_or_init(toy / "s", first)
    assert varhouse.open(toy / "s").assembly == "toy"
    with pytest.raises(ConfigError, match="one store holds one assembly"):
        prepare(toy / "s", first, "now")


def test_a_change_that_fails_leaves_the_store(toy: Path) -> None:
    config = config_of(toy, assembly="toy")
    open_or_init(toy / "s", read_config(config))
    (toy / "wrong.tsv").write_text("contig\tlength\n1\t5\n")
    wrong = {"name": "toy", "reference": "r.fa", "aliases": "wrong.tsv"}
    bad = config_of(toy, assembly=wrong, reference=None)
    with pytest.raises(ConfigError, match="another assembly"):
        open_or_init(toy / "s", read_config(bad))
    assert varhouse.open(toy / "s").release == 1
