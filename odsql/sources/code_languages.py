"""The languages that are read with tree-sitter: one table, one entry for each.

An entry says which files are of the language, which grammar reads them, and what the kinds of nodes
of that grammar stand for. A selector names a child: the name of a field, or an index among the
named children. Operators and names of functions are read from the text, not from the tree, because
they look alike in all languages while their nodes do not.
"""

from __future__ import annotations

import re

from attrs import evolve, field, frozen

__all__ = ["LANGUAGES", "Language", "Opening", "Selector"]

Selector = str | int

_ESCAPE = (
    r"\\(?:\r\n|u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{1,2}"
    r"|[0-7]{1,3}|[\s\S])"
)
C_ESCAPES = re.compile(_ESCAPE)
"""Escapes as in C. A line break that is escaped vanishes."""

RUST_ESCAPES = re.compile(r"\\\r?\n\s*|" + _ESCAPE)
"""In Rust, the blanks that follow an escaped line break vanish, too."""

PHP_ESCAPES = re.compile(r"\\(?:u\{[0-9a-fA-F]{1,6}\}|x[0-9a-fA-F]{1,2}|[0-7]{1,3}|[nrtvef\\$\"])")
QUOTED_ESCAPES = re.compile(r"\\[\\']")
"""The escapes of PHP and Ruby between single quotes."""

SHELL_ESCAPES = re.compile(r"\\(?:[\"\\$`]|\r?\n)")
WORD_ESCAPES = re.compile(r"\\(?:\r?\n|[\s\S])")
DOUBLED_QUOTES = re.compile(r'""')
DOUBLED_BRACES = re.compile(r"\{\{|\}\}|" + _ESCAPE)
DOUBLED_BOTH = re.compile(r'""|\{\{|\}\}')
NONE = re.compile(r"(?!)")

_HOLES_OF_SHELL = frozenset({"simple_expansion", "expansion", "command_substitution",
                             "arithmetic_expansion", "process_substitution"})  # fmt: skip


@frozen
class Opening:
    """How a string opens, and the escapes in it.

    `pattern` matches from the start of the node to the first character; its group is the text that
    closes the string. A `block` begins on the next line, and its indentation does not count.
    """

    pattern: re.Pattern[str]
    escapes: re.Pattern[str] = C_ESCAPES
    block: bool = False


def _opening(pattern: str, escapes: re.Pattern[str] = C_ESCAPES, *, block: bool = False) -> Opening:
    return Opening(re.compile(pattern), escapes, block)


