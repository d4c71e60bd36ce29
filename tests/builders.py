"""Builders of small inputs for tests: FASTA, GFF3, VCF, and stores made by hand."""

import gzip
import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.alleles.key import complete_key, key_text
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genotypes.planerows import PlaneRows
from varhouse.store.commit import commit, init_store
from varhouse.store.releases import list_releases
from varhouse.tables.labels import Labels
from varhouse.tables.schema import KEY, TABLES, Table, annotation_table
from varhouse.tables.shards import Manifest, Shard, write_shard

Row = Mapping[str, Any]


# --- text files ---


def make_fasta(path: Path, sequences: Mapping[str, str | int], seed: int = 1) -> Path:
    """Write a FASTA; a length instead of a sequence gives random bases of that length."""
    rng = random.Random(seed)
    with path.open("w") as out:
        for name, bases in sequences.items():
            text = bases if isinstance(bases, str) else "".join(rng.choices("ACGT", k=bases))
            out.write(f">{name}\n")
            out.writelines(text[i : i + 60] + "\n" for i in range(0, len(text), 60))
    return path


def make_gff(path: Path, genes: Iterable[Row]) -> Path:
    """Write a GFF3 in the manner of Ensembl.

    A gene is a mapping with contig, start, end, strand (`+` or `-`), id, name, and
    `exons` and `cds`: lists of (start, end), 1-based; one transcript each.
    """
    lines = ["##gff-version 3"]

    def feature(
        gene: Row, kind: str, start: int, end: int, phase: str, attributes: str
    ) -> None:
        lines.append(
            f"{gene['contig']}\ttest\t{kind}\t{start}\t{end}\t.\t{gene['strand']}\t{phase}\t"
            f"{attributes}"
        )

    for gene in genes:
        name, exons, cds = gene["id"], gene["exons"], gene.get("cds", [])
        biotype = "protein_coding" if cds else "lncRNA"
        tags = f"ID=gene:{name};Name={gene['name']};biotype={biotype};gene_id={name}"
        feature(gene, "gene", gene["start"], gene["end"], ".", tags)
        transcript = f"{name}T1"
        tags = (
            f"ID=transcript:{transcript};Parent=gene:{name};biotype={biotype};"
            f"transcript_id={transcript};tag=basic,Ensembl_canonical"
        )
        kind = "mRNA" if cds else "lnc_RNA"
        feature(gene, kind, exons[0][0], exons[-1][1], ".", tags)
        for start, end in exons:
            feature(gene, "exon", start, end, ".", f"Parent=transcript:{transcript}")
        done = 0
        for start, end in cds if gene["strand"] == "+" else list(reversed(cds)):
            tags = f"ID=CDS:{name}P1;Parent=transcript:{transcript};protein_id={name}P1"
            feature(gene, "CDS", start, end, str((3 - done % 3) % 3), tags)
            done += end - start + 1
    path.write_text("\n".join(lines) + "\n")
    return path


def make_vcf(
    path: Path,
    records: Iterable[str],
    samples: Sequence[str] = (),
    contigs: Mapping[str, int] | None = None,
    meta: Sequence[str] = (),
) -> Path:
    """Write a VCF 4.3, BGZF if its name ends with `.gz`.

    Records are lines whose cells are separated by blanks (INFO cannot hold any). CHROM
    POS ID REF ALT QUAL FILTER INFO and, with samples, FORMAT and the samples' cells.
    """
    lines = ["##fileformat=VCFv4.3", '##FILTER=<ID=PASS,Description="All filters passed">']
    lines += [f"##contig=<ID={n},length={m}>" for n, m in (contigs or {}).items()]
    lines += meta
    if samples:
        lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    lines.append("\t".join([*columns, *(["FORMAT", *samples] if samples else [])]))
    lines += ["\t".join(r.split()) for r in records]
    text = "\n".join(lines) + "\n"
    if path.name.endswith(".gz"):
        import pysam  # noqa: PLC0415 - most tests do without

        with pysam.BGZFile(str(path), "wb") as out:
            out.write(text.encode())
    else:
        path.write_text(text)
    return path


