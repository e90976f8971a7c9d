//! A JSON Schema validator that is independent of this project: jsonschema of Python.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{json, Value as Json};

/// Reads a schema and rows, and writes a list of errors for each row.
const SCRIPT: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
asked = json.load(sys.stdin)
Draft202012Validator.check_schema(asked["schema"])
validator = Draft202012Validator(asked["schema"])
name = lambda error: "%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:300])
json.dump([[name(error) for error in validator.iter_errors(row)] for row in asked["rows"]], sys.stdout)
"#;

/// Returns the errors that the validator finds in each row. It validates the schema first.
pub fn errors(schema: &Json, rows: &[Json]) -> Vec<Vec<String>> {
    let mut python = Command::new(interpreter());
    let python = python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.stderr(Stdio::piped()).spawn().expect("python3(1)");
    let asked = json!({"schema": schema, "rows": rows}).to_string();
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(asked.as_bytes()).expect("the script reads everything");
    drop(stdin);
    let output = python.wait_with_output().expect("its output");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a list for each row")
}

/// Returns the first Python that has jsonschema: that of the distribution, even if another is earlier in
/// PATH.
fn interpreter() -> &'static str {
    let has = |python: &&str| {
        let imports = Command::new(python).args(["-c", "import jsonschema"]).output();
        imports.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    found.expect("jsonschema of Python 3, which make installs")
}

/// Asserts that the schema accepts every row.
pub fn accepts(schema: &Json, rows: &[Json]) {
    assert!(!rows.is_empty(), "no rows");
    for (row, errors) in rows.iter().zip(errors(schema, rows)) {
        assert!(errors.is_empty(), "{errors:#?} in {row}");
    }
}

/// Returns the schema with no undescribed members allowed in any object: it accepts only rows without any.
pub fn closed(schema: &Json) -> Json {
    match schema {
        Json::Object(keywords) => {
            let mut closed: serde_json::Map<String, Json> =
                keywords.iter().map(|(name, value)| (name.clone(), self::closed(value))).collect();
            // `properties` may also be the name of a member.
            if keywords.get("properties").is_some_and(Json::is_object) {
                closed.insert("additionalProperties".into(), false.into());
            }
            Json::Object(closed)
        }
        Json::Array(values) => values.iter().map(closed).collect(),
        other => other.clone(),
    }
}
