"""What was hashed is what was compiled: files that are exchanged while an ingest runs."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inprocess
import pytest
from builders import make_small_inputs
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.cache import fill_folder
from varhouse.errors import InputError
from varhouse.genes import compile as genes_compile
from varhouse.genome.reference import Reference, cached_reference

MANE = (
    "#NCBI_GeneID\tEnsembl_Gene\tRefSeq_nuc\tRefSeq_prot\tEnsembl_nuc\tMANE_status\n"
    "GeneID:1\tG1.1\tNM_{}.1\tNP_1.1\tG1T1.1\tMANE Select\n"
)

# What stands in each file before, and in the other file of the same size.
CHANGES: dict[str, tuple[str, str]] = {
    "genes.gff3": ("biotype=protein_coding", "biotype=Protein_coding"),
    "mane.txt": ("NM_000001", "NM_000002"),
    "known.vcf": ("SCORE=5", "SCORE=6"),
    "merged.tsv": ("11", "12"),
    "aliases.tsv": ("chr1", "kro1"),
    "par.bed": ("\t100", "\t200"),
    "c.chain": ("chain 900", "chain 800"),
    "b.vcf": ("1/1", "0/1"),
    "a.vcf": ("1/1", "0/1"),
}


@pytest.fixture
def fx_files(tmp_path: Path) -> Path:
    """A configuration with one file of every kind; cohort b is lifted by a chain."""
    config: dict[str, Any] = make_small_inputs(tmp_path)
    shutil.copy(tmp_path / "ref.fa", tmp_path / "other.fa")
    (tmp_path / "mane.txt").write_text(MANE.format("000001"))
    (tmp_path / "merged.tsv").write_text("11\t1\n")
    (tmp_path / "aliases.tsv").write_text("contig\talias\nc1\tchr1\nc2\tchr2\n")
    (tmp_path / "par.bed").write_text("c1\t1\t100\n")
    chain = "".join(
        f"chain 900 {c} 900 + 0 900 {c} 900 + 0 900 {i}\n900\n\n"
        for i, c in enumerate(("c1", "c2"))
    )
    (tmp_path / "c.chain").write_text(chain)
    config["assembly"] |= {"aliases": "aliases.tsv", "par": "par.bed"}
    config["mane"] = "mane.txt"
    config["sources"][0]["merged"] = "merged.tsv"
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "cohorts.tsv").write_text(
        "cohort\tfiles\tassembly\tchain\tsource_reference\n"
        "a\ta.vcf\t\t\t\nb\tb.vcf\tother\tc.chain\tother.fa\n"
    )
    return tmp_path


def by_name(path: Path, text: str) -> None:
    """Another file takes the name."""
    new = path.with_name("new")
    new.write_text(text)
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.rename(path)


def in_place(path: Path, text: str) -> None:
    """Other bytes in the same file, whose time is set back."""
    stat = path.stat()
    path.write_text(text)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def exchange(path: Path, how: Callable[[Path, str], None]) -> str:
    """Exchange a file for one of the same size and time; gives what it was."""
    before = path.read_text()
    old, new = CHANGES[path.name]
    assert old in before
    assert len(old) == len(new)
    how(path, before.replace(old, new))
    return before


def before(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], Any]) -> None:
    """Do something just before a step of `ingest_here`."""
    real = getattr(inprocess, step)

    def first(*given: Any) -> Any:
        act()
        return real(*given)

    monkeypatch.setattr(inprocess, step, first)


@pytest.mark.parametrize(
    ("name", "how"),
    [*((name, by_name) for name in sorted(CHANGES)), ("known.vcf", in_place),
     ("a.vcf", in_place)],
)  # fmt: skip
def test_exchanged_after_it_was_hashed(
    fx_files: Path, monkeypatch: pytest.MonkeyPatch, name: str, how: Callable[..., None]
) -> None:
    store, path = fx_files / "store", fx_files / name
    texts: list[str] = []
    # Cohort files are hashed by the step validate, all others by prepare.
    step = "make_plan" if name.endswith("vcf") and name != "known.vcf" else "begin"
    with monkeypatch.context() as patch:
        before(patch, step, lambda: texts.append(exchange(path, how)))
        with pytest.raises(InputError, match=f"{name}: the file changed"):
            ingest_here(store, fx_files / "config.json")
    assert varhouse.open(store).release == 1
    kind = {
        "genes.gff3": "genes-*",
        "mane.txt": "genes-*",
        "known.vcf": "source-*",
        "merged.tsv": "source-*",
    }.get(name)
    assert kind is None or not list((store / "_cache").glob(kind))
    assert not list((store / "_cache").glob(".*"))
    # As it was: the same command goes on. As it is now: another ingest, but for the aliases,
    # which are those of the store.
    after = [] if name == "aliases.tsv" else [texts[0].replace(*CHANGES[name])]
    for text in (texts[0], *after):
        how(path, text)
        account = ingest_here(store, fx_files / "config.json")
        assert account["release"] is not None
    assert not verify(varhouse.open(store))
    ingest_here(fx_files / "whole", fx_files / "config.json")
    assert varhouse.open(fx_files / "whole").digest() == varhouse.open(store).digest()


def test_exchanged_while_it_is_read_and_back_again(
    fx_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after the file is as it was hashed: what was read in between is not."""
    store, path = fx_files / "store", fx_files / "genes.gff3"
    real = genes_compile.read_rows

    def read(*given: Any) -> Any:
        text = exchange(path, by_name)
        rows = real(*given)
        by_name(path, text)
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(genes_compile, "read_rows", read)
        with pytest.raises(
            InputError, match=r"genes\.gff3: the file changed while it was read"
        ):
            ingest_here(store, fx_files / "config.json")
    assert not list((store / "_cache").glob("genes-*"))


