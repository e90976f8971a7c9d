//! A validator of JSON Schema that knows nothing of this project: jsonschema of Python.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{json, Value as Json};

/// Reads a schema and rows, and writes a list with a list of errors for each row.
const SCRIPT: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
asked = json.load(sys.stdin)
Draft202012Validator.check_schema(asked["schema"])
validator = Draft202012Validator(asked["schema"])
name = lambda error: "%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:300])
json.dump([[name(error) for error in validator.iter_errors(row)] for row in asked["rows"]], sys.stdout)
"#;

/// What the validator finds wrong with each of these rows. It checks the schema itself first.
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

/// The first Python that has jsonschema: the one of the package, where another comes before it in PATH.
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

/// The same schema, but no object may have a member that is not described: rows that it accepts have none.
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
