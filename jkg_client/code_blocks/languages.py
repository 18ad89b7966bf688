"""The meaning of the labels of code blocks."""

from __future__ import annotations

import re

from .caching import cached

SHELLS = {
    **dict.fromkeys(
        (
            *("ash", "bash", "bash-session", "cli", "cmdline", "command", "commandline"),
            *("command-line", "commands"),
            *("console", "ksh", "linux", "unix"),
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
    {
        *("commonmark", "gfm", "markdown", "md", "mdown", "mdx", "myst", "plaintext", "qmd", "rmd"),
        *("rst", "text", "txt"),
    }
)
"""Labels of text that may contain fences."""

_PYTHON = re.compile(r"(?:python|py|ipython)[ -]?\d*(?:\.\d+){0,2}")
_ALIASES = {
    **dict.fromkeys(
        (
            *("code_execution", "code-execution", "code_interpreter", "code-interpreter", "colab"),
            *("cpython", "ipy", "jupyter", "notebook", "pyodide", "pypy", "pypy3", "pyspark"),
            *("tool_code", "tool-code"),
        ),
        "python",
    ),
    **dict.fromkeys(("cell", "code", "code-cell", "code-block", "sourcecode"), ""),
    **dict.fromkeys(("c++", "cc", "cxx", "c++11", "c++14", "c++17", "c++20", "c++23"), "cpp"),
    **dict.fromkeys(("cjs", "js", "mjs", "node", "nodejs"), "javascript"),
    **dict.fromkeys(("mssql", "mysql", "plsql", "postgres", "postgresql", "sqlite", "tsql"), "sql"),
    **dict.fromkeys(("asm", "nasm", "x86asm"), "assembly"),
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
    *("important", "latex", "letter", "math", "mathml", "katex", "memo", "note", "org", "poem"),
    *("prompt", "quote", "svg", "table", "tex", "tikz", "tip", "todo", "typst", "warning", "xhtml"),
    *("checklist", "cucumber", "feature", "gherkin", "htm"),
    # Templates of documents.
    *("astro", "blade", "erb", "haml", "handlebars", "jinja", "jinja2", "liquid", "mustache"),
    *("pug", "svelte", "twig", "vue"),
    # Data and settings.
    *("cfg", "conf", "config", "csv", "dockerfile", "docker", "docker-compose", "dotenv", "env"),
    *("editorconfig", "geojson", "gitignore", "hcl", "ini", "ipynb", "json", "json5", "jsonc"),
    *("json-lines", "jsonl", "jsonlines", "jsonschema", "makefile", "ndjson", "nginx", "plist"),
    *("properties", "proto", "protobuf", "requirements", "schema", "srt", "terraform", "tf"),
    *("toml", "tsv", "xml", "xsd", "yaml", "yml", "css", "less", "sass", "scss", "stylus"),
    *("apache", "apacheconf", "atom", "avro", "bib", "caddyfile", "cmake", "cron", "crontab"),
    *("edn", "fstab", "gitattributes", "gitconfig", "gradle", "helm", "hjson", "hosts"),
    *("htaccess", "json-schema", "jsonld", "jsonnet", "k8s", "kubernetes", "make", "openapi"),
    *("pom", "prisma", "pyproject", "reg", "rss", "ssh-config", "swagger", "systemd", "thrift"),
    *("topojson", "vega", "vega-lite", "vegalite", "wsdl", "xsl", "xslt"),
    # Output of programs.
    *("error", "err", "http", "log", "logs", "out", "output", "response", "result", "results"),
    *("stderr", "stdout", "stacktrace", "tool_output", "tool-output", "tool_result"),
    *("tool_outputs", "tool_response", "tool_results", "traceback", "py3tb", "pytb", "syslog"),
    # Drawings, changes, sketches.
    *("ascii", "bnf", "diff", "dot", "ebnf", "graphviz", "mermaid", "patch", "plain"),
    *("plantuml", "pseudo", "pseudocode", "regex", "regexp", "tree", "directory", "udiff", "none"),
    *("ascii-art", "asciiart", "d2", "dirtree", "drawio", "file-tree", "filetree", "git-diff"),
    *("algorithm", "flow", "flowchart", "gv", "puml", "structure", "uml", "wavedrom"),
    # Messages and other text.
    *("analysis", "answer", "assistant", "changelog", "chat", "commit", "data", "document"),
    *("essay", "file", "final", "input", "instructions", "license", "message", "no-highlight"),
    *("nohighlight", "notes", "observation", "plan", "poetry", "pytest", "question", "raw"),
    *("report", "steps", "story", "summary", "system", "task", "template", "thinking", "thought"),
    *("transcript", "user", "verse"),
    *("abnf", "actual", "ascii-tree", "commit-message", "conversation", "dialogue", "dir"),
    *("expected", "filename", "final-answer", "final_answer", "folder", "git-log", "gitlog"),
    *("gpx", "haiku", "ical", "ics", "image", "kconfig", "kml", "link", "list", "lyrics"),
    *("manifest", "outline", "path", "peg", "preview", "project", "recipe", "resx", "sample"),
    *("screenshot", "service", "sitemap", "spec", "stdin", "uri", "url", "vcard", "xaml"),
}

_PROGRAMMING = {
    *("ada", "assembly", "awk", "c", "clojure", "cmd", "cobol", "cpp", "crystal", "csharp"),
    *("cuda", "d", "dart", "elixir", "elm", "erlang", "fish", "fortran", "fsharp", "gap", "go"),
    *("graphql", "groovy", "haskell", "java", "javascript", "jsx", "julia", "kotlin", "lisp"),
    *("lua", "mathematica", "matlab", "maxima", "nim", "objective-c", "ocaml", "octave"),
    *("pascal", "perl", "php", "powershell", "prolog", "python", "r", "racket", "ruby", "rust"),
    *("sas", "scala", "scheme", "solidity", "sql", "stata", "swift", "tcl", "tsx", "typescript"),
    *("vb", "vba", "wolfram", "zig"),
    *("abap", "apex", "applescript", "arduino", "coffeescript", "coq", "cypher", "cython"),
    *("elisp", "gdscript", "glsl", "hlsl", "lean", "mojo", "nix", "raku", "sparql", "verilog"),
    *("vhdl", "vim", "wgsl"),
}
# The name of a file instead of a language: ```src/main.py
_FILE = re.compile(r"[\w./+-]*\.(?P<suffix>\w{1,10})")
# The text before the language in an HTML class, and in a MIME type: ```text/x-python
_CLASS = re.compile(r"(?:(?:language|lang|highlight-source)-|(?:application|text)/(?:x-)?|x-)(?=.)")
# ```python-exec, ```run_python, ```jupyter-python, ```bash-script
_WORDS = re.compile(r"[_-]")
_EXTRA = frozenset(
    {
        *("block", "cell", "code", "command", "commands", "exec", "execute", "execution", "git"),
        *("interactive", "interpreter", "linux", "notebook", "posix", "repl", "run", "script"),
        *("session", "tool"),
    }
)
"""Words that do not change the language of a label."""

_MOST_WORDS = 4
# ```console-output, ```python-traceback
_PRINTED = re.compile(r"[\w.]+[_-](?:errors?|logs?|outputs?|results?|traceback)")


@cached
def canonical(language: str) -> str:
    """One name for all labels of a language. ``""`` for the kernel's own language."""
    name = language.strip().lower()
    prefix = _CLASS.match(name)
    name = name[prefix.end() :] if prefix else name
    if name in PYTHON_SESSIONS or _PYTHON.fullmatch(name):
        return "python"
    if _PRINTED.fullmatch(name):
        return "output"
    # ```yaml+jinja
    if "+" in name and name not in _ALIASES:
        name = name.partition("+")[0]
    file = _FILE.fullmatch(name) if name not in _ALIASES else None
    if file and is_known(file["suffix"]):
        return canonical(file["suffix"])
    return _ALIASES[name] if name in _ALIASES else _without_extra_words(name)


def _without_extra_words(name: str) -> str:
    """The language in a label of several words. ``name`` itself for other labels."""
    words = set(_WORDS.split(name, _MOST_WORDS)) - _EXTRA
    named = {_ALIASES.get(word, word) for word in words}
    languages = {"python" if _PYTHON.fullmatch(word) else word for word in named}
    language = languages.pop() if len(languages) == 1 else name
    return language if language == "python" or language in SHELLS else name


@cached
def is_known(language: str) -> bool:
    """Whether ``language`` is a common label for code or data."""
    name = canonical(language)
    return bool(name) and (name in _PROGRAMMING or name in SHELLS or name in _DATA)


def is_data(language: str, kernel_language: str = "") -> bool:
    """Whether blocks with this label contain data or prose, which a kernel does not run.

    If the label names the kernel's own language, the kernel runs the blocks nevertheless.
    """
    name = canonical(language)
    return name in _DATA and name != canonical(kernel_language)


def is_python(language: str) -> bool:
    """Whether ``language`` is a label of Python."""
    return canonical(language) == "python"


def runs(spoken: str, language: str) -> bool:
    """Whether a kernel for ``spoken`` runs code in ``language``. Both are canonical names."""
    return language in ("", spoken) or language in _ALSO.get(spoken, ())
