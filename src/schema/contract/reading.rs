//! The JSON of a schema, read from the top: fields, keys, and what it means in one order of words.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::constraints::{FieldConstraints, NAMES, Ruled};
use super::field::{FieldType, form, missing};
use super::problems::{Problems, shown};
use super::{Contract, ContractField, FieldReference, FieldsMatch};
use crate::escape::excerpt;
use crate::schema::cast::FigureStyle;
use crate::schema::identifier::unique_names;
use crate::schema::rules::{FieldRules, MissingValues, ValueForm};

/// Most fields.
const MAX_FIELDS: usize = 2000;
/// Properties of a schema and of a field that mean something here; constraints have a list of their own.
const OF_SCHEMA: [&str; 6] = [
    "fields",
    "fieldsMatch",
    "missingValues",
    "primaryKey",
    "uniqueKeys",
    "foreignKeys",
];
const OF_FIELD: [&str; 11] = [
    "name",
    "type",
    "format",
    "decimalChar",
    "groupChar",
    "bareNumber",
    "trueValues",
    "falseValues",
    "missingValues",
    "categories",
    "constraints",
];

/// Compiles the schema that `text` is.
///
/// # Errors
/// Everything that is wrong with it, in words.
pub(super) fn compile(text: &str) -> Result<Contract, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}; a Table Schema is JSON"))?;
    let mut problems = Problems::default();
    let contract = find_schema(&value, &mut problems)
        .and_then(|(schema, path)| SchemaReader { schema, path }.contract(&mut problems));
    match contract {
        Some(contract) if problems.is_none() => Ok(contract),
        _ => Err(problems.to_string()),
    }
}

/// The schema in `value`, and its path: `value` itself, or that of a resource, or of the only resource of a package.
fn find_schema<'v>(value: &'v Value, problems: &mut Problems) -> Option<(&'v Map<String, Value>, String)> {
    let Some(top) = value.as_object() else {
        problems.add(
            "$",
            format_args!("must be an object with \"fields\", and is {}", shown(value)),
        );
        return None;
    };
    let (resource, path) = match top.get("resources") {
        Some(resources) if !top.contains_key("fields") => {
            let resources = problems.array(resources, "$.resources")?;
            let [resource] = resources else {
                let what = format_args!(
                    "has {} resources; rowmill takes the schema of one: save that in a file of its own",
                    resources.len()
                );
                problems.add("$.resources", what);
                return None;
            };
            (resource, "$.resources[0]")
        }
        _ => (value, "$"),
    };
    match resource.get("schema") {
        Some(Value::Object(schema)) if resource.get("fields").is_none() => Some((schema, format!("{path}.schema"))),
        Some(other) if resource.get("fields").is_none() => {
            let what = format_args!("is {}; name the file that has the schema itself", shown(other));
            problems.add(format_args!("{path}.schema"), what);
            None
        }
        _ if path != "$" => {
            problems.add(path, "has no \"schema\"");
            None
        }
        _ => Some((top, path.to_owned())),
    }
}

/// A schema that is being read.
struct SchemaReader<'v> {
    schema: &'v Map<String, Value>,
    path: String,
}

/// What is known of a schema's fields while the rest is read.
struct FieldsRead {
    fields: Vec<ContractField>,
    /// Fields that are unique by themselves.
    unique: Vec<usize>,
    notices: Vec<String>,
}

