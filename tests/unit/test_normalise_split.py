"""Fields of multiallelic records; the expected texts are those of bcftools norm 1.24.

Not those of lists that fit no ploidy: bcftools takes their first values, we none.
"""

import random

import pytest

from varhouse.normalise.split import Loss, Splitter, set_end

NUMBERS = {
    (kind, n + t[0]): n
    for kind in ("INFO", "FORMAT")
    for n in "ARG"
    for t in ("Integer", "Float", "String")
}
TYPES = {key: {"I": "Integer", "F": "Float", "S": "String"}[key[1][1]] for key in NUMBERS}


@pytest.fixture
def splitter() -> Splitter:
    return Splitter(NUMBERS, TYPES)


def losses(splitter: Splitter) -> dict[tuple[str, Loss], int]:
    return {what: lost.records for what, lost in splitter.losses.items()}


@pytest.mark.parametrize(
    ("info", "first", "second"),
    [
        (b"AI=1,2", b"AI=1", b"AI=2"),
        (b"AF=0.0010,.", b"AF=0.0010", b"AF=."),
        (b"RI=1,2,3", b"RI=1,2", b"RI=1,3"),
        (b"GI=1,2,3,4,5,6", b"GI=1,2,3", b"GI=1,4,6"),
        (b"GS=a,b,c,d,e,f", b"GS=a,b,c", b"GS=a,d,f"),
        (b"AS=a", b"AS=a", b"AS=."),
        (b"RS=a,b", b"RS=a,b", b"RS=."),
        (b"AI=.", b"AI=.", b"AI=."),
        # No number declared: whole, and so is what the header does not know.
        (b"FL;UNKNOWN=a,b;N=1", b"FL;UNKNOWN=a,b;N=1", b"FL;UNKNOWN=a,b;N=1"),
        (b".", b".", b"."),
        # A wrong number of values: left out (as with --force).
        (b"AI=1;N=2", b"N=2", b"N=2"),
        (b"RI=1,2,3,4", b".", b"."),
    ],
)
def test_info(splitter: Splitter, info: bytes, first: bytes, second: bytes) -> None:
    assert splitter.info(info, 2) == [first, second]


def test_what_is_left_out_is_counted(splitter: Splitter) -> None:
    splitter.info(b"AI=1;RF=1", 2)
    splitter.info(b"AI=1,2,3", 2)
    splitter.samples(b"GT:GI", b"0/1:1,2", 2)
    assert losses(splitter) == {
        ("INFO/AI", Loss.LEFT_OUT): 2,
        ("INFO/RF", Loss.LEFT_OUT): 1,
        ("FORMAT/GI", Loss.LEFT_OUT): 1,
    }


@pytest.mark.parametrize(
    ("key", "values", "loss"),
    [
        # Whole lists and missing ones say nothing.
        (b"AI", b"1,2 . .,.", None),
        (b"RI", b"1,2,3 .", None),
        (b"RS", b"a,b,c .", None),
        (b"GI", b"1,2,3,4,5,6 . 7,8,9", None),
        (b"GI", b". .", None),
        (b"XX", b"1,2,3,4 .", None),
        # Cut short in a sample, or in all of them down to one value.
        (b"AI", b"1,2 3", Loss.UNEVEN),
        (b"AI", b"3 .", Loss.UNEVEN),
        (b"RI", b"1,2,3 1,2", Loss.UNEVEN),
        (b"RF", b"1,2,3 .,.", Loss.UNEVEN),
        (b"AS", b"a,b,c a,b", Loss.UNEVEN),
        (b"AS", b"a a,b", Loss.UNEVEN),
        (b"GI", b"1,2,3,4,5,6 7", Loss.UNEVEN),
        (b"GI", b"1,2,3,4,5,6 7,8", Loss.NO_PLOIDY),
        (b"RI", b"1,2,3,4 1,2,3", Loss.LEFT_OUT),
    ],
)
def test_nothing_is_filled_in_without_a_word(
    splitter: Splitter, key: bytes, values: bytes, loss: Loss | None
) -> None:
    samples = b"\t".join(b"1/2:" + v for v in values.split(b" "))
    splitter.samples(b"GT:" + key, samples, 2, "chr1:7")
    found = {what: (lost.records, lost.first) for what, lost in splitter.losses.items()}
    wanted = {} if loss is None else {("FORMAT/" + key.decode(), loss): (1, "chr1:7")}
    assert found == wanted


def test_texts_of_info_with_a_wrong_number_are_counted(splitter: Splitter) -> None:
    splitter.info(b"AS=a;RS=a,b,c", 2)
    splitter.info(b"AS=a,b,c", 2)
    assert losses(splitter) == {("INFO/AS", Loss.UNEVEN): 2}


