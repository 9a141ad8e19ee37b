#![no_main]

#[path = "../../sinks/tests/sinks/hostile.rs"]
#[allow(dead_code)]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bodies::mark(bytes);
    bodies::mark(&bodies::sealed(bytes));
});