impl SchemaReader<'_> {
    fn contract(&self, problems: &mut Problems) -> Option<Contract> {
        let FieldsRead {
            mut fields,
            unique,
            notices,
        } = self.fields(problems)?;
        let fields_match = self.fields_match(problems)?;
        let path = |name: &str| format!("{}.{name}", self.path);
        let primary_key = match self.schema.get("primaryKey") {
            Some(value) => named_fields(value, &path("primaryKey"), &fields, problems)?,
            None => Vec::new(),
        };
        for &index in &primary_key {
            fields[index].is_required = true;
        }
        let mut unique_keys: Vec<Vec<usize>> = unique.into_iter().map(|index| vec![index]).collect();
        if let Some(value) = self.schema.get("uniqueKeys") {
            for (index, key) in problems.array(value, &path("uniqueKeys"))?.iter().enumerate() {
                let path = format!("{}[{index}]", path("uniqueKeys"));
                let key = named_fields(key, &path, &fields, problems)?;
                if key.is_empty() {
                    problems.add(path, "names no field");
                }
                unique_keys.push(key);
            }
        }
        let sorted = |key: &[usize]| {
            let mut key = key.to_vec();
            key.sort_unstable();
            key
        };
        let mut seen = vec![sorted(&primary_key)];
        unique_keys.retain(|key| {
            let is_new = !seen.contains(&sorted(key));
            seen.push(sorted(key));
            is_new
        });
        let mut references = Vec::new();
        if let Some(value) = self.schema.get("foreignKeys") {
            for (index, key) in problems.array(value, &path("foreignKeys"))?.iter().enumerate() {
                let path = format!("{}[{index}]", path("foreignKeys"));
                references.extend(reference(key, path, &fields, problems));
            }
        }
        Some(Contract {
            fields,
            fields_match,
            primary_key,
            unique_keys,
            references,
            meaning: meaning(self.schema),
            notices,
            path: None,
        })
    }

    fn fields_match(&self, problems: &mut Problems) -> Option<FieldsMatch> {
        let Some(value) = self.schema.get("fieldsMatch") else {
            return Some(FieldsMatch::default());
        };
        let path = format!("{}.fieldsMatch", self.path);
        let words = problems.texts(value, &path)?;
        let known = match words[..] {
            [word] => FieldsMatch::ALL.into_iter().find(|one| one.as_str() == word),
            _ => None,
        };
        if known.is_none() {
            let what = format_args!(
                "is {}; it must be exact, equal, subset, superset or partial",
                shown(value)
            );
            problems.add(path, what);
        }
        known
    }

    fn fields(&self, problems: &mut Problems) -> Option<FieldsRead> {
        let path = format!("{}.fields", self.path);
        let Some(value) = self.schema.get("fields") else {
            problems.add(&self.path, "has no \"fields\", which a Table Schema must have");
            return None;
        };
        let items = problems.array(value, &path)?;
        if items.is_empty() || items.len() > MAX_FIELDS {
            problems.add(
                path,
                format_args!("must have 1 to {MAX_FIELDS} fields, and has {}", items.len()),
            );
            return None;
        }
        let usual = MissingValues {
            empty: true,
            ..MissingValues::default()
        };
        let of_schema = match self.schema.get("missingValues") {
            Some(value) => missing(value, &format!("{}.missingValues", self.path), problems)?,
            None => usual,
        };
        let of_schema = Arc::new(of_schema);
        let mut read = FieldsRead {
            fields: Vec::with_capacity(items.len()),
            unique: Vec::new(),
            notices: Vec::new(),
        };
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(item) = item.as_object() else {
                problems.add(path, format_args!("must be an object, and is {}", shown(item)));
                continue;
            };
            read.notices.extend(misplaced(item, &path));
            let Some((field, is_unique)) = field(item, &path, &of_schema, problems) else {
                continue;
            };
            if is_unique {
                read.unique.push(read.fields.len());
            }
            read.fields.push(field);
        }
        // Repeated names are called what they are called in a header.
        let given: Vec<String> = read.fields.iter().map(|field| field.name.clone()).collect();
        for (field, name) in read.fields.iter_mut().zip(unique_names(&given).0) {
            field.name = name;
        }
        (read.fields.len() == items.len()).then_some(read)
    }
}

/// What is said of constraints that stand in a field itself, where the specification gives them no meaning.
fn misplaced(item: &Map<String, Value>, path: &str) -> impl Iterator<Item = String> {
    let constraints = item.get("constraints");
    let is_there =
        move |name: &&str| item.contains_key(*name) && constraints.is_none_or(|object| object.get(*name).is_none());
    NAMES.into_iter().filter(is_there).map(move |name| {
        format!(
            "{path}.{name} stands beside \"constraints\", where it means nothing, and is not checked; put it into them"
        )
    })
}

