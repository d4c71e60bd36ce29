"""The words of a condition: `impact == "HIGH" and af < 0.01` cut into tokens."""

import re
from dataclasses import dataclass

from varhouse.errors import UsageError

MAX_TOKENS = 20_000

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[^\W\d]\w*(?:\.\w+)*)
  | `(?P<quoted>[^`]+)`
  | '(?P<single>(?:[^'\\]|''|\\.)*)'
  | "(?P<double>(?:[^"\\]|""|\\.)*)"
  | (?P<mark>==|!=|<>|<=|>=|&&|\|\||[-+*/=<>~!()\[\],&|])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\([\\'\"])")
_SAME = {"=": "==", "<>": "!=", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not"}
_WORDS = frozenset(
    ["and", "or", "not", "in", "is", "null", "between", "like", "true", "false", "none"]
)


@dataclass(frozen=True)
class Token:
    """A word of a condition.

    `kind` is `number`, `text`, `name`, `mark` (also the words of the language, in lower
    case) or `end`; `place` is the 1-based character where it begins.
    """

    kind: str
    value: str
    place: int


def tokenise(text: str) -> list[Token]:
    """Cut a condition into tokens, the last of kind `end`.

    Raises
    ------
    UsageError
        At a character that begins no token, or a quote that does not end.
    """
    tokens: list[Token] = []
    i = 0
    while i < len(text):
        match = _TOKEN.match(text, i)
        if match is None:
            raise UsageError(_unreadable(text, i))
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(_token(kind, match[kind], i + 1))
        i = match.end()
        if len(tokens) > MAX_TOKENS:
            raise UsageError(f"the condition has more than {MAX_TOKENS:,} words")
    tokens.append(Token("end", "", len(text) + 1))
    return tokens


def _token(kind: str, value: str, place: int) -> Token:
    if kind == "number":
        return Token("number", value, place)
    if kind == "quoted":
        return Token("name", value, place)
    if kind in ("single", "double"):
        quote = "'" if kind == "single" else '"'
        return Token("text", _ESCAPE.sub(r"\1", value.replace(quote * 2, quote)), place)
    if kind == "mark":
        return Token("mark", _SAME.get(value, value), place)
    if value.lower() in _WORDS:
        return Token("mark", value.lower(), place)
    return Token("name", value, place)


def _unreadable(text: str, i: int) -> str:
    if text[i] in "'\"`":
        return (
            f"the condition has a quote without its end at character {i + 1}: {text[i:][:20]}"
        )
    return f"the condition cannot be read at character {i + 1}: {text[i:][:20]!r}"