@frozen(eq=False)
class Language:
    """What the nodes of a grammar stand for.

    Attributes:
        suffixes: the endings of file names.
        package: the module of the grammar.
        function: the function of the module that returns the grammar.
        texts: strings.
        openings: how strings open; the first that matches counts.
        content: the parts of strings that are text; all other parts are holes.
        around: what is written around a hole, outside of its node: before, and after.
        loose: a name in a string that the grammar takes for text.
        numbers: numbers.
        names: variables and constants.
        wrappers: nodes that mean the same as their only child, or as the selected one.
        sums: operations that concatenate; their operators are `operators`.
        adjacent: strings that are written one after the other.
        choices: conditional expressions, and their alternatives.
        pairs: a key with its value.
        flat: objects and dictionaries whose keys and values are direct children.
        shorthand: a key that is also the name of its value.
        lists: lists, tuples, objects and dictionaries.
        arguments: lists of arguments.
        calls: calls and constructors.
        members: access to a member or to the name in a module.
        subscripts: access to an item.
        assignments: target and value.
        functions: what makes a scope.
        branches: what may not run, or run more than once.
        parameters: lists of the parameters of a function.
        braces: whether formats have `{}` instead of `%s`.
        commands: commands of a shell.
    """

    suffixes: tuple[str, ...]
    package: str
    texts: frozenset[str]
    openings: tuple[Opening, ...]
    content: frozenset[str]
    names: frozenset[str]
    wrappers: dict[str, Selector]
    functions: frozenset[str]
    function: str = "language"
    around: tuple[re.Pattern[str], str] | None = None
    loose: re.Pattern[str] | None = None
    numbers: frozenset[str] = frozenset()
    sums: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset({"+"})
    adjacent: frozenset[str] = frozenset()
    choices: dict[str, tuple[Selector, ...]] = field(factory=dict)
    pairs: dict[str, tuple[Selector, Selector]] = field(factory=dict)
    flat: frozenset[str] = frozenset()
    shorthand: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    subscripts: frozenset[str] = frozenset()
    assignments: dict[str, tuple[Selector, Selector]] = field(factory=dict)
    branches: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    braces: bool = False
    commands: frozenset[str] = frozenset()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SCRIPT = Language(
    suffixes=("js", "mjs", "cjs", "jsx"),
    package="tree_sitter_javascript",
    texts=_set("string template_string"),
    openings=(_opening("([\"'`])"),),
    content=_set("string_fragment escape_sequence"),
    numbers=_set("number"),
    names=_set("identifier shorthand_property_identifier"),
    wrappers={
        "parenthesized_expression": 0, "await_expression": 0, "spread_element": 0,
        "template_substitution": 0,
    },
    sums=_set("binary_expression"),
    choices={"ternary_expression": ("consequence", "alternative")},
    pairs={"pair": ("key", "value")},
    shorthand=_set("shorthand_property_identifier"),
    lists=_set("object array"),
    arguments=_set("arguments"),
    calls=_set("call_expression new_expression"),
    members=_set("member_expression"),
    subscripts=_set("subscript_expression"),
    assignments={
        "variable_declarator": ("name", "value"), "assignment_expression": ("left", "right"),
        "augmented_assignment_expression": ("left", "right"),
        "field_definition": ("property", "value"),
    },
    functions=_set(
        "function_declaration function_expression arrow_function method_definition "
        "generator_function generator_function_declaration"
    ),
    branches=_set("if_statement else_clause switch_case for_statement for_in_statement "
                  "while_statement"),
    parameters=_set("formal_parameters"),
)  # fmt: skip

_TYPED = evolve(
    _SCRIPT,
    suffixes=("ts", "mts", "cts"),
    package="tree_sitter_typescript",
    function="language_typescript",
    wrappers={
        **_SCRIPT.wrappers, "as_expression": 0, "satisfies_expression": 0,
        "non_null_expression": 0,
    },
    assignments={
        "variable_declarator": ("name", "value"), "assignment_expression": ("left", "right"),
        "augmented_assignment_expression": ("left", "right"),
        "public_field_definition": ("name", "value"),
    },
)  # fmt: skip

_GO = Language(
    suffixes=("go",),
    package="tree_sitter_go",
    texts=_set("interpreted_string_literal raw_string_literal"),
    openings=(_opening("(`)", NONE), _opening('(")')),
    content=_set("interpreted_string_literal_content raw_string_literal_content escape_sequence"),
    numbers=_set("int_literal"),
    names=_set("identifier"),
    wrappers={
        "parenthesized_expression": 0,
        "literal_element": 0,
        "expression_list": 0,
        "unary_expression": 0,
        "variadic_argument": 0,
    },
    sums=_set("binary_expression"),
    pairs={"keyed_element": ("key", "value")},
    lists=_set("literal_value"),
    arguments=_set("argument_list"),
    calls=_set("call_expression"),
    members=_set("selector_expression"),
    subscripts=_set("index_expression"),
    assignments={
        "const_spec": ("name", "value"),
        "var_spec": ("name", "value"),
        "short_var_declaration": ("left", "right"),
        "assignment_statement": ("left", "right"),
    },
    functions=_set("function_declaration method_declaration func_literal"),
    branches=_set("if_statement for_statement expression_case default_case"),
    parameters=_set("parameter_list"),
)

