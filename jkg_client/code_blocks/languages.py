"""The meaning of the labels of code blocks."""

from __future__ import annotations

import re

from .memory import remembered

SHELLS = {
    **dict.fromkeys(
        (
            *("ash", "bash", "bash-session", "console", "commandline", "command-line", "ksh"),
            *("shell", "shell-script", "shell-session", "shellscript", "shellsession"),
            *("terminal", "zsh"),
        ),
        "bash",
    ),
    **dict.fromkeys(("dash", "sh", "sh-session"), "sh"),
}
"""The shell that runs blocks with a label. Code for zsh nearly always runs in bash."""

SHELL_SESSIONS = frozenset(
    {"bash-session", "console", "sh-session", "shell-session", "shellsession", "terminal"}
)
"""Labels of terminal sessions: commands after prompts, and their output."""

PYTHON_SESSIONS = frozenset(
    {
        *("doctest", "ipython-console", "ipythonconsole", "pycon", "python-console"),
        *("python-repl", "pythonconsole", "py-console", "pyconsole", "pyrepl"),
    }
)
"""Labels of Python sessions."""

PROSE = frozenset(
    {"markdown", "md", "mdx", "myst", "plaintext", "qmd", "rmd", "rst", "text", "txt"}
)
"""Labels of text that may contain fences."""

_PYTHON = re.compile(r"(?:python|py|ipython)[ -]?\d*(?:\.\d+){0,2}")
_ALIASES = {
    **dict.fromkeys(
        (
            *("code_interpreter", "code-interpreter", "ipython-notebook", "jupyter"),
            *("jupyter-notebook", "jupyter-python", "notebook", "python-code", "python_code"),
            *("py-code", "tool_code", "tool-code"),
        ),
        "python",
    ),
    **dict.fromkeys(("cell", "code", "code-cell", "code-block", "sourcecode"), ""),
    **dict.fromkeys(("c++", "cc", "cxx", "c++11", "c++14", "c++17", "c++20", "c++23"), "cpp"),
    **dict.fromkeys(("cjs", "js", "mjs", "node", "nodejs"), "javascript"),
    **dict.fromkeys(("mysql", "plsql", "postgres", "postgresql", "sqlite", "tsql"), "sql"),
    **dict.fromkeys(("posh", "ps1", "pwsh"), "powershell"),
    **dict.fromkeys(("bat", "batch", "dos"), "cmd"),
    "c#": "csharp",
    "cs": "csharp",
    "clj": "clojure",
    "erl": "erlang",
    "ex": "elixir",
    "exs": "elixir",
    "f#": "fsharp",
    "f90": "fortran",
    "fs": "fsharp",
    "golang": "go",
    "hs": "haskell",
    "jl": "julia",
    "kt": "kotlin",
    "kts": "kotlin",
    "ml": "ocaml",
    "objc": "objective-c",
    "pl": "perl",
    "rb": "ruby",
    "rlang": "r",
    "rs": "rust",
    "rscript": "r",
    "sol": "solidity",
    "ts": "typescript",
    "scm": "scheme",
}
# A kernel for the first language runs the others, too.
_ALSO = {"typescript": {"javascript", "jsx", "tsx"}, "octave": {"matlab"}}

_DATA = PROSE | {
    # Documents and their parts.
    *("adoc", "asciidoc", "bibtex", "caution", "danger", "email", "figure", "hint", "html"),
    *("important", "latex", "math", "katex", "note", "org", "poem", "prompt", "quote", "svg"),
    *("table", "tex", "tip", "warning", "xhtml"),
    # Data and settings.
    *("cfg", "conf", "config", "csv", "dockerfile", "docker", "docker-compose", "dotenv", "env"),
    *("editorconfig", "geojson", "gitignore", "hcl", "ini", "ipynb", "json", "json5", "jsonc"),
    *("json-lines", "jsonl", "jsonlines", "jsonschema", "makefile", "ndjson", "nginx", "plist"),
    *("properties", "proto", "protobuf", "requirements", "schema", "srt", "terraform", "tf"),
    *("toml", "tsv", "xml", "xsd", "yaml", "yml", "css", "less", "scss"),
    # Output of programs.
    *("error", "err", "http", "log", "logs", "out", "output", "response", "result", "results"),
    *("stderr", "stdout", "stacktrace", "tool_output", "tool-output", "tool_result"),
    *("tool_outputs", "tool_response", "tool_results", "traceback", "pytb"),
    # Drawings, changes, sketches.
    *("ascii", "bnf", "diff", "dot", "ebnf", "graphviz", "mermaid", "patch", "plain"),
    *("plantuml", "pseudo", "pseudocode", "regex", "tree", "directory", "udiff", "none"),
}

_PROGRAMMING = {
    *("ada", "assembly", "awk", "c", "clojure", "cmd", "cobol", "cpp", "crystal", "csharp"),
    *("cuda", "d", "dart", "elixir", "elm", "erlang", "fish", "fortran", "fsharp", "gap", "go"),
    *("graphql", "groovy", "haskell", "java", "javascript", "jsx", "julia", "kotlin", "lisp"),
    *("lua", "mathematica", "matlab", "maxima", "nim", "objective-c", "ocaml", "octave"),
    *("pascal", "perl", "php", "powershell", "prolog", "python", "r", "racket", "ruby", "rust"),
    *("sas", "scala", "scheme", "solidity", "sql", "stata", "swift", "tcl", "tsx", "typescript"),
    *("vb", "vba", "wolfram", "zig"),
}
# The name of a file instead of a language: ```src/main.py
_FILE = re.compile(r"[\w./+-]*\.(?P<suffix>\w{1,10})")
_CLASS = re.compile(r"(?:language|lang|highlight-source)-(?=.)")


@remembered
def canonical(language: str) -> str:
    """One name for all labels of a language. ``""`` for the kernel's own."""
    name = language.strip().lower()
    prefix = _CLASS.match(name)
    name = name[prefix.end() :] if prefix else name
    if name in PYTHON_SESSIONS or _PYTHON.fullmatch(name):
        return "python"
    file = _FILE.fullmatch(name) if name not in _ALIASES else None
    if file and is_known(file["suffix"]):
        return canonical(file["suffix"])
    return _ALIASES.get(name, name)


@remembered
def is_known(language: str) -> bool:
    """Whether it is a common label, for code or data."""
    name = canonical(language)
    return bool(name) and (name in _PROGRAMMING or name in SHELLS or name in _DATA)


def is_data(language: str, kernel_language: str = "") -> bool:
    """Whether blocks with this label contain data or prose, which a kernel does not run.

    If it is the kernel's own language, the kernel runs them nevertheless.
    """
    name = canonical(language)
    return name in _DATA and name != canonical(kernel_language)


def is_python(language: str) -> bool:
    """Whether it is a label of Python."""
    return canonical(language) == "python"


def runs(kernel_language: str, language: str) -> bool:
    """Whether a kernel for ``kernel_language`` runs code in ``language`` without changes."""
    spoken, name = canonical(kernel_language), canonical(language)
    return name in {"", spoken} or name in _ALSO.get(spoken, ())
