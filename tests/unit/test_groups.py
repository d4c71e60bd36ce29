"""A group counted when it is asked for has the numbers of a build with that stratum."""

import json
import random
import re

import numpy as np
import polars as pl
import pytest
from inprocess import ingest_here
from slow_sites import CONTIGS, random_files, write_cohort

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, UsageError
from varhouse.genotypes import planes
from varhouse.query import Answer, Question, Selection, cohortgroup, counted
from varhouse.query.groups import DEFAULT, statistics_of_groups
from varhouse.query.sql import run_sql
from varhouse.tables.schema import KEY
from varhouse.tables.statistics import FREQUENCIES, TOTALS, of_records, statistics_of

COHORTS = {"x": [["a"], ["b"], ["c", "d", "e"]], "y": [["f", "g"]], "z": [["h"], ["i", "k"]]}
STRATA = ["population", "population+sex", "panel", "panel+sex"]
ODD = ["0/1/1", "1/1/1", "|0/1", "1/0|1", ".|1", "0/.", "1/1", "0"]


def _store(folder, seed):
    """Build a store of random files of several groups of people, with strata."""
    folder.mkdir(exist_ok=True)
    rng = random.Random(seed)
    for cohort, groups in COHORTS.items():
        files = random_files(rng, groups)
        for records in files:
            for *_, alt, calls in records:
                for s in calls:
                    if alt != "." and rng.random() < 0.2:
                        calls[s] = rng.choice(ODD)
        names = [s for g in groups for s in g]
        people = {
            s: (rng.choice(["male", "female"]), f"P{i % 2}") for i, s in enumerate(names)
        }
        path = write_cohort(folder / cohort, files, people, cohort)
        sheet = [
            "cohort\tsample\tsex\tpopulation\tpanel",
            *(f"{cohort}\t{s}\t{x}\t{p}\t{rng.choice('12')}" for s, (x, p) in people.items()),
        ]
        (path.parent / "samples.tsv").write_text("\n".join(sheet) + "\n")
        (path.parent / "par.bed").write_text("X\t8\t20\n")
        config = json.loads(path.read_text()) | {"strata": STRATA}
        config["assembly"]["par"] = "par.bed"
        path.write_text(json.dumps(config))
        ingest_here(folder / "store", path)
    return varhouse.open(folder / "store")


@pytest.fixture(scope="module", params=range(2))
def store(request, tmp_path_factory):
    return _store(tmp_path_factory.mktemp("groups"), request.param)


def _condition(by, value):
    return " and ".join(
        f'{c} == "{v}"' for c, v in zip(by.split("+"), value.split("+"), strict=True)
    )


def _sorted(frame, *more):
    return frame.select(*KEY, *more).sort(*KEY, *more[:1])


def test_as_the_stratum_of_a_build(store):
    rows = store.scan("frequencies").collect()
    totals = store.scan("totals").collect()
    strata = totals.select("stratum_by", "stratum").unique().rows()
    assert len(strata) > 8
    for by, value in strata:
        if by == "all":
            continue
        same = (pl.col("stratum_by") == by) & (pl.col("stratum") == value)
        for by_cohort, table, name in ((True, rows, FREQUENCIES), (False, totals, TOTALS)):
            mine = {s.name for s in statistics_of(name)}
            names = [n for n in statistics_of_groups(by_cohort=by_cohort) if n in mine]
            more = ["cohort", *names] if by_cohort else names
            found = store.group_frequencies(
                _condition(by, value), columns=names, by_cohort=by_cohort
            )
            right = _sorted(table.filter(same), *more)
            assert right.height > 20
            assert _sorted(found, *more).equals(right), (by, value, name)


def test_everybody_by_name(store):
    everybody = store.scan("samples").collect()["sample"].to_list()
    found = store.group_frequencies(samples=everybody)
    totals = store.scan("totals").filter(pl.col("stratum_by") == "all").collect()
    shown = [n for n in DEFAULT if n != "call_rate"]
    assert found.columns == [*KEY, *DEFAULT]
    assert _sorted(found, *shown).equals(_sorted(totals, *shown))


def test_little_at_a_time(store, monkeypatch):
    whole = store.group_frequencies('sex == "male"')
    monkeypatch.setattr(cohortgroup, "AT_ONCE", 1)
    monkeypatch.setattr(cohortgroup, "SITES_AT_ONCE", 1)
    monkeypatch.setattr("varhouse.query.select.PIECE_ROWS", 7)
    assert store.group_frequencies('sex == "male"').equals(whole)


