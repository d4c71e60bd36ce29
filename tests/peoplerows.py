"""Rows of the tables of people, made up: two populations, a family, some who stand out."""

import json
from typing import Any

import numpy as np

Row = dict[str, Any]

POPULATIONS = ("P", "Q")


def sample_rows(cohort: str, names: list[str]) -> list[Row]:
    """Make rows of `samples`: women and men in turn, both populations, a column `batch`."""
    return [
        {"cohort": cohort, "sample": name, "ordinal": i, "sex": ("female", "male")[i % 2],
         "population": POPULATIONS[i % 3 == 0],
         "attributes": json.dumps({"batch": f"b{i % 4}", "age": str(20 + i % 50)})}
        for i, name in enumerate(names)
    ]  # fmt: skip


def qc_rows(cohort: str, names: list[str], seed: int = 1) -> list[Row]:
    """Make rows of `sample_qc`: 3 is contaminated, 5 of another sex, 8 hardly called."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, name in enumerate(names):
        male = bool(i % 2)
        row: Row = {
            "cohort": cohort, "ordinal": i, "sample": name, "n_genotypes": 20_000,
            "n_called": int(19_990 - rng.integers(0, 80)), "n_het": 6_000 + i,
            "n_hom_alt": 4_000, "n_ti": 8_000, "n_tv": 4_000, "ti_tv": 2.0 + rng.normal() / 50,
            "het_hom": 1.5 + rng.normal() / 40, "n_singleton": int(rng.integers(1, 40)),
            "n_insertion": 300, "n_deletion": 310, "ins_del": 300 / 310, "dp_mean": 31.5,
            "gq_mean": 80.25, "n_x_het": 2 if male else int(240 + rng.integers(0, 60)),
            "n_x_nonref": 420, "x_f": (0.99 if male else 0.02) + rng.normal() / 200,
            "n_x_called": 900, "n_y_called": 118 if male else 1, "n_y": 120,
            "sex_by_calls": "XY" if male else "XX",
            "contamination": float(abs(rng.normal()) / 500), "n_contamination": 3_000,
            "roh_bases": int(rng.integers(0, 40_000_000)), "n_roh": 7, "flags": "",
            "flag_details": "{}",
        }  # fmt: skip
        details: dict[str, dict[str, Any]] = {}
        if i == 3:
            row["contamination"] = 0.041
            details = {"contaminated": {"value": 0.041, "threshold": 0.015},
                       "outlier_het_hom": {"value": 2.5, "threshold": 4.0}}  # fmt: skip
        if i == 5:
            row |= {"n_x_het": 260, "x_f": 0.01, "n_y_called": 0, "sex_by_calls": "XX"}
            details = {"sex_mismatch": {"value": "XX", "sheet": "male"}}
        if i == 8:
            row["n_called"] = 17_000
            details = {"low_call_rate": {"value": 0.85, "threshold": 0.99}}
        row["call_rate"] = row["n_called"] / row["n_genotypes"]
        row |= {"flags": ",".join(details), "flag_details": json.dumps(details)}
        rows.append(row)
    return rows


def contig_rows(
    cohort: str, names: list[str], contigs: tuple[str, ...] = ("chr1", "chr2", "chrX")
) -> list[Row]:
    """Make rows of `sample_contigs`."""
    return [
        {"cohort": cohort, "ordinal": i, "contig": contig, "n_genotypes": 1_000,
         "n_called": 1_000 - (i % 7) - 20 * k, "n_het": 100, "n_hom_alt": 60}
        for i in range(len(names)) for k, contig in enumerate(contigs)
    ]  # fmt: skip


def related_rows(cohort: str, names: list[str]) -> list[Row]:
    """Make rows of `related`: a family of 0, 1, 2, 3 with an aunt 4, and a duplicate 6, 7."""
    pairs = [
        (0, 2, 0.251, 0.0001, 1, "parent_child", "parent_child", True),
        (1, 2, 0.247, 0.0002, 1, "parent_child", "parent_child", True),
        (2, 3, 0.244, 0.0101, 1, "siblings", "unrelated", False),
        (0, 3, 0.249, 0.0, 1, "parent_child", None, None),
        (3, 4, 0.121, 0.031, 2, "second_degree", None, None),
        (6, 7, 0.499, 0.0, 0, "duplicate_or_twin", None, None),
        (8, 9, 0.004, 0.06, None, "unrelated", "parent_child", False),
    ]
    keys = ("kinship", "ibs0", "degree", "relation", "in_sheet", "agrees")
    return [
        {"cohort": cohort, "ordinal_1": a, "ordinal_2": b, "sample_1": names[a],
         "sample_2": names[b], "n_sites": 20_000, **dict(zip(keys, rest, strict=True))}
        for a, b, *rest in pairs if b < len(names)
    ]  # fmt: skip


def trio_rows(cohort: str, names: list[str]) -> list[Row]:
    """Make a row of `trios`."""
    return [
        {"cohort": cohort, "ordinal": 2, "child": names[2], "father": names[0],
         "mother": names[1], "n_sites": 20_000, "n_errors": 31, "error_rate": 31 / 20_000}
    ]  # fmt: skip


def ancestry_rows(
    cohort: str, names: list[str], axes: str | None = None, seed: int = 1
) -> list[Row]:
    """Make rows of `ancestry`: number 9 stands among those of the other population."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, name in enumerate(names):
        population = POPULATIONS[i % 3 == 0]
        side = 1.0 if (population == "P") != (i == 9) else -1.0
        scores = [side * 0.05 + rng.normal() / 200, *(rng.normal(size=3) / 100)]
        rows.append(
            {"cohort": cohort, "ordinal": i, "sample": name, "axes": axes or cohort,
             "made_axes": axes is None, "scores": scores, "population": population,
             "distance": 12.0 if i == 9 else 1.0, "outlier": i == 9,
             "nearest": {"P": "Q", "Q": "P"}[population] if i == 9 else population}
        )  # fmt: skip
    return rows


def axes_rows(cohort: str) -> list[Row]:
    """Make rows of `ancestry_axes`."""
    return [
        {
            "cohort": cohort,
            "axis": i,
            "eigenvalue": 10 / i,
            "variance": 0.05 / i,
            "significant": i < 3,
        }
        for i in range(1, 5)
    ]


def same_rows(cohort: str, names: list[str], first: str) -> list[Row]:
    """Make a row of `same_people`."""
    return [
        {"cohort": cohort, "ordinal": 1, "sample": names[1], "first_cohort": first,
         "first_sample": "elsewhere", "with_cohort": first, "with_sample": "elsewhere",
         "twins": False, "n_sites": 9_000, "concordance": 0.99991,
         "counted": False}
    ]  # fmt: skip


def people_rows(cohort: str, names: list[str], seed: int = 1) -> dict[str, list[Row]]:
    """Make rows of all tables of people of a cohort, but the same people and sketches."""
    return {
        "sample_qc": qc_rows(cohort, names, seed),
        "sample_contigs": contig_rows(cohort, names),
        "related": related_rows(cohort, names),
        "trios": trio_rows(cohort, names) if len(names) > 2 else [],
        "ancestry": ancestry_rows(cohort, names, seed=seed),
        "ancestry_axes": axes_rows(cohort),
    }