@pytest.mark.parametrize(
    ("other", "first", "second"),
    [
        ("0", b"0/1 1/0 0|0 ./0 . 0 1 0/0/0 ./.", b"0/0 0/1 1|1 ./1 . 1 0 0/0/1 ./."),
        (".", b"0/1 1/. .|. ./. . . 1 0/0/. ./.", b"0/. ./1 1|1 ./1 . 1 . 0/0/1 ./."),
    ],
)
def test_genotypes(other: str, first: bytes, second: bytes) -> None:
    samples = b"0/1 1/2 2|2 ./2 . 2 1 0/0/2 ./.".replace(b" ", b"\t")
    splitter = Splitter({}, {}, other)
    assert [s.replace(b"\t", b" ") for _, s in splitter.samples(b"GT", samples, 2)] == [
        first,
        second,
    ]


def test_more_than_nine_alts() -> None:
    pairs = Splitter({}, {}).samples(b"GT", b"1/10\t11|0\t.", 11)
    assert pairs[0][1] == b"1/0\t0|0\t."
    assert pairs[9][1] == b"0/1\t0|0\t."
    assert pairs[10][1] == b"0/0\t1|0\t."


@pytest.mark.parametrize(
    ("key", "values", "first", "second"),
    [
        (b"AI", b"1,2 . 3,. .,.", b"1 . 3 .", b"2 . . ."),
        (b"RI", b"1,2,3 . 4", b"1,2 .,. 4,.", b"1,3 .,. 4,."),
        (b"RS", b"a,b,c .", b"a,b .", b"a,c ."),
        (b"GI", b"1,2,3,4,5,6 . 7,8,9 1,2", b"1,2,3 . 7,8 .", b"1,4,6 . 7,9 ."),
        (b"GS", b"a,b,c .", b"a,b .", b"a,c ."),
        # One value each: taken as it is.
        (b"AI", b"1 .", b"1 .", b"1 ."),
        (b"XX", b"1,2 .", b"1,2 .", b"1,2 ."),
    ],
)
def test_samples(
    splitter: Splitter, key: bytes, values: bytes, first: bytes, second: bytes
) -> None:
    samples = b"\t".join(b"1/2:" + v for v in values.split(b" "))
    pairs = splitter.samples(b"GT:" + key, samples, 2)
    assert [k for k, _ in pairs] == [b"GT:" + key] * 2
    for (_, text), gt, wanted in zip(pairs, (b"1/0:", b"0/1:"), (first, second), strict=True):
        assert text == b"\t".join(gt + v for v in wanted.split(b" "))


def genotypes(ploidy: int, n_alt: int) -> list[tuple[int, ...]]:
    """List genotypes in the order of VCF 4.3, section 1.6.2, by its recursion."""
    if ploidy == 0:
        return [()]
    return [
        (*g, a)
        for a in range(n_alt + 1)
        for g in genotypes(ploidy - 1, n_alt)
        if not g or g[-1] <= a
    ]


def ordered(ploidy: int, n_alt: int) -> list[tuple[int, ...]]:
    return sorted(genotypes(ploidy, n_alt), key=lambda g: g[::-1])


@pytest.mark.parametrize("n_alt", [2, 3, 5])
@pytest.mark.parametrize("key", [b"GI", b"GF", b"GS"])
def test_likelihoods_of_any_and_mixed_ploidy(
    splitter: Splitter, key: bytes, n_alt: int
) -> None:
    ploidies = (2, 1, 3, 4, 8)
    names = [[".".join(map(str, g)) for g in ordered(p, n_alt)] for p in ploidies]
    cells = b"\t".join(b"./.:" + ",".join(n).encode() for n in names)
    for k, (_, text) in enumerate(splitter.samples(b"GT:" + key, cells, n_alt), 1):
        for p, cell in zip(ploidies, text.split(b"\t"), strict=True):
            wanted = [[0] * (p - j) + [k] * j for j in range(p + 1)]
            assert cell[4:].decode() == ",".join(".".join(map(str, g)) for g in wanted)
    assert not splitter.losses


def test_a_list_that_fits_no_ploidy_becomes_missing_and_is_counted(splitter: Splitter) -> None:
    samples = b"1/2:1,2,3,4,5,6\t1/2:1,2\t1/2:1,2,3,4,5"
    pairs = splitter.samples(b"GT:GI", samples, 2)
    assert [c for _, c in pairs] == [b"1/0:1,2,3\t1/0:.\t1/0:.", b"0/1:1,4,6\t0/1:.\t0/1:."]
    assert losses(splitter) == {("FORMAT/GI", Loss.NO_PLOIDY): 1}
    # When the longest list fits none, nothing says which samples are right.
    pairs = splitter.samples(b"GT:GI", b"1/2:1,2,3,4,5,6,7\t1/2:1,2,3,4,5,6", 2)
    assert pairs == [(b"GT", b"1/0\t1/0"), (b"GT", b"0/1\t0/1")]


