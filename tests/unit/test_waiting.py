"""People of the sample sheet without a file: they wait, or their names are mistakes."""

from pathlib import Path

import pytest
from builders import make_fasta
from inprocess import ingest_here

from varhouse.account import public_account
from varhouse.errors import ConfigError
from varhouse.ingest.driver import Options, ingest

HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
)
CONFIG = (
    "assembly: {name: toy, reference: r.fa}\ncohorts: cohorts.tsv\nsamples: samples.tsv\n"
    "policy: {unlisted_samples: POLICY}\n"
)


def make(folder: Path, files: list[str], sheet: list[str], policy: str = "refuse") -> Path:
    """Write a configuration of one cohort; a file is the names of its people."""
    make_fasta(folder / "r.fa", {"1": "ACGT" * 9})
    (folder / "vcf").mkdir(exist_ok=True)
    for names in files:
        people = names.split()
        record = "\t".join(["1\t1\t.\tA\tC\t.\t.\t.\tGT", *(["0/1"] * len(people))])
        text = HEAD + "\t".join(people) + f"\n{record}\n"
        (folder / "vcf" / f"{people[0]}.vcf").write_text(text)
    (folder / "cohorts.tsv").write_text("cohort\tfiles\nc\tvcf/*.vcf\n")
    rows = [f"c\t{name}\n" for name in sheet]
    (folder / "samples.tsv").write_text("cohort\tsample\n" + "".join(rows))
    (folder / "config.yaml").write_text(CONFIG.replace("POLICY", policy))
    return folder / "config.yaml"


def test_who_has_no_file_yet_waits_and_comes_in_with_it(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    config = make(tmp_path, ["A", "B"], ["A", "B", "C", "D", "E", "F"])
    wanted = [{"cohort": "c", "n": 4, "first": ["C", "D", "E"]}]
    code, foreseen = ingest(store, config, Options(dry_run=True))
    assert (code, foreseen["waiting"]) == (0, wanted)
    account = ingest_here(store, config)
    assert (account["release"], account["waiting"]) == (2, wanted)
    assert public_account(account, {})["waiting"] == [{"cohort": "c", "n": 4}]
    # Nothing differs: whoever waits does not make the cohort anew.
    code, again = ingest(store, config, Options(dry_run=True))
    assert (code, again["up_to_date"], again["waiting"]) == (0, True, wanted)
    account = ingest_here(store, make(tmp_path, ["C"], ["A", "B", "C", "D"]))
    assert account["cohorts"][0]["grown"]["came"] == 1
    assert account["waiting"] == [{"cohort": "c", "n": 1, "first": ["D"]}]


@pytest.mark.parametrize(
    ("files", "sheet", "words"),
    [
        (["A B"], ["A", "B", "C"], "sample 'C' is in the sheet (line 4) but not in A.vcf"),
        (["A B", "D E"], ["A", "B", "C", "D", "E"], "(line 4) but not in its files"),
        (
            ["S1", "S2"],
            ["s1", "S2"],
            "sample 's1' (line 2) is 'S1' in its file: they differ in",
        ),
    ],
)
@pytest.mark.parametrize("policy", ["refuse", "unknown"])
def test_a_name_that_no_file_has_is_a_mistake(
    tmp_path: Path, files: list[str], sheet: list[str], words: str, policy: str
) -> None:
    config = make(tmp_path, files, sheet, policy)
    with pytest.raises(ConfigError) as caught:
        ingest(tmp_path / "store", config, Options(dry_run=True))
    assert words in str(caught.value)
