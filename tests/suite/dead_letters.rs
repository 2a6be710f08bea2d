//! `errors.csv` as others read it.

/// One line of `errors.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    pub file: String,
    pub line: u64,
    pub line_end: u64,
    pub record: u64,
    pub byte_offset: usize,
    pub byte_length: usize,
    pub column: String,
    pub code: String,
    pub message: String,
    pub value: Vec<u8>,
    pub first_record: Option<u64>,
    pub raw: Vec<u8>,
}

const REJECT_COLUMNS: [&str; 12] = [
    "file",
    "line",
    "line_end",
    "record",
    "byte_offset",
    "byte_length",
    "column",
    "code",
    "message",
    "value",
    "first_record",
    "raw",
];

/// Reads a dead-letter file with the csv crate, which knows nothing of how it was written.
pub fn read_rejects(bytes: &[u8]) -> Result<Vec<Reject>, String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?;
    if header.iter().ne(REJECT_COLUMNS) {
        return Err(format!("its header is {header:?}"));
    }
    let mut rejects = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| error.to_string())?;
        let text = |index: usize| {
            std::str::from_utf8(&record[index])
                .map(str::to_owned)
                .map_err(|_| format!("{record:?}: field {index} is not UTF-8"))
        };
        let number = |index: usize| -> Result<u64, String> {
            text(index)?
                .parse()
                .map_err(|_| format!("{record:?}: {} is no number", REJECT_COLUMNS[index]))
        };
        rejects.push(Reject {
            file: text(0)?,
            line: number(1)?,
            line_end: number(2)?,
            record: number(3)?,
            byte_offset: number(4)? as usize,
            byte_length: number(5)? as usize,
            column: text(6)?,
            code: text(7)?,
            message: text(8)?,
            value: record[9].to_vec(),
            first_record: if record[10].is_empty() { None } else { Some(number(10)?) },
            raw: record[11].to_vec(),
        });
    }
    Ok(rejects)
}

/// The byte that ends the lines of `input`, plain CSV.
pub fn line_end_of(input: &[u8]) -> u8 {
    super::oracle::line_end(input, &super::oracle::Rules::default()).unwrap_or(b'\n')
}
