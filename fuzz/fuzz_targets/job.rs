#![no_main]

#[path = "../../tests/job/job_file/body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::job(bytes));
