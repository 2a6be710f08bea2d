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

class LoadReport(Fields):
    rowmill: str
    outcome: Literal["complete", "error_limit", "interrupted", "failed"]
    exit_code: int
    all_read: bool
    passed_limit: Fields | None
    signal: int | None
    error: str | None
    is_check: bool
    database: str
    table: str
    errors_file: str
    inputs: list[Fields]
    skipped: list[Fields]
    earlier: Fields | None
    records: int
    loaded: int
    updated: int
    rejected: int
    duplicates: int
    skipped_duplicates: int
    pending: int
    identity_holds: bool
    by_code: dict[str, int]
    faults: int
    recoded: int
    bytes: int
    resumable: bool
    created_table: bool
    elapsed_ms: float
    rows_per_second: float
    stages: list[Fields]
    peak_rss_bytes: int
    memory: Fields
    filter: Fields | None
    write_path: str
    write_path_reason: str
    batches: int
    batch_rows: int
    threads: int
    delimiter: str
    quote: str | None
    columns: list[Fields]
    profile: Fields | None
    key: list[str]
    schema: Fields | None
    sqlite_version: str
    loads: list[LoadReport]

class Profile(Fields):
    rowmill: str
    inputs: list[str]
    table: str
    records: int
    rejected: int
    by_code: dict[str, int]
    columns: list[Fields]

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

class Error(Exception):
    exit_code: int
    path: str | None
    def __init__(self, message: str, exit_code: int = 70, path: str | None = None) -> None: ...

class DatabaseBusyError(Error): ...
class DatabaseError(Error): ...
class InputChangedError(Error): ...
class InputDamagedError(Error): ...
class InputMissingError(Error): ...
class InputUnusableError(Error): ...
class InternalError(Error): ...
class IoError(Error): ...
class OtherInputError(Error): ...
class OutputBusyError(Error): ...
class OutputCreateError(Error): ...
class ReportMissingError(Error): ...
class SchemaError(Error): ...
class SideFileChangedError(Error): ...
class UsageError(Error, ValueError): ...

class Interrupted(KeyboardInterrupt):
    report: LoadReport | None

