//! What this user may not write, as the operating system says.

use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

/// What of the file and its folder may not be written, and why.
pub(crate) fn refused(path: &Path) -> Option<(&Path, io::Error)> {
    let places = [path, folder_of(path)];
    let refusal = |place| Some((place, io::Error::from(access(place, Access::WRITE_OK).err()?)));
    // One that is not there is made in its folder.
    places.into_iter().filter(|place| place.exists()).find_map(refusal)
}

/// Whether a place may not be written.
pub(crate) fn is_refused(place: &Path) -> bool {
    access(place, Access::WRITE_OK).is_err()
}

/// The folder with a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
