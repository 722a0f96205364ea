//! rmq
fn main() {}
