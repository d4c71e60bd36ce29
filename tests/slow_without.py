"""A VCF without some people, in plain Python: what `varhouse.withdrawal.cut` is compared with.

Written from the definition (decision 0056), without a module of the package.
"""

import re
from itertools import combinations_with_replacement

NEVER = {".", "<*>", "<NON_REF>"}
RESERVED = {
    "INFO": {"AD": "R", "ADF": "R", "ADR": "R", "AC": "A", "AF": "A", "CIGAR": "A"},
    "FORMAT": {
        "AD": "R", "ADF": "R", "ADR": "R", "EC": "A", "GL": "G", "GP": "G", "PL": "G",
        "PP": "G",
    },
}  # fmt: skip
STRUCTURAL = {"SVLEN": "A", "CN": "A", "SVCLAIM": "A", "RN": "A"}
"""INFO of VCF 4.4 and later."""
LOCAL = {
    "LAD": "LR", "LADF": "LR", "LADR": "LR", "LEC": "LA", "LGL": "LG", "LGP": "LG",
    "LPL": "LG", "LPP": "LG",
}  # fmt: skip
DECLARES = ("fileformat", "fileDate", "INFO", "FORMAT", "FILTER", "ALT", "META", "contig")


def without(text: str, goes: set[str]) -> str:
    """Give the text of a file (with its line ends) without some people."""
    if not goes:
        return text
    lines = text.splitlines(keepends=True)
    names = next(ln for ln in lines if ln.startswith("#CHROM")).rstrip("\r\n").split("\t")[9:]
    keep = [n not in goes for n in names]
    numbers, descriptions = read_declarations(lines)
    gone = [n for n in names if n in goes]
    out = []
    for line in lines:
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        if body.startswith("##"):
            made = meta(body, gone)
        elif body.startswith("#"):
            made = "\t".join(columns(body.split("\t"), keep))
        else:
            made = record(body, keep, numbers, descriptions)
        if made is not None:
            out.append(made + end)
    return "".join(out)


def read_declarations(lines):
    numbers, descriptions = {}, {}
    for line in lines:
        match = re.match(r"##(INFO|FORMAT)=<ID=([^,]+),Number=([^,]+),", line)
        if match and (match[1], match[2]) not in numbers:
            numbers[match[1], match[2]] = match[3]
        text = re.search(r'Description="([^"]*)"', line)
        if match and text:
            descriptions[match[1], match[2]] = text[1]
    version = int(lines[0].rstrip()[-1]) if lines[0].rstrip()[-1:].isdigit() else 3
    for kind, known in RESERVED.items():
        later = STRUCTURAL if kind == "INFO" and version >= 4 else {}
        for key, number in (known | later).items():
            if numbers.get((kind, key), ".") == ".":
                numbers[kind, key] = number
    for key in ("CNL", "CNP"):
        numbers["FORMAT", key] = "."
    if ("FORMAT", "LAA") in numbers:
        numbers["FORMAT", "LAA"] = "LAA"
        for key, number in LOCAL.items():
            if ("FORMAT", key) in numbers:
                numbers["FORMAT", key] = number
    return numbers, descriptions


def word_at(text, name, i):
    """Tell whether a name stands at a place of a text as a word."""
    end = i + len(name)
    if text[i - 1 : i].isalnum() or text[end : end + 1].isalnum():
        return False
    if any(c.isalpha() for c in name):
        return True
    before, after = text[max(i - 2, 0) : i], text[end : end + 2]
    parts = (before[:1], before[1:]), (after[1:], after[:1])
    return not any(d.isdigit() and sign in (".", "+", "-") for d, sign in parts)


def replace_words(text, names, other):
    """Replace words from left to right, those with letters before numbers."""
    has_letter = [n for n in names if any(c.isalpha() for c in n)]
    for group in (has_letter, [n for n in names if n not in has_letter]):
        i, out = 0, ""
        while i < len(text):
            found = [n for n in group if text.startswith(n, i) and word_at(text, n, i)]
            if found:
                out += other
                i += len(max(found, key=len))
            else:
                out += text[i]
                i += 1
        text = out
    return text


def has_word(text, names):
    return any(
        word_at(text, n, m.start())
        for n in names
        for m in re.finditer(f"(?={re.escape(n)})", text)
    )


def meta(line, gone):
    key = line[2:].partition("=")[0]
    if key in ("SAMPLE", "PEDIGREE") and "=<" in line:
        inside = line.partition("=<")[2].rpartition(">")[0]
        for quoted in re.findall(r'"[^"]*"', inside):
            if has_word(quoted, gone):
                return None
        plain = re.sub(r'"[^"]*"', '""', inside)
        values = [pair.partition("=")[2] for pair in plain.split(",")]
        return None if any(v.strip() in gone for v in values) else line
    if key in DECLARES or key.startswith("GVCFBlock"):
        parts = re.split(r'("[^"]*")', line)
        return "".join(
            replace_words(p, gone, "removed") if p.startswith('"') else p for p in parts
        )
    return None if has_word(line, gone) else line


def columns(cells, keep):
    """Cut columns of a line, which may have fewer or more."""
    return [c for k, c in enumerate(cells) if k < 9 or k - 9 >= len(keep) or keep[k - 9]]


def gt_alleles(cell, place):
    values = cell.split(":")
    if place >= len(values):
        return []
    return [int(t) for t in re.split(r"[/|]", values[place]) if re.fullmatch("[0-9]+", t)]