def load(
    inputs: StrPath | Sequence[StrPath] | None = None,
    database: StrPath | None = None,
    *,
    progress: OnProgress | None = None,
    table: str | None = None,
    table_per_file: bool | None = None,
    key: Names | None = None,
    on_duplicate: str | Mapping[str, Names] | None = None,
    index: Names | Sequence[Names] | None = None,
    if_exists: Literal["append", "fail", "truncate", "replace"] | None = None,
    alter: bool | None = None,
    atomic: Literal["batch", "file"] | None = None,
    create_sql: StrPath | None = None,
    strict: bool | None = None,
    not_null: Names | None = None,
    unique: Names | Sequence[Names] | None = None,
    fts: Names | None = None,
    before: str | Sequence[str] | None = None,
    after: str | Sequence[str] | None = None,
    analyze: bool | None = None,
    vacuum: bool | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    config: StrPath | None = None,
    restart: bool | None = None,
    keep_checkpoint: bool | None = None,
    append_only: bool | None = None,
    once: bool | None = None,
    errors: StrPath | None = None,
    safe_errors: bool | None = None,
    max_errors: int | str | Mapping[str, int | str] | Sequence[int | str | Mapping[str, int | str]] | None = None,
    report: StrPath | None = None,
    report_html: StrPath | None = None,
    profile: bool | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
    batch_rows: int | None = None,
    infer: Literal["auto", "whole", "guess"] | None = None,
    write_path: Literal["auto", "sql", "direct"] | None = None,
) -> LoadReport: ...
def check(
    inputs: StrPath | Sequence[StrPath] | None = None,
    *,
    progress: OnProgress | None = None,
    key: Names | None = None,
    config: StrPath | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    all_errors: bool | None = None,
    errors: StrPath | None = None,
    safe_errors: bool | None = None,
    max_errors: int | str | Mapping[str, int | str] | Sequence[int | str | Mapping[str, int | str]] | None = None,
    report: StrPath | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
    infer: Literal["auto", "whole", "guess"] | None = None,
) -> LoadReport: ...
def retry(
    errors: StrPath,
    database: StrPath,
    *,
    progress: OnProgress | None = None,
    like: StrPath | None = None,
    table: str | None = None,
    key: Names | None = None,
    on_duplicate: str | Mapping[str, Names] | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    safe_errors: bool | None = None,
    max_errors: int | str | Mapping[str, int | str] | Sequence[int | str | Mapping[str, int | str]] | None = None,
    report: StrPath | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
    infer: Literal["auto", "whole", "guess"] | None = None,
) -> LoadReport: ...
def forget(
    inputs: StrPath | Sequence[StrPath] | None = None,
    database: StrPath | None = None,
    *,
    table: str | None = None,
    table_per_file: bool | None = None,
    key: Names | None = None,
    on_duplicate: str | Mapping[str, Names] | None = None,
    index: Names | Sequence[Names] | None = None,
    if_exists: Literal["append", "fail", "truncate", "replace"] | None = None,
    alter: bool | None = None,
    atomic: Literal["batch", "file"] | None = None,
    create_sql: StrPath | None = None,
    strict: bool | None = None,
    not_null: Names | None = None,
    unique: Names | Sequence[Names] | None = None,
    fts: Names | None = None,
    before: str | Sequence[str] | None = None,
    after: str | Sequence[str] | None = None,
    analyze: bool | None = None,
    vacuum: bool | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    config: StrPath | None = None,
    restart: bool | None = None,
    keep_checkpoint: bool | None = None,
    append_only: bool | None = None,
    once: bool | None = None,
    errors: StrPath | None = None,
    safe_errors: bool | None = None,
    max_errors: int | str | Mapping[str, int | str] | Sequence[int | str | Mapping[str, int | str]] | None = None,
    report: StrPath | None = None,
    report_html: StrPath | None = None,
    profile: bool | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
    batch_rows: int | None = None,
    infer: Literal["auto", "whole", "guess"] | None = None,
    write_path: Literal["auto", "sql", "direct"] | None = None,
) -> None: ...
def read(
    inputs: StrPath | Sequence[StrPath],
    *,
    filesystem: Any = None,
    range_bytes: int = ...,
    threads: int | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    safe_errors: bool | None = None,
    infer: Literal["auto", "whole", "guess"] | None = None,
) -> Rows: ...
@overload
def schema(
    inputs: StrPath | Sequence[StrPath],
    *,
    form: Literal["json"] = "json",
    progress: OnProgress | None = None,
    table: str | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
) -> Profile: ...
@overload
def schema(
    inputs: StrPath | Sequence[StrPath],
    *,
    form: Literal["table-schema"],
    progress: OnProgress | None = None,
    table: str | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
) -> dict[str, Any]: ...
@overload
def schema(
    inputs: StrPath | Sequence[StrPath],
    *,
    form: Literal["sql", "text"],
    progress: OnProgress | None = None,
    table: str | None = None,
    schema: StrPath | Mapping[str, Any] | None = None,
    types: Mapping[str, str | int | float] | Names | None = None,
    text: bool | None = None,
    null: str | Sequence[str] | None = None,
    empty: Literal["null", "text", "default"] | None = None,
    empty_as_null: bool | None = None,
    columns: Names | None = None,
    rename: Mapping[str, str | int | float] | Names | None = None,
    union_by_name: bool | None = None,
    ignore_extra: bool | None = None,
    fill_missing: bool | None = None,
    const: Mapping[str, str | int | float] | Names | None = None,
    filename_column: str | None = None,
    row_number: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    no_double_quote: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    no_header: bool | None = None,
    no_detect: bool | None = None,
    comment: str | None = None,
    drop_repeated_headers: bool | None = None,
    trim: bool | None = None,
    skip_lines: int | None = None,
    header_row: int | None = None,
    skip_footer: int | None = None,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    datetime_format: str | None = None,
    two_digit_year_pivot: int | None = None,
    member: str | None = None,
    max_record_bytes: int | str | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    window_bytes: int | str | None = None,
    chunk_bytes: int | str | None = None,
) -> str: ...
