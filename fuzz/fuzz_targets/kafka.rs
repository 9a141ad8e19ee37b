#![no_main]

use seismic_kafka::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::answer(bytes);
    fuzz::batches(bytes);
});
