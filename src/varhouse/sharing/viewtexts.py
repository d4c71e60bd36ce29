"""What the making of a view says to people, in Chinese and English."""

import shlex
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from varhouse.language import Text

NOT_GOVERNED = Text(
    "{store} has no ledger: everybody who may read it sees all of it, and no view is needed",
    "{store} 没有台账:可读者可见全部内容,无需生成视图",
)
NOBODY = Text(
    "nothing of {store} may be shown to the role {role}: {why}",
    "{store} 中没有可向角色 {role} 展示的内容:{why}",
)
NOBODY_FIX = Text(
    "enter tier and papers of a cohort: varhouse ledger",
    "请在台账中登记队列的分级与批件: varhouse ledger",
)
NO_RECIPIENT_FIX = Text(
    "say in the ledger who is registered: varhouse ledger add STORE recipient {name}"
    " kind=domestic country=CN",
    "请在台账中登记该接收方: varhouse ledger add STORE recipient {name}"
    " kind=domestic country=CN",
)
ROUNDED_ALONE = Text(
    "release {number} of the view {role} shows rounded counts, and the release of the store"
    " that it was made of is gone: counts are compared with rounded ones, which masks more",
    "视图 {role} 的发布 {number} 展示取整的计数,而其所依据的库发布版本已不存在:"
    "只能与取整后的计数比较,因此屏蔽更多",
)
REFUSED = Text(
    "the view {role} would differ from earlier ones by fewer than {k} people: {what}",
    "视图 {role} 与既往发布的差异少于 {k} 人:{what}",
)
REFUSED_FIX = Text(
    "wait for more people; or keep the cohort as it was (--hold {cohort}), or do without it"
    " (--leave-out {cohort})",
    "可等待人数增加;或沿用该队列上次发布的数据(--hold {cohort}),"
    "或不纳入该队列(--leave-out {cohort})",
)
REFUSED_LEFT_FIX = Text(
    "who left must not stay in the newest view: do without the cohort"
    " (--leave-out {cohort}) until at least {k} people of it have changed",
    "退出者不得保留在最新视图中:请先不纳入该队列(--leave-out {cohort}),"
    "待变动人数不少于 {k} 人后再纳入",
)
OVERLAP = Text(
    "cohorts of the view {role} share people, and their difference would tell of the rest:"
    " {what}",
    "视图 {role} 的队列含有相同的人,其计数之差会透露其余的人:{what}",
)
OVERLAP_FIX = Text("do without one of them: {command}", "请不纳入其中之一: {command}")
HOLD_NEVER = Text(
    "--hold {cohort}: the view {role} does not show it now",
    "--hold {cohort}:视图 {role} 当前未展示该队列",
)
HOLD_LEFT = Text(
    "--hold {cohort}: {n} of its people have left since, and must not stay in a new release",
    "--hold {cohort}:其中 {n} 人已退出,不得保留在新发布中",
)
LEFT_SINCE = Text(
    "--release {release}: cohort {cohort}: {n} of its people have left since, and must not"
    " stay in a new release",
    "--release {release}:队列 {cohort} 其后有 {n} 人退出,不得保留在新发布中",
)
HOLD_LEFT_FIX = Text(
    "do without it: --leave-out {cohort}", "请不纳入该队列: --leave-out {cohort}"
)
AGAIN = Text(
    "view {role}{closed}: its next release: {command}",
    "视图 {role}{closed}:生成下一次发布: {command}",
)
AGAIN_NOT = Text(
    "view {role}{closed}: no release can be made now ({why}); later: {command}",
    "视图 {role}{closed}:目前无法生成发布({why});以后执行: {command}",
)
CLOSED_NOW = Text(", which shows nothing until then", "(在此之前不展示任何内容)")


def command_of(
    store: Path,
    role: str,
    leave_out: Iterable[str] = (),
    *,
    hold: Iterable[str] = (),
    release: str | int | None = None,
    on: date | None = None,
) -> str:
    """Write the command that makes the next release of a view."""
    words = ["varhouse", "share", "release", str(store), "--role", role]
    if release is not None:
        words += ["--release", str(release)]
    if on is not None:
        words += ["--on", on.isoformat()]
    for option, cohorts in (("--hold", hold), ("--leave-out", leave_out)):
        for cohort in sorted(cohorts):
            words += [option, cohort]
    return shlex.join(words)
