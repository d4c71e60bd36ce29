"""A governed store of made-up people, for tests of views: who carries what is a matrix."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl
from builders import add_tables, key, make_contigs, make_rows, variant

from varhouse.governance.ledger import Ledger
from varhouse.store.commit import commit, init_store
from varhouse.store.releases import list_releases
from varhouse.tables.schema import COHORTS, FREQUENCIES, IDS, SAMPLES, VARIANTS
from varhouse.tables.shards import Manifest
from varhouse.tables.statistics import made_of
from varhouse.tables.totals import sum_cohorts

PROVINCES = ("110000", "330000")
_PAPERS = ("ethics", "consent", "report", "backup", "collection")


@dataclass
class People:
    """People of a cohort: a row each, with copies (0, 1, 2) of each allele."""

    names: list[str]
    copies: Mapping[str, Sequence[int]]
    provinces: list[str] = field(default_factory=list)
    elsewhere: list[int] = field(default_factory=list)
    """Copies of alleles that no table has; the gate knows people by their number."""

    def province(self, i: int) -> str:
        """Give the province of a person."""
        return self.provinces[i] if self.provinces else PROVINCES[i % 2]

    def without(self, *gone: str) -> "People":
        """Give the same people without some."""
        kept = [i for i, n in enumerate(self.names) if n not in gone]
        return People(
            [self.names[i] for i in kept],
            {a: [c[i] for i in kept] for a, c in self.copies.items()},
            [self.province(i) for i in kept],
            [self.elsewhere[i] for i in kept] if self.elsewhere else [],
        )


def make_people(
    cohort: str, n: int, alleles: Sequence[str], seed: int, share: float = 0.4
) -> People:
    """Draw n people of a cohort, named after it, with copies of alleles."""
    rng = np.random.default_rng(seed)
    copies = {a: rng.binomial(2, share, n).tolist() for a in alleles}
    return People([f"{cohort.upper()}-P{i:03d}" for i in range(n)], copies)


def frequency_rows(cohort: str, people: People) -> pl.DataFrame:
    """Count people, the slow way."""
    rows: list[dict[str, Any]] = []
    for allele, copies in people.copies.items():
        if not any(copies):
            continue
        groups = [("all", "all", list(range(len(copies))))]
        for p in sorted({people.province(i) for i in range(len(copies))}):
            mine = [i for i in range(len(copies)) if people.province(i) == p]
            groups.append(("province", p, mine))
        for by, value, who in groups:
            own = [copies[i] for i in who]
            rows.append(
                {
                    **key(allele),
                    "cohort": cohort,
                    "stratum_by": by,
                    "stratum": value,
                    "ac": sum(own),
                    "an": 2 * len(own),
                    "an_written": 2 * len(own),
                    "n_het": own.count(1),
                    "n_hom_alt": own.count(2),
                    "n_samples": len(own),
                }
            )
    return make_rows(FREQUENCIES, rows).with_columns(**made_of("frequencies"))


def sample_rows(cohort: str, people: People) -> list[dict[str, Any]]:
    """Make the rows of the table samples."""
    return [
        {
            "cohort": cohort,
            "sample": name,
            "ordinal": i,
            "sex": "unknown",
            "attributes": json.dumps({"province": people.province(i)}),
            "n_het": sum(c[i] == 1 for c in people.copies.values()),
            "n_hom_alt": sum(c[i] == 2 for c in people.copies.values()),
            # So many that the gate tells people by their number, and reads no calls.
            "n_snv": (people.elsewhere[i] if people.elsewhere else 5_000)
            + sum(c[i] for c in people.copies.values()),
        }
        for i, name in enumerate(people.names)
    ]


def put_cohorts(store: Path, cohorts: Mapping[str, People]) -> int:
    """Commit a release that holds exactly these cohorts; the store is made if needed."""
    contigs = make_contigs()
    if not store.exists():
        init_store(store, "test", contigs)
    alleles = sorted({a for p in cohorts.values() for a, c in p.copies.items() if any(c)})
    frequencies = pl.concat([frequency_rows(c, p) for c, p in cohorts.items()])
    ids = []
    for cohort, people in cohorts.items():
        for a, c in people.copies.items():
            if any(c):
                n = crc32(a.encode())
                ids.append(
                    {"id": f"rs{n}", "kind": "rs", **key(a), "source": f"cohort:{cohort}"}
                )
                ids.append({"id": f"{cohort}-own-{key(a)['pos']}", "kind": "other", **key(a),
                            "source": f"cohort:{cohort}"})  # fmt: skip
    frames = {
        "variants": make_rows(VARIANTS, [variant(a, hgvs_g=f"g.{a}") for a in alleles]),
        "ids": make_rows(IDS, ids),
        "frequencies": frequencies,
        "totals": sum_cohorts(frequencies).with_columns(part=pl.lit("")),
        "cohorts": make_rows(COHORTS, [
            {"cohort": c, "n_samples": len(p.names), "n_records": 9, "n_alleles": 9,
             "permit_number": f"PERMIT-{c}", "attributes": "{}", "fingerprint": f"F-{c}"}
            for c, p in cohorts.items()
        ]),
        "samples": make_rows(SAMPLES, [
            r for c, p in cohorts.items() for r in sample_rows(c, p)
        ]),
    }  # fmt: skip
    base = list_releases(store)[-1]
    if base > 1:
        # All rows anew: an empty release between, as a test does not care for its number.
        gone = [(n, {}) for n in frames]
        commit(store, [Manifest([], gone)], ingest_id=f"clear{base}", operation="drop",
               base_release=base)  # fmt: skip
    return add_tables(store, frames, contigs)


def govern(store: Path, tiers: Mapping[str, str], people: int = 30) -> Ledger:
    """Enter cohorts with their tiers in the ledger, with all papers that a release needs."""
    ledger = Ledger.open(store)
    ledger.add("rules", "", {"file": "builtin"})
    ledger.add("recipient", "registered", {"kind": "domestic", "country": "CN"})
    for cohort, tier in tiers.items():
        fields = {"tier": tier, "people.WGS": people, "is_pedigree": False,
                  "is_specific_region": False, "us_people": 0, "foreign_share": 0}  # fmt: skip
        ledger.add("cohort", cohort, fields)
    for i, kind in enumerate(_PAPERS):
        ledger.add("paper", "", {"kind": kind, "number": f"DEMO-{i}", "cohorts": "*"})
    return Ledger.open(store)
