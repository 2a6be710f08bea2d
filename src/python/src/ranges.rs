//! Inputs in ranges, for whoever reads them in several threads or processes: plans and reports go in and out as JSON, rows as Arrow.
//!
//! What is read comes from a file of this machine, or from one that Python has opened (`pyarrow.fs`).

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_pyarrow::{PyArrowType, ToPyArrow};
use arrow_schema::Schema;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rowmill::range::arrow::{
    self, ArrowReader, place_schema, positions_of, reject_batch, reject_schema, rejects_of, row_schema,
};
use rowmill::range::{
    InputRange, RangePiece, RangePlanner, RangeReport, ReadPlan, RejectWriter, RepeatedKey, ScanPlan,
};
use rowmill::{Contract, Error};

use crate::failure::Failure;
use crate::source::source_of;

/// Pieces of an input: which one, its first byte, the first byte after it.
type Range = (u32, u64, u64);

fn raised(error: Error) -> PyErr {
    Failure::from(error).into()
}

/// Reads what inputs begin with, and puts together what was found in their ranges.
#[pyclass(frozen)]
pub struct Planner(RangePlanner);

#[pymethods]
impl Planner {
    /// `words`: a check of the inputs, as a command line; `sources`: where the bytes of each are had.
    #[new]
    fn new(
        py: Python<'_>,
        words: Vec<OsString>,
        schema: Option<&str>,
        sources: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Planner> {
        let contract = schema.map(Contract::from_json).transpose().map_err(raised)?;
        let load = crate::ranged_load(words, contract).map_err(PyErr::from)?;
        let sources: Vec<_> = sources.iter().map(source_of).collect::<PyResult<_>>()?;
        py.detach(move || RangePlanner::new(&load, &sources))
            .map(Planner)
            .map_err(raised)
    }

    fn scan_plan(&self) -> String {
        self.0.scan_plan().to_json()
    }

    fn ranges(&self, target_bytes: u64) -> Vec<Range> {
        let ranges = self.0.scan_plan().ranges(target_bytes);
        let parts = ranges
            .into_iter()
            .map(|range| (range.file_index, range.start, range.end));
        parts.collect()
    }

    fn notices(&self) -> Vec<String> {
        self.0.notices().to_vec()
    }

    /// The read plan, the place of each range, and the records of each input.
    fn compose(&self, py: Python<'_>, reports: Vec<String>) -> PyResult<(String, Vec<String>, Vec<u64>)> {
        let composed = py.detach(|| {
            let reports: Vec<RangeReport> = reports
                .iter()
                .map(|report| RangeReport::from_json(report))
                .collect::<Result<_, Error>>()?;
            self.0.compose(&reports)
        });
        let composed = composed.map_err(raised)?;
        Ok((
            composed.plan.to_json(),
            composed.pieces.iter().map(RangePiece::to_json).collect(),
            composed.totals.iter().map(|totals| totals.records).collect(),
        ))
    }
}

/// Scans a range: the first pass. Returns its report.
#[pyfunction]
pub fn scan_range(py: Python<'_>, plan: &str, source: &Bound<'_, PyAny>, range: Range) -> PyResult<String> {
    let source = source_of(source)?;
    let (file_index, start, end) = range;
    let range = InputRange { file_index, start, end };
    let report = py.detach(|| ScanPlan::from_json(plan)?.scan(&*source, range));
    report.map(|report| report.to_json()).map_err(raised)
}

/// What whoever reads a range must know: the second pass.
#[pyclass(frozen)]
pub struct Plan(Arc<ReadPlan>);

#[pymethods]
impl Plan {
    #[new]
    fn new(json: &str) -> PyResult<Plan> {
        ReadPlan::from_json(json).map(Arc::new).map(Plan).map_err(raised)
    }

    fn schema(&self) -> PyArrowType<Schema> {
        PyArrowType(row_schema(&self.0).as_ref().clone())
    }

    fn key(&self) -> Vec<String> {
        self.0.key()
    }

    fn max_record_bytes(&self) -> u64 {
        self.0.max_record_bytes()
    }

    fn columns(&self) -> Vec<(String, &'static str)> {
        let columns = self.0.columns().into_iter();
        columns
            .map(|column| (column.name, column.column_type.as_str()))
            .collect()
    }

    fn notices(&self) -> Vec<String> {
        self.0.notices().to_vec()
    }

