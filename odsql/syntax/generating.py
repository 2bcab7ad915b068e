"""`grammar.lark` -> `tables.py`: run it after every change of the grammar or the catalogue.

    python -m odsql.syntax.generating

lark compiles the grammar to LALR(1) tables in strict mode, where a conflict is an error. The tables
written here are smaller and faster to run than those of lark, and equivalent:

* A state that can only reduce one symbol by one rule is skipped on entry: `shift NUMBER` becomes
  `shift NUMBER and build the number`.
* A goto into a state that only renames a symbol leads to the end of the renaming.

Codes in a row of `ACTIONS`: negative is "reduce by rule ~code", and rules from `RENAMES` on only
rename; below `FUSED` is "shift, go to state code"; else "shift, build with
BUILDERS[code // FUSED], go to state code % FUSED". No terminal has the number 0.

The tests compare with `reference_parser`, the same grammar run by lark itself.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field
from lark import Lark
from lark.parsers.lalr_analysis import Shift

from odsql.syntax.functions import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lark.grammar import Rule

__all__ = ["STARTS", "generate", "reference_parser"]

STARTS = ("where", "select", "group_by", "order_by", "facet")
FUSED = 4096

GRAMMAR = Path(__file__).with_name("grammar.lark")
TABLES = Path(__file__).with_name("tables.py")


def reference_parser(**options: Any) -> Lark:
    """Build lark's own parser for the grammar; `options` go to `Lark`."""
    text = GRAMMAR.read_text(encoding="utf-8")
    return Lark(
        re.sub(r"<([a-z]+)>", lambda match: "|".join(_names_of_kind(match[1])), text),
        parser="lalr",
        start=list(STARTS),
        strict=True,
        maybe_placeholders=False,
        **options,
    )


def _names_of_kind(kind: str) -> list[str]:
    return [one.name for one in CATALOGUE.values() if one.kind == kind]


@define
class _Compiler:
    """Lark's tables during the translation; the module's docstring describes the codes."""

    lark: Lark
    terminals: list[str] = field(init=False)
    symbols: dict[str, int] = field(factory=dict)
    rules: dict[Rule, int] = field(factory=dict)
    builders: list[str] = field(factory=lambda: [""])

    def __attrs_post_init__(self) -> None:
        rules = {
            argument
            for row in self.table.states.values()
            for action, argument in row.values()
            if action is not Shift and not isinstance(argument, int)
        }
        in_order = sorted(rules, key=lambda rule: (_renames(rule), str(rule)))
        self.rules = {rule: number for number, rule in enumerate(in_order)}
        names = (one.name for one in self.lark.terminals if not one.name.startswith("__IGNORE"))
        self.terminals = ["", *sorted(names), "$END"]

    @property
    def table(self) -> Any:
        parser: Any = self.lark.parser
        return parser.parser._parse_table  # noqa: SLF001 - lark has no public way to its tables

    def goto(self, state: int, symbol: str) -> int:
        """Return where `symbol` leads from `state`, after all renamings."""
        target: int = self.table.states[state][symbol][1]
        rule = self.only_rule(target)
        if rule is None or not _renames(rule):
            return target
        return self.goto(state, rule.origin.name)

    def only_rule(self, state: int) -> Rule | None:
        """Return the rule of one symbol that is the only action of `state`, or None."""
        actions = list(self.table.states[state].values())
        rules = {argument for action, argument in actions if action is not Shift}
        if len(rules) != 1 or any(action is Shift for action, _ in actions):
            return None
        (rule,) = rules
        return rule if len(rule.expansion) == 1 else None

    def shift_code(self, state: int, terminal: str) -> int:
        """Return the code to shift `terminal` and to build at once what it must become."""
        target: int = self.table.states[state][terminal][1]
        builder, symbol = "", terminal
        while (rule := self.only_rule(target)) is not None and not (builder and _builder(rule)):
            if not _keeps_its_symbol(rule):
                break
            builder = builder or _builder(rule)
            symbol = rule.origin.name
            target = self.table.states[state][symbol][1]
        if not builder:
            return target
        if builder not in self.builders:
            self.builders.append(builder)
        return self.builders.index(builder) * FUSED + target

    def row(self, state: int) -> dict[int, int]:
        """Return the actions of `state` by terminal number."""
        row = {}
        for symbol, (action, argument) in sorted(self.table.states[state].items(), key=_symbol):
            if symbol not in self.terminals:
                continue
            number = self.terminals.index(symbol)
            if action is Shift:
                row[number] = self.shift_code(state, symbol)
            else:
                row[number] = ~self.rules[argument]
        if state in self.table.end_states.values():
            row[self.terminals.index("$END")] = state
        return dict(sorted(row.items()))

    def gotos(self, state: int) -> dict[int, int]:
        """Return the gotos of `state` by symbol number."""
        return {
            self.symbols.setdefault(symbol, len(self.symbols)): self.goto(state, symbol)
            for symbol in sorted(self.table.states[state])
            if symbol not in self.terminals
        }

    def rule_entry(self, rule: Rule) -> tuple[int, int, tuple[int, ...] | None, str]:
        """Return (symbol number, length, indexes of the kept children or None for all, builder)."""
        symbol = self.symbols.setdefault(rule.origin.name, len(self.symbols))
        return symbol, len(rule.expansion), _picks(rule), _builder(rule)

    def reachable(self) -> list[int]:
        """Return the states that are still entered, start states first."""
        seen = list(self.table.start_states.values())
        for state in seen:
            codes = list(self.row(state).values())
            targets = [code % FUSED for code in codes if code >= 0]
            targets += self.gotos(state).values()
            seen += [target for target in dict.fromkeys(targets) if target not in seen]
        return seen