def test_an_allele_that_the_record_has_not_is_missing_not_reference(
    splitter: Splitter,
) -> None:
    pairs = splitter.samples(b"GT", b"0/3\t99999999999999999999/1\t1/2", 2)
    assert [c for _, c in pairs] == [b"0/.\t./1\t1/0", b"0/.\t./0\t0/1"]
    assert losses(splitter) == {("FORMAT/GT", Loss.NO_ALLELE): 1}


def test_more_cells_than_keys_stay(splitter: Splitter) -> None:
    pairs = splitter.samples(b"GT:AI", b"1/2:3,4:9:8,7\t:5,6", 2)
    assert pairs[1] == (b"GT:AI", b"0/1:4:9:8,7\t:6")


def test_trailing_fields_left_off_are_missing(splitter: Splitter) -> None:
    pairs = splitter.samples(b"GT:GI", b"1/2\t0/1:1,2,3,4,5,6", 2)
    assert pairs[0] == (b"GT:GI", b"1/0:.\t0/1:1,2,3")


def test_a_record_whose_only_field_is_wrong_keeps_its_columns(splitter: Splitter) -> None:
    assert splitter.samples(b"AI", b"1,2,3\t.", 2) == [(b".", b".\t.")] * 2


def test_end_is_set_where_it_stands() -> None:
    assert set_end(b"AC=1;END=90;CIEND=4", 7) == b"AC=1;END=7;CIEND=4"
    assert set_end(b"END=90", 7) == b"END=7"
    assert set_end(b"CIEND=4", 7) == b"CIEND=4"


LOCAL_KEYS = {"GT": "1", "LAA": ".", "LAD": "LR", "LPL": "LG", "LEC": "LA", "AD": "R",
              "PL": "G", "EC": "A"}  # fmt: skip


def _local_splitter(**numbers: str) -> Splitter:
    keys = {("FORMAT", k): n for k, n in {**LOCAL_KEYS, **numbers}.items()}
    return Splitter(keys, {k: "String" if k[1] == "GT" else "Integer" for k in keys})


def _cell(ploidy: int, laa: tuple[int, ...], n_alt: int, rng: random.Random) -> bytes:
    """A sample with the same values of all alleles and of its local ones (VCF 4.5, 1.6.2)."""
    ad = {a: rng.randint(0, 99) for a in range(n_alt + 1)}
    likelihood = {g: rng.randint(0, 99) for g in ordered(ploidy, n_alt)}
    mine = (0, *laa)
    lpl = [likelihood[tuple(sorted(mine[i] for i in g))] for g in ordered(ploidy, len(laa))]
    local = (laa, [ad[a] for a in mine], lpl, [ad[a] for a in laa])
    lists = (*local, ad.values(), likelihood.values(), list(ad.values())[1:])
    cells = [",".join(map(str, x)) or "." for x in lists]
    return ":".join(["/".join("0" * ploidy), *cells]).encode()


@pytest.mark.parametrize("ploidy", [1, 2, 3])
def test_local_alleles_say_the_same_as_all_alleles(ploidy: int) -> None:
    rng = random.Random(ploidy)
    n_alt = 4
    lists = [(2, 4), (4, 2), (), (1,), (3, 1, 2), (1, 2, 3, 4)]
    cells = b"\t".join(_cell(ploidy, laa, n_alt, rng) for laa in lists)
    splitter = _local_splitter()
    pairs = splitter.samples(b"GT:LAA:LAD:LPL:LEC:AD:PL:EC", cells, n_alt)
    assert splitter.losses == {}
    for k, (_, samples) in enumerate(pairs, 1):
        for laa, sample in zip(lists, samples.decode().split("\t"), strict=True):
            _, new_laa, lad, lpl, lec, ad, pl, ec = sample.split(":")
            if k in laa:
                assert (new_laa, lad, lpl, lec) == ("1", ad, pl, ec)
            else:
                assert (new_laa, lec) == (".", ".")
                assert (lad, lpl) == (ad.split(",")[0], pl.split(",")[0])


def test_local_alleles_of_older_versions_and_faults() -> None:
    # DRAGEN declares them with Number=. in VCF 4.2.
    splitter = _local_splitter(LAD=".", LPL=".", LEC=".")
    keys = b"GT:LAA:LAD:LPL"
    cells = b"0/2:2:3,4:10,0,20\t0/0::9:0\t0/1:1:3,4,5:.\t0/0"
    assert splitter.samples(keys, cells, 2) == [
        (keys, b"0/0:.:3:10\t0/0:.:9:0\t0/1:1:.:.\t0/0:.:.:."),
        (keys, b"0/1:1:3,4:10,0,20\t0/0:.:9:0\t0/0:.:.:.\t0/0:.:.:."),
    ]
    assert losses(splitter) == {("FORMAT/LAD", Loss.UNEVEN): 1}


def test_keys_of_that_name_without_laa_stay_as_they_are() -> None:
    splitter = Splitter({("FORMAT", "LAD"): "."}, {("FORMAT", "LAD"): "Integer"})
    assert splitter.samples(b"LAD", b"3,4,5", 2) == [(b"LAD", b"3,4,5")] * 2
