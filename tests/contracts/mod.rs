//! What two parts say of one thing must be the same.

mod core;
mod errors;
mod policies;
