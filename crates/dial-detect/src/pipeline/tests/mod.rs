//! What is left out for speed changes nothing.

mod differential;
mod mutation;
