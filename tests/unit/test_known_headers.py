"""What was read of one file's header is used for the next: nobody can tell."""

import random

import pytest

from varhouse.vcf.account.problems import Account
from varhouse.vcf.header import header as module
from varhouse.vcf.header import rules
from varhouse.vcf.header.header import read_header

LAST = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
CONTIGS = (
    "##contig=<ID={},length=100>", "##contig=<ID={},length=200>", "##contig=<ID={}>",
    "##contig=<ID={},length=x>", '##contig=<ID={},length=100,md5="ab">', "##contig=<length=1>",
    "##contig=<ID={},length=100", "##contig={}", "##contig=<ID={},assembly=b,length=100>",
)  # fmt: skip
OTHERS = ("##x=y", '##FILTER=<ID=q,Description="d">', "##source=t", "##contigs=<ID=c9>")


def forget() -> None:
    module._KNOWN.clear()
    module._meta_of.cache_clear()
    rules._SOUND.clear()


def drawn(rng: random.Random) -> list[str]:
    """Draw a header: stretches of contig lines, most of them sound, some names twice."""
    lines = [f"##fileformat=VCFv4.{rng.randint(1, 5)}"]
    for _ in range(rng.randint(0, 3)):
        kinds = CONTIGS if rng.random() < 0.3 else CONTIGS[:2]
        first = rng.randint(0, 6)
        names = range(first, first + rng.randint(0, 4))
        lines += [rng.choice(kinds).format(f"c{k}") for k in names]
        lines += rng.sample(OTHERS, rng.randint(0, 2))
    return [*lines, LAST]


def told(lines: list[str]) -> tuple[object, ...]:
    account = Account("f")
    header = read_header(lines, account)
    return header, list(header.contigs), account.as_json(), account.effects


@pytest.mark.parametrize("seed", range(5))
def test_a_header_says_the_same_whatever_was_read_before(seed: int) -> None:
    rng = random.Random(seed)
    headers = [drawn(rng) for _ in range(60)]
    alone = []
    for lines in headers:
        forget()
        alone.append(told(lines))
    forget()
    for lines, wanted in zip(headers * 2, alone * 2, strict=True):
        assert told(lines) == wanted, lines
    assert len(module._KNOWN) == module._STRETCHES


def test_a_stretch_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID=k{k},length=9>" for k in range(9)), LAST]
    forget()
    wanted = told(lines)
    monkeypatch.setattr(module, "known_meta", lambda _: pytest.fail("read again"))
    assert told(lines) == wanted
    assert wanted[0].contigs == {f"k{k}": 9 for k in range(9)}  # type: ignore[attr-defined]
