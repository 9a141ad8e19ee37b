//! The identity of a store: its id and epoch, its job, and the topics of its outputs.

use rusqlite::{Connection, OptionalExtension, params};

use super::job_shape;
use crate::error::Sql;
use crate::schema;
use crate::topics::{self, Places};
use seismic_queue::message::new_id;
use seismic_queue::{Error, Job, OutputSpec, Topic};

/// The row of table `home`, with the topics it names.
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) epoch: u64,
    pub(super) job: Job,
    /// Of the topics of its outputs.
    pub(super) outputs: Vec<Places>,
}

/// Whether a job was ever run here.
pub(super) fn exists(db: &Connection) -> Sql<bool> {
    Ok(db.query_row("SELECT count(*) FROM home", [], |row| row.get::<_, u32>(0))? > 0)
}

/// Writes down the job, and makes its topics.
pub(super) fn create(db: &Connection, job: &Job) -> Sql<()> {
    let Topic { name, id, partitions } = job.input();
    let mut topics = job.topics();
    let (first, second) = (topics.next(), topics.next());
    db.execute(
        "INSERT INTO home VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ifnull(?7, ''))",
        params![new_id(), job.group, name, id, partitions, first, second],
    )?;
    for output in &job.outputs {
        topics::create(db, &output.topic, job.partitions_of(output))?;
    }
    if !job.is_plain() {
        return job_shape::create(db, job);
    }
    for (level, topic) in topics.enumerate() {
        db.execute("INSERT INTO rollup VALUES (?1, ?2)", params![level, topic])?;
    }
    Ok(())
}

/// Reads it.
///
/// # Errors
/// [`Error::StoreMissing`] when no job was ever run here.
pub(super) fn identity(db: &Connection, at: &str) -> Sql<Identity> {
    let found = db
        .prepare_cached("SELECT * FROM home")?
        .query_row([], |row| {
            let input = Topic { name: row.get(3)?, id: row.get(4)?, partitions: row.get(5)? };
            let topics: [String; 2] = [row.get(6)?, row.get(7)?];
            Ok((row.get(0)?, row.get(1)?, Job::plain(row.get::<_, String>(2)?, input, topics)))
        })
        .optional()?;
    let Some((id, epoch, mut job)) = found else {
        return Err(Error::StoreMissing { at: at.to_owned() }.into());
    };
    if schema::is_shaped(db)? {
        job_shape::complete(db, &mut job)?;
    } else {
        let mut select = db.prepare_cached("SELECT topic FROM rollup ORDER BY level")?;
        let further = select.query_map([], |row| row.get(0))?;
        let further = further.collect::<rusqlite::Result<Vec<String>>>()?;
        let topics = job.topics().cloned().chain(further).collect::<Vec<_>>();
        job = Job::plain(job.group, job.inputs.remove(0), topics);
    }
    let places = |output: &OutputSpec| {
        let Some(topic) = topics::find(db, &output.topic)? else {
            let (topic, at) = (output.topic.clone(), at.to_owned());
            return Err(Error::TopicMissing { topic, at }.into());
        };
        let places = topics::places(db, at, &topic)?;
        topics::same_count(at, &topic.name, job.partitions_of(output), &places)?;
        Ok(places)
    };
    let outputs = job.outputs.iter().map(places).collect::<Sql<_>>()?;
    Ok(Identity { id, epoch, job, outputs })
}
