"""What MultiQC is given, and that MultiQC reads it."""

import csv
import json
import math
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from batches import make_people, make_person

from varhouse.calling.multiqc import write_multiqc
from varhouse.reads.figures import BY_NAME, FIGURES


def test_files_have_the_names_that_multiqc_looks_for(tmp_path: Path) -> None:
    write_multiqc(make_people(3), tmp_path / "multiqc")
    names = {p.name for p in (tmp_path / "multiqc").iterdir()}
    assert names == {
        *(
            f"varhouse_{n}_mqc.json"
            for n in ("general", "reads", "inserts", "coverage", "sexes")
        ),
        "varhouse_mqc_versions.yml",
        "multiqc_config.yaml",
    }
    versions = yaml.safe_load((tmp_path / "multiqc/varhouse_mqc_versions.yml").read_text())
    assert versions["bwa mem"] == "0.7.18"


def test_general_statistics_have_all_figures(tmp_path: Path) -> None:
    people = [make_person(0), make_person(1, ti_tv=None)]
    write_multiqc(people, tmp_path / "multiqc")
    said = json.loads((tmp_path / "multiqc/varhouse_general_mqc.json").read_text())
    heads = {k: v for one in said["headers"] for k, v in one.items()}
    known = {f"varhouse_{f.name}" for f in FIGURES if people[0]["figures"][f.name] is not None}
    assert set(heads) == known
    assert heads["varhouse_mapped"]["title"] == BY_NAME["mapped"].label
    assert heads["varhouse_mapped"]["suffix"] == "%"
    assert heads["varhouse_contamination"]["cond_formatting_rules"] == {"fail": [{"gt": 2.0}]}
    row = said["data"]["NA00000"]
    assert row["varhouse_mapped"] == pytest.approx(99.53)
    assert row["varhouse_reads"] == pytest.approx(people[0]["figures"]["reads"] / 1e6)
    assert "varhouse_ti_tv" not in said["data"]["NA00001"], "null is left out, no 0"


def test_people_of_one_name_stay_apart(tmp_path: Path) -> None:
    people = [make_person(0, sample="s", cohort="a"), make_person(1, sample="s", cohort="b")]
    write_multiqc(people, tmp_path / "multiqc")
    said = json.loads((tmp_path / "multiqc/varhouse_general_mqc.json").read_text())
    assert set(said["data"]) == {"a s", "b s"}


def test_what_nobody_has_is_no_file(tmp_path: Path) -> None:
    person = make_person(0, **{f.name: None for f in FIGURES})
    write_multiqc([person | {"coverage": [], "insert_sizes": {}}], tmp_path / "multiqc")
    names = {p.name for p in (tmp_path / "multiqc").glob("*_mqc.json")}
    assert names == {"varhouse_general_mqc.json"}
    write_multiqc([], tmp_path / "multiqc")
    assert not list((tmp_path / "multiqc").glob("*_mqc.json")), "the old ones are gone"


def test_multiqc_reads_them(tmp_path: Path) -> None:
    program = os.environ.get("MULTIQC") or shutil.which("multiqc")
    if program is None:
        pytest.skip("needs multiqc")
    people = make_people(4)
    # Names that look like names of files, which MultiQC would cut.
    people[0]["sample"], people[1]["sample"] = "x.bam", "x_R1.fastq.gz"
    write_multiqc(people, tmp_path / "multiqc")
    out = tmp_path / "out"
    folder = tmp_path / "multiqc"
    command = [program, "--no-version-check", "--strict", "-n", "report", "-o", str(out), "-c",
               str(folder / "multiqc_config.yaml"), str(folder)]  # fmt: skip
    home = os.environ | {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=home, check=False)
    assert done.returncode == 0, done.stderr

    def table(name: str) -> list[dict[str, str]]:
        with (out / "report_data" / name).open() as lines:
            return list(csv.DictReader(lines, delimiter="\t"))

    general = {row["Sample"]: row for row in table("multiqc_general_stats.txt")}
    assert set(general) == {p["sample"] for p in people}
    column = next(k for k in general["x.bam"] if k.endswith("varhouse_mean_coverage"))
    for person in people:
        value = float(general[person["sample"]][column])
        assert math.isclose(value, person["figures"]["mean_coverage"], rel_tol=1e-9)
    drawn = json.loads((out / "report_data" / "multiqc_data.json").read_text())
    lines = drawn["report_plot_data"]["varhouse_coverage_plot"]["datasets"][0]["lines"]
    pairs = next(line["pairs"] for line in lines if line["name"] == "x.bam")
    assert pairs == sorted(pairs), "by number, not by text"
    assert pairs[20] == pytest.approx([20, 100 * people[0]["coverage"][20]], abs=0.01)
    versions = table("multiqc_software_versions.txt")
    assert "bwa mem" in {row["Sample"] for row in versions}
