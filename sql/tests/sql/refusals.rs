//! What is wrong with a statement is said with its place and what may be meant.

use crate::lists::refusal;

#[test]
fn what_is_misspelt_is_named_with_its_place_and_the_nearest_name() {
    for (sql, said) in [
        (
            "select max_amplitud from input",
            "line 1, column 8: there is no column max_amplitud; did you mean max_amplitude?",
        ),
        (
            "select sensor_id,\n  r.max_amplitud\nfrom input r",
            "line 2, column 3: there is no column r.max_amplitud; did you mean max_amplitude?",
        ),
        (
            "select sensor_id from inptu",
            "line 1, column 23: there is no table inptu; did you mean input?; the tables are input, \
             threshold",
        ),
        ("select squrt(1)", "line 1, column 8: there is no function squrt; did you mean sqrt?"),
        (
            "select \"S1\" from input",
            "line 1, column 8: there is no column S1; a text stands in 'single quotes'",
        ),
        ("select sensor_id form input", "line 1, column 23: near \"input\": syntax error"),
        ("", "there is no statement"),
        ("-- nothing", "there is no statement"),
        (
            "select 1; select 2",
            "line 1, column 11: one statement is run, and here begins a second one",
        ),
        ("explain select 1", "line 1, column 1: EXPLAIN is not run: write the SELECT alone"),
        ("select ?", "the statement has a placeholder (?, :name, @name or $name), and no value"),
    ] {
        assert_eq!(refusal(sql), said, "{sql}");
    }
}

#[test]
fn a_function_with_wrong_arguments_says_so() {
    assert!(refusal("select sqrt(1, 2)").contains("wrong number of arguments to function sqrt()"));
    let text = refusal("select sqrt(sensor_id) from input");
    assert_eq!(text, "the statement failed, 2 rows in: sqrt: \"S1\" is text, not a number");
    assert!(
        refusal("select nslc('a.b.c.d', 'net')").contains("network, station, location, channel")
    );
}