_JAVA = Language(
    suffixes=("java",),
    package="tree_sitter_java",
    texts=_set("string_literal"),
    openings=(_opening('(""")', block=True), _opening('(")')),
    content=_set("string_fragment multiline_string_fragment escape_sequence"),
    numbers=_set("decimal_integer_literal"),
    names=_set("identifier"),
    wrappers={"parenthesized_expression": 0, "cast_expression": "value"},
    sums=_set("binary_expression"),
    choices={"ternary_expression": ("consequence", "alternative")},
    lists=_set("array_initializer"),
    arguments=_set("argument_list"),
    calls=_set("method_invocation object_creation_expression"),
    members=_set("field_access"),
    assignments={
        "variable_declarator": ("name", "value"),
        "assignment_expression": ("left", "right"),
    },
    functions=_set("method_declaration constructor_declaration lambda_expression"),
    branches=_set(
        "if_statement for_statement enhanced_for_statement while_statement "
        "switch_block_statement_group switch_rule"
    ),
    parameters=_set("formal_parameters inferred_parameters"),
)

_KOTLIN = Language(
    suffixes=("kt", "kts"),
    package="tree_sitter_kotlin",
    texts=_set("string_literal multiline_string_literal"),
    openings=(_opening('(""")', NONE, block=True), _opening('(")')),
    content=_set("string_content escape_sequence"),
    loose=re.compile(r"\$([A-Za-z_]\w*)"),
    numbers=_set("number_literal"),
    names=_set("identifier"),
    wrappers={
        "parenthesized_expression": 0,
        "value_argument": -1,
        "interpolation": 0,
        "spread_expression": 0,
    },
    sums=_set("binary_expression"),
    choices={"if_expression": (1, 2)},
    pairs={"infix_expression": (0, 2), "value_argument": (0, 1)},
    lists=_set("collection_literal"),
    arguments=_set("value_arguments"),
    calls=_set("call_expression"),
    members=_set("navigation_expression"),
    subscripts=_set("index_expression"),
    assignments={
        "property_declaration": ("variable_declaration", -1),
        "assignment": ("left", "right"),
    },
    functions=_set("function_declaration anonymous_function"),
    branches=_set("if_expression for_statement while_statement when_entry"),
    parameters=_set("function_value_parameters"),
)

_C_SHARP = Language(
    suffixes=("cs",),
    package="tree_sitter_c_sharp",
    texts=_set(
        "string_literal verbatim_string_literal raw_string_literal interpolated_string_expression"
    ),
    openings=(
        _opening(r'\$*("{3,})', NONE, block=True),
        _opening(r'(?:\$@|@\$)(")', DOUBLED_BOTH),
        _opening(r'@(")', DOUBLED_QUOTES),
        _opening(r'\$(")', DOUBLED_BRACES),
        _opening('(")'),
    ),
    content=_set(
        "string_literal_content escape_sequence string_content raw_string_start "
        "raw_string_content raw_string_end interpolation_start interpolation_quote"
    ),
    numbers=_set("integer_literal"),
    names=_set("identifier"),
    wrappers={
        "parenthesized_expression": 0,
        "argument": -1,
        "interpolation": 1,
        "cast_expression": "value",
        "await_expression": 0,
    },
    sums=_set("binary_expression"),
    choices={"conditional_expression": ("consequence", "alternative")},
    pairs={"argument": (0, 1)},
    flat=_set("anonymous_object_creation_expression"),
    lists=_set(
        "initializer_expression implicit_array_creation_expression tuple_expression "
        "collection_expression"
    ),
    arguments=_set("argument_list"),
    calls=_set(
        "invocation_expression object_creation_expression implicit_object_creation_expression"
    ),
    members=_set("member_access_expression"),
    subscripts=_set("element_access_expression element_binding_expression"),
    assignments={
        "variable_declarator": ("name", -1),
        "assignment_expression": ("left", "right"),
        "property_declaration": ("name", "value"),
    },
    functions=_set(
        "method_declaration constructor_declaration lambda_expression local_function_statement"
    ),
    branches=_set("if_statement for_statement foreach_statement while_statement switch_section"),
    parameters=_set("parameter_list"),
    braces=True,
)

