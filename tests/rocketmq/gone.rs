//! Fault 19: the broker has deleted messages that the job still needs, or the topic was replaced by
//! another one of the same name. The run refuses with the exact reason and adds nothing.

use rustix::process::Signal;
use seismic::backends::Url;
use seismic_brokers::{Flush, RocketMq};
use seismic_queue::Span;

use super::trial;
use crate::faults::trial::Trial;
use crate::stage::wait_until;

/// The broker keeps its log in files of 1 MiB, and looks every 2 s which it may delete.
const SMALL_FILES: &str = "mappedFileSizeCommitLog=1048576\ncleanResourceInterval=2000\n";

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_loss_that_is_accepted_is_a_gap_and_all_the_rest_is_proved() {
    let Some(rocketmq) = RocketMq::with(Flush::Async, SMALL_FILES) else { return };
    let what = "log deleted beyond the position: refused, and the loss accepted";
    // The rows are elsewhere: the broker deletes topics alike.
    let mut trial = trial(&rocketmq, 19, what).option("--sink", "csv:csv");
    let load = trial.load_with("--rate 4000 --sensors 50");
    trial.start().stop(Signal::TERM).ok();
    for _ in 0..Trial::rounds(2) {
        let before = trial.rows();
        let position: Vec<Span> = spans(&rocketmq, &trial);
        keep_files_hours(&rocketmq, "0");
        wait_until("the broker let go of what was not read", || {
            rocketmq.admin(&["deleteExpiredCommitLog", "-c", "DefaultCluster"]);
            let is_gone = |(now, then): (&Span, &Span)| now.first > then.end;
            spans(&rocketmq, &trial).iter().zip(&position).all(is_gone)
        });
        // It deletes for a while once it is told to.
        keep_files_hours(&rocketmq, "72");
        let stderr = trial.stage.refused(&trial.job(&[]), 1);
        assert!(stderr.contains(" gone") && stderr.contains("--accept-loss"), "{stderr}");
        assert!(stderr.contains(&trial.stage.data), "it names the topic: {stderr}");
        assert_eq!(trial.rows(), before);
        let accept = |trial: &mut Trial| trial.spawn(&["--accept-loss"]);
        trial.flows_again(accept).stop(Signal::TERM).ok();
        trial.line.tries += 1;
    }
    load.stop(Signal::TERM).ok();
    trial.log_is_cut();
    trial.prove_records(None);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_topic_that_was_deleted_and_made_again_is_refused() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let mut trial = trial(&rocketmq, 19, "topic deleted and made again under the same name");
    let load = trial.load_with("--rate 5000 --sensors 50");
    trial.start().stop(Signal::TERM).ok();
    load.stop(Signal::TERM).ok();
    trial.stage.ok(&trial.job(&["--until-caught-up"]));
    let before = trial.rows();
    let data = trial.stage.data.clone();
    let deleted = rocketmq.admin(&["deleteTopic", "-c", "DefaultCluster", "-t", &data]);
    assert!(deleted.contains("success"), "{deleted}");
    wait_until("it is deleted", || trial.stage.run(&["retention", &data]).code != Some(0));
    trial.stage.generate(&["--topic", &data, "--records", "200"]);
    let stderr = trial.stage.refused(&trial.job(&[]), 1);
    assert!(stderr.contains("its log ends at"), "{stderr}");
    trial.stage.refused(&["verify"], 3);
    assert_eq!(trial.rows(), before, "nothing was added");
    trial.line.tries += 1;
    trial.stop_reader();
    trial.ask_the_sink();
    trial.finish();
}

fn keep_files_hours(rocketmq: &RocketMq, hours: &str) {
    let broker = rocketmq.brokers[0].address();
    let set = ["updateBrokerConfig", "-b", &broker, "-k", "fileReservedTime", "-v", hours];
    let said = rocketmq.admin(&set);
    assert!(said.contains("success"), "{said}");
}

fn spans(rocketmq: &RocketMq, trial: &Trial) -> Vec<Span> {
    let queue = rocketmq.url().parse::<Url>().unwrap().open().unwrap();
    queue.spans(&queue.topic(&trial.stage.data).unwrap()).unwrap()
}
