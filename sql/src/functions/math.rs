//! Roots, powers, logarithms and trigonometry, as ISO C names them, and rounding to single
//! precision.

use rusqlite::types::ValueRef;

use super::function::{Answer, Function, number, real};

pub const FUNCTIONS: [Function; 9] = [
    Function { name: "sqrt", arguments: 1, call: |it| of(it, libm::sqrt) },
    Function { name: "exp", arguments: 1, call: |it| of(it, libm::exp) },
    // SQL has neither an infinity to write nor a use for one here: the logarithm of 0 is NULL.
    Function { name: "ln", arguments: 1, call: |it| of(it, |x| positive(x, libm::log)) },
    Function { name: "log10", arguments: 1, call: |it| of(it, |x| positive(x, libm::log10)) },
    // Radians.
    Function { name: "sin", arguments: 1, call: |it| of(it, libm::sin) },
    Function { name: "cos", arguments: 1, call: |it| of(it, libm::cos) },
    Function { name: "pow", arguments: 2, call: |it| of_two(it, libm::pow) },
    // y, then x; radians in (-π, π].
    Function { name: "atan2", arguments: 2, call: |it| of_two(it, libm::atan2) },
    // To compare a column of 32 bits with a literal: max_amplitude > f32(0.1).
    Function { name: "f32", arguments: 1, call: |it| of(it, |x| f64::from(x as f32)) },
];

fn of(arguments: &[ValueRef<'_>], function: fn(f64) -> f64) -> Answer {
    Ok(real(function(number(arguments[0])?)))
}

fn of_two(arguments: &[ValueRef<'_>], function: fn(f64, f64) -> f64) -> Answer {
    Ok(real(function(number(arguments[0])?, number(arguments[1])?)))
}

fn positive(x: f64, function: fn(f64) -> f64) -> f64 {
    if x > 0.0 { function(x) } else { f64::NAN }
}
