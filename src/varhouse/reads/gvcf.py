"""The gVCF of a person: the called regions joined, reference blocks, filters, an index.

Blocks that go on over the edge of a region are one block, and variants are sorted after all
have been normalised, so that the file does not depend on how the work was shared out.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pysam

import varhouse
from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError
from varhouse.files import new_file, read_json
from varhouse.reads.blocks import SCHEMA as BLOCKS
from varhouse.reads.blocks import cut_blocks, join_blocks
from varhouse.reads.model import Filters
from varhouse.reads.variants import FORMAT, count_variants, filter_lines, judge, unite_variants

_BLOCK_FORMAT = "GT:GQ:MIN_DP:DP:PL"
_OWN_LINES = (
    '##ALT=<ID=*,Description="Any allele but those that are named">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the block">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality; of a block the '
    'least">',
    '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least DP of the block">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads of which the base counts; of a '
    'block the median">',
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods; of '
    'a block the least of each">',
)
_TEXT = ["contig", "pos", "order", "text"]


def join_regions(
    parts: Sequence[Path],
    out: Path,
    *,
    fasta: Path,
    sample: str,
    header: Sequence[str],
    filters: Filters,
) -> dict[str, Any]:
    """Join the called regions of a person to a gVCF with an index (`.tbi`).

    Parameters
    ----------
    parts
        Folders of `call_region`: contigs in the order of the gVCF, spans of a contig ascending
        and without overlap.
    out
        The gVCF (BGZF); it appears after its index.
    fasta
        That of the calls: gives the contigs and the first bases of blocks.
    header
        More header lines (`##...`), lineage of the call set.
    filters
        Decide FILTER of the variants; no call is left out.

    Returns
    -------
    dict
        `blocks`, `variants`, `doubled` (records that normalising made equal to another one;
        the one of higher QUAL stays), `filters` (variants by FILTER), and `regions`: for each
        contig `contig`, `bases`, `depths` as in `depth.json`, `full` (bases at which reads may
        have been left out: `CallSettings.depth`) and the counts of
        `varhouse.reads.variants.count_variants`.

    Raises
    ------
    InputError
        If parts overlap, are out of order, or are of another reference.
    """
    facts = [read_json(part / "depth.json", "call the region again") for part in parts]
    _check_order(parts, facts)
    counts: dict[str, Any] = {"blocks": 0, "variants": 0, "doubled": 0, "filters": {}}
    regions: list[dict[str, Any]] = []
    with pysam.FastaFile(str(fasta)) as file, new_file(out) as own, own.open("xb") as raw:
        stream = BgzfStream(raw)
        stream.write(_header_text(parts, file, sample, header, filters).encode())
        own_parts = zip(parts, facts, strict=True)
        for contig, group in groupby(own_parts, key=lambda pair: pair[1]["contig"]):
            if contig not in file.references:
                raise InputError(
                    f"{fasta}: no contig {contig}", "join with the FASTA of the calls"
                )
            pairs = list(group)
            calls, doubled = unite_variants([part / "variants.parquet" for part, _ in pairs])
            calls = judge(calls, filters)
            for text, n_blocks in _lines(contig, pairs, calls, file):
                counts["blocks"] += n_blocks
                stream.write(text)
            counts["variants"] += calls.height
            counts["doubled"] += doubled
            for name, n in calls.group_by("filter").len().sort("filter").iter_rows():
                counts["filters"][name] = counts["filters"].get(name, 0) + n
            regions.append(
                _region(contig, [fact for _, fact in pairs]) | count_variants(calls)
            )
        stream.finish()
        raw.flush()
        _index(own, out)
    return counts | {"regions": regions}


def _index(own: Path, out: Path) -> None:
    """Make the index of a file before it gets its name."""
    with new_file(out.with_name(f"{out.name}.tbi")) as made:
        pysam.tabix_index(str(own), preset="vcf", force=True, index=str(made))


def _check_order(parts: Sequence[Path], facts: Sequence[dict[str, Any]]) -> None:
    seen: set[str] = set()
    last, end = "", 0
    for part, fact in zip(parts, facts, strict=True):
        contig = fact["contig"]
        if contig != last:
            if contig in seen:
                raise InputError(f"{part}: {contig} has parts in two places", "sort the parts")
            seen.add(contig)
            last, end = contig, 0
        if fact["start"] < end:
            raise InputError(
                f"{part}: begins at {contig}:{fact['start'] + 1:,}, before the part before it "
                f"ends ({end:,})",
                "give the parts of a contig ascending, each once",
            )
        end = fact["end"]


def _region(contig: str, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up the depths of a contig."""
    depths = np.zeros(max(len(f["depths"]) for f in facts), np.int64)
    for fact in facts:
        depths[: len(fact["depths"])] += fact["depths"]
    bases = sum(f["bases"] for f in facts)
    full = sum((f.get("pileup") or {}).get("full", 0) for f in facts)
    return {"contig": contig, "bases": bases, "depths": depths.tolist(), "full": full}


