//! `--filter 'attack=badnets,wanet defense=!none'`: selects cells of a plan.

use crate::{Cell, ConfigError, Plan, suggest};

/// A conjunction of `field=value,value` terms; `!value` leaves that value out.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    field: &'static str,
    values: Vec<String>,
    negated: bool,
}

const FIELDS: [&str; 7] = ["dataset", "model", "attack", "poison_ratio", "clean_ratio", "seed", "defense"];

fn field_of(cell: &Cell, field: &str) -> String {
    match field {
        "dataset" => cell.dataset.clone(),
        "model" => cell.model.clone(),
        "attack" => cell.attack.clone(),
        "poison_ratio" => cell.poison_ratio.to_string(),
        "clean_ratio" => cell.clean_ratio.to_string(),
        "seed" => cell.seed.to_string(),
        _ => cell.defense.clone(),
    }
}

impl Filter {
    /// Parses the text and checks every value against the plan, so that a misspelt value is an error.
    pub fn parse(text: &str, plan: &Plan) -> Result<Self, ConfigError> {
        let fail = |message: String| ConfigError::Filter { given: text.into(), message };
        let mut terms = vec![];
        for part in text.split_whitespace() {
            let (name, list) = part
                .split_once('=')
                .ok_or_else(|| fail(format!("`{part}` is no FIELD=VALUE, such as attack=badnets,wanet")))?;
            let field = *FIELDS
                .iter()
                .find(|field| **field == name)
                .ok_or_else(|| fail(suggest::unknown("field", name, FIELDS)))?;
            let mut known: Vec<String> = plan.cells.iter().map(|cell| field_of(cell, field)).collect();
            known.sort();
            known.dedup();
            let (mut wanted, mut unwanted) = (vec![], vec![]);
            for value in list.split(',') {
                let bare = value.strip_prefix('!').unwrap_or(value);
                if !known.iter().any(|k| k == bare) {
                    return Err(fail(suggest::unknown(field, bare, known.iter().map(String::as_str))));
                }
                if bare == value { wanted.push(bare.into()) } else { unwanted.push(bare.into()) }
            }
            for (values, negated) in [(wanted, false), (unwanted, true)] {
                if !values.is_empty() {
                    terms.push(Term { field, values, negated });
                }
            }
        }
        Ok(Self { terms })
    }

    /// Whether the filter selects the cell.
    pub fn accepts(&self, cell: &Cell) -> bool {
        self.terms.iter().all(|term| term.values.contains(&field_of(cell, term.field)) != term.negated)
    }
}
