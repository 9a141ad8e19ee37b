//! Checkpoint names and requests. Each statement runs in its caller's transaction.

use rusqlite::{Connection, params};

use super::checkpoints;
use super::name_rows::{partitions, put};
use crate::error::Sql;
use seismic_queue::backend::validate;
use seismic_queue::message::new_id;
use seismic_queue::{CheckpointRequest, Error, Partition, Topic};

/// Asks for a checkpoint of every partition.
pub(crate) fn request(db: &Connection, at: &str, name: &str) -> Sql<()> {
    check_new(db, at, name)?;
    db.prepare_cached("INSERT INTO asked VALUES (?1, ?2)")?.execute(params![name, new_id()])?;
    Ok(())
}

fn check_new(db: &Connection, at: &str, name: &str) -> Sql<()> {
    validate::checkpoint_name(name)?;
    let count = |sql: &str, name: Option<&str>| {
        db.prepare_cached(sql)?.query_row(rusqlite::params_from_iter(name), |row| row.get(0))
    };
    let taken: usize = count("SELECT count(*) FROM name WHERE name = ?1", Some(name))?;
    let asked: usize = count("SELECT count(*) FROM asked WHERE name = ?1", Some(name))?;
    if taken + asked > 0 {
        return Err(Error::NameTaken { at: at.to_owned(), name: name.to_owned() }.into());
    }
    let mut all = db.prepare_cached("SELECT name FROM name UNION SELECT name FROM asked")?;
    let all = all.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(validate::room_for_name(at, name, all.iter().map(String::as_str))?)
}

/// What is asked for, by name.
pub(crate) fn requests(db: &Connection) -> Sql<Vec<CheckpointRequest>> {
    let mut select = db.prepare_cached("SELECT id, name FROM asked ORDER BY name")?;
    let ids = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let ids: Vec<(String, String)> = ids.collect::<rusqlite::Result<_>>()?;
    let mut requests = Vec::with_capacity(ids.len());
    for (id, name) in ids {
        let answered = partitions(db, &name)?;
        requests.push(CheckpointRequest { id, name, answered });
    }
    Ok(requests)
}

/// Takes back what is asked for under that name.
pub(crate) fn withdraw(db: &Connection, name: &str) -> Sql<Option<CheckpointRequest>> {
    let Some(request) = requests(db)?.into_iter().find(|it| it.name == name) else {
        return Ok(None);
    };
    db.prepare_cached("DELETE FROM asked WHERE name = ?1")?.execute([name])?;
    remove(db, name)?;
    Ok(Some(request))
}

/// Names the newest checkpoint of every partition.
pub(crate) fn name_newest(db: &Connection, at: &str, input: &Topic, name: &str) -> Sql<()> {
    check_new(db, at, name)?;
    for partition in input.all() {
        let Some(newest) = checkpoints::checkpoints(db, partition)?.pop() else {
            return Err(Error::NothingToName { at: at.to_owned(), partition }.into());
        };
        put(db, name, partition, newest.manifest.checkpoint)?;
    }
    Ok(())
}

/// Forgets a name, whole or not.
pub(crate) fn delete(db: &Connection, at: &str, name: &str) -> Sql<()> {
    if withdraw(db, name)?.is_some() || remove(db, name)? {
        return Ok(());
    }
    Err(Error::NameMissing { at: at.to_owned(), name: name.to_owned() }.into())
}

/// Names of the checkpoints of a partition after that number.
pub(crate) fn after(db: &Connection, partition: Partition, number: u64) -> Sql<Vec<String>> {
    let mut select =
        db.prepare_cached("SELECT name FROM name WHERE partition = ?1 AND checkpoint > ?2")?;
    let names = select.query_map(params![partition.0, number], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// Takes a name from its checkpoints; false when there are none.
pub(crate) fn remove(db: &Connection, name: &str) -> Sql<bool> {
    let partitions = partitions(db, name)?;
    db.prepare_cached("DELETE FROM name WHERE name = ?1")?.execute([name])?;
    for &partition in &partitions {
        checkpoints::prune(db, partition)?;
    }
    Ok(!partitions.is_empty())
}
