//! The binary: the library's own program, and an allocator that ends it with a message when memory runs out.

use std::process::ExitCode;

use rowmill::internal::allocator::AllocatorThatSaysWhy;
use rowmill::internal::command;

#[global_allocator]
static ALLOCATOR: AllocatorThatSaysWhy = AllocatorThatSaysWhy;

fn main() -> ExitCode {
    command::main(std::env::args_os().collect()).into()
}