def _wanted(store, **asked):
    """Find the keys that a query selects."""
    answer = Answer(store, Question(Selection(**asked), columns=list(KEY)))
    return pl.concat(list(answer.frames()))


def test_what_is_selected_is_what_a_query_selects(store):
    rng = random.Random(3)
    whole = store.group_frequencies('panel == "1"')
    keys = whole.select(KEY)
    for _ in range(12):
        contig = rng.choice(list(CONTIGS))
        low = rng.randrange(1, 50)
        region = f"{contig}:{low}-{low + rng.randrange(8)}"
        right = whole.join(_wanted(store, regions=[region]), on=KEY, how="semi")
        assert store.group_frequencies('panel == "1"', region=region).equals(right), region
    some = keys.sample(5, seed=1)
    ids = ["-".join(map(str, row[:4])) for row in some.rows()]
    right = whole.join(_wanted(store, ids=ids), on=KEY, how="semi")
    assert right.height >= 5
    assert store.group_frequencies('panel == "1"', id=ids).equals(right)


def test_one_column_by_its_name(store):
    assert store.group_frequencies('sex == "male"', columns="af").columns == [*KEY, "af"]


def test_nobody_assessed_has_no_row(store):
    found = store.group_frequencies('cohort == "y"', by_cohort=True)
    of_y = (
        store.scan("frequencies", cohort="y").filter(pl.col("stratum_by") == "all").collect()
    )
    assert found.height == of_y.height
    # Without cohorts also alleles of others, at sites at which y has another one.
    site = ["contig", "pos"]
    totals = store.scan("totals").filter(pl.col("stratum_by") == "all").collect()
    right = totals.join(of_y, on=site, how="semi")
    assert store.group_frequencies('cohort == "y"').height == right.height < totals.height


def test_what_is_refused(store):
    with pytest.raises(AccessError, match="not public"):
        store.public().group_frequencies('sex == "male"')
    with pytest.raises(AccessError, match="not public"):
        store.public().group_frequencies(varhouse.choose_people(store, 'sex == "male"'))
    with pytest.raises(UsageError, match="no column 'afs' here; nearest: af"):
        store.group_frequencies('sex == "male"', columns=["afs"])
    # What needs fields of quality is not known for a group.
    why = "no column 'ac_adj' of a group: groups are counted from genotypes alone, without GQ"
    with pytest.raises(UsageError, match=why):
        store.group_frequencies('sex == "male"', columns=["ac_adj"])


def test_the_command(store, tmp_path, capsys):
    path = str(store.path)
    out = tmp_path / "o.tsv"
    people = 'sex == "male" and panel == "1"'
    code = main(
        ["frequencies", path, "--people", people, "--region", "c1:1-20", "-o", str(out)]
    )
    said = capsys.readouterr().err
    assert code == 0
    right = store.group_frequencies(people, region="c1:1-20")
    assert re.search(rf"{right.height} alleles, \d+ (people|person): ", said)
    written = pl.read_csv(out, separator="\t", schema_overrides=right.schema)
    assert written["ac"].to_list() == right["ac"].to_list()
    assert out.read_text().splitlines()[0].split("\t") == right.columns
    assert main(["frequencies", path, "--people", people, "--all", "--columns", "an"]) == 0
    assert capsys.readouterr().out.startswith("contig\tpos\tref\talt\textent\tan\n")
    for options, message in (
        (["--people", people], "nothing says which alleles"),
        (["--people", people, "--all", "--id", "x"], "--all does not go with"),
        (["--all"], "nothing says which people"),
        (["--people", people, "--region", "chr1:x"], "chr1:x"),
        (["--people", people, "--gene", "nope"], "gene"),
        (["--people", people, "--all", "--public"], "not public"),
        (["--people", people, "--all", "--par", "x"], "--par does not go with a store"),
        (["--people", "sex ==", "--all"], "cannot be read"),
    ):
        assert main(["frequencies", path, *options]) != 0
        said = capsys.readouterr()
        assert message in said.err
        assert "Traceback" not in said.err
        assert not said.out
    wrong = tmp_path / "o.vcf.gz"
    assert main(["frequencies", path, "--people", people, "--all", "-o", str(wrong)]) == 2
    assert "the ending says no format" in capsys.readouterr().err
    assert not wrong.exists()
    vcf = str(store.path.parent / "x" / "f0.vcf")
    assert main(["frequencies", vcf, "--people", people, "-o", str(out)]) == 2
    assert "--people does not go with a file" in capsys.readouterr().err
    assert main(["frequencies", f"{path}x", "--people", people, "--all"]) == 1
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["frequencies", vcf]) == 2
    assert "-o OUT is needed" in capsys.readouterr().err


