"""What `--help` of a built program says, as values. Standard library only."""

import dataclasses
import pathlib
import re
import subprocess

# The column of the meanings in what CLI11 prints.
MEANING = 30
SECTIONS = ("Positionals", "Options", "Subcommands")


@dataclasses.dataclass
class Row:
    """An option, a positional or a subcommand."""
    names: list[str]
    value: str  # what stands behind the names: the type, "..." and what it needs or excludes
    meaning: str

    @property
    def takes_value(self) -> bool:
        return bool(self.value)


@dataclasses.dataclass
class Command:
    words: list[str]
    summary: str
    usage: str
    rows: dict[str, list[Row]]  # by the sections above
    footer: str
    commands: list["Command"]

    def walk(self):
        """This command and all below it, in the order of `--help`."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read(program: pathlib.Path) -> Command:
    """The command tree of a program, from `--help` of each command."""
    return _read(program, [program.name])


def _read(program: pathlib.Path, words: list[str]) -> Command:
    run = subprocess.run([program, *words[1:], "--help"], stdout=subprocess.PIPE, text=True, check=True)
    command = parse(words, run.stdout)
    command.commands = [_read(program, [*words, row.names[0]]) for row in command.rows["Subcommands"]]
    return command


def parse(words: list[str], text: str) -> Command:
    """The page of one command, without the commands below it."""
    summary, _, rest = text.partition("\nUsage: ")
    usage, _, rest = rest.partition("\n")
    rows: dict[str, list[Row]] = {section: [] for section in SECTIONS}
    footer = []
    for block in rest.strip("\n").split("\n\n"):
        title, _, lines = block.partition(":\n")
        if title in rows:
            rows[title] = _rows(lines.splitlines())
        else:
            footer.append(block)
    return Command(words, " ".join(summary.split()), usage.strip(), rows, "\n\n".join(footer), [])


def _rows(lines: list[str]) -> list[Row]:
    rows = []
    for line in lines:
        if line.startswith(" " * MEANING):  # of a row whose names leave no room beside them
            rows[-1].meaning = (rows[-1].meaning + " " + line.strip()).strip()
            continue
        head, _, meaning = line.strip().partition("  ")
        names, value = re.fullmatch(r"([^\s,]+(?:, ?[^\s,]+)*)(?: (.*))?", head).groups()
        rows.append(Row(re.split(r", ?", names), value or "", meaning.strip()))
    return rows
