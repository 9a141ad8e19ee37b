//! Records that fail: each is a dead letter with words, and nothing happens to the others.

use crate::stage::{RATIO, Stage, columns, line, usage};
use seismic_queue::memory::MemoryStore;

#[test]
fn rows_have_every_declared_column_and_say_what_they_were_made_of() {
    let stage = Stage::of(RATIO);
    stage.send("a", &(line("a", 1.0, 4.0, "2") + &line("a", 3.0, 0.0, "null")));
    stage.send("a", &line("b", 0.3, 1.0, "1"));
    stage.run().unwrap();
    let partition = seismic_queue::partition_of(b"a", crate::stage::PARTITIONS);
    let expected = [
        (
            "a",
            format!(
                "{{\"JobName\":\"a\",\"UsedRatio\":0.25,\"Kind\":2,\"_id\":\"{partition}/0/0/0\"}}"
            ),
        ),
        // Something by zero is NULL in SQL.
        (
            "a",
            format!(
                "{{\"JobName\":\"a\",\"UsedRatio\":null,\"Kind\":null,\"_id\":\"{partition}/0/1/0\"}}"
            ),
        ),
        (
            "b",
            format!(
                "{{\"JobName\":\"b\",\"UsedRatio\":0.3,\"Kind\":1,\"_id\":\"{partition}/1/0/0\"}}"
            ),
        ),
    ];
    let expected = expected.map(|(key, row)| (key.to_owned(), row));
    assert_eq!(stage.rows(), expected);
    assert_eq!(stage.letters(), [""; 0]);
}

#[test]
fn each_reason_has_its_words_and_the_records_around_it_their_rows() {
    let sql = "select JobName, case Type when 1 then 9e999 when 2 then '1' else UsedGB end as UsedRatio, \
               case Type when 3 then abs(-9223372036854775807 - 1) else Type end as Kind \
               from MoniteDataSource_1 where Type is not 9";
    let stage = Stage::of(sql);
    let one = |kind: &str| line("a", 1.0, 4.0, kind);
    let name = |name: &str| format!("{{\"JobName\":{name},\"UsedGB\":1,\"Type\":0}}\n");
    let message = [
        one("0"),
        one("1"),
        one("2"),
        one("3"),
        one("9"),
        name("null"),
        name("7"),
        "no json\n".to_owned(),
        one("0"),
        name(&format!("\"{}\"", "k".repeat(1_025))),
    ];
    stage.send("a", &message.concat());
    stage.send("a", " \n");
    stage.run().unwrap();
    assert_eq!(stage.rows().len(), 2);
    assert_eq!(
        stage.letters(),
        [
            "wrong_output 0/1: UsedRatio is to be real, and the statement gives inf, for which JSON has no number",
            "wrong_output 0/2: UsedRatio is to be real, and the statement gives text",
            "sql_error 0/3: integer overflow",
            "null_key 0/5: JobName is NULL, and is the key",
            "wrong_type 0/6: JobName is to be text, and is the number 7",
            "unparseable 0/7: it is no JSON object",
            "wrong_output 0/9: JobName is the key, and longer than 1024 bytes",
            "unparseable 1/0: it is no JSON object",
        ]
    );
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn without_a_key_rows_have_that_of_their_message() {
    let mut definition = usage(RATIO);
    definition.output.key = None;
    let stage = Stage::new(definition, Box::new(MemoryStore::new()));
    stage.send("station", &line("a", 1.0, 4.0, "2"));
    stage.run().unwrap();
    assert_eq!(stage.rows()[0].0, "station");
}

#[test]
fn what_people_take_for_something_else_is_as_the_documents_say() {
    let mut definition = usage(
        "select JobName, UsedGB as a, 1/2 as b, UsedGB = 0 as c, UsedGB - TotalGB > 0 as d, \
         '1' > 9 as e, round(2.5) as f from MoniteDataSource_1",
    );
    definition.output.columns =
        columns(&["JobName text", "a real", "b int", "c int", "d int", "e int", "f real"]);
    let stage = Stage::new(definition, Box::new(MemoryStore::new()));
    stage.send("x", "{\"JobName\":\"x\",\"UsedGB\":-0.0}");
    stage.run().unwrap();
    let row = &stage.rows()[0].1;
    // Negative zero is zero, whole numbers divide whole, what is compared with NULL is NULL and no
    // alarm, and text is larger than any number.
    assert!(
        row.starts_with(r#"{"JobName":"x","a":0.0,"b":0,"c":1,"d":null,"e":1,"f":3.0,"#),
        "{row}"
    );
}