_PHP = Language(
    suffixes=("php",),
    package="tree_sitter_php",
    function="language_php",
    texts=_set("string encapsed_string heredoc_body nowdoc_body"),
    openings=(
        _opening("[bB]?(')", QUOTED_ESCAPES),
        _opening('[bB]?(")', PHP_ESCAPES),
        _opening(r"\s*()", PHP_ESCAPES),
    ),
    content=_set("string_content escape_sequence nowdoc_string"),
    around=(re.compile(r"\{\Z"), "}"),
    numbers=_set("integer"),
    names=_set("variable_name name"),
    wrappers={
        "parenthesized_expression": 0,
        "argument": -1,
        "heredoc": "value",
        "nowdoc": "value",
        "variadic_unpacking": 0,
        "array_element_initializer": 0,
    },
    sums=_set("binary_expression"),
    operators=frozenset({"."}),
    choices={"conditional_expression": ("body", "alternative")},
    pairs={"array_element_initializer": (0, 1), "argument": ("name", -1)},
    lists=_set("array_creation_expression"),
    arguments=_set("arguments"),
    calls=_set(
        "function_call_expression member_call_expression nullsafe_member_call_expression "
        "scoped_call_expression object_creation_expression"
    ),
    members=_set(
        "member_access_expression class_constant_access_expression "
        "scoped_property_access_expression nullsafe_member_access_expression"
    ),
    subscripts=_set("subscript_expression"),
    assignments={
        "assignment_expression": ("left", "right"),
        "const_element": (0, -1),
        "augmented_assignment_expression": ("left", "right"),
        "property_element": ("name", "default_value"),
    },
    functions=_set("function_definition method_declaration anonymous_function arrow_function"),
    branches=_set(
        "if_statement else_clause else_if_clause for_statement foreach_statement "
        "while_statement case_statement"
    ),
    parameters=_set("formal_parameters"),
)

_RUBY = Language(
    suffixes=("rb", "rake", "gemspec", "ru"),
    package="tree_sitter_ruby",
    texts=_set("string heredoc_body bare_string"),
    openings=(
        _opening("(')", QUOTED_ESCAPES),
        _opening('(")'),
        _opening(r"%q([^\w\s])", QUOTED_ESCAPES),
        _opening(r"%Q?([^\w\s])"),
        _opening(r"()", block=True),
    ),
    content=_set("string_content escape_sequence heredoc_content heredoc_end"),
    numbers=_set("integer"),
    names=_set("identifier constant instance_variable"),
    wrappers={
        "parenthesized_statements": 0,
        "interpolation": 0,
        "hash_splat_argument": 0,
        "splat_argument": 0,
    },
    sums=_set("binary"),
    adjacent=_set("chained_string"),
    choices={"conditional": ("consequence", "alternative")},
    pairs={"pair": ("key", "value")},
    lists=_set("hash array string_array"),
    arguments=_set("argument_list"),
    calls=_set("call"),
    members=_set("scope_resolution"),
    subscripts=_set("element_reference"),
    assignments={"assignment": ("left", "right"), "operator_assignment": ("left", "right")},
    functions=_set("method singleton_method"),
    branches=_set("if unless elsif else if_modifier unless_modifier while until for when"),
    parameters=_set("method_parameters block_parameters"),
)

