"""What a principal may ask of rare alleles: costs, files, two processes, mistakes."""

import math
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from builders import make_small_store

from varhouse.errors import AccessError, ConfigError
from varhouse.governance import budget as module
from varhouse.governance.audit import Audit
from varhouse.governance.budget import (
    EVENT,
    Allowance,
    Budget,
    cost_of,
    parse_allowance,
    principal,
)
from varhouse.governed import private_folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_small_store(tmp_path / "s")


def costs(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_the_cost_is_that_of_raisaro() -> None:
    """-ln(1 - D_N), D_N = (1 - f)^(2 N); from a singleton's 0.459 to nothing."""
    ac, an = (
        costs(1, 1, 5, 100, 0, np.nan, 4, 10),
        costs(2, 2000, 2000, 2000, 9, 9, np.nan, 10),
    )
    found = cost_of(ac, an)
    assert found[0] == pytest.approx(-math.log(1 - 0.25))
    assert found[1] == pytest.approx(-math.log(1 - (1 - 1 / 2000) ** 2000))
    assert found[2] == pytest.approx(0.0067, abs=1e-4)
    assert found[3:7] == pytest.approx([0, 0, 0, 0], abs=1e-12)
    assert found[7] == pytest.approx(0)


def test_rare_alleles_are_answered_until_the_budget_is_spent(store: Path) -> None:
    own = Budget(store, "inside", Allowance(0.05), "ann")
    assert own.allowance.total == pytest.approx(2.9957, abs=1e-4)
    names = [f"a{i}" for i in range(8)]
    assert own.spend(names, costs(*[0.46] * 8)).tolist() == [True] * 6 + [False] * 2
    # What was paid for is answered again, what was not is not; cheap ones still fit.
    assert own.spend(names, costs(*[0.46] * 8)).tolist() == [True] * 6 + [False] * 2
    assert own.spend(["b", "c"], costs(0.2, 0.2)).tolist() == [True, False]
    assert own.spent() == pytest.approx(6 * 0.46 + 0.2)
    assert "ann" in own.say()
    # Frequent alleles are free, and leave nothing.
    size = own.file.stat().st_size
    assert own.spend(["d"] * 1000, costs(*[1e-9] * 1000)).all()
    assert own.file.stat().st_size == size


def test_each_principal_and_role_has_its_own(store: Path) -> None:
    for role, who in (("inside", "ann"), ("inside", "bob"), ("public", "ann")):
        assert Budget(store, role, Allowance(0.5), who).spend(["a"], costs(0.6)).all()
    assert not Budget(store, "inside", Allowance(0.5), "ann").spend(["b"], costs(0.6)).any()


def test_the_log_tells_once_that_it_is_spent(store: Path) -> None:
    own = Budget(store, "inside", Allowance(0.5), "ann")
    for name in "abc":
        own.spend([name], costs(0.6))
    events = [x.body for x in Audit(store).events() if x.body["event"] == EVENT]
    assert [(e["role"], e["principal"]) for e in events] == [("inside", "ann")]


def test_the_same_allele_costs_once(store: Path) -> None:
    own = Budget(store, "inside", Allowance(0.5), "ann")
    assert own.spend(["a", "a", "a"], costs(0.6, 0.6, 0.6)).all()
    assert own.spent() == pytest.approx(0.6)


def test_alleles_do_not_stand_in_the_file(store: Path) -> None:
    own = Budget(store, "inside", Allowance(0.5), "ann")
    own.spend(["chr1-100-A-T"], costs(0.6))
    assert b"chr1" not in own.file.read_bytes()
    assert own.file.stat().st_mode & 0o777 == 0o600
    assert own.file.parent.stat().st_mode & 0o777 == 0o700


def test_a_record_that_was_cut_off_goes(store: Path) -> None:
    own = Budget(store, "inside", Allowance(0.5), "ann")
    own.spend(["a"], costs(0.1))
    with own.file.open("ab") as file:
        file.write(b"half a re")
    assert own.spend(["b"], costs(0.1)).all()
    assert own.spent() == pytest.approx(0.2)
    assert own.file.stat().st_size == 48


def _ask(store: Path, first: int, gate: "multiprocessing.synchronize.Event") -> None:
    own = Budget(store, "inside", Allowance(1e-6), "ann")
    gate.wait(10)
    for i in range(100):
        own.spend([f"a{first + i}", f"b{i}"], costs(0.1, 0.1))


def test_two_processes_at_once_spend_no_more_than_there_is(store: Path) -> None:
    Budget(store, "inside", Allowance(0.5), "ann")  # The key is there.
    context = multiprocessing.get_context("fork")
    gate = context.Event()
    both = [context.Process(target=_ask, args=(store, k * 1000, gate)) for k in range(2)]
    for process in both:
        process.start()
    gate.set()
    for process in both:
        process.join(30)
        assert process.exitcode == 0
    own = Budget(store, "inside", Allowance(1e-6), "ann")
    # 13.8 by tenths; 300 were asked for.
    assert own.spent() == pytest.approx(13.8)


def test_it_costs_less_than_a_millisecond(store: Path) -> None:
    own = Budget(store, "inside", Allowance(1e-300), "ann")
    own.spend([f"a{i}" for i in range(1500)], costs(*[0.2] * 1500))
    best = min(_time(own, i) for i in range(30))
    assert best < 0.002  # 0.4 ms where it was measured.


def _time(own: Budget, i: int) -> float:
    began = time.perf_counter()
    own.spend([f"x{i}"], costs(0.01))
    return time.perf_counter() - began


def test_who_cannot_write_is_answered_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Budget(store, "inside", Allowance(0.5), "ann")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "no")

    monkeypatch.setattr(module.os, "open", refuse)
    with pytest.raises(AccessError):
        own.spend(["a"], costs(0.6))
    assert not list(private_folder(store).glob("budget/*"))


@pytest.mark.parametrize("found", [{}, {"chance": 0}, {"chance": 1}, {"chance": "x"}, 3,
                                   {"chance": True}, {"chance": 0.1, "days": 3}])  # fmt: skip
def test_what_is_no_budget_is_refused(found: object) -> None:
    with pytest.raises(ConfigError):
        parse_allowance(found)


def test_what_is_a_budget_is_read() -> None:
    assert parse_allowance(None) is None
    assert parse_allowance({"chance": 0.05}) == Allowance(0.05)


def test_variables_do_not_change_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    own = principal()
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    assert principal() == own
    monkeypatch.setenv("SUDO_UID", "4000000")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert principal() == "uid:4000000"
    # Whoever is not root sets it as he likes.
    monkeypatch.setattr(os, "getuid", lambda: 4000001)
    assert principal() == "uid:4000001"
