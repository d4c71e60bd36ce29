"""Receipts: what was asked and given, by which rules and papers, for people and programs."""

from typing import Any

from varhouse.language import LANGUAGES, Text
from varhouse.sharing.answertext import answer_json, answer_lines
from varhouse.sharing.gate import Decision, Passage

TITLE = Text("RECEIPT OF DATA GIVEN", "数据提供回执")
BACKUP_TITLE = Text("INFORMATION BACKUP, TO BE HANDED IN", "信息备份(待提交)")
LINES: dict[str, Text] = {
    "time": Text("time        {time}, by {by}", "时间        {time}, 经办人 {by}"),
    "audit": Text("audit log   line {n}, {digest}", "审计日志    第 {n} 条, {digest}"),
    "pack": Text("pack        {digest}", "数据包      {digest}"),
    "file": Text("  {sha256}  {bytes:>14,}  {path}", "  {sha256}  {bytes:>14,} 字节  {path}"),
    "planned": Text(
        "This backup is of what {recipient} is to be given. After the platform gave its "
        "receipt, enter the number: varhouse ledger import STORE papers.tsv (kind: backup)",
        "本备份对应拟向 {recipient} 提供的数据。平台出具回执后请登记编号: "
        "varhouse ledger import STORE papers.tsv (类型: backup)",
    ),
}


def receipt_json(
    passage: Passage, manifest: dict[str, Any], digest: str, planned: Decision | None
) -> dict[str, Any]:
    """Write a receipt for programs.

    Parameters
    ----------
    digest
        SHA-256 of the file of the manifest.
    planned
        Of a backup: the decision about what is to be given.
    """
    link = passage.link
    told = answer_json(passage.decision)
    return {
        "receipt": 1,
        "kind": "share" if planned is None else "backup",
        "time": link.time,
        "by": link.by,
        "audit": {"n": link.n, "digest": link.digest},
        "decision": told,
        "planned": None if planned is None else answer_json(planned),
        "papers": sorted(
            {
                f"{p.kind.value}:{p.number}"
                for d in (passage.decision, planned)
                if d is not None
                for f in d.findings
                for p in f.found
            }
        ),
        "manifest_sha256": digest,
        "pack_digest": manifest["digest"],
        "files": manifest["files"],
        "note": told["note"],
    }


def receipt_text(
    passage: Passage, manifest: dict[str, Any], planned: Decision | None, code: str
) -> str:
    """Write a receipt for people, in a language."""
    link = passage.link
    title = (TITLE if planned is None else BACKUP_TITLE).say(code)
    lines = [
        title,
        "",
        LINES["time"].say(code, time=link.time, by=link.by),
        LINES["audit"].say(code, n=link.n, digest=link.digest[:16]),
        LINES["pack"].say(code, digest=manifest["digest"]),
        *(
            LINES["file"].say(code, sha256=f["sha256"], bytes=f["bytes"], path=f["path"])
            for f in manifest["files"]
        ),
        "",
    ]
    if planned is not None:
        recipient = planned.request.recipient
        lines += [LINES["planned"].say(code, recipient=recipient), ""]
        lines += answer_lines(planned, code)
    else:
        lines += answer_lines(passage.decision, code)
    return "\n".join(lines) + "\n"


def receipt_texts(
    passage: Passage, manifest: dict[str, Any], planned: Decision | None
) -> dict[str, str]:
    """Write the receipt in each language: name of the file to text."""
    return {
        f"receipt.{code}.txt": receipt_text(passage, manifest, planned, code)
        for code in LANGUAGES
    }
