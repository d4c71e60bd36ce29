"""Made files that people are cut from: all that a record may hold, sound and not."""

import random
from itertools import combinations_with_replacement

NAMES = ["NA1", "NA1-2", "7", "4.2", "B", "样本", "last"]
NUMBERS = {
    "INFO": {
        "AC": "A", "AN": "1", "AF": "A", "MLEAC": "A", "DP": "1", "AD": "R", "IG": "G",
        "CSQ": ".", "VN": ".", "ANN": ".", "EA": "A", "vep": ".", "BCSQ": ".",
    },
    "FORMAT": {
        "GT": "1", "AD": "R", "DP": "1", "PL": "G", "FA": "A", "FT": "1", "LAA": ".",
        "LAD": ".", "LPL": ".", "EC": "A", "CNL": "G", "BCSQ": ".",
    },
}  # fmt: skip
TEXTS = {
    "CSQ": "By VEP, for B. Format: Allele|Consequence|SYMBOL",
    "VN": "x",
    "vep": "From VEP. Format: Consequence|Allele|ALLELE_NUM",
    "ANN": "Functional annotations: 'Allele | Annotation | Gene_Name'",
}
COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
ALTS = ["A", "C", "G", "T", "CA", "CAG", "*", "<DEL>", "<NON_REF>", "<*>", "."]


def make_file(seed: int) -> str:
    rng = random.Random(seed)
    names = rng.sample(NAMES, rng.choice([1, 2, 3, 5, 7]))
    version = rng.choice(["4.2", "4.3", "4.5"])
    end = rng.choice(["\n", "\n", "\r\n"])
    lines = [f"##fileformat=VCFv{version}"]
    declared = {
        kind: {k: n for k, n in keys.items() if rng.random() < 0.8}
        for kind, keys in NUMBERS.items()
    }
    for kind, keys in declared.items():
        for key, number in keys.items():
            text = TEXTS.get(key, rng.choice(["x", "of B and NA1", "value 7 of 4.2"]))
            lines.append(
                f'##{kind}=<ID={key},Number={number},Type=String,Description="{text}">'
            )
    lines += [
        "##contig=<ID=7,length=4000>",
        "##SAMPLE=<ID=NA1,Description=x>",
        "##SAMPLE=<ID=NA1-2>",
        '##SAMPLE=<ID=other,Description="tumour of B">',
        "##PEDIGREE=<ID=other,Father=B,Mother=NA1-2>",
        "##source=HaplotypeCaller 4.2.0.7",
        "##command=view -s NA1,B /data/样本.bam",
        "##GVCFBlock0-7=minGQ=0(inclusive),maxGQ=7(exclusive)",
        "##reference=/data/7/x.fa",
    ]
    lines.append("\t".join([*COLUMNS, *names]))
    n_header = len(lines)
    for k in range(rng.choice([0, 1, 40])):
        line = make_record(rng, 10 + 5 * (k // 2), len(names))
        lines.append(line)
        if rng.random() < 0.1:
            lines.append(line)
    if rng.random() < 0.2 and len(lines) > n_header + 1:
        lines.insert(len(lines) - 1, rng.choice(["", "#note of B", "##note of NA1", "x"]))
    return end.join(lines) + rng.choice([end, end, ""])


def make_record(rng, pos, people):
    n = rng.choice([0, 1, 1, 1, 2, 2, 3, 4])
    ref = rng.choice(["A", "C", "CA"])
    alts = rng.sample([a for a in ALTS[:-1] if a != ref], n)
    if n > 1 and rng.random() < 0.05:
        alts[0] = "."
    keys = [k for k in NUMBERS["FORMAT"] if rng.random() < 0.6]
    if rng.random() < 0.9:
        keys = ["GT", *(k for k in keys if k != "GT")]
    if rng.random() < 0.1:
        rng.shuffle(keys)
    common = rng.random() < 0.4
    ploidy = rng.choice([1, 2, 2, 2, 3])
    cells = [make_cell(rng, keys, n, common, ploidy) for _ in range(people)]
    if rng.random() < 0.04:
        cells = rng.choice([cells[:-1], [*cells, "0/1"], [*cells, "x", "y"], []])
    info = [make_info(rng, key, ref, alts) for key in NUMBERS["INFO"] if rng.random() < 0.5]
    form = [":".join(keys) or "."] if cells or rng.random() < 0.5 else []
    return "\t".join(
        ["7", str(pos), rng.choice([".", "rs1;B"]), ref, ",".join(alts) or ".",
         rng.choice([".", "29.50", "x"]), "PASS", ";".join(info) or ".", *form, *cells]
    )  # fmt: skip


def numbers_of(rng, n):
    if rng.random() < 0.05:
        n += rng.choice([-1, 1])
    if rng.random() < 0.05:
        return "."
    return ",".join(str(rng.randint(0, 99)) for _ in range(n))


def n_genotypes(n_alt, ploidy):
    return len(list(combinations_with_replacement(range(n_alt + 1), ploidy)))


def make_info(rng, key, ref, alts):
    n = len(alts)
    if key == "vep":
        some = [f"x|{a}|{k if rng.random() < 0.9 else ''}" for k, a in enumerate(alts, 1)]
        return f"{key}={','.join([*some, *some][: rng.randint(1, 9)])}" if some else key
    if key in ("CSQ", "ANN"):
        names = [a if rng.random() < 0.5 else a[1:] or "-" for a in alts]
        some = [f"{a}|x,y"[: len(a) + 2] + f"|{k}" for k, a in enumerate(names)]
        if rng.random() < 0.1:
            some.append("nobody|x|y")
        rng.shuffle(some)
        return f"{key}={','.join(some)}" if some else key
    if rng.random() < 0.05:
        return key
    by_number = {"A": n, "R": n + 1, "G": n_genotypes(n, 2)}
    return f"{key}={numbers_of(rng, by_number.get(NUMBERS['INFO'][key], 1))}"


def make_gt(rng, n, common, ploidy):
    if rng.random() < 0.05:
        return rng.choice(
            [".", "", "0/x", "./1", "9", "1|", "/0|1", "12345678901234567890", "01"]
        )
    alleles = [
        str(rng.randint(0, n)) if common or rng.random() < 0.15 else "0" for _ in range(ploidy)
    ]
    if rng.random() < 0.1:
        alleles[rng.randrange(ploidy)] = "."
    return rng.choice(["/", "|"]).join(alleles)


def make_cell(rng, keys, n, common, ploidy):
    if rng.random() < 0.03:
        ploidy = rng.choice([1, 2, 3])
    local = sorted(rng.sample(range(1, n + 1), rng.randint(0, n)))
    values = []
    for key in keys:
        number = {"LAD": "R", "LPL": "G"}.get(key, NUMBERS["FORMAT"][key])
        m = len(local) if key in ("LAD", "LPL") else n
        if key == "GT":
            values.append(make_gt(rng, n, common, ploidy))
        elif key == "LAA":
            values.append(",".join(map(str, local)) or ".")
        elif number in ("A", "R", "G"):
            sizes = {"A": m, "R": m + 1, "G": n_genotypes(m, ploidy)}
            values.append(numbers_of(rng, sizes[number]))
        else:
            values.append(rng.choice([".", "12", "PASS"]))
    if rng.random() < 0.2:
        values = values[: rng.randint(1, max(len(values), 1))]
    return ":".join(values) or "."
