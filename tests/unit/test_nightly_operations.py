"""What operators copy: units, a line of cron, the mail, alert rules; and their page."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from nights import Nights
from test_nightly_pages import NIGHT, SUBJECT, TEXT, families

from varhouse.nightly.account import EXIT_CODES, FAULT_KINDS
from varhouse.nightly.metrics import make_metrics

ROOT = Path(__file__).parents[2]
FILES = ROOT / "docs" / "operations"
PAGE = (ROOT / "docs" / "nightly.md").read_text()
UNITS = sorted(p.name for p in FILES.glob("varhouse-nightly*.*") if p.suffix != ".cron")

VARHOUSE = """\
#!/bin/sh
printf '%s|' "$PWD" "$@" >>"{log}"
echo "names SAMC1"
[ -e "{account}" ] && cp "{account}" nights/account.txt
exit {code}
"""
MAIL = '#!/bin/sh\nprintf "%s|" "$@" >>"{log}"\ncat >>"{log}"\n'


@pytest.fixture
def fx_site(tmp_path: Path) -> Path:
    """A place with a blank in its path where the files are set up as the page says."""
    site = tmp_path / "a site"
    for name in ("opt/bin", "opt/operations", "srv/nights", "path", "units"):
        (site / name).mkdir(parents=True)
    shutil.copy(FILES / "mail-account", site / "opt/operations")
    write_program(site / "path/mail", MAIL.format(log=site / "mailed"))
    set_varhouse(site, 0)
    for name in [*UNITS, "varhouse-nightly.cron"]:
        text = (FILES / name).read_text()
        text = text.replace("/opt/varhouse", f"{site}/opt").replace(
            "/srv/varhouse", f"{site}/srv"
        )
        text = re.sub(r"^(User|Group)=varhouse$", r"\1=root", text, flags=re.MULTILINE)
        (site / "units" / name).write_text(text)
    return site


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def set_varhouse(site: Path, code: int, *, account: bool = False) -> None:
    """Let `varhouse` end with a code, and write an account or none."""
    made = site / "made.txt"
    if account:
        made.write_text(TEXT)
    text = VARHOUSE.format(log=site / "called", account=made, code=code)
    write_program(site / "opt/bin/varhouse", text)


def cron_line(site: Path) -> tuple[list[str], str]:
    """Read the line as cron does: five fields, and the rest for `sh -c`."""
    lines = (site / "units/varhouse-nightly.cron").read_text().splitlines()
    jobs = [x for x in lines if x and x[0] != "#" and not re.match(r"\w+=", x)]
    assert len(jobs) == 1
    *fields, command = jobs[0].split(None, 5)
    # An unescaped % would be the end of the command, and its input.
    assert "%" not in command
    return fields, command


def run_bare(
    command: list[str], site: Path, cwd: str = "/"
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing but a path in its environment, as cron and systemd do."""
    path = f"PATH={site}/path:/usr/bin:/bin"
    return subprocess.run(
        ["/usr/bin/env", "-i", path, *command],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


# --- cron ---


def test_the_line_of_cron_is_well_formed(fx_site: Path) -> None:
    fields, _ = cron_line(fx_site)
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    for text, (low, high) in zip(fields, bounds, strict=True):
        assert text == "*" or low <= int(text) <= high
    assert 'MAILTO=""' in (FILES / "varhouse-nightly.cron").read_text().splitlines()


@pytest.mark.parametrize(
    ("code", "account", "mailed"),
    [
        (0, True, ""),
        (75, False, ""),
        (3, True, f"-s|{SUBJECT}|varhouse-operators|{TEXT}"),
        (1, True, f"-s|{SUBJECT}|varhouse-operators|{TEXT}"),
        (2, False, "-s|varhouse nightly: it ended without an account|varhouse-operators|The"),
        (137, False, "-s|varhouse nightly: it ended without an account|"),
    ],
)
def test_a_night_of_cron(fx_site: Path, code: int, account: bool, mailed: str) -> None:
    """Nothing but the account is mailed; that of an earlier night is not taken for one."""
    old = fx_site / "srv/nights/account.txt"
    old.write_text("of an earlier night\n")
    set_varhouse(fx_site, code, account=account)
    _, command = cron_line(fx_site)
    done = run_bare(["/bin/sh", "-c", command], fx_site)
    assert (done.stdout, done.stderr) == ("", "")
    called = f"{fx_site}/srv|nightly|--config|config.yaml|--cores|8|"
    assert (fx_site / "called").read_text() == called
    assert (fx_site / "srv/nights/nightly.log").read_text() == "names SAMC1\n"
    log = fx_site / "mailed"
    text = log.read_text() if log.exists() else ""
    assert text.startswith(mailed)
    assert bool(text) == bool(mailed)
    assert "SAMC1" not in text
    assert "earlier night" not in text


def test_a_real_night_of_cron(fx_site: Path) -> None:
    """The command itself, from nothing but the line: what is good is in, and one mail went."""
    nights = Nights(fx_site / "srv")
    nights.deliver("good", "a")
    bad = nights.deliver("bad", "b")
    (bad / "calls.vcf").write_text("cut")
    write_program(
        fx_site / "opt/bin/varhouse",
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT / 'src'))} VARHOUSE_PRECOMPILE=no "
        f'exec {shlex.quote(sys.executable)} -m varhouse "$@"\n',
    )
    _, command = cron_line(fx_site)
    done = run_bare(["/bin/sh", "-c", command.replace("--cores 8", "--cores 1")], fx_site)
    log = (nights.folder / "nightly.log").read_text()
    assert (done.stdout, done.stderr) == ("", ""), log
    assert nights.people() == {"a": ["a1", "a2"]}, log
    assert "calls.vcf: MD5 " in log
    mailed = (fx_site / "mailed").read_text()
    assert re.match(
        r"-s\|varhouse nightly \d{4}-\d\d-\d\d: Release 2: 1 cohort with 2 people came in, ",
        mailed,
    )
    assert "NEW FAULT    bad (cohort b) [new]" in mailed
    assert nights.names() == ["bad", "bad.held.txt"]


