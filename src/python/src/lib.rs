//! The extension in the Python module `rowmill`: the words of a command line come in, what became of it goes out.
//!
//! So every option of the command line is one of the module, and the parser, the checks and the defaults are the same. What callers see is
//! written in Python, in the package beside this.

mod failure;
mod guest;
mod ranges;
mod source;
mod watch;

use std::ffi::OsString;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rowmill::internal::LoadOptions;
use rowmill::internal::allocator::AllocatorThatSaysWhy;
use rowmill::internal::cli::{Accomplished, CheckCommand, Flag, Invocation, flags};
use rowmill::internal::command;
use rowmill::internal::option_name::{Speech, speak_of};
use rowmill::{Contract, Load, ProfileFormat};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::watch::Listener;

#[global_allocator]
static ALLOCATOR: AllocatorThatSaysWhy = AllocatorThatSaysWhy;

/// Is the program: does what the words of a command line, the program's name first, ask for; returns the exit code.
#[pyfunction]
fn main(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| command::main(words))
}

/// The flags of a subcommand, in the order of its help text.
#[pyfunction]
#[pyo3(name = "flags")]
fn flags_of<'py>(py: Python<'py>, subcommand: &str) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let described = flags(subcommand).into_iter().map(|flag| {
        let Flag {
            name,
            value,
            is_repeatable,
            default,
            choices,
            help,
            heading,
        } = flag;
        let described = PyDict::new(py);
        described.set_item("name", name)?;
        described.set_item("value", value)?;
        described.set_item("is_repeatable", is_repeatable)?;
        described.set_item("default", default)?;
        described.set_item("choices", choices)?;
        described.set_item("help", help)?;
        described.set_item("heading", heading)?;
        Ok(described)
    });
    described.collect()
}

/// Does what the words of a command line, the program's name first, ask for, while other threads of Python run.
///
/// `say(kind, text)` is called with notes and details, `progress(...)` with how far it is, on the calling thread. If one of them raises, or a
/// handler of a signal does, what was read is committed, and the exception is returned as `raised`. Returned, too, is one of `report` (JSON)
/// with `summary`, `profile` (a text in the form that was asked for), and `error` (its kind) with `message`, `exit_code` and `path`.
#[pyfunction]
fn run<'py>(
    py: Python<'py>,
    words: Vec<OsString>,
    schema: Option<&str>,
    say: Bound<'py, PyAny>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    let done = match prepare(words, schema) {
        Ok((job, guest)) => {
            let watched = Listener { say, progress }.watch(py, move |watch| job.run(watch))?;
            drop(guest);
            told.set_item("raised", watched.raised)?;
            watched.done
        }
        Err(failure) => Err(failure),
    };
    match done {
        Ok(done) => tell(&told, done)?,
        Err(failure) => {
            told.set_item("error", failure.kind)?;
            told.set_item("message", failure.message)?;
            told.set_item("exit_code", failure.exit_code)?;
            told.set_item("path", failure.path)?;
        }
    }
    Ok(told)
}

/// What was asked for, with a schema that was given as JSON; and leave to write to the database.
fn prepare(words: Vec<OsString>, schema: Option<&str>) -> Result<(Invocation, Option<Guest>), Failure> {
    let mut job = Invocation::of(words).map_err(|stop| Failure::usage(stop.to_string()))?;
    if let Some(text) = schema {
        job.set_contract(Arc::new(Contract::from_json(text)?));
    }
    let guest = job.database().map(Guest::of).transpose()?;
    Ok((job, guest))
}

/// The load of inputs that are read in ranges, whose options are those of a check.
fn ranged_load(words: Vec<OsString>, contract: Option<Contract>) -> Result<Load<'static>, Failure> {
    let mut job = Invocation::of(words).map_err(|stop| Failure::usage(stop.to_string()))?;
    if let Some(contract) = contract {
        job.set_contract(Arc::new(contract));
    }
    match job {
        Invocation::Check(CheckCommand { inputs, options, .. }) => {
            Ok(Load::with_options(inputs, LoadOptions { check: None, ..options }))
        }
        _ => Err(Failure::usage("this is no check".to_owned())),
    }
}

fn tell(told: &Bound<'_, PyDict>, done: Accomplished) -> PyResult<()> {
    match done {
        Accomplished::Loaded(report) => {
            let json = serde_json::to_string(&report).map_err(|error| {
                pyo3::exceptions::PyRuntimeError::new_err(format!("the report cannot be written: {error}"))
            })?;
            told.set_item("report", json)?;
            told.set_item("summary", report.summary(false).to_string())
        }
        Accomplished::Looked(profile, form) => {
            let is_json = matches!(form, ProfileFormat::Json | ProfileFormat::TableSchema);
            told.set_item("is_json", is_json)?;
            told.set_item("profile", profile.map(|profile| profile.written(form)))
        }
        Accomplished::Forgotten | Accomplished::Said(_) => Ok(()),
    }
}

#[pymodule]
fn _rowmill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    speak_of(Speech::Keywords);
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(flags_of, module)?)?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(ranges::scan_range, module)?)?;
    module.add_function(wrap_pyfunction!(ranges::range_schemas, module)?)?;
    module.add_function(wrap_pyfunction!(ranges::key_hashes, module)?)?;
    module.add_class::<ranges::Planner>()?;
    module.add_class::<ranges::Plan>()?;
    module.add_class::<ranges::Letters>()
}
