use tracing::Level;

use super::*;

fn shows(words: &str, target: &str, level: Level) -> bool {
    filter(words).unwrap().would_enable(target, &level)
}

#[test]
fn a_level_holds_for_all_and_a_target_for_what_is_below_it() {
    assert!(shows("info", "any", Level::INFO) && !shows("info", "any", Level::DEBUG));
    let words = "warn,seismic_kafka=debug";
    assert!(shows(words, "seismic_kafka::fetch", Level::DEBUG));
    assert!(!shows(words, "seismic_pipeline", Level::INFO));
    assert!(shows("seismic_kafka", "seismic_kafka::fetch", Level::TRACE));
    assert!(!shows("off", "any", Level::ERROR));
    assert!(shows("WARN", "any", Level::WARN));
}

#[test]
fn what_is_no_filter_is_refused_with_one_that_is() {
    for words in ["warning", "info,verbose", "seismic=loud", "seismic=info=debug", "x[span]=info=x"]
    {
        let why = filter(words).unwrap_err();
        assert!(why.contains(words) && why.contains("warn,seismic_kafka=debug"), "{why}");
    }
}
