"""Writes src/python/rowmill/__init__.pyi from what the module has: its options are the flags of the command.

Usage, once the module is installed: python tests/python/stubs.py > src/python/rowmill/__init__.pyi
"""

import inspect

import rowmill

HEAD = '''\
# Made by tests/python/stubs.py.
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, NamedTuple, TypeAlias, overload

StrPath: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
Names: TypeAlias = str | Sequence[str]
OnProgress: TypeAlias = Callable[["Progress"], object]

__version__: str

class Progress(NamedTuple):
    phase: str
    bytes: int
    total_bytes: int | None
    records: int
    rejected: int
    file: str | None

class Fields:
    def as_dict(self) -> dict[str, Any]: ...
    def __getattr__(self, name: str) -> Any: ...

'''

# What a report has, in its order.
REPORT = {
    "rowmill": "str",
    "outcome": 'Literal["complete", "error_limit", "interrupted", "failed"]',
    "exit_code": "int",
    "all_read": "bool",
    "passed_limit": "Fields | None",
    "signal": "int | None",
    "error": "str | None",
    "is_check": "bool",
    "database": "str",
    "table": "str",
    "errors_file": "str",
    "inputs": "list[Fields]",
    "skipped": "list[Fields]",
    "earlier": "Fields | None",
    "records": "int",
    "loaded": "int",
    "updated": "int",
    "rejected": "int",
    "duplicates": "int",
    "skipped_duplicates": "int",
    "pending": "int",
    "identity_holds": "bool",
    "by_code": "dict[str, int]",
    "faults": "int",
    "recoded": "int",
    "bytes": "int",
    "resumable": "bool",
    "created_table": "bool",
    "elapsed_ms": "float",
    "rows_per_second": "float",
    "stages": "list[Fields]",
    "peak_rss_bytes": "int",
    "memory": "Fields",
    "filter": "Fields | None",
    "write_path": "str",
    "write_path_reason": "str",
    "batches": "int",
    "batch_rows": "int",
    "threads": "int",
    "delimiter": "str",
    "quote": "str | None",
    "columns": "list[Fields]",
    "profile": "Fields | None",
    "key": "list[str]",
    "schema": "Fields | None",
    "sqlite_version": "str",
    "loads": "list[LoadReport]",
}
ROWS = """\
class Rows:
    schema: Any
    records: int
    @property
    def rejects(self) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...
    def write_errors(self, path: StrPath) -> None: ...
    def to_reader(self) -> Any: ...
    def to_table(self) -> Any: ...
    def to_pandas(self, **options: Any) -> Any: ...

"""
PROFILE = {
    "rowmill": "str",
    "inputs": "list[str]",
    "table": "str",
    "records": "int",
    "rejected": "int",
    "by_code": "dict[str, int]",
    "columns": "list[Fields]",
}

# What the functions have besides options, and what they return.
FUNCTIONS = {
    "load": (rowmill._LOAD, "inputs: StrPath | Sequence[StrPath] | None = None, database: StrPath | None = None", True, "LoadReport"),
    "check": (rowmill._CHECK, "inputs: StrPath | Sequence[StrPath] | None = None", True, "LoadReport"),
    "retry": (rowmill._RETRY, "errors: StrPath, database: StrPath", True, "LoadReport"),
    "forget": (rowmill._LOAD, "inputs: StrPath | Sequence[StrPath] | None = None, database: StrPath | None = None", False, "None"),
}
FORMS = {'Literal["json"] = "json"': "Profile", 'Literal["table-schema"]': "dict[str, Any]", 'Literal["sql", "text"]': "str"}


def type_of(name, flag):
    """The type of an option, from how help texts call its value."""
    value = flag["value"]
    if value is None:
        return "bool | None"
    if flag["choices"]:
        return f"Literal[{', '.join(map(repr, flag['choices']))}] | None".replace("'", '"')
    if name == "schema":
        return "StrPath | Mapping[str, Any] | None"
    if "=" in value and value != "[CODE=]N|N%":
        return "Mapping[str, str | int | float] | Names | None"
    one = {"N": "int", "SIZE": "int | str", "FILE": "StrPath", "COL[,COL]": "Names", "YEAR": "int", "[CODE=]N|N%": "int | str | Mapping[str, int | str]",
           "WHAT": "str | Mapping[str, Names]"}.get(value, "str")
    return f"{one} | Sequence[{one}] | None" if flag["is_repeatable"] else f"{one} | None"


def options_of(options):
    return "".join(f"    {name}: {type_of(name, flag)} = None,\n" for name, flag in options.flags.items())


def function(name, own, options, result):
    return f"def {name}(\n{own}{options_of(options)}) -> {result}: ...\n"


def stubs():
    """The text of the stubs."""
    text = HEAD
    for name, fields in (("LoadReport", REPORT), ("Profile", PROFILE)):
        members = "".join(f"    {field}: {type_}\n" for field, type_ in fields.items())
        text += f"class {name}(Fields):\n{members}\n"
    text += ROWS
    text += "class Error(Exception):\n    exit_code: int\n    path: str | None\n"
    text += "    def __init__(self, message: str, exit_code: int = 70, path: str | None = None) -> None: ...\n\n"
    for name, class_ in inspect.getmembers(rowmill, inspect.isclass):
        if issubclass(class_, rowmill.Error) and class_ is not rowmill.Error:
            bases = ", ".join(base.__name__ for base in class_.__bases__)
            text += f"class {name}({bases}): ...\n"
    text += "\nclass Interrupted(KeyboardInterrupt):\n    report: LoadReport | None\n\n"
    for name, (options, first, has_progress, result) in FUNCTIONS.items():
        own = "".join(f"    {parameter},\n" for parameter in first.split(", ")) + "    *,\n"
        own += "    progress: OnProgress | None = None,\n" if has_progress else ""
        text += function(name, own, options, result)
    own = "    inputs: StrPath | Sequence[StrPath],\n    *,\n    filesystem: Any = None,\n    range_bytes: int = ...,\n    threads: int | None = None,\n"
    text += function("read", own, rowmill._READ, "Rows")
    for form, result in FORMS.items():
        own = f"    inputs: StrPath | Sequence[StrPath],\n    *,\n    form: {form},\n    progress: OnProgress | None = None,\n"
        text += "@overload\n" + function("schema", own, rowmill._SCHEMA, result)
    return text


if __name__ == "__main__":
    print(stubs(), end="")
