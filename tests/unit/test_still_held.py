"""A cohort that is held back and is not in the store stops no later ingest of the others."""

import json
from pathlib import Path

from builders import make_fasta
from inprocess import ingest_here

HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
)


def write(folder: Path, cohorts: dict[str, int]) -> Path:
    """Write a configuration; the file of a cohort with 0 records is no VCF."""
    make_fasta(folder / "r.fa", {"1": "ACGT" * 9})
    sheet = ["cohort\tfiles"]
    for name, n in cohorts.items():
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS" + name
        rows = [f"1\t{4 * i + 1}\t.\tA\tC\t.\t.\t.\tGT\t0/1" for i in range(n)]
        text = HEAD + "\n".join([columns, *rows, ""]) if n else "no VCF\n"
        (folder / f"{name}.vcf").write_text(text)
        sheet.append(f"{name}\t{name}.vcf")
    (folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
    config = {"assembly": {"name": "toy", "reference": "r.fa"}, "cohorts": "cohorts.tsv",
              "policy": {"unlisted_samples": "unknown"}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


def test_it_is_named_again_and_another_one_is_held_back(tmp_path: Path) -> None:
    store = tmp_path / "store"
    told = []
    for cohorts in (
        {"a": 1, "bad": 0},
        {"a": 2, "bad": 0},
        {"a": 2, "b": 1, "bad": 0, "worse": 0},
    ):
        account = ingest_here(store, write(tmp_path, cohorts))
        came = [c["cohort"] for c in account["cohorts"]]
        held = {h["cohort"]: bool(h.get("before")) for h in account["held_back"]}
        assert not any(h.get("stays") for h in account["held_back"])
        told.append((came, held))
    assert told == [
        (["a"], {"bad": False}),
        (["a"], {"bad": True}),
        (["b"], {"bad": True, "worse": False}),
    ]
