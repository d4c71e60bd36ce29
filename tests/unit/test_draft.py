"""`varhouse init`: what headers say is written down, and goes in as it is."""

from pathlib import Path

import pytest
import yaml
from builders import make_small_inputs, make_vcf
from inprocess import ingest_here

import varhouse
from varhouse.cli import main
from varhouse.errors import ConfigError, UsageError
from varhouse.genome.assemblies import BUILDS
from varhouse.ingest.setup.config import read_config
from varhouse.ingest.setup.config_form import DATA
from varhouse.ingest.setup.draft import ASSEMBLY_NAME, _quoted, draft_of_files
from varhouse.ingest.setup.fromfiles import FromFiles, config_of_files
from varhouse.yamltext import read_yaml

GRCH38 = {f"chr{n}": size for n, size in BUILDS["GRCh38 (hg38)"].items()}
GRCH37 = dict(BUILDS["GRCh37 (hg19)"])
BLOCK = "c1 1 . A <NON_REF> . . END=800 GT:DP 0/0:20"
GVCF = ['##ALT=<ID=NON_REF,Description="x">',
        '##INFO=<ID=END,Number=1,Type=Integer,Description="e">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">']  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_small_inputs(tmp_path)
    (tmp_path / "config.json").unlink()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(text: str) -> list[list[str]]:
    return [ln.split("\t") for ln in text.splitlines() if not ln.startswith("##")]