def record(line, keep, numbers, descriptions):
    cells = line.split("\t")
    if len(cells) != 9 + len(keep):
        return "\t".join(columns(cells, keep))
    form = cells[8].split(":")
    if "GT" not in form:
        return "\t".join(columns(cells, keep))
    place = form.index("GT")
    alts = [] if cells[4] == "." else cells[4].split(",")
    calls = [gt_alleles(c, place) for c in cells[9:]]
    stay = [a for c, k in zip(calls, keep, strict=True) if k for a in c]
    leave = [a for c, k in zip(calls, keep, strict=True) if not k for a in c]
    private = [
        k for k, alt in enumerate(alts, 1) if k in leave and k not in stay and alt not in NEVER
    ]
    if private and len(private) == len(alts):
        return None
    kept = [k for k in range(1, len(alts) + 1) if k not in private]
    copies = {"AC": [stay.count(k) for k in kept], "AN": [len(stay)]}
    copies["AF"] = [f"{c / len(stay):.6g}" if stay else "." for c in copies["AC"]]
    info = []
    for entry in cells[7].split(";"):
        key, eq, value = entry.partition("=")
        if eq and key in copies:
            info.append(f"{key}={','.join(map(str, copies[key])) or '.'}")
        elif private and eq and key in ("CSQ", "ANN", "vep", "BCSQ"):
            value = entries(value, alts, kept, key, descriptions.get(("INFO", key), ""))
            if value:
                info.append(f"{key}={value}")
        elif private and eq:
            number = numbers.get(("INFO", key), "")
            info.append(f"{key}={values_of(value, number, len(alts), kept)}")
        else:
            info.append(entry)
    cells[7] = ";".join(info) or "."
    out = columns(cells, keep)
    if private:
        out[4] = ",".join(alts[k - 1] for k in kept)
        out[9:] = [sample(c, form, numbers, len(alts), kept) for c in out[9:]]
    return "\t".join(out)


def entries(value, alts, kept, key, description):
    fields = [f.strip(" '") for f in description.split("|")]
    fields[0] = fields[0].split(" ")[-1].strip("'") if fields else ""
    allele = fields.index("Allele") if "Allele" in fields else None
    number = fields.index("ALLELE_NUM") if "ALLELE_NUM" in fields else None
    if key == "ANN" and len(fields) < 3:
        allele = 0

    def names(numbers):
        return {x for k in numbers for x in (alts[k - 1], alts[k - 1][1:] or "-")}

    out = []
    for entry in value.split(","):
        parts = entry.split("|")
        told = parts[number] if number is not None and number < len(parts) else ""
        if told.isdigit() and 1 <= int(told) <= len(alts):
            if int(told) in kept:
                parts[number] = str(kept.index(int(told)) + 1)
                out.append("|".join(parts))
            continue
        name = parts[allele] if allele is not None and allele < len(parts) else None
        if name in names(kept):
            out.append(entry)
        elif name not in names(set(range(1, len(alts) + 1)) - set(kept)):
            return ""
    return ",".join(out)


def values_of(value, number, n_alt, kept):
    """Keep the values of REF and the kept alleles; what does not fit is missing."""
    if number not in ("A", "R", "G") or value in ("", "."):
        return value
    values = value.split(",")
    if number == "A":
        return ",".join(values[k - 1] for k in kept) or "." if len(values) == n_alt else "."
    if number == "R":
        return ",".join(values[k] for k in (0, *kept)) if len(values) == n_alt + 1 else "."
    for ploidy in range(1, 40):
        if n_alt == 0 and len(values) == 1:
            return value
        tuples = list(combinations_with_replacement(range(n_alt + 1), ploidy))
        if len(tuples) == len(values):
            tuples.sort(key=lambda t: t[::-1])
            good = {0, *kept}
            return ",".join(v for v, t in zip(values, tuples, strict=True) if set(t) <= good)
        if len(tuples) > len(values):
            break
    return "."


def sample(cell, form, numbers, n_alt, kept):
    values = cell.split(":")
    local = []
    if "LAA" in form and numbers.get(("FORMAT", "LAA")) == "LAA":
        k = form.index("LAA")
        if k < len(values) and values[k] not in ("", "."):
            local = [int(x) for x in values[k].split(",")]
    near = [j for j, allele in enumerate(local, 1) if allele in kept]
    out = []
    for k, value in enumerate(values):
        key = form[k] if k < len(form) else ""
        number = numbers.get(("FORMAT", key), "")
        if key == "GT":
            tokens = re.split(r"([/|])", value)
            out.append("".join(renumber(t, n_alt, kept) for t in tokens))
        elif key == "BCSQ":
            out.append("." if value else value)
        elif number == "LAA":
            if value not in ("", "."):
                value = ",".join(str(kept.index(local[j - 1]) + 1) for j in near) or "."
            out.append(value)
        elif number in ("LA", "LR", "LG"):
            out.append(values_of(value, number[1], len(local), near))
        else:
            out.append(values_of(value, number, n_alt, kept))
    return ":".join(out)


def renumber(token, n_alt, kept):
    if not re.fullmatch("[0-9]+", token) or not 0 < int(token) <= n_alt:
        return token
    return str(kept.index(int(token)) + 1) if int(token) in kept else "."
