use crate::error::Error;
use crate::write::database::Database;
use rusqlite::Connection;
#[derive(Debug)]
pub struct DirectWriter;
impl DirectWriter {
    pub fn open(_d: &Database, _t: &str) -> Result<Self, Error> {
        Err(Error::internal("x"))
    }
    pub fn append(&mut self, _r: i64, _rec: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    pub fn commit(&mut self, _a: &mut dyn FnMut(&Connection) -> Result<(), Error>) -> Result<(), Error> {
        Ok(())
    }
    pub fn close(self) -> Result<(), Error> {
        Ok(())
    }
}
pub fn obstacle(_c: &Connection, _t: &str) -> Option<String> {
    Some("no".into())
}