def test_what_is_drafted_goes_in_as_files_alone_do(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["init", "my study", "a.vcf", "--reference", "ref.fa", "--genes", "genes.gff3"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "cohort     a       1 file(s)        2 people\n" in out
    assert "next       varhouse ingest STORE --config 'my study/config.yaml'" in out
    ingest_here(here / "s", here / "my study/config.yaml")
    asked = FromFiles(["a.vcf"], Path("ref.fa"), Path("genes.gff3"))
    ingest_here(here / "s2", config_of_files(here / "s2", asked))
    first, second = (varhouse.open(here / s) for s in ("s", "s2"))
    assert first.digest() == second.digest()
    assert first.assembly == second.assembly == "ref"
    # Who began with files alone goes on with the draft: nothing is made anew.
    assert ingest_here(here / "s2", here / "my study/config.yaml")["up_to_date"]
    with pytest.raises(SystemExit):
        main(["init", "--help"])
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "my study/config.yaml, my study/cohorts.tsv, my study/samples.tsv: there" in told


def test_cohorts_by_who_is_in_the_files(here: Path) -> None:
    for n in (1, 2):
        make_vcf(here / f"ward.chr{n}.vcf", [], ["p", "q"] if n == 1 else ["q", "p"])
    (here / "gvcfs").mkdir()
    for n in (1, 2, 3):
        make_vcf(here / f"gvcfs/H{n}.g.vcf.gz", [BLOCK], [f"H{n}"], meta=GVCF)
    (here / "broken.vcf").write_text("##fileformat=VCFv4.2\n")
    files = ["a.vcf", "ward.chr1.vcf", "gvcfs/H1.g.vcf.gz", "ward.chr2.vcf"]
    files += ["gvcfs/H[23].g.vcf.gz", "broken.vcf"]
    draft = draft_of_files(here / "d", files)
    found = [(c.name, len(c.files), c.samples, c.is_gvcf) for c in draft.cohorts]
    assert found == [
        ("a", 1, ["a1", "a2"], False),
        ("ward", 2, ["p", "q"], False),
        ("gvcfs", 3, ["H1", "H2", "H3"], True),
        ("broken", 1, [], False),
    ]
    assert rows(draft.texts["cohorts.tsv"]) == [
        ["cohort", "files"],
        ["a", "../a.vcf"],
        ["ward", "../ward.chr1.vcf,../ward.chr2.vcf"],
        ["gvcfs", "../gvcfs/*.g.vcf.gz"],
        ["broken", "../broken.vcf"],
    ]
    assert rows(draft.texts["samples.tsv"])[1] == ["a", "a1", "unknown", ""]
    assert len(rows(draft.texts["samples.tsv"])) == 8
    assert "broken.vcf: no sample in its header" in draft.notes[0]
    assert (draft.assembly, draft.reference) == (None, None)
    # A file beside them that is not meant, and commas: a list.
    for n in range(4, 9):
        make_vcf(here / f"gvcfs/H,{n}.g.vcf.gz", [BLOCK], [f"H{n}"], meta=GVCF)
    draft = draft_of_files(here / "d", ["gvcfs/H,?.g.vcf.gz"])
    assert rows(draft.texts["cohorts.tsv"])[1] == ["gvcfs", "@gvcfs.files.txt"]
    draft.write()
    text = (here / "d/gvcfs.files.txt").read_text()
    assert text.splitlines()[0] == "../gvcfs/H,4.g.vcf.gz"
    config = here / "d/config.yaml"
    filled = config.read_text().replace("# assembly: GRCh38 ", "assembly: toy ")
    config.write_text(filled.replace("# reference: GRCh38.fa", "reference: ../ref.fa"))
    (cohort,) = read_config(config).cohorts
    assert [Path(f).name for f in cohort.files] == [f"H,{n}.g.vcf.gz" for n in range(4, 9)]


def test_headers_tell_assembly_and_reference(here: Path) -> None:
    named = [f"##reference=file://{here}/ref.fa"]
    make_vcf(here / "x.vcf", [], ["x1", "x2"], GRCH38, named)
    make_vcf(here / "y.vcf", [], ["y1", "y2"], GRCH38)
    make_vcf(here / "z.vcf", [], ["z1", "z2"], GRCH37)
    draft = draft_of_files(here / "d", ["z.vcf", "x.vcf", "y.vcf"])
    assert (draft.assembly, draft.reference) == ("GRCh38", here / "ref.fa")
    assert rows(draft.texts["cohorts.tsv"]) == [
        ["cohort", "files", "assembly", "chain"],
        ["z", "../z.vcf", "GRCh37", ""],
        ["x", "../x.vcf", "", ""],
        ["y", "../y.vcf", "", ""],
    ]
    draft.write()
    raw = read_yaml(here / "d/config.yaml")
    assert raw == {"assembly": "GRCh38", "reference": "../ref.fa",
                   "cohorts": "cohorts.tsv", "samples": "samples.tsv"}  # fmt: skip
    with pytest.raises(ConfigError, match="name the chain file"):
        read_config(here / "d/config.yaml")
    # An index beside the FASTA, its name, and what the command says.
    lengths = "".join(f"{n}\t{size}\t0\t60\t61\n" for n, size in GRCH37.items())
    (here / "ref.fa.fai").write_text(lengths)
    draft = draft_of_files(here / "d", ["a.vcf"], reference=here / "ref.fa")
    assert draft.assembly == "GRCh37"
    assert draft_of_files(here / "d", ["a.vcf"], assembly="hg38").assembly == "hg38"
    (here / "my.hg38.fa.gz").touch()
    draft = draft_of_files(here / "d", ["a.vcf"], reference=Path("my.hg38.fa.gz"))
    assert draft.assembly == "GRCh38"


def test_mistakes(here: Path) -> None:
    with pytest.raises(ConfigError) as found:
        draft_of_files(here / "d", ["ref.fa", "gone.vcf"], reference=here / "no.fa")
    assert len(found.value.problems) == 3
    with pytest.raises(UsageError, match="is a file"):
        draft_of_files(here / "ref.fa", [])
    make_vcf(here / "odd.vcf", [], ["NA", "p"])
    draft = draft_of_files(here / "d", ["odd.vcf"])
    assert [r[1] for r in rows(draft.texts["samples.tsv"])] == ["sample", "p"]
    assert "sample 'NA' cannot stand in a sheet" in draft.notes[0]
    assert not (here / "d").exists()


HOSTILE = (
    '"S1"',
    "'S2'",
    "#S3",
    "a: b",
    "-x",
    '"',
    '""',
    '"a""b"',
    "王芳",
    "S 4",
    "{e}",
    "😀",
    "no",
)


def test_hostile_names_come_back_from_the_sheets(here: Path) -> None:
    own = here / '#a: "b"'
    own.mkdir()
    make_vcf(own / "#x.vcf", [], [*HOSTILE, " S5 ", "S1"])
    draft = draft_of_files(own, [str(own / "#x.vcf")], reference=here / "ref.fa")
    assert draft.notes == [
        "cohort x: sample ' S5 ' cannot stand in a sheet, where it is not read as it is; "
        "fix: policy: {unlisted_samples: unknown}"
    ]
    draft.write()
    found = read_config(own / "config.yaml")
    assert found.samples["sample"].to_list() == [*HOSTILE, "S1"]
    assert found.cohorts[0].files == [str(own / "#x.vcf")]
    # In a list of files a line that begins with # is a comment line.
    for n in range(7):
        make_vcf(own / f"#y,{n}.vcf", [], ["p", "q"])
    draft = draft_of_files(own, [str(own / "#y,*.vcf")], reference=here / "ref.fa")
    for path in own.glob("*.*s*"):
        path.unlink()
    (own / "config.yaml").unlink()
    (own / "#x.vcf").unlink()
    make_vcf(own / "z.vcf", [], [])
    (cohort,) = [draft.write(), read_config(own / "config.yaml")][1].cohorts
    assert [Path(f).name for f in cohort.files] == [f"#y,{n}.vcf" for n in range(7)]
    for name in ("a\tb.vcf", "a\nb.vcf", "a\udcff.vcf"):
        make_vcf(here / name, [], ["p"])
        with pytest.raises(ConfigError, match="cannot stand in a sheet"):
            draft_of_files(here / "d", [str(here / name)])


NUMBERS = (
    "38",
    "1e3",
    "2026-01-02",
    "2026-13-45",
    "no",
    "null",
    "1_000",
    "0x1f",
    "1.5",
    "0b1",
)
TEXTS = ("1:30", "-a", "a: b", "a #b", "'a'", '"a"', "é", "a\nb", "\x01", "\u2028", "😀\n",
         "{a}", "[a]", "*a", "~", ".5", "a:", "./x y", "GRCh38", "")  # fmt: skip


@pytest.mark.parametrize("text", [*NUMBERS, *TEXTS])
def test_any_text_comes_back_from_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(f"key: {_quoted(text)} # note\n")
    assert read_yaml(tmp_path / "a.yaml") == {"key": text}
    assert yaml.safe_load(f"key: {_quoted(text)}") == {"key": text}


@pytest.mark.parametrize("name", [*NUMBERS, "GRCh38", "T2T-CHM13v2.0"])
def test_the_name_of_an_assembly_is_read_as_it_was_said(here: Path, name: str) -> None:
    draft_of_files(here / "d", ["a.vcf"], reference=here / "ref.fa", assembly=name).write()
    assert read_config(here / "d/config.yaml").assembly == name


def test_a_name_that_no_assembly_may_have_is_refused(here: Path) -> None:
    pattern = read_yaml(DATA / "workflow/schemas/config.schema.yaml")["properties"]["assembly"]
    assert f"^{ASSEMBLY_NAME}$" in str(pattern)
    for name in ("a b", "人", "-a", "a\n"):
        with pytest.raises(ConfigError, match="is not of letters, digits"):
            draft_of_files(here / "d", ["a.vcf"], assembly=name)


def test_an_index_that_is_none_says_nothing(here: Path) -> None:
    for text in (
        b"c1\tlong\t0\n",
        b"c1\n",
        b"\xff\t\xfe\n",
        b"c1\t\xc2\xb2\n",
        b"c1\t" + b"9" * 5000,
    ):
        (here / "ref.fa.fai").write_bytes(text)
        draft = draft_of_files(here / "d", ["a.vcf"], reference=here / "ref.fa")
        assert draft.assembly == "ref"


def test_templates_say_what_to_fill_in(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "empty"]) == 0
    assert "fill in assembly and reference in empty/config.yaml" in capsys.readouterr().out
    with pytest.raises(ConfigError) as found:
        read_config(here / "empty/config.yaml")
    told = "\n".join(found.value.problems)
    assert "'assembly' is a required property" in told
    assert "cohorts: the sheet has no rows" in told
    # What stands there as a comment is right once it is none.
    text = (here / "empty/config.yaml").read_text().replace("GRCh38.fa", "../ref.fa")
    text = text.replace("GRCh38 ", "toy ").replace("genes.gff3.gz", "../genes.gff3")
    lines = text.splitlines()
    keys = [
        ln.removeprefix("# ") if "#" in ln[1:] or ":" in ln[2:] else ln for ln in lines[3:]
    ]
    keys = [ln for ln in keys if "clinvar" not in ln and "sources" not in ln]
    (here / "empty/config.yaml").write_text("\n".join(keys) + "\n")
    for name in ("cohorts.tsv", "samples.tsv"):
        lines = (here / "empty" / name).read_text().splitlines()
        lines = [*lines[:2], lines[3], lines[2].removeprefix("## ")]
        text = "\n".join(lines).replace("gvcfs/*.g.vcf.gz", "../a.vcf").replace("HB001", "a1")
        (here / "empty" / name).write_text(text + "\n")
    found = read_config(here / "empty/config.yaml")
    assert found.strata == ["sex", "population"]
    assert found.policy.unlisted_samples == "unknown"
