//! What two parts say of one thing must be the same.

mod errors;
mod policies;