def test_annotated_with_a_group(store):
    keys = store.scan("variants").select(KEY).collect()
    found = varhouse.annotate_frequencies(keys, store=store, people='cohort == "y"', name="g")
    assert found.frame is not None
    right = keys.join(
        store.group_frequencies('cohort == "y"'), on=KEY, how="left", maintain_order="left"
    )
    for name in ("ac", "an", "af"):
        assert found.frame[f"g_{name}"].equals(right[name], null_equal=True)
    assert found.people == {"y": 2}
    assert 0 < found.n_found < keys.height


_SQL = """
SELECT s.contig, s.allele_pos[alt_index] AS pos, s.allele_ref[alt_index] AS ref,
       s.allele_alt[alt_index] AS alt, s.allele_extent[alt_index] AS extent, s.cohort,
       sum(g.ac)::INTEGER AS ac, sum(g.an)::INTEGER AS an
FROM group_counts((SELECT list({cohort: cohort, sample: sample}) FROM samples
                   WHERE attributes LIKE '%"panel":"1"%')) g
JOIN sites s USING (cohort, file, record)
WHERE s.allele_pos[alt_index] IS NOT NULL
GROUP BY ALL
"""


def test_in_sql(store):
    """Copies are those of the group; so are called alleles where all files have the allele."""
    found = pl.concat(list(run_sql(store, _SQL).batches))
    right = store.group_frequencies('panel == "1"', by_cohort=True)
    key = [*KEY, "cohort"]
    both = found.join(right, on=key, how="full", suffix="_right", coalesce=True)
    assert found.height > 100
    # A group that lacks an allele has a row of its own there, with no copy.
    assert both["ac"].fill_null(0).equals(both["ac_right"].fill_null(0).alias("ac"))
    of_y = both.filter(pl.col("cohort") == "y")
    assert of_y["an"].equals(of_y["an_right"].alias("an"))
    with pytest.raises(UsageError, match="not group_counts"):
        run_sql(store.public(), "SELECT * FROM group_counts([])")


def test_blocks_of_one_record_in_several_row_groups_add_up():
    rng = np.random.default_rng(1)
    n_alt = {2: 1, 5: 3, 7: 0, 9: 2}
    right = {key: {n: [0] * k for n in counted.COUNTS} for key, k in n_alt.items()}
    pieces = []
    # Keys as they come of row groups: of files, in no order, blocks of 5 and 9 apart.
    for keys in ([5, 9], [2], [9, 5], [7, 9]):
        sizes = [n_alt[k] for k in keys]
        counts = {}
        for name in counted.COUNTS:
            of_record = name in of_records()
            values = [rng.integers(0, 9, 1 if of_record else n) for n in sizes]
            counts[name] = np.concatenate(values).astype(np.int32)
            for key, mine in zip(keys, values, strict=True):
                old = right[key][name][:1] or [0]
                before = old if of_record else right[key][name]
                right[key][name] = (np.array(before) + mine).tolist()
        first_row = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        pieces.append(counted.Counted(np.array(keys, np.int64), first_row, counts))
    joined = counted.join_counted(pieces)
    assert joined.keys.tolist() == [2, 5, 7, 9]
    assert np.diff(joined.first_row).tolist() == [1, 3, 0, 2]
    for k, key in enumerate(n_alt):
        for name in counted.COUNTS:
            a, b = joined.first_row[k : k + 2]
            found = (
                joined.counts[name][k : k + 1]
                if name in of_records()
                else (joined.counts[name][a:b])
            )
            assert found.tolist() == right[key][name], (key, name)


def test_more_people_than_a_row_holds(tmp_path, monkeypatch):
    whole = _store(tmp_path / "whole", 5)
    monkeypatch.setattr(planes, "PEOPLE", 1)
    parts = _store(tmp_path / "parts", 5)
    rows = parts.scan("genotypes").select("first").collect()
    assert rows["first"].max() > 0
    for people in ('sex == "male"', 'panel == "1"'):
        assert parts.group_frequencies(people).equals(whole.group_frequencies(people))