/// A field, which stands at `path`; and whether its values are unique.
fn field(
    item: &Map<String, Value>,
    path: &str,
    of_schema: &Arc<MissingValues>,
    problems: &mut Problems,
) -> Option<(ContractField, bool)> {
    let name = match item.get("name") {
        Some(name) => problems.text(name, &format!("{path}.name")),
        None => {
            problems.add(path, "has no \"name\"");
            None
        }
    };
    let missing = match item.get("missingValues") {
        Some(value) => missing(value, &format!("{path}.missingValues"), problems).map(Arc::new),
        None => Some(Arc::clone(of_schema)),
    };
    let (field_type, form) = form(item, path, problems)?;
    let name = name?;
    let ruled = Ruled {
        name,
        field_type,
        form: &form,
    };
    let constraints_path = format!("{path}.constraints");
    let mut constraints = match item.get("constraints") {
        None => FieldConstraints::default(),
        Some(Value::Object(constraints)) => ruled.constraints(constraints, &constraints_path, problems),
        Some(other) => {
            problems.add(
                constraints_path,
                format_args!("must be an object, and is {}", shown(other)),
            );
            FieldConstraints::default()
        }
    };
    if let Some(value) = item.get("categories") {
        let rule = ruled.categories(value, &format!("{path}.categories"), problems);
        constraints.rules.extend(rule);
    }
    let said = expected(field_type, &form, item);
    let meaning = Value::Object(field_meaning(item)).to_string();
    let field = ContractField {
        name: name.to_owned(),
        column_type: field_type.column_type(&form),
        is_required: constraints.is_required,
        rules: Arc::new(FieldRules::new(form, constraints.rules, said, meaning)),
        missing: missing?,
    };
    Some((field, constraints.is_unique))
}

/// What a value of another form is told that was expected, and one beyond the type.
fn expected(field_type: FieldType, form: &ValueForm, item: &Map<String, Value>) -> (String, String) {
    let number = |whole: &str, style: &FigureStyle| {
        let decimals = match whole {
            "a number" => format!("{}5", style.decimal),
            _ => String::new(),
        };
        let group = style.group.as_deref().unwrap_or_default();
        let sample = format!("1{group}234{decimals}");
        format!("expected {whole} such as {} or -7", excerpt(&sample, 30))
    };
    let plain = |expected: &str, range: &str| (format!("expected {expected}"), format!("expected {range}"));
    match form {
        ValueForm::Text => plain("text", "text"),
        ValueForm::Email => plain("a mail address such as ada@example.org", "a mail address"),
        ValueForm::Uri => plain("a URI such as https://example.org/a", "a URI"),
        ValueForm::Uuid => plain("a UUID such as 123e4567-e89b-12d3-a456-426614174000", "a UUID"),
        ValueForm::Base64 => plain("base64 such as dGVzdA==", "base64"),
        ValueForm::Integer(style) => (
            number("an integer", style),
            "expected an integer from -9223372036854775808 to 9223372036854775807".to_owned(),
        ),
        ValueForm::Number(style) => (
            number("a number", style),
            "expected a number that a 64-bit float can hold and SQLite can store (it has no NaN)".to_owned(),
        ),
        ValueForm::Boolean { yes, no } => {
            let words: Vec<String> = yes
                .iter()
                .chain(no)
                .map(|word| excerpt(&**word, 20).to_string())
                .collect();
            plain(&format!("one of {}", words.join(", ")), "a truth value")
        }
        ValueForm::Date => plain("a date such as 2024-12-31", "a day that exists"),
        ValueForm::Time => plain("a time such as 15:30:00", "a time of day that exists"),
        ValueForm::DateTime => plain(
            "a date and time such as 2024-12-31T15:30:00Z",
            "a day and a time that exist",
        ),
        ValueForm::Moment(pattern) => {
            let text = item.get("format").and_then(Value::as_str).unwrap_or_default();
            let (text, sample) = (excerpt(text, 60), pattern.sample());
            let sample = excerpt(&sample, 60);
            match field_type {
                FieldType::Date => plain(&format!("a date such as {sample} ({text})"), "a day that exists"),
                FieldType::Time => plain(
                    &format!("a time such as {sample} ({text})"),
                    "a time of day that exists",
                ),
                _ => plain(
                    &format!("a date and time such as {sample} ({text})"),
                    "a day and a time that exist",
                ),
            }
        }
        ValueForm::Year => plain("a year such as 2024", "a year of at most twelve digits"),
        ValueForm::YearMonth => plain("a year and month such as 2024-12", "a month from 01 to 12"),
        ValueForm::Duration => plain(
            "a duration such as P1Y2M3DT4H5M6S",
            "a duration of numbers with at most twelve digits",
        ),
        ValueForm::Object => plain("a JSON object", "a JSON object"),
        ValueForm::Array => plain("a JSON array", "a JSON array"),
    }
}

