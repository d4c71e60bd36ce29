"""Capture kits: who is assessed where, by the BED of his kit, against a slow count."""

import json
import random

import pytest
from inprocess import ingest_here
from slow_sites import GENOME, random_files, read_counts, slow_counts, write_cohort

import varhouse
from varhouse.store.verify import verify

CONTIGS = dict.fromkeys(("c1", "X", "Y", "MT"), GENOME)
BEDS = {
    "A": [
        ("c1", 0, 12),
        ("c1", 10, 20),
        ("c1", 40, 41),
        ("X", 4, 30),
        ("Y", 0, 59),
        ("MT", 3, 9),
    ],
    "B": [("c1", 15, 35), ("X", 0, 10), ("X", 10, 18), ("Y", 30, 40), ("MT", 0, 59)],
}


def bed_text(spans, sep="\t"):
    return "".join(f"{c}{sep}{a}{sep}{b}{sep}x\n" for c, a, b in spans)


def with_kits(config, beds=BEDS, whole=None, **keys):
    """Give a cohort kits: BED files and kits.tsv beside its configuration."""
    folder = config.parent
    for kit, spans in beds.items():
        (folder / f"{kit}.bed").write_text(bed_text(spans))
    rows = [f"{kit}\t{kit}.bed" for kit in beds]
    (folder / "kits.tsv").write_text("\n".join(["kit\tbed", *rows]) + "\n")
    if whole is not None:
        sheet = (folder / "cohorts.tsv").read_text().splitlines()
        text = "\n".join([sheet[0] + "\tcallable", *(f"{x}\t{whole}" for x in sheet[1:])])
        (folder / "cohorts.tsv").write_text(text + "\n")
    said = json.loads(config.read_text()) | {"callable": {"kits": "kits.tsv"}} | keys
    config.write_text(json.dumps(said))
    return config


def covers(people, beds=BEDS):
    def ask(sample, contig, pos):
        spans = beds[people[sample][2]]
        return any(c == contig and a < pos <= b for c, a, b in spans)

    return ask


@pytest.mark.parametrize("seed", range(4))
def test_random_files_against_a_slow_reader(tmp_path, seed):
    """Several one-sample files and joint files, two kits, sexes, X, Y and MT."""
    rng = random.Random(seed)
    groups = [["a"], ["b"], ["c", "d", "e", "f"], ["g"]] if seed % 2 else [list("abcdefg")]
    files = random_files(rng, groups, CONTIGS)
    names = [s for g in groups for s in g]
    people = {
        s: (rng.choice(["male", "female", "unknown"]), f"P{i % 2}", rng.choice("AB"))
        for i, s in enumerate(names)
    }
    config = with_kits(write_cohort(tmp_path, files, people, contigs=CONTIGS, columns=["kit"]))
    digests = {
        ingest_here(tmp_path / f"store{n}", config, chunk_records=n)["digest"]
        for n in (None, 17)
    }
    assert len(digests) == 1
    right = slow_counts(files, people, covers(people))
    found = {k: v for k, v in read_counts(tmp_path / "storeNone").items() if v[3]}
    wrong = {
        k: (found.get(k), right.get(k))
        for k in found.keys() | right.keys()
        if found.get(k) != right.get(k)
    }
    assert not wrong, f"{len(wrong)} of {len(right)}: {list(wrong.items())[:3]}"
    assert not verify(varhouse.open(tmp_path / "storeNone"))
