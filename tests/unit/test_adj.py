"""Counts of genotypes of high quality against a slow count of each person's text."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from fieldtapes import tape_of

from varhouse.frequencies.adj import count_adj
from varhouse.frequencies.strata import make_strata
from varhouse.genotypes.calls import Genotypes, parse_gt
from varhouse.tables.statistics import Adjust, adj_counts, of_records

ROOT = Path(__file__).parents[2]
TEXTS = ["0/0", "0|0", "0/1", "1|1", "1/2", "2/2", ".", "./1", "1", "0", "./.", "2/.", "0/1/2"]
SEXES = ["male", "female", "unknown"]
FORMATS = ["GT:GQ:DP:AD", "GT:AD:DP:GQ:PL", "GT:DP:AD:GQ", "GT:GQ:DP", "GT"]
N_ALT = 2


def number(text: str | None) -> float | None:
    """Read a number as Python does; None if there is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def is_good(alleles: list[int], cell: dict[str, str], limits: Adjust, copies: int) -> bool:
    """Say whether a fully called genotype passes, as docs/numbers.md says it."""
    gq, dp = number(cell.get("GQ")), number(cell.get("DP"))
    if limits.gq and (gq is None or gq < limits.gq):
        return False
    least = limits.dp_haploid if copies == 1 else limits.dp
    if least and (dp is None or dp < least):
        return False
    if len(set(alleles)) == 1 or not limits.ab:
        return True
    depths = cell.get("AD", "").split(",")
    for a in set(alleles) - {0}:
        reads = number(depths[a]) if len(depths) == N_ALT + 1 else None
        if reads is None or not dp or reads / dp < limits.ab:
            return False
    return True


def slow(text, cell, limits, *, sex, haploid, on_y, alt) -> Counter:
    """Count one person of a record that has the fields."""
    if on_y and sex == "female":
        return Counter()
    alleles = parse_gt(text)
    called = [a for a in alleles if a >= 0]
    hemi = haploid and sex == "male"
    copies = 1 if hemi and len(alleles) == 2 and len(called) == 1 else len(alleles)
    out = Counter(n_samples_adj=1)
    is_het = len(set(called)) > 1
    full = copies and len(called) == copies and not (hemi and is_het)
    if not full or not is_good(called, cell, limits, copies):
        out["n_missing_adj"] = 1
        return out
    if hemi:
        called = called[:1]
    out["an_adj"], out["ac_adj"] = len(called), called.count(alt)
    if out["ac_adj"]:
        kind = "n_hemi" if len(called) == 1 else "n_het" if is_het else "n_hom_alt"
        out[f"{kind}_adj"] = 1
    return out


def draw_value(rng, usual: int) -> str:
    odd = [".", "x", "007", "-5", "1e1", f"{usual}.5", "", "2e", "+12", "99999999999"]
    odd += [f"{usual},{usual}", f"{usual},."]
    if rng.random() < 0.06:
        return odd[int(rng.integers(len(odd)))]
    return str(int(rng.integers(0, 2 * usual)))


def draw(n: int, people: int, seed: int):
    """Draw genotypes, cells of fields, and where the records lie."""
    rng = np.random.default_rng(seed)
    calls = np.empty((n, people), np.int64)
    default, who, what, pointer, records = np.empty(n, np.int32), [], [], [0], []
    for k in range(n):
        usual = int(rng.integers(len(TEXTS)))
        other = rng.integers(0, len(TEXTS), people)
        calls[k] = np.where(rng.random(people) < (0.9, 0.3)[k % 2], usual, other)
        default[k] = usual
        listed = np.flatnonzero(calls[k] != usual)
        who += listed.tolist()
        what += calls[k, listed].tolist()
        pointer.append(len(who))
        form = FORMATS[int(rng.choice(len(FORMATS), p=[0.3, 0.3, 0.2, 0.1, 0.1]))]
        cells = []
        for s in range(people):
            size = N_ALT + 1 if rng.random() < 0.95 else int(rng.integers(1, 6))
            said = {
                "GT": TEXTS[calls[k, s]],
                "GQ": draw_value(rng, 30),
                "DP": draw_value(rng, 14),
                "AD": ",".join(draw_value(rng, 6) for _ in range(size)),
                "PL": "0,1,2",
            }
            kept = form.split(":")
            if rng.random() < 0.05:
                kept = kept[: int(rng.integers(1, len(kept) + 1))]
            cells.append(":".join(said[f] for f in kept))
        records.append((form, cells))
    lists = (np.array(pointer, np.int64), np.array(who, np.int32), np.array(what, np.int32))
    haploid = rng.random(n) < 0.6
    on_y = haploid & (rng.random(n) < 0.4)
    return Genotypes(TEXTS, default, *lists), calls, records, haploid, on_y