/// The fields that `value` at `path` names.
fn named_fields(value: &Value, path: &str, fields: &[ContractField], problems: &mut Problems) -> Option<Vec<usize>> {
    let names = problems.texts(value, path)?;
    let mut found = Vec::new();
    for name in names {
        let index = fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        match index {
            Some(index) if found.contains(&index) => problems.add(path, format_args!("names {name:?} twice")),
            Some(index) => found.push(index),
            None => problems.add(path, format_args!("names {name:?}, which is none of the fields")),
        }
    }
    Some(found)
}

/// A foreign key, which stands at `path`.
fn reference(value: &Value, path: String, fields: &[ContractField], problems: &mut Problems) -> Option<FieldReference> {
    let (Some(own), Some(reference)) = (value.get("fields"), value.get("reference")) else {
        problems.add(path, "must have \"fields\" and a \"reference\"");
        return None;
    };
    let own = named_fields(own, &format!("{path}.fields"), fields, problems)?;
    let to_path = format!("{path}.reference.fields");
    let to = match reference.get("fields") {
        Some(to) => problems.texts(to, &to_path)?,
        None => {
            problems.add(format_args!("{path}.reference"), "has no \"fields\"");
            return None;
        }
    };
    if to.len() != own.len() || own.is_empty() {
        let what = format_args!("names {} fields for {} of this table", to.len(), own.len());
        problems.add(to_path, what);
        return None;
    }
    let table = match reference.get("resource") {
        None => None,
        Some(resource) => {
            let name = problems.text(resource, &format!("{path}.reference.resource"))?;
            Some(name.to_owned()).filter(|name| !name.is_empty())
        }
    };
    let to: Vec<String> = to.into_iter().map(str::to_owned).collect();
    if table.is_none() {
        // Said with the path of the reference, as they are fields of this table.
        named_fields(reference.get("fields")?, &to_path, fields, problems)?;
    }
    Some(FieldReference {
        fields: own,
        table,
        to,
        json_path: path,
    })
}

/// Those `properties` of `object` that it has, in their order.
fn kept(object: &Map<String, Value>, properties: &[&str]) -> Map<String, Value> {
    let known = properties.iter().filter_map(|name| {
        let value = object.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    known.collect()
}

/// The part of a field that means something here.
fn field_meaning(item: &Map<String, Value>) -> Map<String, Value> {
    let mut field = kept(item, &OF_FIELD);
    if let Some(Value::Object(constraints)) = field.get_mut("constraints") {
        *constraints = kept(constraints, &NAMES);
    }
    field
}

/// The part of a schema that means something here, as JSON.
fn meaning(schema: &Map<String, Value>) -> String {
    let mut schema = kept(schema, &OF_SCHEMA);
    if let Some(Value::Array(fields)) = schema.get_mut("fields") {
        for field in fields {
            if let Value::Object(item) = field {
                *item = field_meaning(item);
            }
        }
    }
    Value::Object(schema).to_string()
}