def make_small_inputs(folder: Path) -> dict[str, Any]:
    """Write all files of an ingest of two cohorts, a and b, and give its configuration.

    Two contigs of 900 bases, a gene, a source `known` with a score for each allele; the
    configuration is `config.json`, the sheet `cohorts.tsv` holds both cohorts.
    """
    rng = random.Random(5)
    contigs = {c: "".join(rng.choices("ACGT", k=900)) for c in ("c1", "c2")}
    make_fasta(folder / "ref.fa", contigs)
    gene = {"contig": "c1", "start": 101, "end": 700, "strand": "+", "id": "G1", "name": "N1",
            "exons": [(101, 700)], "cds": [(131, 370)]}  # fmt: skip
    make_gff(folder / "genes.gff3", [gene])
    lines = []
    for contig, bases in contigs.items():
        for pos in sorted(rng.sample(range(50, 850), 20)):
            ref = bases[pos - 1]
            alt = rng.choice([b for b in "ACGT" if b != ref])
            lines.append(f"{contig} {pos} . {ref} {alt} . PASS .")
    for name in "ab":
        rows = [f"{row} GT {rng.choice(['0/1', '1/1'])} 0/0" for row in lines[name == "b" :]]
        make_vcf(folder / f"{name}.vcf", rows, [f"{name}1", f"{name}2"])
    make_vcf(
        folder / "known.vcf",
        [f"{row[:-1]}SCORE={i}" for i, row in enumerate(lines)],
        meta=['##INFO=<ID=SCORE,Number=1,Type=Integer,Description="x">'],
    )
    people = "".join(f"{c}\t{c}{i}\tfemale\n" for c in "ab" for i in (1, 2))
    (folder / "samples.tsv").write_text("cohort\tsample\tsex\n" + people)
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\nb\tb.vcf\n")
    config: dict[str, Any] = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv", "genes": "genes.gff3",
        "sources": [{"name": "known", "path": "known.vcf", "kind": "allele"}],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return config


# --- stores ---

_ZERO: dict[Any, Any] = {
    pl.String: "", pl.Boolean: False, pl.Float64: 0.0, pl.Binary: b"",
}  # fmt: skip


def make_rows(table: Table, rows: Iterable[Row]) -> pl.DataFrame:
    """Make rows of a table: what a row leaves out is null, or empty where null is not."""
    data = []
    for row in rows:
        unknown = set(row) - set(table.names)
        assert not unknown, f"table {table.name} has no {unknown}"
        full = {}
        for c in table.columns:
            empty = [] if isinstance(c.dtype, pl.List) else _ZERO.get(c.dtype, 0)
            full[c.name] = row.get(c.name, None if c.nullable else empty)
        data.append(full)
    return pl.DataFrame(data, schema=table.polars_schema, orient="row")


def make_contigs(contigs: Sequence[str] = ("chr1", "chr2", "chr10", "chrX")) -> Contigs:
    """Make contigs `chrN` with the aliases `N` and accessions."""
    return Contigs(
        Contig(
            c,
            [c.removeprefix("chr")] if c.startswith("chr") else [],
            f"NC_{i:06d}.1",
            1_000_000,
        )
        for i, c in enumerate(contigs, 1)
    )


