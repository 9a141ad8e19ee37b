//! Images that a crash between two moments may leave.
//!
//! SQLite appends a transaction to the WAL and syncs it; that acknowledges it. The main file
//! changes only when the WAL is moved into it: all of the WAL is synced before, the file after, and
//! only then the WAL starts over, with a new header that is synced before the frames after it.
//! Between two syncs the disk may keep any sectors of what was written, and nothing else changes.

use std::ops::Range;

use crate::files::Files;
use crate::random::Random;
use crate::script::{Act, Moment};

/// What must be found in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Before,
    After,
    Either,
}

#[derive(Debug)]
pub struct Image {
    pub what: String,
    pub files: Files,
    pub expect: Expect,
}

/// What a disk writes at once.
const SECTOR: usize = 512;

/// The WAL's own header, see <https://sqlite.org/fileformat2.html#walformat>.
const WAL_HEADER: usize = 32;

/// Images of a crash after `a`, on the way to `b` or just there.
pub fn images<O>(a: &Moment<O>, b: &Moment<O>, random: &mut Random) -> Vec<Image> {
    let mut images = match b.act {
        Act::Checkpoint | Act::Close => {
            assert_eq!(a.content, b.content, "moving the WAL changes nothing");
            moving(a, b, &a.files.wal, random)
        }
        Act::Op(_) | Act::Open => {
            let mut images = appending(a, b, random);
            if a.files.main.is_some() && a.files.main != b.files.main {
                // The commit that made the WAL too long has moved it, after its sync.
                images.extend(moving(a, b, &b.files.wal, random));
            }
            images
        }
    };
    let Files { main, wal, .. } = b.files.clone();
    images.push(image("all of it", main, wal, Expect::After));
    for image in &mut images {
        image.files.shm = shm([&a.files.shm, &b.files.shm], random);
    }
    images
}

/// While `wal` is moved into the file.
fn moving<O>(
    a: &Moment<O>,
    b: &Moment<O>,
    wal: &Option<Vec<u8>>,
    random: &mut Random,
) -> Vec<Image> {
    let mains = torn(bytes(&a.files.main), bytes(&b.files.main), random);
    let torn = mains
        .into_iter()
        .map(|(what, main)| image(&format!("file {what}"), Some(main), wal.clone(), Expect::After));
    let whole = image("file", b.files.main.clone(), wal.clone(), Expect::After);
    torn.chain([whole]).collect()
}

/// While a transaction is appended to the WAL.
fn appending<O>(a: &Moment<O>, b: &Moment<O>, random: &mut Random) -> Vec<Image> {
    // A new file has its first page before its WAL begins.
    let main = || a.files.main.clone().or_else(|| b.files.main.clone());
    let (mut from, to) = (bytes(&a.files.wal).to_vec(), bytes(&b.files.wal));
    let mut images = Vec::new();
    if to.get(..WAL_HEADER) != from.get(..WAL_HEADER) && !to.is_empty() {
        for cut in [1, 24, WAL_HEADER] {
            let mut wal = from.clone();
            wal.resize(from.len().max(cut), 0);
            wal[..cut].copy_from_slice(&to[..cut]);
            let what = format!("{cut} bytes of the WAL's header");
            images.push(image(&what, main(), Some(wal), Expect::Before));
        }
        from.resize(from.len().max(WAL_HEADER), 0);
        from[..WAL_HEADER].copy_from_slice(&to[..WAL_HEADER]);
    }
    for (what, wal) in torn(&from, to, random) {
        images.push(image(&format!("WAL {what}"), main(), Some(wal), Expect::Either));
    }
    if let Some(half) = &b.half {
        let (main, wal) = (half.main.clone(), half.wal.clone());
        images.push(image("in the transaction", main, wal, Expect::Before));
    }
    images
}

fn image(what: &str, main: Option<Vec<u8>>, wal: Option<Vec<u8>>, expect: Expect) -> Image {
    Image { what: what.to_owned(), files: Files { main, wal, shm: None }, expect }
}

fn bytes(file: &Option<Vec<u8>>) -> &[u8] {
    file.as_deref().unwrap_or_default()
}

/// The WAL's index is never synced and not needed: it is gone, old, or anything.
fn shm(kept: [&Option<Vec<u8>>; 2], random: &mut Random) -> Option<Vec<u8>> {
    match random.below(6) {
        0 => {
            let mut garbage = vec![0; 32 << 10];
            random.fill(&mut garbage);
            Some(garbage)
        }
        1 | 2 => random.one_of(&kept).clone(),
        _ => None,
    }
}

/// What may become of `old` on its way to `new`, with nothing synced in between.
fn torn(old: &[u8], new: &[u8], random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let end = match old.len() >= new.len() {
        true => new.len() - new.iter().zip(old).rev().take_while(|(a, b)| a == b).count(),
        false => new.len(),
    };
    if same >= end {
        return Vec::new();
    }
    let mut all = Vec::new();
    let cut = same + random.below(end - same);
    let length = old.len().max(cut);
    let prefix = || {
        let mut image = old.to_vec();
        image.resize(length, 0);
        image[..cut].copy_from_slice(&new[..cut]);
        image
    };
    all.push((format!("up to {cut} of {same}..{end}"), prefix()));
    let mut zeros = prefix();
    zeros.resize(length.max(end), 0);
    all.push((format!("up to {cut} of {same}..{end}, then its length"), zeros));
    let mut garbage = prefix();
    garbage.resize(length.max(end), 0);
    for part in sectors(cut..end) {
        if old.get(part.clone()) != Some(&new[part.clone()]) {
            random.fill(&mut garbage[part]);
        }
    }
    all.push((format!("up to {cut} of {same}..{end}, then garbage"), garbage));
    let kept = 1 + random.below(7);
    let mut image = old.to_vec();
    image.resize(old.len().max(end), 0);
    for sector in sectors(same..end) {
        if random.below(8) < kept {
            image[sector.clone()].copy_from_slice(&new[sector]);
        }
    }
    all.push((format!("{kept} of 8 sectors of {same}..{end}"), image));
    all
}

/// The sectors of a range, the first and last perhaps in part. Pages are whole sectors.
fn sectors(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let first = range.start / SECTOR;
    let all = (first..).map(|i| i * SECTOR..(i + 1) * SECTOR);
    all.map(move |it| it.start.max(range.start)..it.end.min(range.end))
        .take_while(|it| it.start < it.end)
}
