//! Functions against values that are published, or known exactly.

use crate::lists::{Val, value};

fn real(sql: &str) -> f64 {
    match value(&format!("select {sql}")) {
        Val::Real(value) => value,
        other => panic!("{sql} is {other:?}"),
    }
}

fn is_near(sql: &str, expected: f64, within: f64) {
    let found = real(sql);
    assert!((found - expected).abs() <= within, "{sql} is {found}, not {expected}");
}

#[test]
fn math_is_that_of_iso_c_to_the_last_digit() {
    for (sql, expected) in [
        ("sqrt(2)", std::f64::consts::SQRT_2),
        ("exp(1)", std::f64::consts::E),
        ("ln(10)", std::f64::consts::LN_10),
        ("log10(1000)", 3.0),
        ("log10(2)", std::f64::consts::LOG10_2),
        ("pow(2, 0.5)", std::f64::consts::SQRT_2),
        ("pow(10, -3)", 0.001),
        ("sin(0)", 0.0),
        ("cos(0)", 1.0),
        ("atan2(1, 1)", std::f64::consts::FRAC_PI_4),
        ("atan2(0, -1)", std::f64::consts::PI),
        ("atan2(-1, 0)", -std::f64::consts::FRAC_PI_2),
        ("f32(0.1)", 0.100_000_001_490_116_12),
    ] {
        is_near(sql, expected, expected.abs() * f64::EPSILON);
    }
    is_near("sin(0.5235987755982988)", 0.5, 1e-16);
    is_near("cos(1.0471975511965976)", 0.5, 3e-16);
}

#[test]
fn what_has_no_value_is_null() {
    for sql in [
        "sqrt(-1)",
        "ln(0)",
        "ln(-1)",
        "log10(0)",
        "pow(-8, 0.5)",
        "sqrt(null)",
        "pow(2, null)",
        "haversine_km(1, 2, 3, null)",
        "mmi(-1)",
        "mmi(null)",
        "jma_intensity(0)",
        "nslc('S001', 'station')",
        "nslc(null, 'station')",
        "utc(null)",
        "utc(9223372036854775807)",
    ] {
        assert_eq!(value(&format!("select {sql}")), Val::Null, "{sql}");
    }
}

/// Nashville (BNA) to Los Angeles (LAX): 2887.26 km on a sphere of 6372.8 km, the example of
/// Rosetta Code; here the radius is 6371.0088 km. A quarter of the equator, and no distance at all.
#[test]
fn distances_are_those_that_are_published() {
    let published = 2_887.259_950_607_11 * 6371.0088 / 6372.8;
    is_near("haversine_km(36.12, -86.67, 33.94, -118.40)", published, 1e-6);
    is_near("haversine_km(0, 0, 0, 90)", 6371.0088 * std::f64::consts::FRAC_PI_2, 1e-9);
    is_near("haversine_km(0, 0, 0, 180)", 6371.0088 * std::f64::consts::PI, 1e-9);
    is_near("haversine_km(12.5, 99.25, 12.5, 99.25)", 0.0, 0.0);
}

/// Worden et al. 2012, table 1 and ShakeMap's scale: the two lines meet at 10^1.57 = 37.2 gal.
#[test]
fn mercalli_intensities_are_those_of_worden_2012() {
    is_near("mmi(1)", 1.78, 1e-12);
    is_near("mmi(10)", 3.33, 1e-12);
    is_near("mmi(100)", 5.80, 1e-12);
    is_near("mmi(981)", -1.60 + 3.70 * 981f64.log10(), 1e-12);
    is_near("mmi(0)", 1.0, 0.0);
    is_near("mmi(1e6)", 10.0, 0.0);
    let step = real("mmi(37.2)") - real("mmi(37.1)");
    assert!(step.abs() < 0.01, "{step}");
}

/// 1 gal is 0.94, cut to 0.9; 100 gal is 4.94, scale 5-; the classes begin where the notification
/// says.
#[test]
fn japanese_intensities_are_those_of_the_notification() {
    for (gal, intensity) in [(1.0, 0.9), (10.0, 2.9), (100.0, 4.9), (200.0, 5.5), (818.0, 6.7)] {
        is_near(&format!("jma_intensity({gal:?})"), intensity, 1e-9);
    }
    for (intensity, class) in [
        (-1.0, "0"),
        (0.4, "0"),
        (0.5, "1"),
        (1.5, "2"),
        (2.5, "3"),
        (3.5, "4"),
        (4.4, "4"),
        (4.5, "5-"),
        (5.0, "5+"),
        (5.5, "6-"),
        (6.0, "6+"),
        (6.4, "6+"),
        (6.5, "7"),
    ] {
        assert_eq!(value(&format!("select jma_scale({intensity:?})")), class.into(), "{intensity}");
    }
}

#[test]
fn the_parts_of_a_channel_are_told_apart_in_both_spellings() {
    for (id, parts) in [
        ("IU.ANMO.00.BHZ", ["IU", "ANMO", "00", "BHZ"]),
        ("MX.TLIG..HNZ", ["MX", "TLIG", "", "HNZ"]),
        ("FDSN:IU_ANMO_00_B_H_Z", ["IU", "ANMO", "00", "BHZ"]),
        ("FDSN:XX_S__L_DH2_Z", ["XX", "S", "", "L_DH2_Z"]),
    ] {
        for (name, expected) in ["network", "station", "location", "channel"].iter().zip(parts) {
            let sql = format!("select nslc('{id}', '{name}')");
            assert_eq!(value(&sql), expected.into(), "{sql}");
        }
    }
}

#[test]
fn moments_are_shown_in_utc() {
    for (ms, shown) in [
        (0_i64, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_592_926_145_678, "2020-06-23T15:29:05.678Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(value(&format!("select utc({ms})")), shown.into());
    }
}
