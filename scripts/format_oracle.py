#!/usr/bin/env python3
"""Compare every value of the sample columns with cyvcf2's, record by record.

usage: scripts/format_oracle.py FILE... [--records N]

Prints one JSON line a file: values compared, how many differ, and the first that do.
cyvcf2 crashes on hostile text, so each file is read in a process of its own. Files that
htslib reads otherwise (`skipped` says why) are not compared.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cyvcf2
import numpy as np

from varhouse.vcf.account.faults import Faults
from varhouse.vcf.header.keys import Kind, key_table
from varhouse.vcf.samples.cells import FLOAT_END, INT_END
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.stream import open_records


def compare(path: Path, limit: int) -> dict[str, object]:
    """Read a file both ways and count the differences."""
    header, batches = open_records(path)
    table = key_table(header, "FORMAT")
    names = [n for k, n in enumerate(table.names) if table.arrays.declared[k]]
    reader = SampleReader(table, len(header.samples), names)
    theirs = iter(cyvcf2.VCF(str(path)))
    done = values = differ = unlike = 0
    first: list[str] = []
    for batch in batches:
        columns = reader.read(batch, Faults.empty())
        held = {n: _column(columns, table, n) for n in names}
        for k in range(min(batch.size, limit - done) if limit else batch.size):
            variant = next(theirs)
            if batch.pos[k] != variant.POS:
                raise ValueError(f"record {done + k + 1}: another POS")
            for name in [n for n in variant.FORMAT if n in held]:
                places, mine = held[name]
                wanted = _theirs(variant, name)
                if wanted is None:
                    unlike += 1
                    continue
                bad = _unequal(name, mine[places[k]], wanted)
                values += wanted.size
                differ += bad
                if bad and len(first) < 5:
                    first.append(f"record {done + k + 1} {name}")
        done += batch.size
        if limit and done >= limit:
            break
    return {
        "file": path.name,
        "records": min(done, limit or done),
        "values": values,
        "differ": differ,
        "not_given": unlike,
        "first": first,
    }


def _column(columns, table, name):
    """Give a key's place of each record, and its arrays."""
    numbers = table.arrays.kind[table.number_of(name)] in (Kind.INTEGER, Kind.FLOAT)
    rows, held = columns.dense(name) if numbers or name == "GT" else columns.strings(name)
    if not isinstance(held, np.ndarray):
        held = [["." if t is None else t for t in row] for row in held.to_pylist()]
    return {int(r): i for i, r in enumerate(rows)}, held


def _theirs(variant, name):
    if name == "GT":
        found = variant.genotype
        return None if found is None else found.array()
    try:
        return variant.format(name)
    except (KeyError, TypeError):
        return None


def _unequal(name, mine, wanted) -> int:
    """Count the values in which two arrays of one record differ."""
    if isinstance(mine, list):
        return sum(a != b for a, b in zip(mine, wanted.tolist(), strict=True))
    if name == "GT":
        return _unequal_genotypes(mine, wanted)
    end = FLOAT_END if wanted.dtype.kind == "f" else INT_END
    got, held = mine.view(np.int32), wanted.reshape(len(mine), -1).view(np.int32)
    width = max(got.shape[1], held.shape[1])
    return int((_pad(got, width, end) != _pad(held, width, end)).sum())


def _pad(values, width, end):
    out = np.full((len(values), width), end, np.int32)
    out[:, : values.shape[1]] = values
    return out


def _unequal_genotypes(mine, wanted) -> int:
    """Compare alleles, and the phase of diploid genotypes."""
    alleles = np.where(mine == INT_END, -2, (mine >> 1) - 1)
    theirs = wanted[:, :-1]
    width = max(alleles.shape[1], theirs.shape[1])
    bad = int((_pad(alleles, width, -2) != _pad(theirs, width, -2)).sum())
    if mine.shape[1] == 2:
        two = mine[:, 1] != INT_END
        bad += int(((mine[two, 1] & 1) != wanted[two, -1]).sum())
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--records", type=int, default=0, help="of each file (0: all)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    total = differ = 0
    for path in args.files:
        if args.here:
            print(json.dumps(compare(path, args.records)))
            continue
        done = subprocess.run(
            [sys.executable, __file__, "--here", "--records", str(args.records), str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            why = (done.stderr.strip().splitlines() or [f"ended by {-done.returncode}"])[-1]
            print(json.dumps({"file": path.name, "skipped": why[:200]}), flush=True)
            continue
        row = json.loads(done.stdout)
        total, differ = total + row["values"], differ + row["differ"]
        print(json.dumps(row), flush=True)
    if not args.here:
        print(json.dumps({"values": total, "differ": differ}))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
