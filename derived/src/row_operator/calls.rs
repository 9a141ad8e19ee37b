//! The functions that a module calls, as they are for it: numbers in and out, texts by place and length
//! in its memory. Each takes steps, also for the bytes that it moves.

use std::sync::Arc;

use seismic_sql::Cell;
use wasmi::{Caller, Error, Linker, Memory, TrapCode};

use super::host::Host;
use crate::definition::column::ColumnKind;
use crate::definition::row_operator::Param;
use crate::dimension::rows::Value;
use crate::function::host::HOST;
use crate::function::instance::MEMORY;
use crate::limits::HOST_CALL_FUEL;

/// A call of the host.
type Call<'a> = Caller<'a, Host>;

/// A text that is none.
const NULL_TEXT: i32 = -1;

/// All functions of the host.
///
/// # Errors
/// Never: each is there once.
pub fn linker(engine: &wasmi::Engine) -> Result<Linker<Host>, Error> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap(HOST, "int", |mut it: Call<'_>, source: i32, column: i32| {
            charge(&mut it, 0)?;
            let place = it.data().cell(source, column).map_err(Error::new)?;
            match place.value() {
                Cell::Integer(value) => Ok(value),
                _ => Err(Error::new(place.is_no(ColumnKind::Int))),
            }
        })?
        .func_wrap(HOST, "real", |mut it: Call<'_>, source: i32, column: i32| {
            charge(&mut it, 0)?;
            let place = it.data().cell(source, column).map_err(Error::new)?;
            match place.value() {
                Cell::Real(value) => Ok(value),
                _ => Err(Error::new(place.is_no(ColumnKind::Real))),
            }
        })?
        .func_wrap(HOST, "is_null", |mut it: Call<'_>, source: i32, column: i32| {
            charge(&mut it, 0)?;
            let place = it.data().cell(source, column).map_err(Error::new)?;
            Ok::<_, Error>(i32::from(place.value() == Cell::Null))
        })?
        .func_wrap(HOST, "text", text)?
        .func_wrap(HOST, "find", |mut it: Call<'_>, table: i32| {
            charge(&mut it, FIND_BYTES)?;
            it.data_mut().find(table).map_err(Error::new)
        })?
        .func_wrap(HOST, "go_to", |mut it: Call<'_>, table: i32, number: i32| {
            charge(&mut it, 0)?;
            it.data_mut().go_to(table, number).map_err(Error::new)
        })?
        .func_wrap(HOST, "set_int", |mut it: Call<'_>, column: i32, value: i64| {
            charge(&mut it, 0)?;
            it.data_mut().set(column, Value::Integer(value)).map_err(Error::new)
        })?
        .func_wrap(HOST, "set_real", |mut it: Call<'_>, column: i32, value: f64| {
            charge(&mut it, 0)?;
            let value = if value.is_nan() { Value::Null } else { Value::Real(value + 0.0) };
            it.data_mut().set(column, value).map_err(Error::new)
        })?
        .func_wrap(HOST, "set_text", |mut it: Call<'_>, column: i32, place: i32, bytes: i32| {
            let text = read(&mut it, place, bytes)?;
            it.data_mut().set(column, Value::Text(text)).map_err(Error::new)
        })?
        .func_wrap(HOST, "emit", |mut it: Call<'_>| {
            let bytes = it.data_mut().emit().map_err(Error::new)?;
            charge(&mut it, bytes)
        })?
        .func_wrap(HOST, "param_int", |mut it: Call<'_>, place: i32, bytes: i32| {
            match param(&mut it, place, bytes)? {
                (_, Param::Int(value)) => Ok(value),
                (name, other) => Err(Error::new(format!("{name} is {other}, and is read as int"))),
            }
        })?
        .func_wrap(HOST, "param_real", |mut it: Call<'_>, place: i32, bytes: i32| {
            match param(&mut it, place, bytes)? {
                (_, Param::Real(value)) => Ok(value),
                (name, other) => Err(Error::new(format!("{name} is {other}, and is read as real"))),
            }
        })?
        .func_wrap(
            HOST,
            "param_text",
            |mut it: Call<'_>, place: i32, bytes: i32, into: i32, room: i32| match param(
                &mut it, place, bytes,
            )? {
                (_, Param::Text(text)) => write(&mut it, &text, into, room),
                (name, other) => Err(Error::new(format!("{name} is {other}, and is read as text"))),
            },
        )?
        .func_wrap(HOST, "has_param", |mut it: Call<'_>, place: i32, bytes: i32| {
            let name = read(&mut it, place, bytes)?;
            Ok::<_, Error>(i32::from(it.data().has_param(&name)))
        })?
        .func_wrap(HOST, "log", |mut it: Call<'_>, place: i32, bytes: i32| {
            let text = read(&mut it, place, bytes)?;
            it.data_mut().log(&text);
            Ok::<_, Error>(())
        })?
        .func_wrap(HOST, "fail", |mut it: Call<'_>, place: i32, bytes: i32| {
            let text = read(&mut it, place, bytes)?;
            Err::<(), _>(Error::new(text))
        })?;
    Ok(linker)
}

