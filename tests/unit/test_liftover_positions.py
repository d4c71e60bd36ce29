"""Chain files and positions: against the `liftover` package, and files that are no chains."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.liftover import lift_positions, match_names, read_chain
from varhouse.liftover.chain import END, N_HITS, Chain

HERE = Path(__file__).parent


def by_hand(chain: Chain, contig: int, pos: int) -> list[tuple[str, int, int, int]]:
    """Every hit of a position, by looking at all blocks: (name, place, strand, score)."""
    hits = []
    for b in range(chain.start.size):
        if chain.source[b] == contig and chain.start[b] <= pos < chain.end[b]:
            offset = pos - int(chain.start[b])
            size = int(chain.end[b] - chain.start[b])
            place = int(chain.target_start[b]) + (
                size - 1 - offset if chain.reverse[b] else offset
            )
            strand = -1 if chain.reverse[b] else 1
            hits.append((chain.targets[chain.target[b]], place, strand, int(chain.score[b])))
    return hits


def test_positions_are_those_of_the_liftover_package() -> None:
    chain = read_chain(HERE / "liftover_points.chain")
    text = (HERE / "liftover_points.tsv").read_text().splitlines()
    rows = [ln.split("\t") for ln in text if not ln.startswith("#")][1:]
    assert len(rows) == 2000
    contig = np.array([chain.sources.index(r[0]) for r in rows], np.int32)
    found = lift_positions(chain, contig, np.array([int(r[1]) for r in rows]))
    several = 0
    for k, row in enumerate(rows):
        expected = row[2].split(",") if len(row) > 2 and row[2] else []
        assert found.n_hits[k] == len(expected), row
        if not expected:
            assert (found.contig[k], found.pos[k], found.strand[k]) == (-1, -1, 0)
            continue
        sign = "+" if found.strand[k] == 1 else "-"
        mine = f"{chain.targets[found.contig[k]]}:{found.pos[k]}:{sign}"
        assert mine in expected, row
        several += len(expected) > 1
    assert several > 20


def test_of_several_hits_the_one_with_the_highest_score_counts() -> None:
    chain = read_chain(HERE / "liftover_points.chain")
    toy = chain.sources.index("toy")
    found = lift_positions(chain, toy, np.arange(-5, 1005))
    for k, pos in enumerate(range(-5, 1005)):
        hits = by_hand(chain, toy, pos)
        assert found.n_hits[k] == len(hits)
        if hits:
            # max gives the first of equal ones.
            best = max(hits, key=lambda h: h[3])
            assert (chain.targets[found.contig[k]], found.pos[k], found.strand[k]) == best[:3]


@st.composite
def chain_text(draw: st.DrawFn) -> str:
    lines = []
    for number in range(draw(st.integers(1, 6))):
        triples = draw(st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=1, max_size=6))
        t = sum(a + b for a, b, _ in triples) - triples[-1][1]
        q = sum(a + c for a, _, c in triples) - triples[-1][2]
        t0, q0 = draw(st.integers(0, 200 - t)), draw(st.integers(0, 200 - q))
        source, target = draw(st.sampled_from("AB")), draw(st.sampled_from("XY"))
        strand, score = draw(st.sampled_from("+-")), draw(st.integers(1, 3))
        lines.append(
            f"chain {score} {source} 200 + {t0} {t0 + t} {target} 200 {strand} {q0} {q0 + q} "
            f"{number}"
        )
        lines += [f"{a} {b} {c}" for a, b, c in triples[:-1]] + [str(triples[-1][0]), ""]
    return "\n".join(lines)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(chain_text())
def test_every_position_of_random_chains(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("c") / "c.chain"
    path.write_text(text)
    chain = read_chain(path)
    for c in range(len(chain.sources)):
        found = lift_positions(chain, c, np.arange(201))
        for pos in range(201):
            hits = by_hand(chain, c, pos)
            assert found.n_hits[pos] == len(hits)
            if hits:
                best = max(hits, key=lambda h: h[3])
                place = (chain.targets[found.contig[pos]], found.pos[pos], found.strand[pos])
                assert place == best[:3]


def named(source: str, target: str, score: int, start: int = 0) -> str:
    return f"chain {score} {source} 9 + {start} 9 {target} 9 + {start} 9 1\n{9 - start}\n\n"


@pytest.mark.parametrize(
    ("text", "hits_there", "hits_back"),
    [
        # Ensembl's files have each contig twice.
        (named("1", "1", 1) + named("chr1", "1", 1), 1, 1),
        (named("MT", "MT", 1) + named("chrM", "MT", 2), 1, 1),
        (named("1", "1", 1) + named("1", "chr1", 1), 1, 1),
        # These are two contigs: other blocks, or another name.
        (named("1", "1", 1) + named("chr1", "1", 1, start=1), 1, 2),
        (named("1", "1", 1) + named("2", "1", 1), 1, 2),
        (named("1", "1", 1) + named("1", "2", 1), 2, 1),
    ],
)
def test_a_contig_with_two_names_counts_once(
    tmp_path: Path, text: str, hits_there: int, hits_back: int
) -> None:
    path = tmp_path / "c.chain"
    path.write_text(text)
    chain = read_chain(path)
    for source in range(len(chain.sources)):
        found = lift_positions(chain, source, np.array([4]))
        assert (found.pos[0], found.n_hits[0]) == (4, hits_there)
    table = chain.backward.table
    assert table[table[:, END] > 4][:, N_HITS].tolist()[:1] == [hits_back]


def test_a_gzip_file_gives_the_same(tmp_path: Path) -> None:
    plain = HERE / "liftover_points.chain"
    packed = tmp_path / "x.chain.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert np.array_equal(read_chain(packed).forward.table, read_chain(plain).forward.table)


GOOD = "chain 5 a 100 + 10 30 b 90 - 0 25 1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no chain in it"),
        ("hello\n", "line 1: a line outside of a chain"),
        ("chain 5 a 100 + 10\n", "line 1: 6 fields"),
        ("chain 5 a 100 - 10 30 b 90 + 0 20\n20\n", "source strand is '-'"),
        ("chain 5 a 100 + 10 30 b 90 * 0 20\n20\n", "target strand is '*'"),
        ("chain five a 100 + 10 30 b 90 + 0 20\n20\n", "line 1: not a number"),
        ("chain 5 a 20 + 10 30 b 90 + 0 20\n20\n", "a:10-30 does not lie in 20 bases"),
        (f"chain 5 a {2**40} + 10 30 b 90 + 0 20\n20\n", "the limit is"),
        (GOOD + "\n5 5 10\n", "the file ends inside a chain"),
        (GOOD + "\n5 5 10\n9\n", "line 3: the blocks do not add up"),
        (GOOD + "\n5 5 10\n99\n", "line 3: the blocks reach beyond"),
        (GOOD + "\n5 -5 10\n", "line 2: a negative"),
        (GOOD + "\n5 5\n", "line 2: 2 fields"),
        (GOOD + "\n" + GOOD, "line 2: a chain begins"),
        (GOOD + "\n5 5 10\n10\n" + GOOD.replace("90", "91"), "b has 91 bases here, 90 above"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.chain"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_chain(path)
    assert says in str(error.value)


def test_a_cut_gzip_file_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.chain.gz"
    path.write_bytes(gzip.compress((HERE / "liftover_points.chain").read_bytes())[:500])
    with pytest.raises(InputError, match="cut off"):
        read_chain(path)


def test_names_are_found_by_alias_and_by_spelling() -> None:
    contigs = Contigs([Contig("chr1", ["CM1"]), Contig("chrM", ["MT"])])
    found = match_names(["1", "CM1", "chrM", "chr7", "z"], ["chr1", "MT", "7"], contigs)
    assert found == {"1": 0, "CM1": 0, "chrM": 1, "chr7": 2}
