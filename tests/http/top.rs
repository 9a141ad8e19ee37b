//! `seismic top`, when stdout is not a terminal: one snapshot.

use super::ServedJob;
use crate::stage::Stage;

#[test]
fn one_look_over_the_api_and_one_into_the_store_show_the_same_counts() {
    let stage = Stage::with_records(&["--records", "3000"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    crate::stage::wait_until("a second of which numbers are shared", || {
        stage.ok(&["top", "--server", &served.client.address.to_string()]).contains(" 3,000 ")
    });
    let of_store = stage.ok(&["top", "--once"]);
    assert!(of_store.contains("running") && of_store.contains(" 3,000 "), "{of_store}");
    assert!(served.job.kill());
    let of_store = stage.ok(&["top"]);
    assert!(of_store.contains("stopped"), "{of_store}");
    let refused = stage.refused(&["top", "--server", &served.client.address.to_string()], 1);
    assert!(refused.contains("no response from") && refused.contains("--http"), "{refused}");
}
