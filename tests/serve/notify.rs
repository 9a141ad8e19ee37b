//! Notifications of a server to the service manager.

use rustix::process::Signal;

use super::ServeStage;
use crate::manager::Manager;
use crate::stage::wait_until;

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

#[test]
fn a_unit_that_is_restarted_leaves_its_workers_and_the_next_server_adopts_them() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    stage.write_job("coast.toml", "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n");
    let manager = Manager::listen(&stage.stage);
    // As the unit that is shipped: KillMode=process signals the server alone.
    let serve = ["serve", "--jobs", "jobs", "--http", "127.0.0.1:0", "--leave-running"];
    let start = || {
        let mut command = stage.stage.command(&serve);
        manager.watch(&mut command);
        stage.stage.start(command)
    };
    let server = start();
    manager.until("STATUS=serving 1 jobs, 1 running");
    let worker = stage.worker();
    server.signal(Signal::TERM);
    manager.until("STOPPING=1");
    server.wait().ok();
    assert_eq!(stage.left_workers(), [worker]);
    let read = || {
        let done = stage.stage.run(&["status", "--json", "--job", "jobs/coast.toml"]);
        let status = serde_json::from_str::<serde_json::Value>(&done.stdout);
        status.ok().and_then(|status| status["read"].as_u64())
    };
    stage.stage.generate(&["--records", "500"]);
    wait_until("it works on without a server", || read() == Some(1_000));
    let server = start();
    manager.until("READY=1");
    wait_until("its worker is adopted", || server.stderr().contains("adopted its worker"));
    manager.until("STATUS=serving 1 jobs, 1 running");
    assert_eq!((stage.worker(), stage.life("coast")["restarts_total"].as_u64()), (worker, Some(0)));
    stage.stage.generate(&["--records", "500"]);
    wait_until("it works on with it", || read() == Some(1_500));
    stage.write_job(
        "coast.toml",
        "name = 'coast'\ndrain = true\nsink = ['csv:rows']\nidle_timeout = '0'\n",
    );
    stage.wait_for_state("coast", "finished");
    server.signal(Signal::TERM);
    server.wait().ok();
    assert_eq!(stage.left_workers(), Vec::<u32>::new());
}