def _header_text(
    parts: Sequence[Path],
    file: pysam.FastaFile,
    sample: str,
    header: Sequence[str],
    filters: Filters,
) -> str:
    """Write the header; what INFO and FORMAT of variants are the caller itself has said."""
    own = {_id(line) for line in _OWN_LINES}
    callers: dict[str, str] = {}
    for part in parts:
        for line in (part / "header.txt").read_text().splitlines():
            callers.setdefault(_id(line), line)
    lines = [
        "##fileformat=VCFv4.2",
        f"##source=varhouse call {varhouse.__version__}",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        *filter_lines(filters),
        *_OWN_LINES,
        *(line for name, line in callers.items() if name not in own),
        *(
            f"##contig=<ID={name},length={length}>"
            for name, length in zip(file.references, file.lengths, strict=True)
        ),
        *header,
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", sample]
        ),
    ]
    return "".join(f"{line}\n" for line in lines)


def _id(line: str) -> str:
    """Give kind and ID of a header line."""
    return line.split(",", 1)[0]


def _lines(
    contig: str,
    pairs: Sequence[tuple[Path, dict[str, Any]]],
    calls: pl.DataFrame,
    file: pysam.FastaFile,
) -> Iterator[tuple[bytes, int]]:
    """Give the text of a contig part by part, and how many blocks are in it."""
    starts = calls["pos"].to_numpy() - 1
    ends = starts + calls["ref"].str.len_bytes().to_numpy().astype(np.int64)
    variants = _variant_lines(contig, calls)
    rest = pl.DataFrame(schema=BLOCKS)
    written = 0
    for i, (part, _) in enumerate(pairs):
        done, rest = join_blocks(rest, pl.read_parquet(part / "blocks.parquet", glob=False))
        is_last = i == len(pairs) - 1
        if is_last:
            done, rest = pl.concat([done, rest]), rest.clear()
        done = cut_blocks(done, (starts, ends))
        # Variants before the next block that may come.
        upto = _next_start(done, pairs[i][1], is_last, rest)
        until = variants.height if upto is None else int(np.searchsorted(starts, upto))
        text = pl.concat(
            [_block_lines(contig, done, file), variants.slice(written, until - written)]
        )
        written = until
        if text.height:
            joined = text.sort("pos", maintain_order=True)["text"].str.join("\n").item()
            yield f"{joined}\n".encode(), done.height


def _next_start(
    done: pl.DataFrame, fact: dict[str, Any], is_last: bool, rest: pl.DataFrame
) -> int | None:
    """Give the first base that a later line may have (0-based); None: there is none."""
    if is_last:
        return None
    return int(rest["start"][0]) if rest.height else int(fact["end"])


def _block_lines(contig: str, blocks: pl.DataFrame, file: pysam.FastaFile) -> pl.DataFrame:
    """Write blocks as lines; those of quality 0 are of no genotype."""
    if not blocks.height:
        return pl.DataFrame(schema={"pos": pl.Int64, "text": pl.String})
    starts = blocks["start"].to_numpy()
    first = int(starts[0])
    text = file.fetch(contig, first, int(starts[-1]) + 1).upper().encode()
    bases = np.frombuffer(text, np.uint8)[starts - first]
    one = pl.col("copies") == 1
    called = pl.col("gq") > 0
    genotype = (
        pl.when(one & called)
        .then(pl.lit("0"))
        .when(one)
        .then(pl.lit("."))
        .when(called)
        .then(pl.lit("0/0"))
        .otherwise(pl.lit("./."))
    )
    numbers = pl.when(one).then(pl.format("{},{}", "pl_ref", "pl_alt"))
    likelihoods = numbers.otherwise(pl.format("{},{},{}", "pl_ref", "pl_het", "pl_alt"))
    base = pl.Series("base", bases).replace_strict(
        {b: chr(b) for b in b"ACGT"}, return_dtype=pl.String
    )
    line = pl.format(
        f"{_escaped(contig)}\t{{}}\t.\t{{}}\t<*>\t.\t.\tEND={{}}\t{_BLOCK_FORMAT}\t"
        "{}:{}:{}:{}:{}",
        pl.col("start") + 1,
        pl.lit(base),
        "end",
        genotype,
        "gq",
        "min_dp",
        "dp",
        likelihoods,
    )
    return blocks.select((pl.col("start") + 1).alias("pos"), line.alias("text"))


def _variant_lines(contig: str, calls: pl.DataFrame) -> pl.DataFrame:
    """Write variants as lines, in their order."""
    cells = pl.concat_str([pl.col(key) for key in FORMAT], separator=":")
    line = pl.concat_str(
        [
            pl.lit(contig),
            pl.col("pos").cast(pl.String),
            pl.lit("."),
            *("ref", "alt", "qual", "filter", "info"),
            pl.lit(":".join(FORMAT)),
            cells,
        ],
        separator="\t",
    )
    return calls.select("pos", line.alias("text"))


def _escaped(text: str) -> str:
    """Write a text that `polars.format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")
