"""Kinship and Mendel errors of made families as other programs count them."""

import shutil
import subprocess

import numpy as np
import polars as pl
import pytest
from pedigrees import Drop, Genome, write_people

from varhouse.people.king import kinship_pairs
from varhouse.people.mendel import count_errors
from varhouse.people.panel import pack

GENOME = Genome(contigs=[str(i) for i in range(1, 23)], per_contig=60)
CHILDREN = 6


def run(program, *arguments):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def drop():
    made = Drop(GENOME)
    made.founder(*[f"f{i}" for i in range(2 * CHILDREN)])
    for i in range(CHILDREN):
        made.child(f"c{i}", f"f{2 * i}", f"f{2 * i + 1}")
    made.twin("t", "c0", 0.01)
    return made


def written(drop, folder, **how):
    names = list(drop.haplotypes)
    dosage = drop.dosage(names, **how)
    lengths = dict.fromkeys(GENOME.contigs, GENOME.length)
    write_people(folder / "a.vcf", GENOME.sites(), names, dosage, contigs=lengths)
    return pack("c", np.arange(len(names), dtype=np.int32), names, GENOME.sites(), dosage)


@pytest.mark.parametrize("missing", [0, 0.08])
def test_kinship_of_every_pair_is_that_of_plink2(drop, tmp_path, missing):
    packed = written(drop, tmp_path, missing=missing, error=0.01)
    columns = "cols=id,nsnp,ibs0,kinship"
    run("plink2", "--vcf", tmp_path / "a.vcf", "--make-king-table", columns, "--out",
        tmp_path / "k")  # fmt: skip
    table = pl.read_csv(tmp_path / "k.kin0", separator="\t")
    wanted = {
        tuple(sorted(row[:2])): row[2:]
        for row in table.select("#IID1", "IID2", "NSNP", "IBS0", "KINSHIP").rows()
    }
    found = kinship_pairs(packed, least=-10)
    assert found.height == len(wanted) == 19 * 18 // 2
    for i, j, sites, ibs0, kinship in found.rows():
        n, o, k = wanted[tuple(sorted((packed.samples[i], packed.samples[j])))]
        assert (sites, ibs0, kinship) == (
            n,
            pytest.approx(o, 1e-5),
            pytest.approx(k, abs=1e-6),
        )


def trios_of(packed):
    at = {name: i for i, name in enumerate(packed.samples)}
    rows = [[at[f"c{i}"], at[f"f{2 * i}"], at[f"f{2 * i + 1}"]] for i in range(CHILDREN)]
    return np.array([*rows, [at["c0"], at["f2"], at["f5"]]])


def test_mendel_errors_are_those_of_bcftools(drop, tmp_path):
    packed = written(drop, tmp_path, error=0.01)
    trios = trios_of(packed)
    for trio, (sites, errors, _) in zip(
        trios, count_errors(packed, trios).rows(), strict=True
    ):
        child, father, mother = (packed.samples[i] for i in trio)
        names = f"{mother},{father},{child}"
        told = run("bcftools", "+mendelian", tmp_path / "a.vcf", "-t", names, "-m", "c")
        good, bad, left = map(int, told.strip().split("\n")[-1].split("\t")[:3])
        assert (good + bad, bad, left) == (sites, errors, 0)


def test_mendel_errors_are_those_of_plink(drop, tmp_path):
    packed = written(drop, tmp_path, error=0.01)
    run("plink1.9", "--vcf", tmp_path / "a.vcf", "--double-id", "--make-bed", "--out",
        tmp_path / "b")  # fmt: skip
    trios = trios_of(packed)[:CHILDREN]
    parents = {packed.samples[c]: (packed.samples[f], packed.samples[m]) for c, f, m in trios}
    rows = []
    for name in packed.samples:
        family = next((c for c, own in parents.items() if name in (c, *own)), name)
        father, mother = parents.get(name, ("0", "0"))
        sex = 1 if any(name == own[0] for own in parents.values()) else 2
        rows.append(f"{family} {name} {father} {mother} {sex} -9")
    (tmp_path / "b.fam").write_text("\n".join(rows) + "\n")
    run("plink1.9", "--bfile", tmp_path / "b", "--mendel", "--out", tmp_path / "m")
    lines = (tmp_path / "m.fmendel").read_text().splitlines()[1:]
    told = {line.split()[0]: int(line.split()[4]) for line in lines}
    errors = count_errors(packed, trios)["n_errors"].to_list()
    assert told == dict(zip(parents, errors, strict=True))
    assert sum(errors) > 0
