//! Every figure of a report is the one that a worker measured: from the stage's file in the store through results.csv to
//! each table.
//!
//! `results.csv` has four decimals of a percentage, and tables round these to two.

use std::collections::BTreeMap;
use std::fs;

use crate::test_folder::TestFolder;
use scour_core::{ResultRow, RowStatus, TaskResult, defense_effectiveness_rating, read_json};
use scour_report::{Options, write_report};
use scour_sweep::{Store, sweep};

/// The shown names of methods and those in files.
const ATTACKS: [(&str, &str); 2] = [("badnets", "BadNets"), ("blended", "Blended")];
const DEFENSES: [(&str, &str); 3] = [("none", "No defense"), ("ft", "FT"), ("tsbd", "TSBD")];

/// Attack, defense and metric, as shown, with the shown number.
type Numbers = BTreeMap<(String, String, String), String>;

#[test]
fn every_number_can_be_traced_from_the_store_to_every_table() {
    let test = TestFolder::new();
    sweep(test.options()).unwrap();
    write_report(&test.path("out"), &Options::default()).unwrap();
    let read = |name: &str| fs::read_to_string(test.path("out").join(name)).unwrap();
    let in_csv = in_results_csv(&read("results.csv"));
    let rows = test.rows();
    let mut expected = Numbers::new();
    for (attack, attack_name) in ATTACKS {
        let row = |defense: &str| {
            rows.iter().find(|row| (row.attack.as_str(), row.defense.as_str()) == (attack, defense)).unwrap()
        };
        for (defense, defense_name) in DEFENSES {
            for (metric, value) in in_store(&test, row(defense), row("none")) {
                let four = format!("{value:.4}");
                assert_eq!(in_csv[&(attack.into(), defense.into(), metric.to_lowercase())], four);
                let two = format!("{:.2}", four.parse::<f64>().unwrap());
                expected.insert((attack_name.into(), defense_name.into(), metric.into()), two);
            }
        }
    }
    assert_eq!(expected.len(), 16, "ACC and ASR of six cells, DER of four");
    // The figures of this test differ, so that no number can stand in the place of another one.
    let mut values: Vec<&String> = expected.values().collect();
    values.sort();
    values.dedup();
    assert!(values.len() > 12, "{values:?}");
    let page = read("report/index.html");
    for (table, numbers) in [
        ("tables.md", in_markdown(&read("report/tables.md"))),
        ("tables.tex", in_latex(&read("report/tables.tex"))),
        ("index.html", in_html(&page)),
    ] {
        for (cell, number) in &expected {
            assert_eq!(numbers.get(cell), Some(number), "{cell:?} in {table}");
        }
    }
    // The page's list of all rows has the key of each with the same numbers.
    for row in rows.iter().filter(|row| row.status == RowStatus::Ok) {
        let line = page.split("<tr>").find(|line| line.contains(&format!(">{}<", row.key))).unwrap();
        assert!(line.contains(&format!(">{:.2}<", row.acc.unwrap())), "{line}");
    }
}

/// The metrics of a row from the files of its stage and of its attacked model's.
fn in_store(test: &TestFolder, row: &ResultRow, attacked: &ResultRow) -> Vec<(&'static str, f64)> {
    let measured = |row: &ResultRow| {
        let store = Store::at(&test.path("store"));
        let plan = test.options().plan;
        let cell = plan.cells.iter().find(|cell| cell.key.as_str() == row.key).unwrap();
        read_json::<TaskResult>(&store.folder(&cell.key).join("result.json")).unwrap().measured.unwrap()
    };
    let (after, before) = (measured(row), measured(attacked));
    let der = defense_effectiveness_rating(before, after).filter(|_| row.defense != "none");
    [("ACC", Some(after.acc)), ("ASR", after.asr), ("DER", der)]
        .into_iter()
        .filter_map(|(metric, value)| Some((metric, value?)))
        .collect()
}

