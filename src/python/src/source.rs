//! Where the bytes of an input are had: a file of this machine, or one that Python has opened wherever it is.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rowmill::range::RangeSource;

use crate::failure::Failure;

/// What `pyarrow.fs` opens for reading anywhere.
struct PythonFile(Py<PyAny>);

impl RangeSource for PythonFile {
    fn length_bytes(&self) -> io::Result<u64> {
        Python::attach(|py| Ok(self.0.call_method0(py, "size")?.extract(py)?))
    }

    fn read_at(&self, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let read = self.0.bind(py).call_method1("read_at", (buffer.len(), offset_bytes))?;
            let read = read.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
            let bytes = read.len().min(buffer.len());
            buffer[..bytes].copy_from_slice(&read[..bytes]);
            Ok(bytes)
        })
    }
}

/// The bytes of a path, or of a file that Python has opened.
pub fn source_of(source: &Bound<'_, PyAny>) -> PyResult<Arc<dyn RangeSource>> {
    if let Ok(path) = source.extract::<PathBuf>() {
        let file = File::open(&path).map_err(|error| PyErr::from(Failure::missing(&path, &error)))?;
        return Ok(Arc::new(file));
    }
    Ok(Arc::new(PythonFile(source.clone().unbind())))
}
