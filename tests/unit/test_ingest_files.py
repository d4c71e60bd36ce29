"""Files alone, without a sheet: what goes in, what is said, and what is refused."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from builders import make_small_inputs, make_vcf
from inprocess import ingest_here

import varhouse
from varhouse.cli import build_parser, main
from varhouse.cli.ingest import _question
from varhouse.errors import ConfigError, StoreError
from varhouse.ingest.setup.fromfiles import FromFiles, config_of_files, name_of_files


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_small_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quick(here: Path, *files: str, **options: object) -> tuple[dict, list[str]]:
    """Ingest files: the account, and what is said before."""
    options = {k: Path(v) if k in ("reference", "genes") else v for k, v in options.items()}
    config = config_of_files(here / "s", FromFiles(files, **options))
    return ingest_here(here / "s", config), config.warnings


def refused(here: Path, *files: str, **options: object) -> str:
    with pytest.raises(ConfigError) as found:
        quick(here, *files, **options)
    assert "on the command line" in str(found.value)
    return "\n".join(found.value.problems)


def cohorts(here: Path) -> dict[str, list[str]]:
    rows = varhouse.open(here / "s").scan("files").select("cohort", "name").collect().rows()
    out: dict[str, list[str]] = {}
    for cohort, name in sorted(rows):
        out.setdefault(cohort, []).append(name)
    return out


def test_files_go_in_one_after_the_other(here: Path) -> None:
    account, told = quick(here, "a.vcf", reference="ref.fa", genes="genes.gff3")
    assert (account["release"], account["held_back"]) == (2, [])
    assert told == [
        "cohort a: 1 file(s), people of unknown sex, as no sheet names them: on X and Y a "
        "half-missing call (1/.) counts as missing, not as hemizygous; varhouse init writes "
        "sheets"
    ]
    store = varhouse.open(here / "s")
    assert store.assembly == "ref"
    assert set(store.scan("samples").collect()["sex"]) == {"unknown"}
    first = store.scan("frequencies", cohort="a", contig="c1").collect()["pos"].min()
    asked = _question(here / "s", account)
    assert asked == f"varhouse query {here / 's'} --region c1:{first:,}"
    assert main(asked.split()[1:]) == 0
    # The same does nothing, and needs no reference any more.
    assert quick(here, "a.vcf")[0]["up_to_date"]
    # Neither does another one, though the FASTA has gone; the gene model stays.
    (here / "ref.fa").unlink()
    quick(here, "b.vcf")
    store = varhouse.open(here / "s")
    assert cohorts(here) == {"a": ["a.vcf"], "b": ["b.vcf"]}
    assert store.record.tables["consequences"].rows > 0
    rows = store.scan("frequencies", cohort="b").filter(stratum_by="all").collect()
    assert rows["n_samples"].to_list() == [2] * 39
    # A compiled reference that has gone, too, is missed.
    for meta in (here / "s/_cache").glob("reference-*/reference.json"):
        meta.unlink()
    told = refused(here, "b.vcf")
    assert f"no --reference, and {here}/ref.fa, which the store was made with, is gone" in told


def test_settings_of_a_configuration_stay(here: Path) -> None:
    """Sources and gene model of a store are not lost by a file that comes in without them."""
    ingest_here(here / "s", here / "config.json")
    make_vcf(here / "late.vcf", (here / "a.vcf").read_text().split("FORMAT\ta1\ta2\n")[1]
             .replace("\t", " ").splitlines(), ["L1", "L2"])  # fmt: skip
    account, _ = quick(here, "late.vcf")
    assert account["gone"] == []
    store = varhouse.open(here / "s")
    assert {"a", "b", "late"} == set(cohorts(here))
    assert store.record.tables["annotations_known"].rows == 40
    # People whom a sheet describes are not taken for unknown ones.
    told = refused(here, "a.vcf")
    assert "cohort 'a' is in the store with what a sheet says of its people" in told
    assert "fix: varhouse ingest --config" in told


def test_a_cohort_is_not_replaced_unasked(here: Path) -> None:
    (here / "other").mkdir()
    (here / "other/a.vcf").write_bytes((here / "b.vcf").read_bytes())
    quick(here, "a.vcf", reference="ref.fa")
    told = refused(here, "other/a.vcf")
    assert f"cohort 'a' is in the store with 1 other file(s) ({here}/a.vcf)" in told
    assert "--cohort NAME for another cohort; or --cohort a if they are to go" in told
    quick(here, "other/a.vcf", cohort="second")
    # Another file of it, by its place: its cohort is known.
    assert quick(here, "other/a.vcf")[0]["up_to_date"]
    assert "in several cohorts (a, second)" in refused(here, "a.vcf", "other/a.vcf")
    account, told = quick(here, "b.vcf", cohort="a")
    assert "cohort a: 1 file(s) of it go, as this command does not name them" in told[0]
    assert "cohort a: 2 sample id(s) stand in cohort second, too (b1, b2)" in told[1]
    assert account["cohorts"][0]["replaces"]
    assert cohorts(here) == {"a": ["b.vcf"], "second": ["a.vcf"]}


def test_all_mistakes_are_told_at_once(here: Path) -> None:
    (here / "folder").mkdir()
    (here / "r.fa.gz").write_bytes(gzip.compress((here / "ref.fa").read_bytes()))
    (here / "list").write_text("a.vcf\nnot-there.vcf\n")
    (here / "config.yaml").write_text("assembly: x\n")
    files = ["folder", "r.fa.gz", "genes.gff3", "config.yaml", "gone.vcf", "x*.vcf", "@list"]
    told = refused(here, *files, genes="folder")
    for part in (
        "FILE: no such file: ", "FILE: no file matches 'x*.vcf'", "list:2: no such file",
        f"{here}/folder is a directory; fix: name its files ({here}/folder/*.vcf.gz)",
        "r.fa.gz: a FASTA file, packed (gzip), no VCF; fix: --reference",
        "genes.gff3: a gene model (GFF3 or GTF), no VCF; fix: --genes",
        "config.yaml is a configuration; fix: --config",
        "--genes folder: is a directory", "no --reference; fix: --reference FASTA",
    ):  # fmt: skip
        assert part in told
    assert "a.vcf" not in told.replace("x*.vcf", "")
    assert not (here / "s").exists()
    assert "--cohort: cohort 'a b' is not of letters" in refused(
        here, "a.vcf", reference="ref.fa", cohort="a b"
    )
    assert "stands twice" in refused(here, "a.vcf", "a.vcf", reference="ref.fa")


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["/d/beijing.vcf.gz"], "beijing"),
        (["/d/P1.g.vcf.bgz"], "P1"),
        (["/d/P1.gvcf.gz"], "P1"),
        (["/d/calls.bcf"], "calls"),
        (["/d/strange.txt"], "strange.txt"),
        (["/d/北京.vcf"], "cohort"),
        (["/d/my calls (2).vcf"], "my_calls_2"),
        (["/d/all.vcf"], "cohort_all"),
        (["/d/NA.vcf"], "cohort_NA"),
        (["/d/1kg.chr1.vcf.gz", "/d/1kg.chr2.vcf.gz", "/d/1kg.chrX.vcf.gz"], "1kg"),
        (["/d/hebei_001.vcf", "/d/hebei_002.vcf"], "hebei"),
        # One person more, and the name is the same.
        (["/d/hebei_001.vcf", "/d/hebei_002.vcf", "/d/hebei_110.vcf"], "hebei"),
        (["/x/ward/NA12878.vcf", "/x/ward/NA12879.vcf"], "ward"),
        (["/x/ward/SAMC003001.g.vcf.gz", "/x/ward/SAMC003002.g.vcf.gz"], "ward"),
        (["/x/ward/a.vcf", "/x/lab/b.vcf"], "x"),
        (["/a.vcf", "/b.vcf"], "cohort"),
    ],
)
def test_the_name_of_a_cohort(files: list[str], name: str) -> None:
    assert name_of_files(files) == name


@pytest.mark.parametrize(
    "words",
    [
        ["s", "a", "b", "--reference", "r"],
        ["s", "--reference", "r", "a", "b"],
        ["--reference", "r", "s", "a", "--cores", "2", "b"],
    ],
)
def test_files_stand_anywhere(words: list[str]) -> None:
    found = build_parser("ingest").parse_args(["ingest", *words])
    assert (str(found.store), found.files, str(found.reference)) == ("s", ["a", "b"], "r")


def test_an_unknown_option_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser("ingest").parse_args(["ingest", "s", "a", "--refrence", "r.fa"])
    assert "--refrence" in capsys.readouterr().err


def test_a_store_that_did_not_keep_the_folder_of_its_paths(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varhouse.ingest.setup.prepare.FOLDER", "elsewhere")
    ingest_here(here / "s", here / "config.json")
    with pytest.raises(StoreError, match="did not keep the folder of their paths") as found:
        quick(here, "b.vcf", cohort="c")
    assert "add a row to its cohort sheet" in found.value.fix


def test_the_folder_of_a_configuration_is_kept_inside(here: Path) -> None:
    """Later files need it; nobody outside is told of it."""
    quick(here, "a.vcf", reference="ref.fa")
    store = varhouse.open(here / "s")
    raw = json.loads(store.scan("ingests").collect()["config"][0])
    assert raw["folder"] == str(here)
    told = store.scan("accounts").select(pl.col("account")).collect()["account"][0]
    assert str(here) not in told
