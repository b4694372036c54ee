"""Man pages of both programs, from their --help, and of the configuration file, from its page. Standard library only."""

import dataclasses
import datetime
import re

from help_pages import Command, Row


@dataclasses.dataclass
class Release:
    version: str
    date: datetime.datetime


def roff(text: str) -> str:
    """Text as a line that starts no request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.MULTILINE)


def _header(name: str, section: int, release: Release, summary: str) -> list[str]:
    return [f'.TH {name.upper()} {section} {release.date:%Y-%m-%d} "tracelink {release.version}"', ".SH NAME",
            f"{roff(name)} \\- {roff(summary)}"]


def _literal(text: str) -> list[str]:
    return [".PP", ".RS 4", ".nf", roff(text), ".fi", ".RE"]


def _row(row: Row) -> list[str]:
    value = f" \\fI{roff(row.value)}\\fR" if row.value else ""
    return [".TP", ", ".join(f"\\fB{roff(name)}\\fR" for name in row.names) + value, roff(row.meaning or row.names[0])]


def _footer(text: str) -> list[str]:
    lines: list[str] = []
    for block in text.split("\n\n"):
        title, _, body = block.partition(":\n")
        if title in ("Example", "Examples"):
            lines += [".PP", f"{title}:", *_literal("\n".join(line.removeprefix("  ") for line in body.splitlines()))]
        else:
            lines += [".PP", roff(block)]
    return lines


def _body(command: Command) -> list[str]:
    lines = [roff(command.summary)]
    for section in ("Positionals", "Options"):
        for row in command.rows[section]:
            if row.names != ["-h", "--help"]:
                lines += _row(row)
    # Each page says once what concerns all commands.
    return lines + _footer(re.sub(r"\n*--config, --control, --json and the exit codes: .*", "", command.footer))


def of_program(tree: Command, section: int, release: Release, see_also: list[tuple[str, int]]) -> str:
    name = tree.words[0]
    lines = _header(name, section, release, tree.summary.rstrip("."))
    lines += [".SH SYNOPSIS", roff(tree.usage), ".SH DESCRIPTION", *_body(tree)]
    if tree.commands:
        lines.append(".SH COMMANDS")
    for command in list(tree.walk())[1:]:
        lines += [f".SS {roff(command.usage)}", *_body(command)]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{roff(page)}\\fR({number})" for page, number in see_also)]
    return "\n".join(lines) + "\n"


def of_page(name: str, section: int, release: Release, summary: str, markdown: str, see_also: list[tuple[str, int]]) -> str:
    """A page of docs/, whose first heading is the title."""
    lines = _header(name, section, release, summary) + [".SH DESCRIPTION"]
    for block in _blocks(markdown.split("\n", 1)[1]):
        lines += _block(block)
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{roff(page)}\\fR({number})" for page, number in see_also)]
    return "\n".join(lines) + "\n"


def _blocks(markdown: str) -> list[str]:
    """What stands between empty lines; a fenced block is one whatever is in it."""
    parts = re.split(r"^(```.*?^```)$", markdown, flags=re.DOTALL | re.MULTILINE)
    blocks = []
    for part in parts:
        blocks += [part] if part.startswith("```") else [block for block in re.split(r"\n{2,}", part) if block.strip()]
    return [block.strip("\n") for block in blocks]


def _block(block: str) -> list[str]:
    if block.startswith("```"):
        return _literal("\n".join(block.splitlines()[1:-1]))
    if heading := re.fullmatch(r"(#+) (.*)", block):
        return [(".SH " if len(heading[1]) == 2 else ".SS ") + _inline(heading[2])]
    if block.startswith("|"):
        return _table(block)
    if re.match(r"([-*]|\d+\.) ", block):
        return _list(block)
    return [".PP", _inline(" ".join(block.splitlines()))]


def _table(block: str) -> list[str]:
    """A row is its first cell, and below it the others with the heads of their columns."""
    rows = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
    head, lines = rows[0], []
    for row in rows[2:]:
        others = [(title, cell) for title, cell in zip(head[1:], row[1:]) if cell]
        texts = [_inline(cell if len(head) == 2 else f"{title}: {cell}") for title, cell in others]
        lines += [".TP", _inline(row[0]), "\n.br\n".join(texts)]
    return lines


def _list(block: str) -> list[str]:
    items = re.split(r"^(?=(?:[-*]|\d+\.) )", block, flags=re.MULTILINE)
    lines = []
    for item in filter(None, items):
        mark, text = re.match(r"([-*]|\d+\.) (.*)", " ".join(item.split()), re.DOTALL).groups()
        lines += [".IP " + ("\\(bu 2" if mark in "-*" else f"{mark} 4"), _inline(text)]
    return lines


def _inline(text: str) -> str:
    """Code and what is stressed in bold; of a link its text."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    # At the odd places stands what is bold: code, or what is stressed.
    parts = re.split(r"`([^`]+)`|\*\*(.+?)\*\*", text)
    words = [_part(parts, place) for place in range(len(parts)) if parts[place] is not None]
    return re.sub(r"^(?=[.'])", r"\\&", "".join(words))


def _part(parts: list[str], place: int) -> str:
    is_bold = place % 3 != 0
    return f"\\fB{roff(parts[place])}\\fR" if is_bold else roff(parts[place])
