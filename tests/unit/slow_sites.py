"""A slow reader of who was assessed at a site: record by record, person by person.

It shares no code with the package: lists of records in, counts of alleles out.
"""

import json
from collections import defaultdict

from builders import make_fasta

import varhouse

GENOME = "GATTACACACACACAGGGGGGTCTCTCTCTAAAAAAACGTACGTTTTTTTTTTGCATGC"
CONTIGS = {"c1": GENOME, "X": GENOME}
UNSPECIFIED = ("<*>", "<NON_REF>", "<X>")
STRATA = ["population", "population+sex"]


def normal(genome, pos, ref, alt):
    """Trim and left-align one allele (1-based pos); others than bases stay."""
    if not set(alt) <= set("ACGT"):
        return pos, ref, alt
    while True:
        if ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1) and pos > 1:
            ref, alt = ref[:-1], alt[:-1]
            if not ref or not alt:
                pos -= 1
                ref, alt = genome[pos - 1] + ref, genome[pos - 1] + alt
        elif ref[-1] == alt[-1] and len(ref) > 1 and len(alt) > 1:
            ref, alt = ref[:-1], alt[:-1]
        else:
            break
    while ref[0] == alt[0] and len(ref) > 1 and len(alt) > 1:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


def call(gt, male, haploid):
    """Alleles of a genotype, and whether it is fully called."""
    alleles = gt.replace("|", "/").strip("/").split("/")
    called = [a for a in alleles if a != "."]
    full = len(called) == len(alleles) or (
        male and haploid and len(alleles) == 2 and len(called) == 1
    )
    return called, full


def together(gts, one_copy):
    """Add up what the records of a person say of a site: called alleles, and whether all."""
    said = [call(gt, one_copy, one_copy) for gt in gts]
    # `1/.` of a male where he has one copy is one allele of one.
    most = max(
        1
        if full and "1" in alleles and len(alleles) == 1
        else len(gt.replace("|", "/").split("/"))
        for gt, (alleles, full) in zip(gts, said, strict=True)
    )
    called = min(most, sum(len(alleles) for alleles, _ in said))
    return called, any(full for _, full in said) or called == most or (
        one_copy and called == 1
    )


def assumed(sex, contig):
    """Copies of somebody of whom no file says anything; none where they cannot be known."""
    if contig == "MT":
        return 1
    if contig not in "XY":
        return 2
    return {"male": 1, "female": 2 if contig == "X" else 0}.get(sex, 0)


def gather(files, *, twice=False):
    """Sort records by groups of people: (groups, alleles, own, about, mute).

    `own`: the record and number of an ALT by group and allele; `about`: records by group and
    site; `mute`: sites of records of a group of which no ALT is kept. `twice`: a record of
    alleles that stand before says that they are called there (decision 0039).
    """
    groups = defaultdict(list)
    for records in files:
        groups[frozenset(records[0][4])] += records
    alleles = set()
    own, about, mute = {}, defaultdict(list), set()
    for who, records in groups.items():
        for record in records:
            contig, pos, ref, alt, _ = record
            named = [] if alt == "." else alt.split(",")
            places = set() if set(named) - set(UNSPECIFIED) else {(contig, pos)}
            for i, a in enumerate(named, 1):
                if a in UNSPECIFIED:
                    continue
                key = (contig, *normal(GENOME, pos, ref, a))
                alleles.add(key)
                if (who, key) not in own:
                    own[who, key] = (record, str(i))
                elif not twice:
                    continue
                places |= {(contig, pos), key[:2]}
            for place in places:
                about[who, place].append(record)
            if not places:
                mute.add((who, (contig, pos)))
    return groups, alleles, own, about, mute


