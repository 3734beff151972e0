//! Schemas that change without a file being touched: other names, other metadata, other order.
//!
//! Under column mapping a column is who it is by its physical name; without, by its name. Works on
//! the JSON of a schema, so that what is not understood here stays as it is.

use serde_json::{json, Map, Value};

use crate::border::{Code, Failure, Outcome};

const PHYSICAL_NAME: &str = "delta.columnMapping.physicalName";
const ID: &str = "delta.columnMapping.id";

/// The path of a column, outermost name first.
pub type Names = Vec<String>;

/// Gives every column that has none a physical name (its name) and an id. Returns the greatest id.
pub fn map_columns(schema: &mut Value) -> i64 {
    let mut greatest = 0;
    each_field(schema, &mut |field| {
        greatest = greatest.max(field.pointer(&pointer(ID)).and_then(Value::as_i64).unwrap_or(0));
    });
    each_field(schema, &mut |field| {
        let name = field["name"].clone();
        if !field["metadata"].is_object() {
            field["metadata"] = json!({});
        }
        let Some(metadata) = field["metadata"].as_object_mut() else { return };
        metadata.entry(PHYSICAL_NAME).or_insert(name);
        metadata.entry(ID).or_insert_with(|| {
            greatest += 1;
            json!(greatest)
        });
    });
    greatest
}

fn pointer(key: &str) -> String {
    format!("/metadata/{key}")
}

fn each_field(data_type: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    if let Some(fields) = data_type.get_mut("fields").and_then(Value::as_array_mut) {
        for field in fields {
            visit(field);
            each_field(&mut field["type"], visit);
        }
    }
    for inner in ["elementType", "keyType", "valueType"] {
        if let Some(inner) = data_type.get_mut(inner) {
            each_field(inner, visit);
        }
    }
}

/// Checks a new schema against the old one, and fills in what it leaves out of a column's identity.
/// Returns all paths that are called otherwise now.
pub fn check(old: &Value, new: &mut Value, mapped: bool) -> Outcome<Vec<(Names, Names)>> {
    let mut check = Check { mapped, renamed: Vec::new() };
    check.data_type(old, new, &Names::new(), &Names::new())?;
    Ok(check.renamed)
}

struct Check {
    mapped: bool,
    renamed: Vec<(Names, Names)>,
}

impl Check {
    fn data_type(&mut self, old: &Value, new: &mut Value, from: &Names, to: &Names) -> Outcome<()> {
        if !old.is_object() || !new.is_object() || old["type"] != new["type"] {
            return match old == new {
                true => Ok(()),
                false => Err(refused(to, "the type of a column cannot be changed here")),
            };
        }
        if old.get("fields").is_some() {
            return self.fields(old, new, from, to);
        }
        for inner in ["elementType", "keyType", "valueType"] {
            if let Some(old) = old.get(inner) {
                let (mut from, mut to) = (from.clone(), to.clone());
                let part = inner.trim_end_matches("Type").to_string();
                from.push(part.clone());
                to.push(part);
                self.data_type(old, &mut new[inner], &from, &to)?;
            }
        }
        match ["containsNull", "valueContainsNull"].into_iter().all(|key| old[key] == new[key]) {
            true => Ok(()),
            false => Err(refused(to, "the type of a column cannot be changed here")),
        }
    }

    fn fields(&mut self, old: &Value, new: &mut Value, from: &Names, to: &Names) -> Outcome<()> {
        let nothing = Vec::new();
        let old_fields = old["fields"].as_array().unwrap_or(&nothing);
        let Some(new_fields) = new["fields"].as_array_mut() else {
            return Err(refused(to, "a schema without fields"));
        };
        let mut seen = std::collections::HashSet::new();
        for field in new_fields.iter_mut() {
            let name = field["name"].as_str().unwrap_or_default().to_string();
            let path = child(to, &name);
            if name.is_empty() || !seen.insert(name.to_lowercase()) {
                let message = format!("column '{}' is there twice", path.join("."));
                return Err(Failure::new(Code::BadSpec, message));
            }
            let identity = self.identity(field).to_string();
            let Some(before) = old_fields.iter().find(|old| self.identity(old) == identity) else {
                return Err(refused(
                    &path,
                    match self.mapped {
                        true => "columns are not added here",
                        false => {
                            "columns are not added here, and without column mapping not renamed"
                        }
                    },
                ));
            };
            self.field(before, field, from, &path)?;
        }
        for before in old_fields {
            if !new_fields.iter().any(|field| self.identity(field) == self.identity(before)) {
                let path = child(from, before["name"].as_str().unwrap_or_default());
                return Err(refused(&path, "columns are not dropped here"));
            }
        }
        Ok(())
    }