def test_nothing_runs_where_the_folder_is_not_there(fx_site: Path) -> None:
    _, command = cron_line(fx_site)
    shutil.rmtree(fx_site / "srv")
    assert run_bare(["/bin/sh", "-c", command], fx_site).returncode != 0
    assert not (fx_site / "called").exists()


# --- systemd ---


def unit(text: str) -> dict[str, list[str]]:
    """Read `Key=value` lines of a unit."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def verify(units: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    files = [str(units / name) for name in UNITS]
    return subprocess.run(
        ["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False
    )


def test_systemd_takes_the_units(fx_site: Path) -> None:
    assert UNITS == [
        "varhouse-nightly-mail.service", "varhouse-nightly.service", "varhouse-nightly.timer",
    ]  # fmt: skip
    done = verify(fx_site / "units")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"), [("ExecStart=", "ExecStrt="), ("/bin/varhouse", "/bin/warhouse")]
)
def test_systemd_refuses_a_mistake(fx_site: Path, old: str, new: str) -> None:
    file = fx_site / "units/varhouse-nightly.service"
    file.write_text(file.read_text().replace(old, new))
    done = verify(fx_site / "units")
    # A key that it does not know is a warning, with exit code 0.
    assert new.strip("=") in done.stderr


def test_every_exit_code_is_a_success_or_is_mailed() -> None:
    """Another night that runs is no alarm; new faults are one."""
    service = unit((FILES / "varhouse-nightly.service").read_text())
    fine = {0, *map(int, service["SuccessExitStatus"][0].split())}
    assert fine == {0, 75}
    assert set(EXIT_CODES) - fine == {1, 2, 3}
    assert service["OnFailure"] == ["varhouse-nightly-mail.service"]
    assert service["OnFailure"][0] in UNITS


def test_a_night_of_systemd(fx_site: Path) -> None:
    """What the units start is started with their folder and a bare environment."""
    set_varhouse(fx_site, 3, account=True)
    codes = []
    for name, key in (
        ("varhouse-nightly.service", "ExecStartPre"),
        ("varhouse-nightly.service", "ExecStart"),
        ("varhouse-nightly-mail.service", "ExecStart"),
    ):
        found = unit((fx_site / "units" / name).read_text())
        command = shlex.split(found[key][0])
        done = run_bare(command, fx_site, found["WorkingDirectory"][0])
        codes.append(done.returncode)
        assert done.stderr == ""
    assert codes == [0, 3, 0]
    assert (fx_site / "mailed").read_text() == f"-s|{SUBJECT}|varhouse-operators|{TEXT}"


# --- alert rules and the page ---


def rules() -> list[dict]:
    groups = yaml.safe_load((FILES / "varhouse-alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alert_rules_ask_for_metrics_that_are_there() -> None:
    known = set(families(make_metrics(NIGHT, [])))
    for rule in rules():
        assert set(rule) == {"alert", "expr", "labels", "annotations"}
        asked = set(re.findall(r"varhouse_\w+", rule["expr"]))
        assert asked
        assert asked <= known
        assert "{{ $labels.store }}" in rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_the_page_says_what_to_do_in_each_alarm() -> None:
    heads = re.findall(r"^### (\w+)$", PAGE, flags=re.MULTILINE)
    assert heads == [rule["alert"] for rule in rules()]
    for kind in FAULT_KINDS:
        assert f"\n| `{kind}` | " in PAGE, kind
    for code in EXIT_CODES:
        assert f"\n| {code} | " in PAGE, code


def test_the_page_has_every_metric_and_no_other() -> None:
    told = re.findall(r"`(varhouse_(?:nightly|store)_\w+)`", PAGE)
    assert len(told) == len(set(told))
    assert set(told) == set(families(make_metrics(NIGHT, [])))


def test_the_page_names_the_files(fx_site: Path) -> None:
    for file in FILES.iterdir():
        name = file.name
        assert name in PAGE or name.removeprefix("varhouse-nightly") in PAGE, name
