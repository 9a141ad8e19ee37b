//! Notifications of a server to the service manager.

use rustix::process::Signal;

use super::ServeStage;
use crate::manager::Manager;

#[test]
fn a_service_manager_is_told_that_a_server_serves_reloads_lives_and_ends() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    stage.write_job("coast.toml", "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n");
    let manager = Manager::listen(&stage.stage);
    let mut command = stage.stage.command(&["serve", "--jobs", "jobs", "--http", "127.0.0.1:0"]);
    manager.watch(&mut command);
    let server = stage.stage.start(command);
    manager.until("READY=1");
    manager.until("STATUS=serving 1 jobs, 1 running");
    manager.until("WATCHDOG=1");
    server.signal(Signal::HUP);
    manager.until("RELOADING=1");
    assert!(manager.until("READY=1").contains("STATUS=serving 1 jobs"));
    // Its worker tells it nothing, and hears of no watchdog.
    let environment = std::fs::read(format!("/proc/{}/environ", stage.worker())).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("NOTIFY_SOCKET") && !environment.contains("WATCHDOG_USEC"));
    manager.until("WATCHDOG=1");
    server.signal(Signal::TERM);
    manager.until("STOPPING=1");
    server.wait().ok();
}
