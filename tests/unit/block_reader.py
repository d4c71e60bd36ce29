"""A slow reader of blocks of FORMAT fields, written from docs/call-blocks.md alone.

It shares no code with the package: what it reads is what the page says.
"""

from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa

MISSING = -(2**31)
DROPPED, LACKING = "dropped", "lacking"
GROUP = ("AD", "DP", "GQ", "PL")

Cell = list[int] | bytes | str
"""Numbers; a text; or DROPPED, LACKING."""


def signed(data: bytes) -> list[int]:
    return [
        int.from_bytes(data[k : k + 4], "little", signed=True) for k in range(0, len(data), 4)
    ]


def unzigzag(z: int) -> int:
    return -(z + 1) // 2 if z % 2 else z // 2


def bits(data: bytes) -> Iterator[int]:
    for byte in data:
        yield from (byte >> k & 1 for k in range(7, -1, -1))


def unpacked(data: bytes, size: int) -> bytes:
    zstd = pa.Codec("zstd")
    if size >= 0:
        return zstd.decompress(data, size, asbytes=True) if size else b""
    n, size = data[0], -size
    per_byte = max(m for m in range(1, 9) if n**m <= 256)
    frame = zstd.decompress(data[1 + n :], -(-size // per_byte), asbytes=True)
    digits = [byte // n**m % n for byte in frame for m in range(per_byte - 1, -1, -1)]
    return bytes(data[1 + d] for d in digits[:size])


class Stream:
    """Bytes that are read from the first to the last."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        byte = self.byte()
        return byte if byte < 128 else byte - 128 + 128 * self.varint()

    def number(self) -> int:
        z = self.varint()
        return MISSING if z == 0 else unzigzag(z - 1)

    def residual(self) -> int | None:
        byte = self.byte()
        return None if byte == 255 else self.varint() if byte == 254 else byte

    @property
    def is_read(self) -> bool:
        return self.at == len(self.data)


def two(low: Stream, high: Stream) -> int | None:
    a, b = low.byte(), high.byte()
    return None if b == 255 else high.varint() if b == 254 else 256 * b + a


def texts(lengths: Stream, data: bytes) -> list[bytes]:
    out, at = [], 0
    while not lengths.is_read:
        n = lengths.varint()
        out.append(data[at : at + n])
        at += n
    return out


def odd_cells(streams: list[Stream]) -> dict[int, bytes]:
    steps, lengths, data = streams
    cells, cell = [], 0
    while not steps.is_read:
        cell += steps.varint()
        cells.append(cell)
    return dict(zip(cells, texts(lengths, data.data), strict=True))


def one_field(parameters: list[int], streams: list[Stream], n: int, people: int) -> list[Cell]:
    """Read numbers of `integers`, `decimals` and `texts`."""
    predict, wide, (total, ragged) = parameters[1:5], parameters[5:9], parameters[9:11]
    heads = signed(streams[0].data)
    same, before = bits(streams[1].data), {}
    cells: list[Cell] = []
    for r in range(n):
        for s in range(people):
            if heads[r] == 0:
                cells.append(LACKING)
                continue
            as_usual = next(same)
            width = heads[r] - 1 if as_usual or not ragged else streams[2].varint()
            cell: list[int] = []
            for i in range(width):
                k = min(i, 3)
                kind, guess = predict[k], heads[(1 + k) * n + r]
                if kind == 0:
                    guess = 0
                elif kind == 2:
                    guess = before.get((s, k), 0)
                elif kind == 3 and i == width - 1:
                    guess = total - sum(v for v in cell if v != MISSING)
                if not as_usual:
                    if wide[k]:
                        z = two(streams[4 + 2 * k], streams[3 + 2 * k])
                    else:
                        z = streams[3 + 2 * k].residual()
                    base = 0 if guess == MISSING else guess
                    guess = MISSING if z is None else base + unzigzag(z)
                cell.append(guess)
            before.update({(s, i): v for i, v in enumerate(cell[:4]) if v != MISSING})
            cells.append(cell or DROPPED)
    return cells


def pair(i: int) -> tuple[int, int]:
    b = max(b for b in range(i + 1) if b * (b + 1) // 2 <= i)
    return i - b * (b + 1) // 2, b


def depths(
    parameters: list[int], streams: list[Stream], n: int, people: int
) -> dict[str, list[Cell]]:
    """Read AD, DP, GQ and PL."""
    ratio, delta = parameters[4:]
    heads, copies = streams[0].data, bits(streams[1].data)
    last = {s: (0, 0, 0) for s in range(people)}
    out: dict[str, list[Cell]] = {name: [] for name in GROUP}
    for r in range(n):
        alleles, flags = heads[r], heads[n + r]
        has = {name: bool(flags >> f & 1) for f, name in enumerate(GROUP)}
        for s in range(people):
            cell: dict[str, Cell] = dict.fromkeys(GROUP, LACKING)
            if any(has.values()):
                copied = next(copies)
                kind = 0 if copied else streams[2].byte()
                if kind == 255:
                    for f, name in enumerate(GROUP):
                        if has[name]:
                            raw = streams[12 + f]
                            cell[name] = [raw.number() for _ in range(raw.varint())] or DROPPED
                else:
                    kept = last[s] if copied else None
                    given = has, alleles, bool(flags & 16)
                    read, last[s] = regular(streams, kind, given, kept, last[s], ratio, delta)
                    cell |= {name: read[name] for name in GROUP if has[name]}
            for name in GROUP:
                out[name].append(cell[name])
    return out


def regular(streams, kind, given, copied, last, ratio, delta):
    """Read a cell that is not raw: its values, and what the next one is told."""
    has, alleles, fill = given
    called, n = kind >> 2, alleles * (alleles + 1) // 2
    a, _ = pair(called)
    depth, ad = last[0], [0] * alleles
    if copied:
        ad[0] = depth
    else:
        if has["DP"]:
            z = streams[3].residual()
            depth = depth + unzigzag(z) if delta else z
        if has["AD"]:
            total = depth - unzigzag(streams[4].residual()) if has["DP"] else 0
            for i in range(alleles):
                if i != a or not has["DP"]:
                    ad[i] = streams[5].residual()
            if has["DP"]:
                ad[a] = total - sum(ad)
            else:
                depth = sum(ad)
        elif not has["DP"]:
            depth = 0
    p1, p2 = last[1:] if called else (0, 0)
    values: list[int] = []
    if has["PL"] and n > 1 and called == 0:
        if copied:
            p1, p2 = last[1:]
        else:
            p1 = min(99, 3 * depth)
            if not kind & 1:
                p1 = 3 * depth + unzigzag(streams[7].residual())
            p2 = 15 * p1
            if not kind & 2:
                p2 = (ratio * depth >> 4) + unzigzag(two(streams[8], streams[9]))
    for i in range(n if has["PL"] else 0):
        x, y = pair(i)
        if i == called:
            values.append(0)
        elif called == 0 and i < 3:
            values.append(p1 if i == 1 else p2)
        else:
            guess = p1 if x == 0 else MISSING if copied and fill and x != y else p2
            if called:
                against = sum(v for j, v in enumerate(ad) if j not in (x, y))
                guess = (32 * against or 3 * depth) if has["AD"] else 0
            if not copied:
                z = two(streams[10], streams[11])
                guess = MISSING if z is None else guess + unzigzag(z)
            values.append(guess)
    known = sorted(v for v in values if v != MISSING)
    quality = min(99, known[1]) if len(known) > 1 else 0
    if has["GQ"] and not copied:
        z = streams[6].residual()
        quality = MISSING if z is None else quality + unzigzag(z)
    read = {"AD": ad, "DP": [depth], "GQ": [quality], "PL": values}
    return read, (depth, p1, p2)


def said(cell: Cell, digits: int = 0, trimmed: int = 0) -> bytes | str:
    """Write numbers as text."""
    if isinstance(cell, str):
        return cell
    out = []
    for v in cell:
        text = "." if v == MISSING else str(abs(v)).rjust(digits + 1, "0")
        if v != MISSING and digits:
            text = f"{text[:-digits]}.{text[-digits:]}"
            text = text.rstrip("0").rstrip(".") if trimmed else text
        out.append("-" + text if MISSING < v < 0 else text)
    return ",".join(out).encode()


def read_row(row: dict) -> dict[str, list[bytes | str]]:
    """Read a row of the table `fields`: the text of each cell of each field."""
    n, people, coding = len(row["records"]), row["people"], row["coding"]
    numbers = signed(row["parameters"])
    sizes, parameters = numbers[1 : 1 + numbers[0]], numbers[1 + numbers[0] :]
    ends = pairwise([0, *row["ends"]])
    pieces = [row["streams"][a:b] for a, b in ends]
    streams = [Stream(unpacked(p, size)) for p, size in zip(pieces, sizes, strict=True)]
    if coding == "depths":
        cells = depths(parameters, streams, n, people)
        out = {name: [said(c) for c in cells[name]] for name in row["names"].split(",")}
        for place, text in odd_cells(streams[16:]).items():
            out[GROUP[place % 4]][place // 4] = text
        return out
    cells_ = one_field(parameters, streams, n, people)
    if coding == "texts":
        known = texts(streams[12], streams[13].data)
        found = [c if isinstance(c, str) else known[c[0]] for c in cells_]
    else:
        found = [said(c, *parameters[11:13]) for c in cells_]
        for place, text in odd_cells(streams[11:]).items():
            found[place] = text
    return {row["names"]: found}
