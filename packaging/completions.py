"""Completions of `tracelink` for bash, zsh and fish, from its command tree. Standard library only."""

from help_pages import Command, Row

NOTE = "# Completions of tracelink, made from its --help."


def _at(command: Command) -> str:
    """What was typed behind the program, as the scripts below keep it: " models create"."""
    return "".join(" " + word for word in command.words[1:])


def _places(tree: Command) -> list[str]:
    """Each command that can be typed, aliases too, as _at() has it."""
    return [_at(command) + " " + name for command in tree.walk()
            for row in command.rows["Subcommands"] for name in row.names]


def _names(command: Command) -> list[tuple[str, Row]]:
    return [(name, row) for row in command.rows["Subcommands"] for name in row.names]


def _options(tree: Command, command: Command) -> list[tuple[str, Row]]:
    """Long options of a command; those of the program are taken by each."""
    rows = command.rows["Options"] + (tree.rows["Options"] if command is not tree else [])
    found = {name: row for row in reversed(rows) for name in row.names if name.startswith("--")}
    if command is not tree:
        found.pop("--version", None)
    return sorted(found.items())


def _quoted(text: str) -> str:
    """In single quotes, as bash and zsh read it."""
    return "'" + text.replace("'", "'\\''") + "'"


def _spellings(tree: Command, command: Command) -> list[str]:
    """_at() of a command, by its name and its aliases."""
    for parent in tree.walk():
        if command in parent.commands:
            row = parent.rows["Subcommands"][parent.commands.index(command)]
            return [_at(parent) + " " + name for name in row.names]
    return [_at(command)]


def _cases(tree: Command, line) -> str:
    """A case of each command."""
    return "\n".join("    " + "|".join(map(_quoted, _spellings(tree, command))) + ") " + line(command) + " ;;"
                     for command in tree.walk())


def bash(tree: Command) -> str:
    def words(command: Command) -> str:
        names = [name for name, _ in _names(command)] + [name for name, _ in _options(tree, command)]
        return f"words={_quoted(' '.join(names))}"
    return f"""\
{NOTE}
_tracelink() {{
  local at='' word words=''
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$at $word" in
    {'|'.join(map(_quoted, _places(tree)))}) at="$at $word" ;;
    esac
  done
  case "$at" in
{_cases(tree, words)}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -o default -F _tracelink tracelink
"""


def zsh(tree: Command) -> str:
    def described(pairs: list[tuple[str, Row]]) -> str:
        return " ".join(_quoted(name.replace(":", "\\:") + ":" + row.meaning) for name, row in pairs)

    def arrays(command: Command) -> str:
        return f"commands=({described(_names(command))}) options=({described(_options(tree, command))})"
    return f"""\
#compdef tracelink
{NOTE}
_tracelink() {{
  local at='' word
  local -a commands options
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$at $word" in
    {'|'.join(map(_quoted, _places(tree)))}) at="$at $word" ;;
    esac
  done
  case "$at" in
{_cases(tree, arrays)}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  else
    (( $#commands )) && _describe command commands || _default
  fi
}}
_tracelink "$@"
"""


def fish(tree: Command) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def here(command: Command) -> str:
        condition = " ".join(["__tracelink_at", *map(quoted, _spellings(tree, command))])
        return f"complete -c tracelink -n {quoted(condition)}"
    lines = []
    for command in tree.walk():
        lines += [f"{here(command)} -f -a {quoted(row.names[0])} -d {quoted(row.meaning)}" for row in command.rows["Subcommands"]]
        lines += [f"{here(command)} -l {name[2:]}{' -r' if row.takes_value else ''} -d {quoted(row.meaning)}"
                  for name, row in _options(tree, command)]
    return f"""\
{NOTE}
function __tracelink_at --description 'Whether one of these commands of tracelink was typed'
    set -l at ''
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" {' '.join(map(quoted, _places(tree)))}
            set at "$at $word"
        end
    end
    contains -- "$at" $argv
end
{chr(10).join(lines)}
"""
