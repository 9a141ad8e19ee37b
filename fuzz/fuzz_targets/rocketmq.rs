#![no_main]

use seismic_rocketmq::protocol::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::frame(bytes);
    fuzz::messages(bytes);
    fuzz::route(bytes);
});