def test_cache_that_an_earlier_version_poisoned_is_made_anew(fx_files: Path) -> None:
    store, both = fx_files / "store", (fx_files / "cohorts.tsv").read_text()
    (fx_files / "cohorts.tsv").write_text(both.replace("a\ta.vcf\t\t\t\n", ""))
    ingest_here(store, fx_files / "config.json")
    (made,) = (store / "_cache").glob("source-*")
    said = json.loads((made / "inputs.json").read_text())
    said[str(fx_files / "known.vcf")]["sha256"] = "0" * 64
    (made / "inputs.json").write_text(json.dumps(said))
    # Cohort a has an allele more.
    (fx_files / "cohorts.tsv").write_text(both)
    ingest_here(store, fx_files / "config.json")
    again = json.loads((made / "inputs.json").read_text())
    assert again[str(fx_files / "known.vcf")]["sha256"] != "0" * 64


@pytest.mark.parametrize("how", [by_name, in_place])
def test_fasta_of_the_same_size_and_time_is_compiled_anew(
    tmp_path: Path, how: Callable[..., None]
) -> None:
    fasta = tmp_path / "r.fa"
    fasta.write_text(">c\nACGTACGT\n")
    first = Reference(cached_reference(fasta, tmp_path / "cache"))
    how(fasta, ">c\nACGTACGA\n")
    second = Reference(cached_reference(fasta, tmp_path / "cache"))
    assert bytes(first.sequence("c")) == b"ACGTACGT"
    assert bytes(second.sequence("c")) == b"ACGTACGA"
    assert first.digest != second.digest
    # A change of the entry alone (its permissions) compiles nothing anew.
    made = (second.directory / "reference.json").stat().st_mtime_ns
    fasta.chmod(0o600)
    assert cached_reference(fasta, tmp_path / "cache") == second.directory
    assert (second.directory / "reference.json").stat().st_mtime_ns == made


@pytest.mark.parametrize("how", [by_name, in_place])
def test_folder_of_a_cache_follows_the_bytes(tmp_path: Path, how: Callable[..., None]) -> None:
    path, folder = tmp_path / "in", tmp_path / "cache" / "kind-key"
    path.write_text("one")

    def fill(own: Path) -> None:
        (own / "last").write_text(path.read_text())

    fill_folder(folder, "last", fill, [path])
    how(path, "two")
    fill_folder(folder, "last", fill, [path])
    assert (folder / "last").read_text() == "two"
    with pytest.raises(InputError, match="changed after it was checked"):
        fill_folder(folder, "last", fill, [path], {str(path): "0" * 64})
    assert [p.name for p in folder.parent.iterdir()] == ["kind-key"]


@pytest.mark.parametrize("kind", ["genes", "source"])
def test_annotate_with_a_cache_reads_what_is_there(
    fx_files: Path, monkeypatch: pytest.MonkeyPatch, kind: str, capsys: Any
) -> None:
    from varhouse.cli import main  # noqa: PLC0415

    monkeypatch.setenv("VARHOUSE_CACHE", str(fx_files / "cache"))
    monkeypatch.chdir(fx_files)
    config = {"sources": [{"name": "known", "path": "known.vcf", "kind": "allele"}]}
    Path("sources.json").write_text(json.dumps(config))
    given = ["annotate", "a.vcf", "--genes", "genes.gff3", "--reference", "ref.fa",
             "--sources", "sources.json", "-o"]  # fmt: skip
    assert main([*given, "1.vcf"]) == 0, capsys.readouterr().err
    name, old, new = {
        "genes": ("genes.gff3", "Name=N1", "Name=N2"),
        "source": ("known.vcf", "SCORE=1", "SCORE=7"),
    }[kind]
    in_place(Path(name), Path(name).read_text().replace(old, new))
    assert main([*given, "2.vcf"]) == 0
    monkeypatch.delenv("VARHOUSE_CACHE")
    assert main([*given, "3.vcf"]) == 0
    first, second, third = (
        [ln for ln in Path(f"{i}.vcf").read_text().splitlines() if ln[:2] != "##"]
        for i in (1, 2, 3)
    )
    assert first != second == third
