//! Flags, and the options that they become.

use std::path::PathBuf;

use rowmill::internal::LoadOptions;
use rowmill::internal::options::{
    ColumnOptions, ContractOptions, ContractSource, CreateSql, DialectOptions, ErrorLimits, LimitOptions,
    RepeatOptions, ResourceOptions, TableOptions, TargetOptions,
};
use rowmill::internal::schema::cells::CellRules;
use rowmill::internal::schema::widths::Widths;
use rowmill::internal::schema::written::{DateStyle, NumberStyle, WrittenForms};
use rowmill::{
    Atomic, ColumnType, Delimiter, EmptyCell, Encoding, ErrorLimit, Escape, IfExists, Inference, InputFormat,
    OnDuplicate, RejectCode, WritePath,
};

use super::characters::*;
use super::names::*;
use super::outcome::parse_error_limit;
use super::sizes::parse_size;
use super::*;

fn job(flags: &str) -> Result<LoadCommand, clap::Error> {
    let words = ["rowmill", "load"].into_iter().chain(flags.split_whitespace());
    match Args::try_parse_from(words).and_then(Args::into_invocation)? {
        Invocation::Load(load) => Ok(load),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_is_well_formed() {
    Args::command().debug_assert();
}

/// The help of `load`, as wide as clap makes it where it does not know the terminal.
fn help(is_long: bool) -> String {
    let mut command = Args::command().term_width(100);
    command.build();
    let load = command.find_subcommand_mut("load").unwrap();
    match is_long {
        true => load.render_long_help().to_string(),
        false => load.render_help().to_string(),
    }
}

#[test]
fn the_short_help_is_one_screen_and_the_long_one_has_every_flag_under_a_heading() {
    let short = help(false);
    assert!(short.lines().count() <= 51, "{} lines:\n{short}", short.lines().count());
    assert!(short.lines().all(|line| line.chars().count() <= 100), "{short}");
    // A flag, and what it does, are one line.
    let flags = short
        .lines()
        .filter(|line| line.trim_start().starts_with("--") || line.starts_with("  -"));
    let unsaid: Vec<&str> = flags.filter(|line| !line.trim().contains("  ")).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
    assert!(short.contains("rowmill load --help"), "{short}");
    let long = help(true);
    let mut command = Args::command();
    let load = command.find_subcommand_mut("load").unwrap();
    for flag in load
        .get_opts()
        .filter(|flag| flag.get_id() != "help" && flag.get_id() != "version")
    {
        let name = format!("--{}", flag.get_long().unwrap());
        assert!(flag.get_help_heading().is_some(), "{name} stands under no heading");
        assert!(long.contains(&name), "{name}");
    }
    assert!(
        short.contains("\n\nUsage:") && !short.contains("--chunk-bytes"),
        "{short}"
    );
    let headings = [
        "Table",
        "Columns",
        "Input format",
        "Numbers and dates",
        "Loading again",
        "Rejects and reports",
    ];
    let places: Vec<usize> = headings
        .iter()
        .map(|heading| long.find(&format!("\n{heading}:\n")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{long}");
}

#[test]
fn messages_name_flags_that_there_are() {
    let command = Args::command();
    let load = command.find_subcommand("load").unwrap();
    let flags: Vec<String> = load
        .get_opts()
        .filter_map(|flag| Some(format!("--{}", flag.get_long()?)))
        .collect();
    for option in rowmill::internal::option_name::ALL {
        assert!(flags.iter().any(|flag| flag == option.flag()), "{}", option.flag());
    }
}

#[test]
fn without_flags_the_options_are_the_librarys_defaults_and_dialects_are_found() {
    let job = job("people.csv people.db").unwrap();
    assert_eq!(job.inputs, [PathBuf::from("people.csv")]);
    assert_eq!(job.database, PathBuf::from("people.db"));
    assert_eq!(job.verbosity, Verbosity::Normal);
    let mut expected = LoadOptions::default();
    expected.dialect.detect = true;
    assert_eq!(format!("{:?}", job.options), format!("{expected:?}"));
}

#[test]
fn every_flag_reaches_its_option() {
    let options = job(
        "a.csv - x.db --table t --key a,b --on-duplicate update=c,d --index c,d --index e --errors e.csv --report r.json --report-html r.html --threads 3 --memory 1g \
         --batch-rows 7 --format csv --delimiter tab --quote none --no-double-quote --escape mysql --no-header --no-detect --text --types a=integer,b=REAL --types c=date:%D,d=decimal(2) \
         --columns a,b --rename A=a --union-by-name --ignore-extra --fill-missing --const year=2024=5 --const x= --filename-column f --row-number n \
         --empty-as-null --null NA --null - --empty default --comment # --trim --drop-repeated-headers --skip-lines 4 --header-row 3 --skip-footer 2 --encoding cp1251 --member m.csv --max-errors 5% --max-errors type_error=10 --max-errors rule_failed=0.1% --schema s.json --max-record-bytes 1k --window-bytes 1 --chunk-bytes 2 --write-path sql --infer guess \
         --decimal-comma --thousands ' --date-format %d.%m.%Y --datetime-format %s --two-digit-year-pivot 70 \
         --strict --not-null e,f --unique a,b --unique c --fts d --before S --after T --analyze --vacuum --if-exists replace --create-sql t.sql --alter --atomic file \
         --restart --keep-checkpoint --append-only --once --safe-errors --profile",
    );
    let LoadCommand { inputs, options, .. } = options.unwrap();
    assert_eq!(inputs, [PathBuf::from("a.csv"), PathBuf::from("-")]);
    let expected = LoadOptions {
        check: None,
        target: TargetOptions {
            table: Some("t".to_owned()),
            table_per_file: false,
            indexes: vec![vec!["c".to_owned(), "d".to_owned()], vec!["e".to_owned()]],
            errors: "e.csv".into(),
            report: Some("r.json".into()),
            report_html: Some("r.html".into()),
            profile: true,
            command: None,
            safe_errors: true,
            write_path: WritePath::Sql,
        },
        table: TableOptions {
            strict: true,
            not_null: vec!["e".to_owned(), "f".to_owned()],
            unique: vec![vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]],
            fts: vec!["d".to_owned()],
            before: vec!["S".to_owned()],
            after: vec!["T".to_owned()],
            analyze: true,
            vacuum: true,
            if_exists: IfExists::Replace,
            create_sql: Some(CreateSql::File("t.sql".into())),
            definition: None,
            alter: true,
            atomic: Atomic::File,
        },
        contract: ContractOptions {
            key: vec!["a".to_owned(), "b".to_owned()],
            on_duplicate: OnDuplicate::Update(vec!["c".to_owned(), "d".to_owned()]),
            all_text: true,
            types: vec![
                ("a".to_owned(), ColumnType::Integer),
                ("b".to_owned(), ColumnType::Real),
                ("c".to_owned(), ColumnType::Date),
                ("d".to_owned(), ColumnType::Decimal(2)),
            ],
            formats: vec![("c".to_owned(), "%D".to_owned())],
            inference: Inference::Guess,
            source: Some(ContractSource::File("s.json".into())),
            agreed: None,
        },
        columns: ColumnOptions {
            chosen: Some(vec!["a".to_owned(), "b".to_owned()]),
            renamed: vec![("A".to_owned(), "a".to_owned())],
            union_by_name: true,
            widths: Widths {
                ignore_extra: true,
                fill_missing: true,
            },
            constants: [("year", "2024=5"), ("x", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            filename: Some("f".to_owned()),
            row_number: Some("n".to_owned()),
        },
        resources: ResourceOptions {
            threads: 3,
            memory_bytes: 1 << 30,
            batch_rows: 7,
            window_bytes: 1,
            chunk_bytes: 2,
        },
        dialect: DialectOptions {
            format: InputFormat::Csv,
            delimiter: Some(b'\t'.into()),
            quote: None,
            doubles_quotes: false,
            escape: Some(Escape::MySql),
            header: false,
            detect: false,
            quote_is_given: true,
            escape_is_given: true,
            header_is_given: true,
            comment: Some(b'#'),
            drop_repeated_headers: true,
            trim: true,
            encoding: Encoding::new("windows-1251").ok(),
            skip_lines: 4,
            header_row: Some(3),
            member: Some("m.csv".to_owned()),
            skip_footer: 2,
            cells: CellRules {
                null_words: vec!["NA".to_owned(), "-".to_owned()],
                empty: EmptyCell::Default,
                quoted_empty_is_empty: true,
            },
            written: WrittenForms {
                numbers: NumberStyle {
                    decimal_comma: true,
                    thousands: Some('\''),
                },
                dates: DateStyle {
                    date: Some("%d.%m.%Y".to_owned()),
                    date_time: Some("%s".to_owned()),
                    two_digit_year_pivot: Some(70),
                },
            },
        },
        limits: LimitOptions {
            errors: ErrorLimits {
                all: Some(ErrorLimit::Percent(5.0)),
                by_code: vec![
                    (RejectCode::TypeError, ErrorLimit::Count(10)),
                    (RejectCode::RuleFailed, ErrorLimit::Percent(0.1)),
                ],
            },
            max_record_bytes: 1024,
        },
        repeat: RepeatOptions {
            restart: true,
            keep_checkpoint: true,
            append_only: true,
            once: true,
        },
    };
    assert_eq!(format!("{options:?}"), format!("{expected:?}"));
}

#[test]
fn each_file_has_its_own_table_only_where_nothing_names_one_for_all() {
    assert!(
        job("a.csv b.csv x.db --table-per-file")
            .unwrap()
            .options
            .target
            .table_per_file
    );
    assert!(job("a.csv x.db --table-per-file --table t").is_err());
    assert!(job("a.csv x.db --table-per-file --union-by-name").is_err());
}

#[test]
fn one_name_alone_is_a_usage_error_that_shows_what_to_type() {
    let message = job("x.csv").unwrap_err().to_string();
    assert!(
        message.contains("only 'x.csv' was given; for example: rowmill load x.csv x.db"),
        "{message}"
    );
    assert!(message.contains("rowmill load [OPTIONS] <INPUT>... <DB>"), "{message}");
}

#[test]
fn an_unfinished_load_can_be_given_up_with_and_without_its_inputs() {
    let with = job("a.csv x.db --forget").unwrap();
    assert!(with.forget && with.inputs == [PathBuf::from("a.csv")]);
    let without = job("x.db --forget --table t").unwrap();
    assert!(without.forget && without.inputs.is_empty() && without.database.as_os_str() == "x.db");
    assert!(job("x.db --forget").is_err() && job("x.db --table t").is_err());
    assert!(job("a.csv x.db --forget --restart").is_err());
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    assert_eq!(job("a b -q").unwrap().verbosity, Verbosity::Quiet);
    assert_eq!(job("a b -v").unwrap().verbosity, Verbosity::Verbose);
    assert!(job("a b -v --quiet").is_err());
}

#[test]
fn sizes_take_binary_and_decimal_units() {
    for (text, size) in [
        ("0", 0),
        ("512", 512),
        ("512b", 512),
        ("64k", 65_536),
        ("64K", 65_536),
        ("16MiB", 16 << 20),
        ("16 mib", 16 << 20),
        ("256MB", 256_000_000),
        ("1g", 1 << 30),
        ("2GB", 2_000_000_000),
        ("1t", 1 << 40),
    ] {
        assert_eq!(parse_size(text), Ok(size), "{text}");
    }
    for text in [
        "",
        "k",
        "-1",
        "1.5g",
        "1x",
        "1kk",
        "99999999999999999999",
        "99999999999g",
        "１",
    ] {
        assert!(parse_size(text).is_err(), "{text}");
    }
}

#[test]
fn delimiters_are_characters_bytes_by_number_or_words() {
    for (text, delimiter) in [
        (",", ","),
        ("|", "|"),
        ("tab", "\t"),
        ("\\t", "\t"),
        ("\t", "\t"),
        ("comma", ","),
        ("semicolon", ";"),
        ("pipe", "|"),
        ("space", " "),
        ("||", "||"),
        ("~|~", "~|~"),
        ("\\x01", "\x01"),
        ("\\x1F\\x1e", "\x1f\x1e"),
        ("\\xc2\\xa6", "¦"),
        ("¦", "¦"),
        ("\\", "\\"),
        ("|\\", "|\\"),
        ("\\\\t", "\\t"),
        ("12345678", "12345678"),
    ] {
        assert_eq!(parse_delimiter(text), Ok(Delimiter::new(delimiter).unwrap()), "{text}");
    }
    for text in ["", "none", "\\n", "\\|", "\\x", "\\x1", "\\xg1", "\\xa6", "123456789"] {
        assert!(parse_delimiter(text).is_err(), "{text}");
    }
}

#[test]
fn quotes_and_escapes_are_one_ascii_character_or_a_word() {
    assert_eq!(parse_quote("'"), Ok(Some(b'\'')));
    assert_eq!(parse_quote("none"), Ok(None));
    assert!(parse_quote("").is_err() && parse_quote("\"\"").is_err() && parse_quote("«").is_err());
    assert_eq!(parse_escape("\\"), Ok(Some(Escape::Literal(b'\\'))));
    assert_eq!(parse_escape("mysql"), Ok(Some(Escape::MySql)));
    assert_eq!(parse_escape("postgres"), Ok(Some(Escape::Postgres)));
    assert_eq!(parse_escape("none"), Ok(None));
    assert!(parse_escape("").is_err() && parse_escape("\\\\").is_err() && parse_escape("nothing").is_err());
}

#[test]
fn error_limits_are_counts_or_shares() {
    assert_eq!(parse_error_limit("0"), Ok(ErrorLimit::Count(0)));
    assert_eq!(parse_error_limit("0.5%"), Ok(ErrorLimit::Percent(0.5)));
    for text in ["", "%", "-1", "1.5", "101%", "-1%", "nan%", "1 %"] {
        assert!(parse_error_limit(text).is_err(), "{text}");
    }
}

#[test]
fn a_limit_may_be_of_one_reason_and_each_is_given_once() {
    let limits = |flags: &str| job(&format!("a.csv x.db {flags}")).map(|job| job.options.limits.errors);
    let found = limits("--max-errors duplicate_key=0 --max-errors 7").unwrap();
    assert_eq!(found.all, Some(ErrorLimit::Count(7)));
    assert_eq!(found.by_code, [(RejectCode::DuplicateKey, ErrorLimit::Count(0))]);
    for (flags, wanted) in [
        ("--max-errors 1 --max-errors 2", "given twice for all"),
        (
            "--max-errors nul_byte=1 --max-errors nul_byte=2%",
            "gives nul_byte two limits",
        ),
        (
            "--max-errors nonsense=1",
            "is no code of a reject; they are missing_columns",
        ),
        ("--max-errors nul_byte=x", "expected a count"),
    ] {
        let message = limits(flags).unwrap_err().to_string();
        assert!(message.contains(wanted), "{flags}: {message}");
    }
}

#[test]
fn names_with_commas_and_quotes_can_be_quoted() {
    assert_eq!(parse_list("a,b").unwrap(), ["a", "b"]);
    assert_eq!(parse_list("\"last, first\",id").unwrap(), ["last, first", "id"]);
    assert_eq!(parse_list("\"5\"\" pipe\"").unwrap(), ["5\" pipe"]);
    for text in ["", "a,", ",a", "\"a", "\"a\"b", "a,,b"] {
        assert!(parse_list(text).is_err(), "{text}");
    }
    let types = parse_types("\"a,b=c\"=integer,d=Text").unwrap();
    let declared = |column: &str, column_type, format: Option<&str>| DeclaredType {
        column: column.to_owned(),
        column_type,
        format: format.map(str::to_owned),
    };
    assert_eq!(
        types,
        [
            declared("a,b=c", ColumnType::Integer, None),
            declared("d", ColumnType::Text, None)
        ]
    );
    let types = parse_types("a=date:%d.%m.%Y,b=Decimal(3),c=time:\"%I:%M \"\"%p\"\", x\",\"d\"=percent").unwrap();
    assert_eq!(
        types,
        [
            declared("a", ColumnType::Date, Some("%d.%m.%Y")),
            declared("b", ColumnType::Decimal(3), None),
            declared("c", ColumnType::Time, Some("%I:%M \"%p\", x")),
            declared("d", ColumnType::Percent, None)
        ]
    );
    for text in [
        "",
        "a",
        "a=",
        "a=int",
        "=text",
        "a=text,",
        "a=any",
        "a=date:",
        "a=date:,b=text",
        "a=date:\"%F",
        "a=date:\"%F\"x",
        "a=decimal",
        "a=decimal()",
        "a=decimal(-1)",
        "a=decimal(10,2)",
        "a=date:%b %d, %Y",
    ] {
        assert!(parse_types(text).is_err(), "{text}");
    }
    assert!(job("a b --types x=text --types X=real").is_err());
    let pair = |left: &str, right: &str| Ok((left.to_owned(), right.to_owned()));
    assert_eq!(parse_renamed("a=b,c"), pair("a", "b,c"));
    assert_eq!(parse_renamed("\"a=b\"=\"c=\"\"d\""), pair("a=b", "c=\"d"));
    for text in ["", "a", "a=", "=b", "a=b=c", "a=\"b\"c", "\"a\"b=c"] {
        assert!(parse_renamed(text).is_err(), "{text}");
    }
    assert_eq!(parse_constant("a=\"b\""), pair("a", "\"b\""));
    assert!(parse_constant("a").is_err() && parse_constant("=a").is_err());
}

#[test]
fn what_looks_before_a_load_reads_inputs_as_a_load_does() {
    let flags = "--types a=integer,c=date:%D --text --null NA --empty text --columns a,b --rename A=a --delimiter tab --no-detect --skip-lines 4 \
                 --encoding cp1251 --decimal-comma --date-format %d.%m.%Y --max-record-bytes 1k --threads 3 --memory 1g --chunk-bytes 2";
    let of = |words: &str| {
        let words = ["rowmill"].into_iter().chain(words.split_whitespace());
        Args::try_parse_from(words.chain(flags.split_whitespace()))
            .and_then(Args::into_invocation)
            .unwrap()
    };
    let Invocation::Load(load) = of("load in.csv x.db --key a --infer whole --max-errors 1 --errors e.csv") else {
        panic!("a load is asked for")
    };
    let Invocation::Check(check) = of("check in.csv --key a --infer whole --max-errors 1 --errors e.csv --all-errors")
    else {
        panic!("a check is asked for")
    };
    assert!(check.options.wants_every_fault() && load.options.check.is_none());
    let as_a_load = LoadOptions {
        check: None,
        ..check.options
    };
    assert_eq!(format!("{as_a_load:?}"), format!("{:?}", load.options));
    let Invocation::Schema(schema) = of("schema in.csv --as json") else {
        panic!("a profile is asked for")
    };
    assert_eq!(schema.form, rowmill::ProfileFormat::Json);
    for (of_schema, of_load) in [
        (
            format!("{:?}", schema.options.dialect),
            format!("{:?}", load.options.dialect),
        ),
        (
            format!("{:?}", schema.options.columns),
            format!("{:?}", load.options.columns),
        ),
        (
            format!("{:?}", schema.options.resources),
            format!("{:?}", load.options.resources),
        ),
        (
            format!("{:?}", schema.options.contract.types),
            format!("{:?}", load.options.contract.types),
        ),
    ] {
        assert_eq!(of_schema, of_load);
    }
}

#[test]
fn every_flag_of_every_command_stands_under_a_heading() {
    let mut command = Args::command();
    command.build();
    for name in ["check", "schema"] {
        let subcommand = command.find_subcommand_mut(name).unwrap();
        let short = subcommand.render_help().to_string();
        assert!(short.contains("\n\nUsage:"), "{short}");
        for flag in subcommand
            .get_opts()
            .filter(|flag| flag.get_id() != "help" && flag.get_id() != "version")
        {
            assert!(
                flag.get_help_heading().is_some(),
                "{name} --{}",
                flag.get_long().unwrap()
            );
        }
    }
}

/// The load that a file asks for, with these words on the command line.
fn configured(text: &str, words: &str) -> Result<LoadCommand, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.toml");
    std::fs::write(&path, text).unwrap();
    let words = format!("rowmill load --config {} {words}", path.display());
    let words = words.split_whitespace().map(Into::into).collect();
    let loaded = with_config(words)
        .and_then(Args::try_parse_from)
        .and_then(Args::into_invocation);
    match loaded.map_err(|error| error.to_string())? {
        Invocation::Load(load) => Ok(load),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_says_what_flags_say() {
    let file = r#"
        inputs = ["in a.csv", "b.csv"]
        database = "x.db"
        key = ["a", "b,c"]
        index = [["d", "e"], "f"]
        null = ["NA", "-"]
        max-errors = ["type_error=10", "0.5%"]
        skip_lines = 2
        text = true
        trim = false
        delimiter = ";"
        before = ["SELECT 1", "SELECT 2"]
        [types]
        a = "integer"
        "b=c" = "date:%d.%m.%Y"
        [rename]
        A = "a"
    "#;
    let from_file = configured(file, "").unwrap();
    let words = [
        "rowmill",
        "load",
        "in a.csv",
        "b.csv",
        "x.db",
        "--key",
        "a,\"b,c\"",
        "--index",
        "d,e",
        "--index",
        "f",
        "--null",
        "NA",
        "--null=-",
        "--max-errors",
        "type_error=10",
        "--max-errors",
        "0.5%",
        "--skip-lines",
        "2",
        "--text",
        "--delimiter",
        ";",
        "--before",
        "SELECT 1",
        "--before",
        "SELECT 2",
        "--types",
        "a=integer",
        "--types",
        "\"b=c\"=date:%d.%m.%Y",
        "--rename",
        "A=a",
    ];
    let from_flags = match Args::try_parse_from(words).and_then(Args::into_invocation).unwrap() {
        Invocation::Load(load) => load,
        other => panic!("{other:?}"),
    };
    assert_eq!(format!("{from_file:?}"), format!("{from_flags:?}"));
}

#[test]
fn flags_and_names_on_the_command_line_take_the_place_of_the_files() {
    let file = "inputs = \"a.csv\"\ndatabase = \"x.db\"\nkey = \"a\"\nnull = [\"NA\"]\nquiet = true";
    let load = configured(file, "other.csv y.db --key b --null x").unwrap();
    assert_eq!(
        (load.inputs, load.database),
        (vec![PathBuf::from("other.csv")], PathBuf::from("y.db"))
    );
    assert_eq!(load.options.contract.key, ["b"]);
    assert_eq!(load.options.dialect.cells.null_words, ["x"]);
    assert_eq!(load.verbosity, Verbosity::Quiet);
    let load = configured(file, "--key=b -v").unwrap_err();
    assert!(load.contains("--quiet") && load.contains("--verbose"), "{load}");
}

#[test]
fn what_is_wrong_in_a_file_is_said() {
    for (text, fragment) in [
        ("keys = \"a\"", "no flag --keys"),
        ("key = true", "not true or false"),
        ("trim = \"yes\"", "true or false"),
        ("skip-lines = \"x\"", "--skip-lines"),
        ("key = ", "line 1"),
        ("config = \"b.toml\"", "cannot stand"),
        ("database = \"x.db\"", "inputs, database"),
    ] {
        let said = configured(text, "").unwrap_err();
        assert!(said.contains(fragment), "{said}");
    }
}