/// What looking something up is charged for, as bytes: it makes a key and reads an index.
const FIND_BYTES: usize = 200;

/// Copies a text to `into`, as much as there is room for, and gives its bytes; -1 for NULL.
fn text(mut it: Call<'_>, source: i32, column: i32, into: i32, room: i32) -> Result<i32, Error> {
    let (rows, (row, place)) = {
        let cell = it.data().cell(source, column).map_err(Error::new)?;
        match cell.value() {
            Cell::Text(_) => (cell.rows(), cell.at()),
            Cell::Null => {
                charge(&mut it, 0)?;
                return Ok(NULL_TEXT);
            }
            _ => return Err(Error::new(cell.is_no(ColumnKind::Text))),
        }
    };
    match rows.rows().cell(row, place) {
        Cell::Text(text) => write(&mut it, text, into, room),
        _ => Ok(NULL_TEXT),
    }
}

/// Takes the steps of a call that moves so many bytes.
fn charge(it: &mut Call<'_>, bytes: usize) -> Result<(), Error> {
    let (left, steps) = (it.get_fuel()?, HOST_CALL_FUEL + bytes as u64 / 8);
    it.set_fuel(left.saturating_sub(steps))?;
    if left < steps { Err(TrapCode::OutOfFuel.into()) } else { Ok(()) }
}

fn memory(it: &Call<'_>) -> Result<Memory, Error> {
    let memory = it.get_export(MEMORY).and_then(wasmi::Extern::into_memory);
    memory.ok_or_else(|| Error::new(format!("it exports no {MEMORY}")))
}

/// Writes a text, as much as there is room for, and gives its bytes.
fn write(it: &mut Call<'_>, text: &str, into: i32, room: i32) -> Result<i32, Error> {
    let length = i32::try_from(text.len()).map_err(|_| Error::new("a text is too long"))?;
    let fitting = text.len().min(room.cast_unsigned() as usize);
    charge(it, fitting)?;
    let (memory, into) = (memory(it)?, into.cast_unsigned() as usize);
    if let (data, Host { undo: Some(undo), .. }) = memory.data_and_store_mut(&mut *it) {
        undo.keep(data, into, fitting);
    }
    memory.write(it, into, &text.as_bytes()[..fitting])?;
    Ok(length)
}

/// Reads a text.
fn read(it: &mut Call<'_>, place: i32, bytes: i32) -> Result<String, Error> {
    let (place, bytes) = (place.cast_unsigned() as usize, bytes.cast_unsigned() as usize);
    charge(it, bytes)?;
    let memory = memory(it)?;
    let text = place.checked_add(bytes).and_then(|end| memory.data(&*it).get(place..end));
    let text = text.ok_or_else(|| Error::new("it gives a text outside of its memory"))?;
    let text = str::from_utf8(text).map_err(|_| Error::new("it gives a text that is not UTF-8"))?;
    Ok(text.to_owned())
}

/// A parameter with its name.
fn param(it: &mut Call<'_>, place: i32, bytes: i32) -> Result<(String, Param), Error> {
    let name = read(it, place, bytes)?;
    let value = it.data().param(&name).map_err(Error::new)?.clone();
    Ok((name, value))
}

/// Functions of the host for modules of an engine, shared by all that call them.
pub fn shared(engine: &wasmi::Engine) -> Result<Arc<Linker<Host>>, String> {
    linker(engine).map(Arc::new).map_err(|error| error.to_string())
}
