use super::*;

/// What is wrong with a schema of one field; `field` goes on from its name.
fn refused(field: &str) -> String {
    let schema = format!("{{\"fields\": [{{\"name\": \"a\"{field}}}]}}");
    Contract::from_json(&schema).expect_err(&schema).to_string()
}

#[test]
fn whatever_is_wrong_is_said_with_its_path() {
    for (field, wanted) in [
        (r#", "type": "text""#, "$.fields[0].type is \"text\", which is no type"),
        (r#", "type": "geojson""#, "whose values rowmill does not check"),
        (r#", "type": "list""#, "whose values rowmill does not check"),
        (r#", "type": 7"#, "$.fields[0].type must be a string, and is 7"),
        (r#", "type": "string", "format": "ip""#, "$.fields[0].format is \"ip\""),
        (r#", "type": "integer", "format": "hex""#, "has the format default only"),
        (
            r#", "type": "date", "format": "any""#,
            "leaves open which day 01/02/2024 is",
        ),
        (r#", "type": "date", "format": "%Q""#, "$.fields[0].format \"%Q\""),
        (
            r#", "type": "number", "decimalChar": """#,
            "$.fields[0].decimalChar is \"\"",
        ),
        (r#", "type": "number", "decimalChar": "1""#, "no digit, sign or e"),
        (r#", "type": "number", "groupChar": ".""#, "which is decimalChar, too"),
        (r#", "type": "number", "bareNumber": "no""#, "must be true or false"),
        (
            r#", "type": "boolean", "trueValues": ["x"], "falseValues": ["x"]"#,
            "both have \"x\"",
        ),
        (r#", "missingValues": """#, "$.fields[0].missingValues must be an array"),
        (
            r#", "missingValues": [1]"#,
            "$.fields[0].missingValues[0] must be a string",
        ),
        (r#", "constraints": []"#, "$.fields[0].constraints must be an object"),
        (
            r#", "constraints": {"required": 1}"#,
            "$.fields[0].constraints.required must be true or false",
        ),
        (
            r#", "constraints": {"size": 1}"#,
            "$.fields[0].constraints.size is no constraint",
        ),
        (r#", "constraints": {"jsonSchema": {}}"#, "rowmill does not check"),
        (
            r#", "constraints": {"minimum": 1}"#,
            "does not belong to a field of this type",
        ),
        (
            r#", "type": "integer", "constraints": {"minimum": 1.5}"#,
            "$.fields[0].constraints.minimum is 1.5, which is no value",
        ),
        (
            r#", "type": "date", "constraints": {"minimum": "2023-02-29"}"#,
            "which is no value of the field",
        ),
        (
            r#", "type": "integer", "constraints": {"pattern": "1"}"#,
            "$.fields[0].constraints.pattern does not belong",
        ),
        (
            r#", "type": "string", "constraints": {"maxLength": -1}"#,
            "a whole number that is not negative",
        ),
        (
            r#", "type": "string", "constraints": {"pattern": "[a"}"#,
            "$.fields[0].constraints.pattern \"[a\" cannot be compiled",
        ),
        (
            r#", "type": "integer", "constraints": {"enum": [1, "x"]}"#,
            "$.fields[0].constraints.enum[1] is \"x\"",
        ),
        (
            r#", "type": "integer", "constraints": {"enum": []}"#,
            "must have 1 to 100000 values",
        ),
        (
            r#", "type": "array", "constraints": {"enum": [[1]]}"#,
            "is not checked by rowmill",
        ),
        (
            r#", "type": "date", "categories": ["a"]"#,
            "$.fields[0].categories do not belong",
        ),
    ] {
        let message = refused(field);
        assert!(message.contains(wanted), "{field}: {message}");
        assert!(message.contains("$.fields[0]"), "{field}: {message}");
    }
    for (schema, wanted) in [
        ("", "it is not JSON"),
        ("[]", "$ must be an object"),
        ("{}", "$ has no \"fields\""),
        (r#"{"fields": []}"#, "$.fields must have 1 to 2000 fields"),
        (r#"{"fields": ["a"]}"#, "$.fields[0] must be an object"),
        (r#"{"fields": [{}]}"#, "$.fields[0] has no \"name\""),
        (
            r#"{"fields": [{"name": "a"}], "primaryKey": "b"}"#,
            "$.primaryKey names \"b\"",
        ),
        (
            r#"{"fields": [{"name": "a"}], "primaryKey": ["a", "A"]}"#,
            "$.primaryKey names \"A\" twice",
        ),
        (
            r#"{"fields": [{"name": "a"}], "uniqueKeys": [["c"]]}"#,
            "$.uniqueKeys[0] names \"c\"",
        ),
        (
            r#"{"fields": [{"name": "a"}], "uniqueKeys": [[]]}"#,
            "$.uniqueKeys[0] names no field",
        ),
        (
            r#"{"fields": [{"name": "a"}], "fieldsMatch": "some"}"#,
            "$.fieldsMatch is \"some\"",
        ),
        (
            r#"{"fields": [{"name": "a"}], "foreignKeys": [{"fields": "a"}]}"#,
            "$.foreignKeys[0] must have",
        ),
        (
            r#"{"fields": [{"name": "a"}], "foreignKeys": [{"fields": "a", "reference": {"fields": "b"}}]}"#,
            "$.foreignKeys[0].reference.fields names \"b\"",
        ),
        (
            r#"{"fields": [{"name": "a"}], "foreignKeys": [{"fields": "a", "reference": {"resource": "t", "fields": ["b", "c"]}}]}"#,
            "names 2 fields for 1",
        ),
        (r#"{"resources": []}"#, "$.resources has 0 resources"),
        (
            r#"{"resources": [{"schema": "s.json"}]}"#,
            "$.resources[0].schema is \"s.json\"",
        ),
        (r#"{"resources": [{}]}"#, "$.resources[0] has no \"schema\""),
        (
            r#"{"schema": {"fields": [{"name": 1}]}}"#,
            "$.schema.fields[0].name must be a string",
        ),
    ] {
        let message = Contract::from_json(schema).expect_err(schema).to_string();
        assert!(message.contains(wanted), "{schema}: {message}");
    }
}

#[test]
fn all_problems_are_listed_at_once() {
    let schema = r#"{"fields": [{"name": "a", "type": "x"}, {"name": "b", "type": "y"}]}"#;
    let message = Contract::from_json(schema).unwrap_err().to_string();
    assert!(
        message.contains("2 things") && message.contains("[0]") && message.contains("[1]"),
        "{message}"
    );
}

#[test]
fn a_schema_of_either_version_is_found_wherever_it_stands() {
    let first = r#"{"fields": [{"name": "a", "type": "integer"}], "primaryKey": "a"}"#;
    let wanted = Contract::from_json(first).unwrap();
    for same in [
        format!("{{\"profile\": \"tabular-data-resource\", \"schema\": {first}}}"),
        format!("{{\"name\": \"p\", \"resources\": [{{\"path\": \"a.csv\", \"schema\": {first}}}]}}"),
        first.replace("\"a\", ", "\"a\", \"title\": \"A\", \"rdfType\": \"x\", "),
        first.replace(
            "{\"fields",
            "{\"$schema\": \"https://datapackage.org/profiles/2.0/tableschema.json\", \"fields",
        ),
    ] {
        let found = Contract::from_json(&same).unwrap();
        assert_eq!(
            (found.hash(), found.to_json()),
            (wanted.hash(), wanted.to_json()),
            "{same}"
        );
    }
    assert_eq!(wanted.primary_key, [0]);
    assert!(wanted.fields[0].is_required, "the primary key has no NULL");
    let other = Contract::from_json(&first.replace("integer", "number")).unwrap();
    assert_ne!(other.hash(), wanted.hash());
}

#[test]
fn keys_are_each_there_once_and_repeated_names_are_told_apart() {
    let schema = r#"{"fields": [{"name": "a", "constraints": {"unique": true}}, {"name": "b"}, {"name": "A"}],
                     "primaryKey": ["b"], "uniqueKeys": [["a"], ["b"], ["a", "b"], ["b", "a"]]}"#;
    let contract = Contract::from_json(schema).unwrap();
    assert_eq!(contract.unique_keys, [vec![0], vec![0, 1]]);
    assert_eq!(contract.all_names(), ["a", "b", "A_2"]);
}

#[test]
fn a_contract_is_the_same_in_another_process() {
    let schema = r#"{"fields": [{"name": "c", "type": "string", "constraints": {"pattern": "[a-z-[x]]+", "minLength": 2}},
                                {"name": "d", "type": "date", "format": "%d/%m/%y", "constraints": {"minimum": "01/02/70"}}],
                     "missingValues": ["", "NA"]}"#;
    let here = Contract::from_json(schema).unwrap();
    let there = Contract::from_json(&here.to_json()).unwrap();
    assert_eq!(here, there);
    let verdict = |contract: &Contract, field: usize, text: &str| {
        let mut iso = crate::schema::cast::IsoText::new();
        let rules = &contract.fields[field].rules;
        let read = rules.read(text.as_bytes(), &mut iso, &mut Vec::new());
        let verdict = format!(
            "{:?}",
            read.map(|read| read.is_recoded)
                .map_err(|refusal| format!("{refusal:?}"))
        );
        (verdict, contract.fields[field].missing.have(text.as_bytes(), None))
    };
    for (field, text) in [
        (0, "ab"),
        (0, "a"),
        (0, "ax"),
        (0, "NA"),
        (1, "02/02/70"),
        (1, "31/01/70"),
        (1, "x"),
        (1, ""),
    ] {
        assert_eq!(verdict(&here, field, text), verdict(&there, field, text), "{text}");
    }
}
