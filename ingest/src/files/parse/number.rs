//! Exact parsing of numbers: only floats are rounded, once, and text that is not a number is never
//! accepted as one.

use std::str::FromStr;

/// A float of decimal text, rounded once; also `NaN`, `Infinity` and `-Infinity`.
///
/// # Errors
/// What is wrong with the text; also a number that only infinity is near to.
pub(crate) fn float<F: FromStr + Copy + Into<f64>>(text: &str) -> Result<F, String> {
    let value: F = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if value.into().is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err(format!("{text} is too large"));
    }
    Ok(value)
}

/// A whole number; `1.0` and `1e2` are whole too.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn whole<I: FromStr + TryFrom<i128>>(text: &str) -> Result<I, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let bits = 8 * size_of::<I>();
    let number = Decimal::parse(text).and_then(|number| number.shifted(0));
    let whole =
        number.filter(|(_, is_exact)| *is_exact).and_then(|(whole, _)| whole.try_into().ok());
    whole.ok_or_else(|| format!("{text:?} is not a whole number of {bits} bits"))
}

/// A decimal number as it was written: `mantissa` · 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i32,
    /// Digits that were written, without zeros in front.
    pub(crate) digits: u32,
    pub(crate) is_scientific: bool,
}

impl Decimal {
    /// `None` for what is no finite decimal number of at most 36 digits.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, Some(exponent.parse::<i32>().ok()?)),
            None => (text, None),
        };
        let (is_negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (mut mantissa, mut digits) = (0i128, 0);
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = char::from(byte).to_digit(10)?;
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit))?;
            digits += u32::from(digits > 0 || digit > 0);
        }
        if digits > 36 {
            return None;
        }
        let fraction = i32::try_from(fraction.len()).ok()?;
        Some(Decimal {
            mantissa: if is_negative { -mantissa } else { mantissa },
            exponent: exponent.unwrap_or(0).checked_sub(fraction)?,
            digits,
            is_scientific: exponent.is_some(),
        })
    }

    /// The number times 10^`shift`, floored, and whether that is exact.
    pub(crate) fn shifted(self, shift: i32) -> Option<(i128, bool)> {
        let exponent = self.exponent.checked_add(shift)?;
        if self.mantissa == 0 {
            return Some((0, true));
        }
        let power = 10i128.checked_pow(exponent.unsigned_abs());
        if exponent >= 0 {
            return Some((self.mantissa.checked_mul(power?)?, true));
        }
        let Some(power) = power else {
            return Some((if self.mantissa < 0 { -1 } else { 0 }, false));
        };
        Some((self.mantissa.div_euclid(power), self.mantissa.rem_euclid(power) == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_numbers_and_the_three_words_are_floats() {
        assert!(float::<f32>("NaN").unwrap().is_nan());
        assert_eq!(float::<f64>("-Infinity"), Ok(f64::NEG_INFINITY));
        assert!(float::<f64>("-0").unwrap().is_sign_negative());
        for wrong in ["1e39", "null", "", "1,5", "\"1.5\""] {
            assert!(float::<f32>(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn whole_floats_are_whole_numbers_and_others_are_none() {
        for (text, number) in [("1", 1), ("1.0", 1), ("-2.000", -2), ("1e2", 100), ("+3", 3)] {
            assert_eq!(whole::<i32>(text), Ok(number), "{text}");
        }
        for wrong in ["", ".", "1.5", "1e-1", "3000000000", "1 2", "0x1", "e3", "1e999999999999"] {
            assert!(whole::<i32>(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(whole::<i64>("9007199254740993.0"), Ok(9_007_199_254_740_993));
    }

    proptest! {
        #[test]
        fn every_integer_is_read_as_it_was_written(n: i64, zeros in 0usize..4) {
            prop_assert_eq!(whole::<i64>(&n.to_string()), Ok(n));
            prop_assert_eq!(whole::<i64>(&format!("{n}.{}", "0".repeat(zeros))), Ok(n));
        }

        #[test]
        fn any_text_is_a_decimal_or_not(text in "[-+0-9.eE]{0,45}", shift in -40i32..40) {
            let _ = Decimal::parse(&text).map(|number| number.shifted(shift));
        }
    }
}