    /// Reads a range: batches of rows, their places, and rejects.
    fn read(&self, source: &Bound<'_, PyAny>, piece: &str) -> PyResult<Blocks> {
        let piece = RangePiece::from_json(piece).map_err(raised)?;
        let py = source.py();
        let source = source_of(source)?;
        let reader = py.detach(|| ArrowReader::new(&self.0, &source, &piece));
        reader.map(|reader| Blocks(Mutex::new(reader))).map_err(raised)
    }

    /// The rejects of rows that repeat a key, all of one input: their places, with where the key came first.
    fn duplicates<'py>(
        &self,
        source: &Bound<'py, PyAny>,
        repeated: PyArrowType<RecordBatch>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = source.py();
        let repeated = repeated_keys(&repeated.0)?;
        let source = source_of(source)?;
        let rejects = py.detach(|| {
            let rejects = self.0.duplicates(&*source, &repeated)?;
            reject_batch(&self.0, &rejects)
        });
        rejects.map_err(raised)?.to_pyarrow(py)
    }
}

fn repeated_keys(batch: &RecordBatch) -> PyResult<Vec<RepeatedKey>> {
    let positions = positions_of(batch).map_err(raised)?;
    let file_indices = batch.column_by_name("first_file_index");
    let file_indices = file_indices.and_then(|column| column.as_primitive_opt::<Int32Type>());
    let records = batch.column_by_name("first_record");
    let records = records.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(file_indices), Some(records)) = (file_indices, records) else {
        return Err(PyValueError::new_err(
            "the batch does not say where each key came first",
        ));
    };
    let keys = positions.into_iter().enumerate().map(|(row, position)| RepeatedKey {
        position,
        first_file_index: file_indices.value(row) as u32,
        first_record: records.value(row) as u64,
    });
    Ok(keys.collect())
}

/// The blocks of a range.
#[pyclass(frozen)]
pub struct Blocks(Mutex<ArrowReader>);

#[pymethods]
impl Blocks {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<[Bound<'py, PyAny>; 3]>> {
        let block = py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).next());
        let Some(block) = block.transpose().map_err(raised)? else {
            return Ok(None);
        };
        Ok(Some([
            block.rows.to_pyarrow(py)?,
            block.places.to_pyarrow(py)?,
            block.rejects.to_pyarrow(py)?,
        ]))
    }
}

/// The columns of places, and those of rejects.
#[pyfunction]
pub fn range_schemas() -> (PyArrowType<Schema>, PyArrowType<Schema>) {
    let schema = |schema: &Arc<Schema>| PyArrowType(schema.as_ref().clone());
    (schema(&place_schema()), schema(&reject_schema()))
}

/// The hash of each row's key, given its place, in eight bytes (little-endian); 0 where there is none, or a NULL in it.
#[pyfunction]
pub fn key_hashes<'py>(py: Python<'py>, places: PyArrowType<RecordBatch>) -> PyResult<Bound<'py, PyBytes>> {
    let hashes = arrow::key_hashes(&places.0).map_err(raised)?;
    let bytes: Vec<u8> = hashes.into_iter().flat_map(u64::to_le_bytes).collect();
    Ok(PyBytes::new(py, &bytes))
}

/// A file of Python's to write to.
struct PythonOut(Py<PyAny>);

impl Write for PythonOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| self.0.call_method1(py, "write", (PyBytes::new(py, bytes),)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes an errors file from rejects in the order of their records.
#[pyclass(frozen)]
pub struct Letters(Mutex<Option<RejectWriter<io::BufWriter<PythonOut>>>>);

#[pymethods]
impl Letters {
    #[new]
    fn new(plan: &Plan, out: Py<PyAny>) -> PyResult<Letters> {
        let writer = RejectWriter::new(&plan.0, io::BufWriter::with_capacity(1 << 20, PythonOut(out)));
        writer.map(|writer| Letters(Mutex::new(Some(writer)))).map_err(raised)
    }

    fn push(&self, py: Python<'_>, rejects: PyArrowType<RecordBatch>) -> PyResult<()> {
        let pushed = py.detach(|| {
            let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let rejects = rejects_of(&rejects.0)?;
            let mut rejects = rejects.iter();
            rejects.try_for_each(|reject| writer.as_mut().map_or(Ok(()), |writer| writer.push(reject)))
        });
        pushed.map_err(raised)
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let finished = py.detach(|| {
            let writer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            writer.map_or(Ok(()), |writer| writer.finish().map(drop))
        });
        finished.map_err(raised)
    }
}
