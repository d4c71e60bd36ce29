"""Capture kits: who is assessed where, by the BED of his kit, against a slow count."""

import json
import random
from collections import defaultdict

import polars as pl
import pytest
from inprocess import ingest_here
from slow_sites import GENOME, gather, random_files, read_counts, slow_counts, write_cohort

import varhouse
from varhouse.store.verify import verify
from varhouse.tables.statistics import counts_of

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


def base_counts(right, files, people):
    """What is counted at each base of the contigs, but ac: (contig, pos, stratum) to counts.

    Where alleles stand it is the most that one of them counts, as in totals.
    """
    out = {}
    for (contig, pos, _, _, *stratum), (_, an, missing, n) in right.items():
        old = out.get((contig, pos, *stratum), (0, n, n))
        out[contig, pos, *stratum] = (max(an, old[0]), min(missing, old[1]), n)
    held = {k[:2] for k in right} | {k[:2] for k in gather(files)[1]}
    bases = [(c, p) for c in CONTIGS for p in range(1, len(GENOME) + 1) if (c, p) not in held]
    rest = slow_counts(files, people, covers(people), bases)
    out |= {(*k[:2], *k[4:]): v[1:] for k, v in rest.items() if k[:2] not in held}
    return out


def callable_counts(store):
    """What the rows of the table callable add up to, base by base."""
    out = defaultdict(lambda: [0, 0, 0])
    columns = [
        "contig",
        "start",
        "end",
        "stratum_by",
        "stratum",
        "an",
        "n_missing",
        "n_samples",
    ]
    for contig, start, end, by, value, *counts in (
        varhouse.open(store).scan("callable").select(columns).collect().rows()
    ):
        for pos in range(start, end + 1):
            row = out[contig, pos, by, value]
            for i, x in enumerate(counts):
                row[i] += x
    return {k: tuple(v) for k, v in out.items()}


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
    at_bases = base_counts(right, files, people)
    assert callable_counts(tmp_path / "storeNone") == at_bases
    wrong = {
        k: (found.get(k), right.get(k))
        for k in found.keys() | right.keys()
        if found.get(k) != right.get(k)
    }
    assert not wrong, f"{len(wrong)} of {len(right)}: {list(wrong.items())[:3]}"
    assert not verify(varhouse.open(tmp_path / "storeNone"))


def test_groups_are_what_a_build_with_the_stratum_counts(tmp_path):
    """Of two cohorts with kits and one without, in every count and by cohort and in total."""
    rng = random.Random(8)
    store = tmp_path / "store"
    for name, groups in (("x", ["abc"]), ("y", ["d", "e", "fg"]), ("z", ["hi"])):
        files = random_files(rng, [list(g) for g in groups], CONTIGS)
        people = {
            s: (rng.choice(["male", "female", "unknown"]), f"P{i % 2}", rng.choice("AB"))
            for i, s in enumerate("".join(groups))
        }
        config = write_cohort(tmp_path / name, files, people, name, CONTIGS, ["kit"])
        if name != "z":
            with_kits(config, strata=["population", "kit"])
        ingest_here(store, config)
    opened = varhouse.open(store)
    names = [n for n in counts_of("frequencies") if not n.endswith("_adj")]
    key = ["contig", "pos", "ref", "alt", "extent"]
    for by_cohort, table in ((True, "frequencies"), (False, "totals")):
        columns = [*key, *(["cohort"] if by_cohort else ["n_cohorts"]), *names]
        rows = opened.scan(table).filter(pl.col("n_samples") > 0).collect()
        for asked, stratum in (
            ("population in ('P0', 'P1')", pl.col("stratum") == "all"),
            ("population == 'P1'", pl.col("stratum") == "P1"),
        ):
            found = opened.group_frequencies(asked, columns=names, by_cohort=by_cohort)
            if not by_cohort:
                with_n = opened.group_frequencies(asked, columns=["n_cohorts", *names])
                assert with_n.drop("n_cohorts").equals(found)
                found = with_n
            right = rows.filter(stratum).select(columns)
            assert sorted(found.select(columns).rows()) == sorted(right.rows()), (table, asked)