def add_tables(
    store: Path,
    tables: Mapping[str, pl.DataFrame],
    contigs: Contigs,
    ingest_id: str | None = None,
    pieces: int = 1,
) -> int:
    """Commit frames as they are: a shard a table, partition and piece.

    Frames lack the column `part` or hold zeros or blanks there: it is made from `contig`.
    Tables named `annotations_<source>` take their fields from the frame.
    """
    base = list_releases(store)[-1]
    name = ingest_id or f"test{base + 1}"
    work = store / "_staging" / name
    shards: list[Shard | None] = []
    for table_name, rows in tables.items():
        table = TABLES.get(table_name) or _annotations(table_name, rows)
        frame = complete_key(rows) if "extent" in table.names else rows
        if "part" in table.names and "contig" in table.names and table_name != "contigs":
            parts = {c: contigs.part(c) for c in frame["contig"].unique()}
            frame = frame.with_columns(
                pl.col("contig").replace_strict(parts, return_dtype=pl.String).alias("part")
            )
        by = list(table.partition)
        groups = frame.partition_by(by, as_dict=True) if by else {(): frame}
        for k, (values, group) in enumerate(sorted(groups.items())):
            size = -(-group.height // pieces) or 1
            ordered = group.sort(table.sort)
            for i in range(0, group.height, size):
                partition = dict(zip(by, map(str, values), strict=True))
                shards.append(
                    write_shard(
                        ordered[i : i + size],
                        table,
                        work,
                        f"{table_name}-{k}-{i}",
                        partition,
                        labels_of(group, table, tables),
                    )
                )
    manifest = Manifest([s for s in shards if s is not None])
    return commit(store, [manifest], ingest_id=name, operation="ingest", base_release=base)


def labels_of(
    rows: pl.DataFrame, table: Table, tables: Mapping[str, pl.DataFrame] | None = None
) -> Labels | None:
    """Make labels for rows of a cohort; numbers that the tables do not name have some, too."""
    if not table.labelled:
        return None
    numbers = {
        n for c in table.labelled for n in rows[c.name].explode().drop_nulls().to_list()
    }
    files: dict[int, tuple[str, Iterable[str]]] = {n: ("", []) for n in numbers}
    samples = dict.fromkeys(numbers, "")
    own = {n: f for n, f in (tables or {}).items() if n in ("files", "samples")}
    own = {
        n: f.filter(pl.col("cohort").is_in(rows["cohort"].implode())) for n, f in own.items()
    }
    if "samples" in own:
        samples |= dict(own["samples"].select("ordinal", "sample").rows())
    if "files" in own:
        named = own["files"].select("file", "name", "samples").rows()
        files |= {f: (n, [samples.get(s, "") for s in of]) for f, n, of in named}
    return Labels(files, samples)


def _annotations(name: str, rows: pl.DataFrame) -> Table:
    fixed = (*KEY, "source_version", "licence", "part")
    fields = {n: t for n, t in rows.schema.items() if n not in fixed}
    return annotation_table(name.removeprefix("annotations_"), fields)


def make_store(
    path: Path,
    tables: Mapping[str, Iterable[Row] | pl.DataFrame],
    contigs: Contigs | None = None,
    pieces: int = 1,
) -> Path:
    """Make a store of assembly `test` with rows of some tables, in release 2."""
    own = contigs or make_contigs()
    init_store(path, "test", own)
    frames = {
        n: rows if isinstance(rows, pl.DataFrame) else make_rows(TABLES[n], rows)
        for n, rows in tables.items()
    }
    add_tables(path, frames, own, pieces=pieces)
    return path


def key(text: str) -> dict[str, Any]:
    """Read `chr1-100-A-T` or `chr1-100-A-<DEL>-40` as the columns of the allele key."""
    spelt, symbol, extent = text.partition(">-")
    contig, pos, ref, alt = (spelt + symbol[:1]).rsplit("-", 3)
    return {"contig": contig, "pos": int(pos), "ref": ref, "alt": alt, "extent": extent}


def names_of(frame: pl.DataFrame) -> list[str]:
    """Write the keys of a frame as `key` reads them."""
    return frame.select(key_text()).to_series().to_list()


def variant(text: str, **columns: Any) -> dict[str, Any]:
    """Make a row of `variants` from `chr1-100-A-T`."""
    row = key(text)
    one = len(row["ref"]) == len(row["alt"]) == 1
    kind = "snv" if one else "deletion" if len(row["ref"]) > len(row["alt"]) else "insertion"
    return {
        **row,
        "end": row["pos"] + len(row["ref"]) - 1,
        "type": kind,
        "ref_checked": True,
        **columns,
    }


def counts(text: str, ac: int, an: int, **columns: Any) -> dict[str, Any]:
    """Make a row of `frequencies` or `totals` with af."""
    af = ac / an if an else None
    return {**key(text), "ac": ac, "an": an, "an_written": an, "af": af, "stratum_by": "all",
            "stratum": "all", **columns}  # fmt: skip


# --- the small store that many tests read ---


def make_small_store(path: Path) -> Path:
    """Make a store of eight alleles, three genes and the cohorts north, south, `east-1`.

    `chr1-100-A-T` is HIGH in DEMO1 (and, less, in DEMO2), rare, assessed by north and
    south; `chr1-95-ATTTTTTTTT-A` reaches from 95 to 104; `chr2-50-C-G` was assessed by
    south only; nobody was called for `chr2-60-G-GA`; `chr10-5-T-C` was assessed by nobody.
    """
    names = ["chr1-95-ATTTTTTTTT-A", "chr1-100-A-T", "chr1-100-A-C", "chr1-200-G-A",
             "chr1-48210-C-T", "chr2-50-C-G", "chr2-60-G-GA", "chr10-5-T-C"]  # fmt: skip
    variants = [
        variant(n, spdi=f"NC:{i}", vrs_id=f"ga4gh:VA.{i}") for i, n in enumerate(names)
    ]
    variants[1] |= {"spdi": "NC_000001.1:99:A:T", "hgvs_g": "NC_000001.1:g.100A>T"}
    ids = [
        {"id": "rs7", "kind": "rs", **key(names[1]), "source": "cohort:north"},
        {"id": "rs33", "kind": "rs", **key(names[1]), "source": "cohort:south"},
        {"id": "rs33", "kind": "rs", **key(names[1]), "source": "cohort:north"},
        {"id": "rs8", "kind": "rs", **key(names[5]), "source": "cohort:south"},
        {"id": "ga4gh:VA.1", "kind": "vrs", **key(names[1]), "source": "computed"},
        {"id": "NC_000001.1:99:A:T", "kind": "spdi", **key(names[1]), "source": "computed"},
    ]
    genes = [
        {"gene_id": "G1", "gene_name": "DEMO1", "contig": "chr1", "start": 98, "end": 150},
        {"gene_id": "G2", "gene_name": "DEMO2", "contig": "chr1", "start": 100, "end": 300},
        {
            "gene_id": "G7",
            "gene_name": "DEMO7",
            "contig": "chr1",
            "start": 48000,
            "end": 49000,
        },
    ]

    def consequence(
        name: str, transcript: str, gene: str, term: str, impact: str, **more: Any
    ) -> dict[str, Any]:
        return {
            **key(name),
            "transcript_id": transcript,
            "gene_id": gene,
            "strand": 1,
            "gene_name": f"DEMO{gene[1]}",
            "biotype": "protein_coding",
            "consequence": term,
            "impact": impact,
            **more,
        }

    consequences = [
        consequence(names[1], "T1", "G1", "stop_gained", "HIGH", most_severe=True),
        consequence(
            names[1],
            "T2",
            "G1",
            "stop_gained",
            "HIGH",
            most_severe=True,
            canonical=True,
            amino_acids="K/*",
            codons="Aag/Tag",
            exon="1/2",
        ),
        consequence(names[1], "T0", "G2", "stop_gained", "HIGH", most_severe=True),
        consequence(names[1], "T9", "G2", "intron_variant", "MODIFIER"),
        consequence(names[3], "T9", "G2", "missense_variant", "MODERATE", most_severe=True),
        consequence(
            names[4], "T7", "G7", "stop_gained&splice_region_variant", "HIGH", most_severe=True
        ),
    ]
    north, south, east = ({"cohort": c} for c in ("north", "south", "east-1"))
    frequencies = [
        counts(names[0], 1, 20, **north),
        counts(names[1], 1, 400, n_het=1, **north),
        counts(names[1], 0, 600, **south),
        counts(names[2], 2, 400, **north),
        counts(names[3], 100, 400, **north),
        counts(names[4], 3, 1652, **north),
        counts(names[5], 5, 10, **south),
        counts(names[6], 0, 0, **south),
        counts(names[1], 1, 100, **east),
        counts(names[1], 1, 300, **north) | {"stratum_by": "province", "stratum": "11"},
        counts(names[1], 0, 100, **north) | {"stratum_by": "province", "stratum": "33"},
    ]
    totals = [
        counts(names[0], 1, 20, n_cohorts=1),
        counts(names[1], 2, 1100, n_cohorts=3, n_het=1),
        counts(names[2], 2, 400, n_cohorts=1),
        counts(names[3], 100, 400, n_cohorts=1),
        counts(names[4], 3, 1652, n_cohorts=1),
        counts(names[5], 5, 10, n_cohorts=1),
        counts(names[6], 0, 0, n_cohorts=1),
        counts(names[1], 1, 300) | {"stratum_by": "province", "stratum": "11"},
    ]
    own = make_contigs()
    make_store(
        path,
        {
            "variants": variants,
            "ids": ids,
            "genes": genes,
            "consequences": consequences,
            "frequencies": frequencies,
            "totals": totals,
            "cohorts": [north | {"n_samples": 200}, south | {"n_samples": 300}, east],
        },
        own,
    )
    clinvar = pl.DataFrame(
        {
            **{k: [v, v] for k, v in key(names[1]).items()},
            "clnsig": ["Pathogenic", "Benign"],
            "stars": [2, 1],
            "source_version": ["2026-11"] * 2,
            "licence": ["CC0"] * 2,
        },
        schema_overrides={"pos": pl.Int32, "stars": pl.Int32},
    )
    add_tables(path, {"annotations_clinvar": clinvar}, own)
    return path


# --- comparing VCF files ---


def read_lines(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a VCF as (header lines, cells of each record); a BCF through htslib."""
    if path.name.endswith(".bcf"):
        import pysam  # noqa: PLC0415

        with pysam.VariantFile(str(path)) as file:
            header = str(file.header).splitlines()
            return header, [str(r).rstrip("\n").split("\t") for r in file]
    data = path.read_bytes()
    lines = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode().splitlines()
    return (
        [ln for ln in lines if ln.startswith("#")],
        [ln.split("\t") for ln in lines if ln and not ln.startswith("#")],
    )


def read_records(path: Path) -> list[tuple[Any, ...]]:
    """Read what a round trip must keep of each record: fixed columns and GT by sample.

    QUAL is compared as a number, INFO as text, GT as text (`.` where FORMAT has none).
    """
    header, rows = read_lines(path)
    samples = header[-1].split("\t")[9:]
    out = []
    for row in rows:
        qual = None if row[5] == "." else float(row[5])
        fields = row[8].split(":") if len(row) > 8 else []
        place = fields.index("GT") if "GT" in fields else -1
        cells = [c.split(":")[place] if place >= 0 else "." for c in row[9:]]
        out.append((*row[:5], qual, row[6], row[7], dict(zip(samples, cells, strict=True))))
    return out


def assert_same_records(
    original: Path,
    exported: Path,
    rejected: Iterable[int] = (),
    *,
    gt_as_numbers: bool = False,
) -> None:
    """Check that an exported VCF holds the records of the original.

    Parameters
    ----------
    original, exported
        VCF (plain or gzip) or BCF.
    rejected
        0-based ordinals of the original's records that were held back.
    gt_as_numbers
        Take `.` and `./.` for the same: BCF and VCF differ there.
    """
    held_back = set(rejected)
    old = [r for i, r in enumerate(read_records(original)) if i not in held_back]
    new = read_records(exported)
    assert len(new) == len(old), f"{len(new)} records, {len(old)} expected"

    def order(records: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        # By contig and position; the order of records of one position must be kept.
        return sorted(records, key=lambda r: (r[0], int(r[1])))

    for i, (a, b) in enumerate(zip(order(old), order(new), strict=True)):
        assert a[:-1] == b[:-1], f"record {i}: {b[:-1]}, expected {a[:-1]}"
        left, right = a[-1], b[-1]
        if gt_as_numbers:
            left, right = ({s: g.strip("./|") for s, g in d.items()} for d in (left, right))
        if left != right:
            wrong = [s for s in left if left[s] != right.get(s)]
            raise AssertionError(
                f"record {i} {a[:5]}: GT of {len(wrong)} samples differ, e.g. {wrong[0]}: "
                f"{right.get(wrong[0])}, expected {left[wrong[0]]}"
            )


def read_json_text(text: str) -> Any:
    """Read JSON and refuse what is none (NaN, Infinity)."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def gt_texts(rows: pl.DataFrame) -> list[list[str]]:
    """Give the GT texts of rows of the table genotypes of one file, record by record."""
    held = PlaneRows.of(rows)
    calls, people = held.genotypes(), held.columns.size
    out = []
    for k in range(calls.size):
        texts = [calls.texts[calls.default[k]]] * people
        for i in range(calls.pointer[k], calls.pointer[k + 1]):
            texts[calls.who[i]] = calls.texts[calls.what[i]]
        out.append(texts)
    return out


def cohort_rows(
    paths: Sequence[Path], cohort: str, contigs: Contigs
) -> dict[str, list[dict[str, Any]]]:
    """Make the rows of sites, genotypes, samples, files and cohorts of some VCF files.

    The slow way, cell by cell; alleles are taken as normalised. Contigs may go by any name.
    """
    tables: dict[str, list[dict[str, Any]]] = {
        n: [] for n in ("sites", "genotypes", "samples", "files", "cohorts")
    }
    ordinals: dict[str, int] = {}
    for number, path in enumerate(paths):
        header, rows = read_lines(path)
        names = header[-1].split("\t")[9:]
        for name in names:
            if name not in ordinals:
                ordinals[name] = len(ordinals)
                tables["samples"].append(
                    {
                        "cohort": cohort,
                        "sample": name,
                        "ordinal": ordinals[name],
                        "file": number,
                    }
                )
        mine = [ordinals[n] for n in names]
        tables["files"].append(
            {
                "cohort": cohort,
                "file": number,
                "name": path.name,
                "samples": mine,
                "n_samples": len(mine),
                "header": "\n".join(header),
            }
        )
        for record, row in enumerate(rows):
            place = {
                "contig": contigs.canonical(row[0]),
                "pos": int(row[1]),
                "ref": row[3],
                "alt": row[4],
                "cohort": cohort,
                "file": number,
                "record": record,
            }
            tables["sites"].append(
                {
                    **place,
                    "chrom": row[0],
                    "id": None if row[2] == "." else row[2],
                    "qual": None if row[5] == "." else float(row[5]),
                    "filter": row[6],
                    "info": row[7],
                    "format": row[8] if names else None,
                }
            )
            if names:
                n_alt = 0 if row[4] == "." else row[4].count(",") + 1
                tables["genotypes"].append({**place, **_planes(row, n_alt)})
    tables["cohorts"].append({"cohort": cohort, "n_samples": len(ordinals)})
    return {n: rows for n, rows in tables.items() if rows}


def _planes(row: Sequence[str], n_alt: int) -> dict[str, Any]:
    """Make the bits of a record of plain genotypes, one after the other."""
    people = len(row) - 9
    nothing = dict.fromkeys(("separator", "missing", "absent", "flipped"))
    out = {"first": 0, "people": people, "planes": [], "odd": [], "odd_text": [], **nothing}
    if row[8].split(":")[0] != "GT":
        return {**out, "ploidy": None}
    texts = [c.split(":")[0] for c in row[9:]]
    calls = [re.split("[/|]", t) for t in texts]
    # An allele that is not there: the text stands for itself.
    odd = [k for k, c in enumerate(calls) if any(a != "." and int(a) > n_alt for a in c)]
    calls = [[] if k in odd else c for k, c in enumerate(calls)]
    ploidy = max(map(len, calls))
    slots = [a for call in calls for a in (*call, *["-"] * (ploidy - len(call)))]

    def bits(found: list[bool]) -> bytes | None:
        found = found + [False] * (-len(found) % 8)
        made = [
            sum(128 >> i for i in range(8) if found[k + i]) for k in range(0, len(found), 8)
        ]
        return bytes(made)

    def some(found: list[bool]) -> bytes | None:
        return bits(found) if any(found) else None

    usual = ["" if k in odd else t for k, t in enumerate(texts)]
    signs = ["|" if "|" in t else "/" if "/" in t else "" for t in usual]
    sign = "|" if signs.count("|") > signs.count("/") else "/" if any(signs) else None
    return {
        **out,
        "ploidy": ploidy,
        "separator": sign,
        "planes": [bits([a == str(k + 1) for a in slots]) for k in range(n_alt)],
        "missing": some([a == "." for a in slots]),
        "absent": some([a == "-" for a in slots]),
        "flipped": some([bool(s) and s != sign for s in signs]),
        "odd": odd,
        "odd_text": [texts[k] for k in odd],
    }