def _renames(rule: Rule) -> bool:
    """Return whether a rule gives one symbol another name and builds nothing."""
    return len(rule.expansion) == 1 and _keeps_its_symbol(rule) and not _builder(rule)


def _symbol(item: tuple[str, Any]) -> str:
    return item[0]


def _keeps_its_symbol(rule: Rule) -> bool:
    return _picks(rule) is None


def _picks(rule: Rule) -> tuple[int, ...] | None:
    kept = tuple(i for i, one in enumerate(rule.expansion) if not _is_filtered(one))
    return None if len(kept) == len(rule.expansion) else kept


def _is_filtered(symbol: Any) -> bool:
    return bool(symbol.is_term and symbol.filter_out)


def _builder(rule: Rule) -> str:
    return str(rule.alias or "")


def _keywords(lark: Lark, number: Callable[[str], int]) -> dict[str, int]:
    """Return the terminal number of every fixed word and sign, by its lower-case text."""
    words = {}
    for terminal in lark.terminals:
        alternatives = re.match(r"(?:\(\?:)?([a-z_|]+)\)?\(\?!", terminal.pattern.value)
        if terminal.pattern.type == "str":
            words[terminal.pattern.value] = number(terminal.name)
        elif alternatives is not None:
            words |= {word: number(terminal.name) for word in alternatives[1].split("|")}
    words |= {sign: number("COMPARISON") for sign in ("!=", ">=", "<=", ">", "<")}
    words |= {"[": number("BRACKET"), "]": number("BRACKET"), "-": number("MINUS")}
    words[""] = number("$END")
    return dict(sorted(words.items()))


def generate() -> str:
    """Return the text of `tables.py`."""
    lark = reference_parser()
    compiler = _Compiler(lark)
    states = compiler.reachable()
    renumber = {state: number for number, state in enumerate(states)}

    def new_code(code: int) -> int:
        return code if code < 0 else code // FUSED * FUSED + renumber[code % FUSED]

    rows = [{key: new_code(code) for key, code in compiler.row(one).items()} for one in states]
    gotos = [{key: renumber[to] for key, to in compiler.gotos(one).items()} for one in states]
    rules = [compiler.rule_entry(rule) for rule in compiler.rules]
    starts = {name: renumber[one] for name, one in compiler.table.start_states.items()}
    ends = sorted(renumber[one] for one in compiler.table.end_states.values())
    lines = [
        '"""LALR(1) tables of ODSQL, generated from `grammar.lark` by `generating`."""',
        "# ruff: noqa",
        f"FUSED = {FUSED}",
        f"TERMINALS = {tuple(compiler.terminals)!r}",
        f"FUNCTIONS = {_function_terminals(compiler.terminals)!r}",
        f"KEYWORDS = {_keywords(lark, compiler.terminals.index)!r}",
        f"BUILDERS = {tuple(compiler.builders)!r}",
        f"STARTS = {starts!r}",
        f"ENDS = {ends!r}",
        f"RENAMES = {sum(not _renames(rule) for rule in compiler.rules)}",
        f"RULES: tuple[tuple[int, int, tuple[int, ...] | None, str], ...] = {tuple(rules)!r}",
        *_shared("ACTIONS", rows),
        *_shared("GOTOS", gotos),
    ]
    return "\n".join(lines) + "\n"


def _function_terminals(terminals: list[str]) -> tuple[int, ...]:
    kinds = {one.kind.upper() for one in CATALOGUE.values()}
    return tuple(number for number, name in enumerate(terminals) if name in kinds)


def _shared(name: str, rows: list[dict[int, int]]) -> list[str]:
    """Write equal rows once: half of the states of this grammar share theirs with others."""
    distinct: dict[str, int] = {}
    numbers = [distinct.setdefault(repr(row).replace(" ", ""), len(distinct)) for row in rows]
    return [
        f"_{name}: list[dict[int, int]] = [",
        *(f"{row}," for row in distinct),
        "]",
        f"{name} = [_{name}[number] for number in {bytes_or_list(numbers)}]",
    ]


def bytes_or_list(numbers: list[int]) -> str:
    """Return a list of small numbers in the shortest Python notation."""
    return repr(bytes(numbers)) if max(numbers) < 256 else repr(numbers).replace(" ", "")


if __name__ == "__main__":
    TABLES.write_text(generate(), encoding="utf-8")
    sys.stdout.write(f"wrote {TABLES.name}\n")