    fn identity<'a>(&self, field: &'a Value) -> &'a str {
        let physical = field.pointer(&pointer(PHYSICAL_NAME)).filter(|_| self.mapped);
        physical.unwrap_or(&field["name"]).as_str().unwrap_or_default()
    }

    fn field(&mut self, old: &Value, new: &mut Value, from: &Names, to: &Names) -> Outcome<()> {
        let from = child(from, old["name"].as_str().unwrap_or_default());
        if &from != to {
            self.renamed.push((from.clone(), to.clone()));
        }
        if old["nullable"] == json!(true) && new["nullable"] != json!(true) {
            return Err(refused(to, "a column that takes NULL cannot refuse it later"));
        }
        keep_deltas_own(&old["metadata"], new, to)?;
        self.data_type(&old["type"], &mut new["type"], &from, to)
    }
}

/// What Delta keeps in the metadata of a field (identity, generation, ...) stays.
fn keep_deltas_own(old: &Value, new: &mut Value, path: &Names) -> Outcome<()> {
    if !new["metadata"].is_object() {
        new["metadata"] = json!({});
    }
    let Some(metadata) = new["metadata"].as_object_mut() else { return Ok(()) };
    let nothing = Map::new();
    let old = old.as_object().unwrap_or(&nothing);
    for (key, value) in old.iter().filter(|(key, _)| key.starts_with("delta.")) {
        let kept = metadata.entry(key).or_insert_with(|| value.clone());
        if kept != value {
            return Err(refused(path, &format!("'{key}' cannot be changed")));
        }
    }
    match metadata.keys().find(|key| key.starts_with("delta.") && !old.contains_key(*key)) {
        Some(key) => Err(refused(path, &format!("'{key}' cannot be given to a column later"))),
        None => Ok(()),
    }
}

fn child(parent: &Names, name: &str) -> Names {
    parent.iter().cloned().chain([name.to_string()]).collect()
}

fn refused(path: &Names, why: &str) -> Failure {
    Failure::new(Code::Unsupported, format!("column '{}': {why}", path.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"type": "struct", "fields": [
            {"name": "id", "type": "long", "nullable": false, "metadata": {}},
            {"name": "at", "nullable": true, "metadata": {"comment": "when"},
             "type": {"type": "array", "containsNull": true, "elementType":
                {"type": "struct", "fields": [
                    {"name": "x", "type": "string", "nullable": true, "metadata": {}}]}}}]})
    }

    fn mapped() -> Value {
        let mut schema = schema();
        assert_eq!(map_columns(&mut schema), 3);
        schema
    }

    #[test]
    fn columns_are_mapped_to_their_names() {
        let mut schema = mapped();
        assert_eq!(schema["fields"][1]["metadata"][PHYSICAL_NAME], "at");
        assert_eq!(schema["fields"][1]["type"]["elementType"]["fields"][0]["metadata"][ID], 3);
        assert_eq!(map_columns(&mut schema), 3);
        assert_eq!(schema, mapped());
    }

    #[test]
    fn names_order_and_comments_may_change() {
        let mut new = mapped();
        new["fields"][1]["name"] = json!("when it was");
        new["fields"][1]["type"]["elementType"]["fields"][0]["name"] = json!("y");
        new["fields"][1]["metadata"].as_object_mut().unwrap().remove(ID);
        new["fields"][0]["nullable"] = json!(true);
        new["fields"].as_array_mut().unwrap().reverse();
        let renamed = check(&mapped(), &mut new, true).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Names>();
        assert_eq!(
            renamed,
            [
                (names(&["at"]), names(&["when it was"])),
                (names(&["at", "element", "x"]), names(&["when it was", "element", "y"])),
            ]
        );
        assert_eq!(new["fields"][0]["metadata"][ID], 2);
    }

    #[test]
    fn what_needs_other_files_is_refused() {
        let refuse = |change: fn(&mut Value), mapped_too: bool| {
            let old = if mapped_too { mapped() } else { schema() };
            let mut new = old.clone();
            change(&mut new);
            check(&old, &mut new, mapped_too).unwrap_err().code
        };
        let unsupported = Code::Unsupported;
        assert_eq!(refuse(|new| new["fields"][0]["type"] = json!("string"), true), unsupported);
        assert_eq!(refuse(|new| new["fields"][1]["type"] = json!("string"), true), unsupported);
        assert_eq!(refuse(|new| new["fields"][1]["nullable"] = json!(false), true), unsupported);
        assert_eq!(refuse(|new| new["fields"][0]["name"] = json!("key"), false), unsupported);
        assert_eq!(refuse(|new| new["fields"][0]["name"] = json!("AT"), true), Code::BadSpec);
        assert_eq!(refuse(|new| new["fields"][0]["metadata"][ID] = json!(9), true), unsupported);
        let drop = |new: &mut Value| {
            new["fields"].as_array_mut().unwrap().pop();
        };
        assert_eq!(refuse(drop, true), unsupported);
        let generated = |new: &mut Value| {
            new["fields"][0]["metadata"]["delta.generationExpression"] = json!("1");
        };
        assert_eq!(refuse(generated, true), unsupported);
    }
}
