"""Compare what `read_vcf` reads with what cyvcf2 reads, file by file.

usage: python tests/oracle/cyvcf2_info.py FILE...

Each file is read in a process of its own (cyvcf2 crashes on some text), and gives one line
of JSON: file, values (how many were compared), different, altered, skipped. `altered` are
values that htslib changes and varhouse does not: an element that is not of its declared
type is cut down to what C's strtol or strtod makes of it there, and is null here.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import cyvcf2
import numpy as np

from varhouse.errors import VarhouseError
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.read import read_vcf
from varhouse.vcf.reader import VcfReader
from varhouse.vcf.text.bgzf import file_kind

INTEGER = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"[-+]?(inf|infinity|nan)", re.IGNORECASE)
RESERVED = range(-(2**31), -(2**31) + 8)


def well_typed(value: str, kind: str) -> bool:
    """Whether each element is of its type, so that nobody may change it."""
    for element in value.split(","):
        if element == ".":
            continue
        if kind == "Integer":
            good = INTEGER.fullmatch(element) is not None
            good = good and -(2**31) + 8 <= int(element) < 2**31
        else:
            good = FLOAT.fullmatch(element) is not None or bool(SPECIAL.fullmatch(element))
        if not good:
            return False
    return True


def theirs_as_ours(value: object, kind: str) -> object:
    if kind == "Flag":
        return value is not None
    if value is None or value is False or value in ("", "."):
        return None
    if kind in ("Integer", "Float"):
        # htslib may hold a key as a string, when it is declared twice with other types.
        return list(value) if isinstance(value, tuple) else [value]
    return value


def ours_as_text(value: object) -> object:
    if isinstance(value, list):
        return ",".join("." if v is None else v for v in value)
    return value


def same(a: object, b: object) -> bool:
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))
    return a == b


class Comparison:
    def __init__(self, reader: VcfReader) -> None:
        self.kinds = {name: reader.header.types["INFO", name] for name in reader._info.names}
        self.path = reader.path
        self.values = self.altered = 0
        self.lines: list[list[str]] = []
        self.different: list[str] = []

    def raw(self, record: int) -> list[str]:
        """Columns of a record as the file has them (cyvcf2 only has what htslib made)."""
        if not self.lines:
            for block in iter_text(self.path, file_kind(self.path)):
                text = block.data.decode("utf-8", "replace")
                self.lines += [x.split("\t") for x in text.split("\n") if x and x[0] != "#"]
        return self.lines[record]

    def is_altered(self, name: str, record: int) -> bool:
        """Whether a value is of another type than its column or key."""
        if file_kind(self.path) == "bcf":
            return False
        cells = self.raw(record)
        if name == "qual":
            return not well_typed(cells[5], "Float")
        key = name.removeprefix("INFO/")
        if self.kinds.get(key) not in ("Integer", "Float"):
            return False
        pairs = [pair.partition("=") for pair in cells[7].rstrip("\r").split(";")]
        values = [value for k, _, value in pairs if k == key]
        return bool(values) and not well_typed(values[0], self.kinds[key])

    def column(self, name: str, first: int, ours: list, theirs: list) -> None:  # type: ignore[type-arg]
        self.values += sum(len(v) if isinstance(v, list) else 1 for v in ours)
        if ours == theirs:
            return
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True), first):
            if same(a, b):
                continue
            if self.is_altered(name, k):
                self.altered += 1
            else:
                self.different.append(f"{name} record {k}: {a!r}, cyvcf2 {b!r}")

    def batch(self, table, first: int, records: list) -> None:  # type: ignore[no-untyped-def, type-arg]
        fixed = {
            "chrom": [v.CHROM for v in records],
            "pos": [v.POS for v in records],
            "id": [v.ID for v in records],
            "ref": [v.REF for v in records],
            "alt": [v.ALT or None for v in records],
            "qual": [v.QUAL for v in records],
            "filter": [v.FILTERS or None for v in records],
        }
        for name, theirs in fixed.items():
            ours = table.column(name).to_pylist()
            if name == "qual":
                ours = [None if v is None else float(np.float32(v)) for v in ours]
            if name == "alt":
                ours = [None if v is None else [x or "." for x in v] for v in ours]
            if name == "filter":
                ours = [dots(v) for v in ours]
                theirs = [dots(v) for v in theirs]
            if name == "ref":
                ours = [v or "." for v in ours]
            self.column(name, first, ours, theirs)
        infos = [v.INFO for v in records]
        for name, kind in self.kinds.items():
            theirs = [theirs_as_ours(i.get(name), kind) for i in infos]
            ours = table.column(f"INFO/{name}").to_pylist()
            if kind not in ("Integer", "Float", "Flag"):
                ours = [ours_as_text(v) for v in ours]
            self.column(f"INFO/{name}", first, ours, theirs)


def dots(names: list[str | None] | None) -> list[str] | None:
    """Name list elements that are missing `.`, and leave out empty ones."""
    if names is None:
        return None
    return [n or "." for n in names if n != ""]


def compare(path: Path) -> dict[str, object]:
    out: dict[str, object] = {"file": str(path)}
    try:
        reader = read_vcf(path, lists=True)
        tables = list(reader.arrow()) if path.stat().st_size < 1 << 20 else reader.arrow()
    except VarhouseError as error:
        return out | {"skipped": f"varhouse: {error.message[:80]}"}
    try:
        theirs = iter(cyvcf2.VCF(str(path)))
    except Exception as error:  # cyvcf2 raises bare Exception
        return out | {"skipped": f"cyvcf2: {error}"[:80]}
    found = Comparison(reader)
    n = 0
    for table in tables:
        for start in range(0, table.num_rows, 20_000):
            piece = table.slice(start, 20_000)
            try:
                records = [next(theirs) for _ in range(piece.num_rows)]
            except StopIteration:
                return out | {"skipped": "cyvcf2 stops before the end"}
            except Exception as error:
                return out | {"skipped": f"cyvcf2: {error}"[:80]}
            found.batch(piece, n, records)
            n += piece.num_rows
    return out | {
        "records": n,
        "values": found.values,
        "altered": found.altered,
        "n_different": len(found.different),
        "different": found.different[:5],
        "fallback": reader.fallback,
    }


def warm_up() -> None:
    """Load compiled code once, not in each child."""
    text = (
        "##fileformat=VCFv4.2\n##INFO=<ID=F,Number=.,Type=Float,Description=d>\n"
        "##INFO=<ID=S,Number=.,Type=String,Description=d>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "1\t1\t.\tA\tC\t1\tq\tF=1.0000000000000000001;S=a;U=1\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.vcf"
        path.write_text(text)
        read_vcf(path, lists=True).read()


def main() -> None:
    warm_up()
    for name in sys.argv[1:]:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            # htslib warns of each line; only our answer matters.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                print(json.dumps(compare(Path(name))), flush=True)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print(json.dumps({"file": name, "skipped": f"signal {os.WTERMSIG(status)}"}))


if __name__ == "__main__":
    main()