@pytest.mark.parametrize(
    ("people", "numbers", "limits"),
    [
        (7, {"GQ", "DP", "AD", "PL"}, Adjust()),
        (90, {"GQ", "DP", "AD", "PL"}, Adjust()),
        (90, {"DP"}, Adjust()),
        (40, set(), Adjust(gq=15.5, dp=7, dp_haploid=3, ab=0.34)),
        (40, {"GQ", "DP", "AD"}, Adjust(gq=20, dp=10, dp_haploid=5, ab=0)),
    ],
)
def test_counts_of_high_quality(people: int, numbers: set[str], limits: Adjust) -> None:
    n = 60
    genotypes, calls, records, haploid, on_y = draw(n, people, seed=people + len(numbers))
    sexes = [SEXES[s % 3] for s in range(people)]
    groups = ["even" if s % 2 else "odd" for s in range(people)]
    strata = make_strata(pl.DataFrame({"sex": sexes, "group": groups}), ["group"])
    first_row = np.arange(0, N_ALT * n + 1, N_ALT)
    fields = tape_of(records, numbers)
    found = count_adj(genotypes, fields, first_row, haploid, on_y, strata, limits)
    assert set(found) == set(adj_counts())
    passed = 0
    needed = {"GQ", "DP", "AD"} if limits.ab else {"GQ", "DP"}
    for k, (form, cells) in enumerate(records):
        keys = form.split(":")
        for q in range(strata.size.size):
            for alt in range(1, N_ALT + 1):
                wanted = Counter()
                for s in np.flatnonzero(strata.cell == q).tolist():
                    if needed <= set(keys):
                        wanted += slow(
                            TEXTS[calls[k, s]],
                            dict(zip(keys, cells[s].split(":"), strict=False)),
                            limits,
                            sex=sexes[s],
                            haploid=bool(haploid[k]),
                            on_y=bool(on_y[k]),
                            alt=alt,
                        )
                for name in adj_counts():
                    row = k if name in of_records() else N_ALT * k + alt - 1
                    assert found[name][row, q] == wanted[name], (k, q, alt, name, cells)
                passed += wanted["an_adj"]
    assert passed


def test_thresholds_are_those_of_the_configuration_and_its_page() -> None:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    told = schema["properties"]["policy"]["properties"]["adj"]["properties"]
    assert {k: v["default"] for k, v in told.items()} == asdict(Adjust())
    page = (ROOT / "config" / "README.md").read_text()
    (line,) = (x for x in page.splitlines() if x.startswith("| `adj` |"))
    assert yaml.safe_load(line.split("`")[3]) == asdict(Adjust())


def test_without_fields_nothing_is_known() -> None:
    genotypes, _, records, haploid, on_y = draw(4, 3, seed=1)
    strata = make_strata(pl.DataFrame({"sex": ["male", "female", "unknown"]}), [])
    bare = tape_of(
        [("GT:DP", [c.split(":")[0] + ":20" for c in cells]) for _, cells in records], {"DP"}
    )
    rows = np.arange(0, N_ALT * 4 + 1, N_ALT)
    assert count_adj(genotypes, bare, rows, haploid, on_y, strata, Adjust()) is None
    # What is not asked for need not be there.
    only_depth = Adjust(gq=0, ab=0)
    assert count_adj(genotypes, bare, rows, haploid, on_y, strata, only_depth) is not None
