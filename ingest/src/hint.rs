//! Hints about read options that might help, as data; a user interface names its own options.

/// What might help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// Times have another unit: `s`, `ms`, `us` or `ns`.
    TimeUnit(&'static str),
    /// Times without an offset are UTC.
    Utc,
    /// Columns are parted by this byte.
    Delimiter(u8),
    /// Decimals have a comma.
    DecimalComma,
    /// A field, by its name, has another name in the file, or none.
    Column(&'static str),
    /// Other columns can be ignored.
    IgnoreOtherColumns,
    /// A line with the names of the columns is to be put before the others.
    HeaderLine,
    /// The file is of another format, of that name.
    OtherFormat(&'static str),
    /// Lines before the header can be skipped.
    SkipLines,
    /// What may be in already can be imported all the same.
    Again,
    /// Files can be followed all the same, if lines may come again after a restart.
    FollowAgain,
}
