pub mod calls;
pub mod image;
pub mod scene;

mod failing;
mod power_cut;
mod small;

// Used by this binary in part.
#[allow(dead_code)]
#[path = "../suite/data.rs"]
pub mod data;
#[allow(dead_code)]
#[path = "../suite/database.rs"]
pub mod database;
