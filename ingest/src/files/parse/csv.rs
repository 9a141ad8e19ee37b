//! Records as comma-separated values: a header names fields of `SeismicRecord` in any order, each
//! line is a row, and lines that begin with `#` are comments.
//!
//! A header may itself begin with `#`, as NumPy writes it. A repeated header, as in concatenated
//! files, is not a row.

use super::csv_fields::CsvFields;
use super::csv_header::{CsvHeader, other_kind};
use super::field::Draft;
use super::item::{Item, Next, ParsedLine};
use super::read_options::ReadOptions;
use super::refusal::Refusal;
use crate::files::lines::{LineRead, Lines};
use crate::{Error, Result, limits};

/// The rows of one file.
pub(crate) struct CsvReader {
    lines: Lines,
    options: ReadOptions,
    header: Option<(CsvHeader, Vec<u8>)>,
    fields: CsvFields,
    /// Lines that begin with `#`.
    pub(crate) comments: u64,
}

impl CsvReader {
    pub(crate) fn new(lines: Lines, options: &ReadOptions) -> Self {
        let (options, fields) = (options.clone(), CsvFields::default());
        CsvReader { lines, options, header: None, fields, comments: 0 }
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn lines_mut(&mut self) -> &mut Lines {
        &mut self.lines
    }

    pub(crate) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Reads the next line before or with the header. `true` when there is none.
    ///
    /// # Errors
    /// As [`CsvReader::next`].
    pub(crate) fn read_header(&mut self) -> Result<bool> {
        let line = match self.lines.read()? {
            LineRead::End | LineRead::Pending => return Ok(true),
            LineRead::TooLong(_) => return Ok(false),
            LineRead::Line(line) => line.to_vec(),
        };
        self.take_before_rows(&line)?;
        Ok(false)
    }

    /// Takes a line that is no row: blank, skipped, a comment, or the header.
    fn take_before_rows(&mut self, line: &[u8]) -> Result<()> {
        if self.lines.number() <= self.options.skip_lines || line.trim_ascii().is_empty() {
            return Ok(());
        }
        match line.strip_prefix(b"#") {
            Some(comment) => self.take_comment(comment),
            None => self.take_header(line)?,
        }
        Ok(())
    }

    /// The next row, or what is wrong with it.
    ///
    /// # Errors
    /// When the file cannot be read, or its header does not say what is needed.
    pub(crate) fn next(&mut self) -> Result<Next> {
        loop {
            let line = match self.lines.read()? {
                LineRead::End => return Ok(Next::End),
                LineRead::Pending => return Ok(Next::Pending),
                LineRead::TooLong(too_long) => {
                    let item = Err(too_long.to_string().into());
                    return Ok(Next::Line(ParsedLine::new(self.lines.number(), true, item)));
                }
                LineRead::Line(line) => line.to_vec(),
            };
            let is_blank = line.trim_ascii().is_empty();
            match &self.header {
                Some((_, header)) if !is_blank && *header != line.trim_ascii() => {
                    if !line.starts_with(b"#") {
                        return Ok(Next::Line(self.row(&line)));
                    }
                    self.comments += 1;
                }
                Some(_) => {}
                None => self.take_before_rows(&line)?,
            }
        }
    }

    fn take_comment(&mut self, comment: &[u8]) {
        let (delimiter, most) = (self.options.delimiter, limits::COLUMNS);
        if self.header.is_none()
            && self.fields.split(comment, delimiter, most).is_ok()
            && let Ok(header) = CsvHeader::of(&self.fields, &self.options)
        {
            self.header = Some((header, comment.trim_ascii().to_vec()));
            return;
        }
        self.comments += 1;
    }

    fn take_header(&mut self, line: &[u8]) -> Result<()> {
        let split = self.fields.split(line, self.options.delimiter, limits::COLUMNS);
        let header = match split {
            Ok(()) => CsvHeader::of(&self.fields, &self.options),
            Err(why) => Err(String::from(why).into()),
        };
        let header = header.map_err(|refusal| other_kind(line).unwrap_or(refusal));
        match header {
            Ok(header) => self.header = Some((header, line.trim_ascii().to_vec())),
            Err(Refusal { what, hint }) => {
                let (at, line) = (self.lines.at().to_owned(), self.lines.number());
                return Err(Error::Header { at, line, what, hint });
            }
        }
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> ParsedLine {
        let is_whole = line.ends_with(b"\n");
        let mut parsed = ParsedLine::new(self.lines.number(), is_whole, Err("".into()));
        let split = self.fields.split(line, self.options.delimiter, limits::COLUMNS);
        let draft = split.map_err(|why| String::from(why).into()).and_then(|()| self.draft());
        let (header, _) = self.header.as_ref().expect("rows come after the header");
        match draft.and_then(|draft| draft.finish(header.has_amplitudes)) {
            Ok((record, defaulted)) => {
                parsed.item = Ok(Item::Record(record));
                parsed.defaulted = defaulted;
            }
            Err(refusal) => parsed.item = Err(refusal),
        }
        parsed
    }

    fn draft(&self) -> Result<Draft, Refusal> {
        let (header, _) = self.header.as_ref().expect("rows come after the header");
        let (fields, columns) = (self.fields.len(), header.columns.len());
        let is_trailing = fields == columns + 1
            && self.fields.iter().last().is_some_and(|field| field.trim_ascii().is_empty());
        if fields != columns && !is_trailing {
            return Err(format!("it has {fields} fields; the header names {columns}").into());
        }
        let mut draft = Draft::default();
        let format = self.options.format();
        for (column, bytes) in header.columns.iter().zip(self.fields.iter()) {
            let Some(field) = *column else {
                continue;
            };
            let text = std::str::from_utf8(bytes)
                .map_err(|_| Refusal::from("not UTF-8").of_field(field.name()))?;
            draft.set(field, text, &format)?;
        }
        self.options.apply_set(&mut draft)?;
        Ok(draft)
    }
}