_SHELL = Language(
    suffixes=("sh", "bash", "zsh", "ksh", "bats"),
    package="tree_sitter_bash",
    texts=_set("string raw_string ansi_c_string word"),
    openings=(
        _opening(r"\$(')"),
        _opening("(')", NONE),
        _opening(r'\$?(")', SHELL_ESCAPES),
        _opening("()", WORD_ESCAPES),
    ),
    content=_set("string_content"),
    names=_set("variable_name"),
    wrappers={"simple_expansion": 0, "expansion": 0},
    adjacent=_set("concatenation"),
    assignments={"variable_assignment": ("name", "value")},
    functions=_set("function_definition"),
    branches=_set("if_statement elif_clause else_clause for_statement while_statement case_item"),
    lists=_set("array"),
    commands=_set("command array"),
)

_SWIFT = Language(
    suffixes=("swift",),
    package="tree_sitter_swift",
    texts=_set("line_string_literal multi_line_string_literal raw_string_literal"),
    openings=(
        _opening('#+(""")', NONE, block=True),
        _opening('(""")', block=True),
        _opening('#+(")', NONE),
        _opening('(")'),
    ),
    content=_set(
        "line_str_text multi_line_str_text str_escaped_char raw_str_part raw_str_end_part"
    ),
    around=(re.compile(r"\\#*\(\Z"), ")"),
    numbers=_set("integer_literal"),
    names=_set("simple_identifier"),
    wrappers={
        "value_argument": "value",
        "interpolated_expression": "value",
        "pattern": 0,
        "directly_assignable_expression": 0,
        "tuple_expression": 0,
        "raw_str_interpolation": "interpolation",
    },
    sums=_set("additive_expression"),
    choices={"ternary_expression": ("if_true", "if_false")},
    pairs={"value_argument": ("name", "value")},
    flat=_set("dictionary_literal"),
    lists=_set("array_literal tuple_expression"),
    arguments=_set("value_arguments"),
    calls=_set("call_expression"),
    members=_set("navigation_expression"),
    assignments={"property_declaration": ("name", "value"), "assignment": ("target", "result")},
    functions=_set("function_declaration lambda_literal init_declaration"),
    branches=_set("if_statement guard_statement for_statement while_statement switch_entry"),
)

_RUST = Language(
    suffixes=("rs",),
    package="tree_sitter_rust",
    texts=_set("string_literal raw_string_literal"),
    openings=(_opening('[bc]?r#*(")', NONE), _opening('[bc]?(")', RUST_ESCAPES)),
    content=_set("string_content escape_sequence"),
    numbers=_set("integer_literal"),
    names=_set("identifier"),
    wrappers={
        "parenthesized_expression": 0,
        "reference_expression": "value",
        "await_expression": 0,
        "try_expression": 0,
        "type_cast_expression": 0,
    },
    sums=_set("binary_expression"),
    pairs={"field_initializer": ("field", "value")},
    shorthand=_set("shorthand_field_initializer"),
    lists=_set("array_expression tuple_expression field_initializer_list token_tree"),
    arguments=_set("arguments token_tree"),
    calls=_set("call_expression macro_invocation"),
    members=_set("field_expression scoped_identifier"),
    subscripts=_set("index_expression"),
    assignments={
        "let_declaration": ("pattern", "value"),
        "const_item": ("name", "value"),
        "static_item": ("name", "value"),
        "assignment_expression": ("left", "right"),
        "compound_assignment_expr": ("left", "right"),
    },
    functions=_set("function_item closure_expression"),
    branches=_set("if_expression else_clause for_expression while_expression match_arm"),
    parameters=_set("parameters closure_parameters"),
    braces=True,
)

LANGUAGES = {
    suffix: one
    for one in (
        _SCRIPT, _TYPED, evolve(_TYPED, suffixes=("tsx",), function="language_tsx"),
        _GO, _JAVA, _KOTLIN, _C_SHARP, _PHP, _RUBY, _SHELL, _SWIFT, _RUST,
    )
    for suffix in one.suffixes
}  # fmt: skip
"""The languages by the ending of the file name, without its dot."""
