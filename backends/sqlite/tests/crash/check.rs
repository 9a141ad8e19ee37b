//! Every image of a script recovers to the expected state and continues from there.

use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::image::{Expect, Image, images};
use crate::line::Line;
use crate::random::Random;
use crate::script::{Act, Moment, Op, Subject, play};

/// Plays `ops` and recovers every image of it.
pub fn every_image_recovers<S: Subject>(ops: Vec<Op<S>>, random: &mut Random) {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let moments = play::<S>(&folder.path().join("live.db"), ops, random);
    let mut count = 0;
    for pair in moments.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        for image in images(a, b, random) {
            let folder = in_memory();
            let path = folder.path().join("image.db");
            recovers::<S>(&path, a, b, &image);
            count += 1;
        }
    }
    let mut line =
        Line::new(11, "images that a power cut can leave of queue or store: torn, lost, garbage");
    line.tries = count;
    line.print();
    println!("{} acknowledgements, {count} images, {:?}", moments.len(), begun.elapsed());
}

/// A folder in memory where there is one: an image needs no disk.
pub fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn recovers<S: Subject>(path: &Path, a: &Moment<Op<S>>, b: &Moment<Op<S>>, image: &Image) {
    let Image { what, files, expect } = image;
    let context = || format!("{:?}: {what}", b.act);
    files.write(path);
    let mut subject = S::open(path);
    let found = S::look(path);
    match expect {
        Expect::Before => assert_eq!(found, a.content, "{}", context()),
        Expect::After => assert_eq!(found, b.content, "{}", context()),
        Expect::Either if found == a.content => {}
        Expect::Either => assert_eq!(found, b.content, "{}", context()),
    }
    let db = Connection::open(path).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{}", context());
    drop(db);
    // A caller without an answer retries.
    if let Act::Op(op) = &b.act {
        subject.apply(op);
        assert_eq!(S::look(path), b.content, "again, {}", context());
    }
    let before = S::look(path);
    subject.apply(&S::fresh(path));
    drop(subject);
    let after = S::look(path);
    assert!(after.len() > before.len(), "something new, {}", context());
}