/// The text of every field, by attack, defense and column.
fn in_results_csv(text: &str) -> Numbers {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let at = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let (attack, defense) = (at("attack"), at("defense"));
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let fields = records.iter().flat_map(|record| {
        let field = |(column, value): (&str, &str)| {
            ((record[attack].into(), record[defense].into(), column.into()), value.into())
        };
        columns.iter().zip(record).map(field).collect::<Vec<_>>()
    });
    fields.collect()
}

/// A number without the marks of the best and the second best.
fn plain(text: &str) -> String {
    let marks = ["**", "<ins>", "</ins>", "\\textbf{", "\\underline{", "}", "\\\\"];
    marks.iter().fold(text.to_string(), |text, mark| text.replace(mark, "")).trim().to_string()
}

/// The rows whose first field is an attack, each number with the defense and metric of its column.
fn numbers(columns: &[(String, String)], rows: impl Iterator<Item = Vec<String>>) -> Numbers {
    let of_attack = |row: &Vec<String>| ATTACKS.iter().any(|(_, name)| *name == row[0]);
    rows.filter(of_attack)
        .flat_map(|row| {
            assert_eq!(row.len(), columns.len() + 1, "{row:?}");
            let cell = |((defense, metric), number): (&(String, String), &String)| {
                ((row[0].clone(), defense.clone(), metric.clone()), plain(number))
            };
            columns.iter().zip(&row[1..]).map(cell).collect::<Vec<_>>()
        })
        .collect()
}

/// The first table.
fn in_markdown(text: &str) -> Numbers {
    let lines: Vec<Vec<String>> = text
        .lines()
        .skip_while(|line| !line.starts_with("| Attack |"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|field| field.trim().to_string()).collect())
        .collect();
    let columns: Vec<(String, String)> = lines[0][1..]
        .iter()
        .map(|column| column.rsplit_once(' ').map(|(name, metric)| (name.into(), metric.into())).unwrap())
        .collect();
    numbers(&columns, lines.into_iter().skip(2))
}

fn in_latex(text: &str) -> Numbers {
    let fields = |line: &str| line.split('&').map(plain).collect::<Vec<String>>();
    let heads = text.lines().find(|line| line.contains("\\multicolumn")).unwrap();
    let metrics = fields(text.lines().find(|line| line.trim().starts_with("Attack &")).unwrap());
    // `\multicolumn{3}{c}{FT}` stands above three metrics.
    let names = heads.split("\\multicolumn{").skip(1).flat_map(|head| {
        let parts: Vec<&str> = head.split(['{', '}']).collect();
        vec![parts[4].to_string(); parts[0].parse().unwrap()]
    });
    let columns: Vec<(String, String)> = names.zip(metrics.into_iter().skip(1)).collect();
    numbers(&columns, text.lines().map(fields))
}

/// The table of class `numbers`.
fn in_html(page: &str) -> Numbers {
    let table = page.split("<table class=\"numbers").nth(1).unwrap().split("</table>").next().unwrap();
    let text = |part: &str| -> String {
        // What stands outside of tags.
        part.split('<').skip(1).filter_map(|tag| tag.split_once('>')).map(|(_, text)| text).collect()
    };
    let (head, body) = table.split_once("<tbody>").unwrap();
    let mut columns = vec![];
    let metrics: Vec<String> =
        head.split("<abbr").skip(1).map(|part| text(&format!("<abbr{part}"))).collect();
    let mut metrics = metrics.iter().map(|metric| metric[..3].to_string());
    for part in head.split("<th colspan=\"").skip(1) {
        let width: usize = part.split('"').next().unwrap().parse().unwrap();
        let name = text(&format!("<th colspan=\"{}", part.split("</th>").next().unwrap())).trim().to_string();
        columns.extend(metrics.by_ref().take(width).map(|metric| (name.clone(), metric)));
    }
    let rows = body.split("<tr").skip(1).map(|row| {
        let row = row.split("</tr>").next().unwrap();
        let head = row.split("</th>").next().unwrap().rsplit('>').next().unwrap().to_string();
        let cells = row.split("<td").skip(1).map(|cell| text(&format!("<td{cell}")));
        std::iter::once(head).chain(cells).collect::<Vec<String>>()
    });
    numbers(&columns, rows)
}