def slow_counts(files, people, covers=None, bases=()):
    """Count ac, an, n_missing and n_samples of each allele and stratum.

    `files`: lists of (contig, pos, ref, alt text, {sample: GT}); those with the same
    samples are of the same people: the first record of an allele counts, others are rejected.
    `people`: sample to sex, population and perhaps more. `covers` tells of (sample, contig,
    pos) whether the sample's kit covers a base; without it nobody has a kit. `bases`:
    (contig, pos) that are counted as an allele that nobody has.

    Where each file is of one person who has no other, a person is called at a site by all own
    records of it together, and is so for each of its alleles (decision 0039).
    """
    who = [frozenset(records[0][4]) for records in files]
    is_per_person = covers is None and len(set(who)) == len(files) > 1
    is_per_person &= all(len(g) == 1 for g in who)
    groups, alleles, own, about, mute = gather(files, twice=is_per_person)
    out = defaultdict(lambda: [0, 0, 0, 0])
    for key in [*alleles, *((*base, "", "") for base in bases)]:
        for who in groups:
            if (who, key) in own:
                records, number = [own[who, key][0]], own[who, key][1]
            else:
                records, number = about[who, key[:2]], None
            for sample in who if records or covers else ():
                sex, population = people[sample][:2]
                if covers and not covers(sample, *key[:2]):
                    continue
                calls = [call(r[4][sample], sex == "male", r[0] in "XY") for r in records]
                if not calls:
                    copies = 0 if (who, key[:2]) in mute else assumed(sex, key[0])
                    if not copies:
                        continue
                    calls = [(["0"] * copies, True)]
                called, full = max(calls, key=lambda c: (c[1], len(c[0])))
                n_called = len(called)
                if is_per_person:
                    n_called, full = together(
                        [r[4][sample] for r in about[who, key[:2]]],
                        sex == "male" and key[0] in "XY",
                    )
                for stratum in (
                    ("all", "all"),
                    ("population", population),
                    ("population+sex", f"{population}+{sex}"),
                ):
                    row = out[*key, *stratum]
                    row[0] += called.count(number)
                    row[1] += n_called
                    row[2] += not full
                    row[3] += 1
    return {k: tuple(v) for k, v in out.items()}


def write_records(folder, number, records, contigs):
    """Write a file of the cohort."""
    samples = list(records[0][4])
    head = [
        "##fileformat=VCFv4.3",
        *(f"##contig=<ID={c}>" for c in contigs),
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
        ),
    ]
    body = [
        "\t".join([c, str(p), ".", r, a, ".", "PASS", ".", "GT", *gts.values()])
        for c, p, r, a, gts in records
    ]
    (folder / f"f{number}.vcf").write_text("\n".join([*head, *body]) + "\n")


def write_cohort(folder, files, people, name="cohort", contigs=CONTIGS, columns=()):
    """Write the configuration of one cohort of some files, in a folder of its own.

    `columns` name what `people` have behind sex and population.
    """
    folder.mkdir(exist_ok=True)
    make_fasta(folder / "ref.fa", contigs)
    for i, records in enumerate(files):
        write_records(folder, i, records, contigs)
    rows = ["\t".join([name, s, *own]) for s, own in people.items()]
    head = "\t".join(["cohort", "sample", "sex", "population", *columns])
    (folder / "samples.tsv").write_text("\n".join([head, *rows]) + "\n")
    names = ",".join(f"f{i}.vcf" for i in range(len(files)))
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\n{name}\t{names}\n")
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
              "samples": "samples.tsv", "strata": STRATA}  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


def read_counts(store, table="frequencies"):
    """Read what a store says, in the form of `slow_counts`."""
    columns = ["contig", "pos", "ref", "alt", "stratum_by", "stratum", "ac", "an", "n_missing",
               "n_samples"]  # fmt: skip
    return {
        r[:6]: r[6:] for r in varhouse.open(store).scan(table).select(columns).collect().rows()
    }


def random_files(rng, groups, contigs=CONTIGS):
    """Files of groups of people; some groups have two files, that overlap."""
    files = []
    gts = ["0/0", "0/1", "1|1", "./.", "./1", ".", "0", "1"]
    for samples in groups:
        for _ in range(rng.choice([1, 1, 2])):
            records = []
            order = rng.sample(samples, len(samples))
            for contig in contigs:
                for pos in range(1, len(GENOME) - 8):
                    for _ in range(rng.choice([0, 0, 1, 1, 2])):
                        ref = GENOME[pos - 1 : pos - 1 + rng.choice([1, 1, 1, 3])]
                        other = [b for b in "ACGT" if b != ref[0]]
                        alt = rng.choice(
                            [
                                rng.choice(other) + ref[1:],
                                ref[0],
                                ref + ref[-1],
                                ".",
                                rng.choice(UNSPECIFIED),
                                ",".join([rng.choice(other) + ref[1:], ref + "AC"]),
                            ]
                        )
                        if alt == ref:
                            alt = ref + "T"
                        row = {s: rng.choice(gts) for s in order}
                        if alt == ".":
                            row = {s: g.replace("1", "0") for s, g in row.items()}
                        records.append((contig, pos, ref, alt, row))
            files.append(records)
    return files
