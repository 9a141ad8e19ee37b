//! The commit that starts a job before it has members: all partitions in one transaction.

use super::*;

impl KafkaCommitter {
    /// For the one commit that begins a job, or restarts it in more partitions.
    pub(crate) fn beginning(
        (context, offsets): (Arc<JobContext>, Arc<GroupOffsets>),
        is_widening: bool,
    ) -> KafkaCommitter {
        // No slot has that name: theirs end with a number.
        let (group, slot) = (context.job.group.clone(), "begin".to_owned());
        let member = Member { group, slot, is_named: false, slots: 1, takes_all: false };
        let committer = KafkaCommitter::new((context, offsets), &member);
        let membership = committer.offsets.without_member();
        let beginning = Some(JobStart { membership, has_tried: false, is_widening });
        KafkaCommitter { beginning, ..committer }
    }

    /// Begins the job. Each try looks first what became of the last one.
    pub(super) fn begin(&mut self, commit: &Commit) -> std::result::Result<(), CommitError> {
        let partitions: Vec<_> = commit.partitions.iter().map(|new| new.partition).collect();
        self.load(&FencingToken::Sole, &partitions).map_err(not_made)?;
        let begun = self.beginning.as_mut().expect("it begins a job");
        let (membership, is_widening) = (begun.membership.clone(), begun.is_widening);
        let has_tried = std::mem::replace(&mut begun.has_tried, true);
        let number =
            |new: &PartitionCommit| self.states.get(&new.partition).map(|it| it.last_commit.number);
        if has_tried && commit.partitions.iter().all(|new| number(new) == Some(new.number)) {
            return Ok(());
        }
        if is_widening {
            let partitions = self.context.job.partitions();
            validate::all_partitions(&self.cluster().at, commit, partitions).map_err(not_made)?;
        }
        self.commit_as(&membership, commit).map_err(|error| match error {
            CommitError::Rebuild(error @ (Error::Backend(_) | Error::Failpoint { .. })) => {
                CommitError::Retry(error)
            }
            CommitError::Rebuild(error) => CommitError::Fatal(error),
            error => error,
        })
    }
}
