"""Made people of a batch: what `person_metrics` gives, without reads."""

from typing import Any

import numpy as np

from varhouse.reads.figures import FIGURES, find_flags

TOOLS = [
    {"step": "trim", "name": "cutadapt", "version": "5.2", "carrier": "cutadapt 5.2",
     "options": "-a AGATCGGAAGAGC"},
    {"step": "align", "name": "bwa mem", "version": "0.7.18", "carrier": "pybwa 2.3.2",
     "options": "-K 10000000"},
    {"step": "call", "name": "bcftools call", "version": "1.24", "carrier": "pysam 0.24.1",
     "options": "-f /home/zhang/ref.fa -m"},
]  # fmt: skip


def make_person(
    number: int, *, sample: str | None = None, cohort: str = "c", seed: int = 1, **figures: Any
) -> dict[str, Any]:
    """Make the JSON of somebody; `figures` replace made ones."""
    rng = np.random.default_rng([seed, number])
    depth = float(rng.normal(32, 4))
    insert = round(float(rng.normal(400, 15)))
    male = bool(number % 2)
    pairs = rng.poisson(2000 * np.exp(-((np.arange(1000) - insert) ** 2) / (2 * 80.0**2)))
    share = np.clip(1.02 - 1 / (1 + np.exp(-(np.arange(120) - depth) / 4)), 0, 1)
    share[0] = 1.0
    own: dict[str, Any] = dict.fromkeys(f.name for f in FIGURES)
    own |= {
        "reads": int(depth * 2.1e7), "bases": int(depth * 3.1e9), "reads_trimmed": 0.031,
        "mapped": 0.9953, "proper": 0.972, "duplicates": float(rng.uniform(0.08, 0.2)),
        "library_size": 900_000_000, "insert_median": float(insert), "insert_mad": 54.0,
        "insert_mean": insert + 3.2, "insert_sd": 80.1, "error_rate": 0.0041,
        "mean_quality": 35.6, "mean_coverage": depth, "median_coverage": float(round(depth)),
        "at_1x": 0.998, "at_10x": 0.985, "at_20x": float(share[20]),
        "at_30x": float(share[30]),
        "x_ratio": float(rng.normal(0.5 if male else 1.0, 0.01)),
        "y_ratio": float(abs(rng.normal(0.5 if male else 0.004, 0.004))), "mt_ratio": 240.3,
        "snvs": 3_912_345, "indels": 802_113, "ti_tv": float(rng.normal(2.05, 0.01)),
        "het_hom": float(rng.normal(1.6, 0.06)), "filtered": 0.041,
        "contamination": float(rng.uniform(0, 0.004)), "contamination_low": 0.0,
        "contamination_high": 0.008, "contamination_sites": 9_500, "charr": 0.004,
        "sex": "male" if male else "female", "sex_by_reads": "male" if male else "female",
        "karyotype": "XY" if male else "XX",
    } | figures  # fmt: skip
    flags = find_flags(own)
    if own["sex"] in ("male", "female") and own["sex_by_reads"] not in (None, own["sex"]):
        words = f"{own['sex']} by the sheet, {own['sex_by_reads']} by the reads: swapped?"
        flags.insert(0, {"code": "sex_disagrees", "words": words})
    name = sample if sample is not None else f"NA{number:05}"
    lane = {"lane": "L001", "names": "illumina", "reads": own["reads"], "bases": own["bases"],
            "longest": 150, "reads_in": own["reads"], "reads_out": own["reads"],
            "reads_trimmed": 1000, "adapters": {}}  # fmt: skip
    return {
        "version": 1, "cohort": cohort, "sample": name, "figures": own, "flags": flags,
        "reasons": {}, "coverage": np.round(share, 6).tolist(),
        "contigs": [{"contig": f"chr{c}", "bases": 10**8, "reads": 10**7, "coverage": depth}
                    for c in range(1, 23)],
        "insert_sizes": {str(i): int(n) for i, n in enumerate(pairs) if n},
        "lanes": [lane], "tools": TOOLS,
    }  # fmt: skip


def make_people(n: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Make people of whom about one in twelve is odd in some way."""
    odd: list[dict[str, Any]] = [
        {"contamination": 0.041, "contamination_low": 0.035, "contamination_high": 0.047,
         "het_hom": 2.4},
        {"mean_coverage": 9.5, "at_20x": 0.02},
        {"sex": "male", "sex_by_reads": "female", "x_ratio": 1.01, "y_ratio": 0.003},
        {"duplicates": 0.43},
    ]  # fmt: skip
    return [
        make_person(i, seed=seed, **(odd[i // 12 % len(odd)] if i % 12 == 5 else {}))
        for i in range(n)
    ]


def make_run(people: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the run of people, as `calling.run.CallRun` has it in JSON."""
    file = {"name": "x_R1.fastq.gz", "bytes": 10, "md5": "0" * 32, "sha256": "1" * 64,
            "n_reads": 5}  # fmt: skip
    facts = {"form": "pairs", "files": [file], "notes": ["no platform: ILLUMINA is taken"]}
    return {
        "version": "0.1.0", "assembly": "GRCh38", "reference": "/home/zhang/GRCh38.fa",
        "reference_digest": "ab" * 32,
        "contigs": [["chr1", 248_956_422], ["chr2", 242_193_529]],
        "settings": {"trim": "cutadapt", "aligner": "pybwa", "caller": "bcftools",
                     "filters": {"quality": 20, "depth": 4},
                     "known_sites": ["/home/zhang/k.vcf.gz"]},
        "notes": ["the index was made before"],
        "people": [{"person": {"cohort": p["cohort"], "name": p["sample"]}, "facts": [facts]}
                   for p in people],
    }  # fmt: skip
