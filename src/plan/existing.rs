//! The plan for a table that exists: which column each field goes to, and who judges keys that may be repeated.

use super::{
    DedupPlan, Layout, TablePlan, contract, full_text, has_unique_index, key_columns, pattern_of, plan_repeats,
    unique_indexes,
};
use crate::error::Error;
use crate::infer::Facts;
use crate::option_name::{
    ALTER, ATOMIC, COLUMN_TYPE, COLUMNS, KEY, NOT_NULL, ON_DUPLICATE, RENAME, ROW_NUMBER, STRICT, TEXT, UNION_BY_NAME,
};
use crate::options::{LoadOptions, OnDuplicate};
use crate::schema::cells::EmptyCell;
use crate::schema::constraint::TableConstraint;
use crate::schema::identifier::{listed, nearest, quote, quote_all};
use crate::schema::table_info::{TableColumn, TableInfo, row_id_alias, row_id_name};
use crate::schema::{Column, ColumnType, RowIds, TableType};

/// Plans a load into a table that exists. Columns are matched by name, or by position if the input has no header.
///
/// # Errors
/// `Schema` with every mismatch, `Usage` when `--key` names no column.
pub fn plan_existing_table(
    info: &TableInfo,
    layout: &Layout,
    facts: &Facts,
    options: &LoadOptions,
) -> Result<TablePlan, Error> {
    let fields = MatchedFields::matched(info, layout, options)?;
    let key = fields.key(options)?;
    let notices = fields.notices(&key, options);
    let unique = fields.unique(&key, options)?;
    let dedup = match unique.is_empty() {
        true => fields.dedup(&key, facts),
        false => DedupPlan::Database,
    };
    let names: Vec<String> = fields.columns.iter().map(|column| column.name.clone()).collect();
    let repeats = plan_repeats(&fields.columns, &key.columns, &options.contract.on_duplicate)?;
    if repeats.updates() && info.traces.deferred {
        return Err(Error::schema(format!(
            "a foreign key of table \"{}\", or of one that its triggers write to, may be checked only when a transaction is committed \
             (DEFERRABLE), and {ON_DUPLICATE} {} does not know which record breaks it then; load into another table, and move the rows with SQL",
            info.name, options.contract.on_duplicate
        )));
    }
    let contract_fields = contract::contract_fields(layout, options)?;
    fields.check_unique(&contract_fields, &key, options)?;
    Ok(TablePlan {
        contract_fields,
        constraints: Vec::new(),
        table: info.name.clone(),
        create: false,
        row_ids: match (info.without_rowid, key.row_id_column) {
            (true, _) => RowIds::None,
            (false, Some(_)) => RowIds::Key,
            (false, None) if dedup == DedupPlan::Filter => RowIds::Ordinal { base: 0 },
            (false, None) => RowIds::Given,
        },
        given: layout.given_columns(&fields.columns, &options.dialect.written)?,
        columns: fields.columns,
        row_id_column: key.row_id_column,
        build_key_index: !key.is_covered,
        repeats,
        key_columns: key.columns,
        dedup,
        strict: false,
        unique,
        definition: None,
        adds: Vec::new(),
        place_is_free: false,
        one_transaction: false,
        notes_keys: false,
        replaces: None,
        empties: false,
        fts: full_text(&names, row_id_name(info).is_none(), options)?,
        sources: layout.sources.clone(),
        guess: None,
        settled: None,
        dialects: Vec::new(),
        object_names: Vec::new(),
        notices,
    })
}

/// Makes all rows of a load land in a table that exists in one transaction.
///
/// # Errors
/// `Schema` that says what may end that transaction, or is judged only at its end.
pub fn land_at_once(plan: &mut TablePlan, info: &TableInfo) -> Result<(), Error> {
    let obstacle = match &info.traces {
        traces if traces.deferred => "it has a foreign key that is checked only at the commit",
        traces if traces.rolled_back => "one of its triggers may roll a whole transaction back",
        _ => {
            // Where keys ascend, the record that came first is known anyway.
            plan.notes_keys = matches!(plan.dedup, DedupPlan::Ascending { .. });
            // Rows that are settled last would not land with the others.
            plan.dedup = DedupPlan::Database;
            if let RowIds::Ordinal { .. } = plan.row_ids {
                plan.row_ids = RowIds::Given;
            }
            plan.one_transaction = true;
            return Ok(());
        }
    };
    Err(Error::schema(format!(
        "{ATOMIC} file cannot load into table \"{}\": {obstacle}; nothing was loaded: load into a table of its own, and move the rows with SQL",
        info.name
    )))
}

/// Which columns of `layout` a table lacks. Columns without names are not looked for by name.
pub fn lacking_columns(info: &TableInfo, layout: &Layout, options: &LoadOptions) -> Vec<usize> {
    let places = TablePlaces::of(info, layout, options);
    let is_lacking = |&index: &usize| places.is_named(index) && places.find(index).is_none();
    (0..layout.names.len()).filter(is_lacking).collect()
}

/// The columns that a table gets for the load; `facts`: what is known of those whose type is not declared.
///
/// # Errors
/// `Usage` when a type is declared for a column that is not there.
pub fn added_columns(
    info: &TableInfo,
    layout: &Layout,
    facts: &Facts,
    options: &LoadOptions,
) -> Result<Vec<Column>, Error> {
    let declared = layout.declared_types(options)?;
    let column = |index: usize| {
        let column_type = declared[index].unwrap_or_else(|| facts.column_type(index));
        Column::new(&layout.names[index], column_type)
    };
    Ok(lacking_columns(info, layout, options).into_iter().map(column).collect())
}

/// The fields of a record, matched to the columns of a table.
struct MatchedFields<'a> {
    info: &'a TableInfo,
    columns: Vec<Column>,
    /// Where the column of each field stands in the table.
    table_indices: Vec<usize>,
}

/// The key, and what the table has for it.
struct TableKey {
    columns: Vec<usize>,
    /// The column that is the table's row id.
    row_id_column: Option<usize>,
    is_row_id: bool,
    /// The table refuses a repeated key itself.
    is_covered: bool,
}

impl<'a> MatchedFields<'a> {
    /// Matches the columns of `layout`.
    ///
    /// # Errors
    /// `Schema` with everything that does not fit, `Usage` when `--types` names no column.
    fn matched(info: &'a TableInfo, layout: &Layout, options: &LoadOptions) -> Result<Self, Error> {
        let mut fields = MatchedFields {
            info,
            columns: Vec::new(),
            table_indices: Vec::new(),
        };
        let mut problems = fields.match_columns(layout, options)?;
        problems.extend(fields.missing());
        if info.has_triggers && info.may_have_conflict_clauses {
            problems.push(
                "it has triggers and an ON CONFLICT clause, which together can drop rows unseen; drop the triggers for the load"
                    .to_owned(),
            );
        }
        if problems.is_empty() {
            return Ok(fields);
        }
        let problems = problems.join("\n  ");
        Err(Error::schema(format!(
            "table \"{}\" does not fit the input; nothing was loaded:\n  {problems}",
            info.name
        )))
    }

    /// Finds the table's column for each of `layout`; returns what is in the way.
    fn match_columns(&mut self, layout: &Layout, options: &LoadOptions) -> Result<Vec<String>, Error> {
        let declared = layout.types_by_name(options)?;
        let places = TablePlaces::of(self.info, layout, options);
        let mut problems = places.too_many();
        let mut fitting = Vec::new();
        for (index, name) in layout.names.iter().enumerate() {
            let Some(place) = places.find(index) else {
                problems.extend(places.not_found(index));
                continue;
            };
            let column = &self.info.columns[place];
            problems.extend(self.obstacle(layout, index, place).or_else(|| {
                let is_default = options.dialect.cells.empty == EmptyCell::Default && column.has_default;
                let path = layout.lacking(index).filter(|_| column.not_null && !is_default)?;
                Some(format!(
                    "column \"{name}\" must not be NULL, and {} does not have it ({UNION_BY_NAME} loads NULL)",
                    path.display()
                ))
            }));
            match declared_column(column, declared[index]) {
                Ok(column) => self.columns.push(Column {
                    pattern: declared[index].and_then(|declared| pattern_of(name, declared, options)),
                    ..column
                }),
                Err(problem) => problems.push(problem),
            }
            self.table_indices.push(place);
            fitting.extend(layout.input_names.get(index).filter(|_| !column.generated));
        }
        if let Some(last) = problems.last_mut().filter(|_| places.leaves_out(&fitting)) {
            *last += &format!("; leave out what does not fit with {COLUMNS} {}", listed(fitting));
            if places.lack_any() {
                *last += &format!(", or let the table have it with {ALTER}");
            }
        }
        Ok(problems)
    }

    /// Why the table's column at `place` cannot be filled by the column `index` of `layout`, whatever its values.
    fn obstacle(&self, layout: &Layout, index: usize, place: usize) -> Option<String> {
        let column = &self.info.columns[place];
        let TableColumn { name, .. } = column;
        if column.generated {
            return Some(format!(
                "column \"{name}\" is generated by the table and cannot be loaded"
            ));
        }
        if self.table_indices.contains(&place) {
            return Some(format!("column \"{name}\" would be filled twice"));
        }
        let option = layout.given_by(index)?;
        if self.info.row_id_column == Some(place) {
            return Some(format!(
                "column \"{name}\" is the table's row id, which {option} cannot give"
            ));
        }
        let holds_integers = matches!(
            column.column_type,
            ColumnType::Integer | ColumnType::Any | ColumnType::Numeric
        );
        (option == ROW_NUMBER && !holds_integers).then(|| {
            format!(
                "column \"{name}\" is declared {} and cannot hold the integers of {ROW_NUMBER}",
                column.declared_type
            )
        })
    }

    /// Columns that no field fills and that cannot be left out.
    fn missing(&self) -> impl Iterator<Item = String> + '_ {
        let columns = self.info.columns.iter().enumerate();
        columns.filter_map(|(index, column)| {
            let needed =
                column.not_null && !column.has_default && !column.generated && self.info.row_id_column != Some(index);
            (needed && !self.table_indices.contains(&index)).then(|| {
                format!(
                    "column \"{}\" must not be NULL and the input does not have it",
                    column.name
                )
            })
        })
    }

    /// # Errors
    /// `Usage` when `--key` names no column.
    fn key(&self, options: &LoadOptions) -> Result<TableKey, Error> {
        let info = self.info;
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let mut columns = key_columns(&names, &options.contract.key, KEY)?;
        if columns.is_empty() && options.contract.on_duplicate != OnDuplicate::Reject {
            columns = self.primary_key().unwrap_or_default();
        }
        let row_id_column = info
            .row_id_column
            .and_then(|index| self.table_indices.iter().position(|&other| other == index));
        let is_row_id = row_id_column.is_some() && columns.iter().all(|&index| Some(index) == row_id_column);
        Ok(TableKey {
            is_covered: columns.is_empty() || is_row_id || has_unique_index(info, &columns, &self.table_indices),
            columns,
            row_id_column,
            is_row_id,
        })
    }

    /// What is to be said of the table as the load takes it.
    fn notices(&self, key: &TableKey, options: &LoadOptions) -> Vec<String> {
        let table = &self.info.name;
        let mut notices = Vec::new();
        if options.contract.all_text {
            notices.extend(text_notice(table, &self.columns));
        }
        let of_new_tables = [
            (STRICT, options.table.strict),
            (NOT_NULL, !options.table.not_null.is_empty()),
        ];
        for (option, _) in of_new_tables.iter().filter(|(_, is_asked)| *is_asked) {
            notices.push(format!("table \"{table}\" exists, and {option} has no effect on it"));
        }
        if !key.is_covered {
            notices.push(format!(
                "table \"{table}\" has no unique index on the key {}: one is added to it",
                options.contract.key.join(",")
            ));
        }
        notices
    }

    /// The table's primary key, if the load fills all of its columns.
    fn primary_key(&self) -> Option<Vec<usize>> {
        let place = |index: &usize| self.table_indices.iter().position(|other| other == index);
        self.info.primary_key.iter().map(place).collect()
    }

    /// Checks that the table itself refuses rows that share what the contract calls unique.
    ///
    /// # Errors
    /// `Schema`, with the index that is wanted.
    fn check_unique(&self, fields: &[Option<u32>], key: &TableKey, options: &LoadOptions) -> Result<(), Error> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        for constraint in contract::constraints(fields, &names, &key.columns, options) {
            let TableConstraint::Unique(unique) = &constraint else {
                continue;
            };
            let columns = key_columns(&names, unique, KEY)?;
            let is_row_id =
                matches!(columns[..], [column] if Some(self.table_indices[column]) == self.info.row_id_column);
            if !is_row_id && !has_unique_index(self.info, &columns, &self.table_indices) {
                let (table, columns) = (&self.info.name, quote_all(unique));
                return Err(Error::schema(format!(
                    "the schema calls ({columns}) unique, and table \"{table}\" has no unique index on that; nothing was loaded: make one \
                     (CREATE UNIQUE INDEX ... ON {} ({columns})), or take it out of the schema",
                    quote(table)
                )));
            }
        }
        Ok(())
    }

    /// The unique indexes that are asked for and that the table does not have.
    ///
    /// # Errors
    /// `Usage` when one names no column.
    fn unique(&self, key: &TableKey, options: &LoadOptions) -> Result<Vec<Vec<usize>>, Error> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let mut unique = unique_indexes(&names, &key.columns, options)?;
        let is_row_id = |columns: &[usize]| key.row_id_column.is_some_and(|row_id| columns == [row_id]);
        unique.retain(|columns| !is_row_id(columns) && !has_unique_index(self.info, columns, &self.table_indices));
        Ok(unique)
    }

    /// Who recognizes rows that repeat a key.
    fn dedup(&self, key: &TableKey, facts: &Facts) -> DedupPlan {
        let info = self.info;
        // The filter sees the input's text: where SQLite takes '1' and '1.0', or 'a' and 'A', to be equal, only SQLite can judge.
        let text_is_key = key
            .columns
            .iter()
            .all(|&index| info.columns[self.table_indices[index]].keeps_differences);
        // Rows that may repeat a key are settled last. Where a row's fate depends on those before it, SQLite judges each in its turn; it
        // does so too where the numbers that it gives to rows can be seen.
        match key.row_id_column {
            _ if !info.is_plain => DedupPlan::Database,
            Some(_) if key.is_row_id && facts.key_order().ascends() => DedupPlan::Ascending { last: info.max_row_id },
            _ if key.is_covered || !info.is_empty || info.row_id_column.is_some() => DedupPlan::Database,
            _ if !text_is_key || row_id_alias(&info.columns).is_none() => DedupPlan::Database,
            _ => DedupPlan::Filter,
        }
    }
}

/// Where the columns of a layout stand in a table: by name, or by position if the input names nothing.
struct TablePlaces<'a> {
    info: &'a TableInfo,
    layout: &'a Layout,
    by_name: bool,
    /// Columns by position, as `.import` counts: generated ones have none.
    positions: Vec<usize>,
    names: Vec<String>,
}

impl<'a> TablePlaces<'a> {
    fn of(info: &'a TableInfo, layout: &'a Layout, options: &LoadOptions) -> Self {
        let columns = &info.columns;
        TablePlaces {
            info,
            layout,
            // Who gives names to columns without any means those names.
            by_name: options.dialect.header || !options.columns.renamed.is_empty() || options.contract.agreed.is_some(),
            positions: (0..columns.len()).filter(|&index| !columns[index].generated).collect(),
            names: columns.iter().map(|column| column.name.clone()).collect(),
        }
    }

    /// Whether a column is looked for by its name.
    fn is_named(&self, index: usize) -> bool {
        self.by_name || self.layout.given_by(index).is_some()
    }

    fn find(&self, index: usize) -> Option<usize> {
        let name = &self.layout.names[index];
        match self.is_named(index) {
            true => self
                .info
                .columns
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name)),
            false => self.positions.get(index).copied(),
        }
    }

    /// The problem of an input without names that has more columns than the table.
    fn too_many(&self) -> Vec<String> {
        let (found, taken) = (self.layout.field_columns(), self.positions.len());
        match !self.by_name && found > taken {
            true => vec![format!("the input has {found} columns, the table takes {taken}")],
            false => Vec::new(),
        }
    }

    /// The problem of a column that the table does not have, if it was looked for by name.
    fn not_found(&self, index: usize) -> Option<String> {
        let name = &self.layout.names[index];
        if let Some(option) = self.layout.given_by(index) {
            return Some(format!("the table has no column \"{name}\", which {option} names"));
        }
        if !self.by_name {
            return None;
        }
        let is_taken = |other: &str| self.layout.names.iter().any(|name| name.eq_ignore_ascii_case(other));
        let other = nearest(name, &self.names).filter(|other| !is_taken(other));
        let meant = other.map_or_else(String::new, |other| {
            let pair = [&self.layout.input_names[index], &other.to_owned()].map(|name| listed([name]));
            format!(" ({RENAME} {} loads it into \"{other}\")", pair.join("="))
        });
        Some(format!("the table has no column \"{name}\"{meant}"))
    }

    /// Whether there are names for which the table has no column.
    fn lack_any(&self) -> bool {
        self.by_name && (0..self.layout.field_columns()).any(|index| self.find(index).is_none())
    }

    /// Whether there are fields for which the table has no place, and others that fit.
    fn leaves_out(&self, fitting: &[&String]) -> bool {
        let has_place = |index| {
            self.find(index)
                .is_some_and(|place| !self.info.columns[place].generated)
        };
        !fitting.is_empty() && !(0..self.layout.field_columns()).all(has_place)
    }
}

/// A column of a table that exists, as `declared` by `--types`, if it is.
///
/// # Errors
/// Why the column cannot hold what it is declared as, in words.
fn declared_column(column: &TableColumn, declared: Option<ColumnType>) -> Result<Column, String> {
    use ColumnType::{Any, Boolean, Date, DateTime, Decimal, Integer, Number, Numeric, Percent, Real, Text, Time};
    let affinity = column.column_type;
    let fits = match (affinity, declared) {
        (_, None) | (Any, _) | (Text, Some(Text | Date | Time | DateTime)) => true,
        (Integer, Some(Integer | Boolean | Decimal(_))) | (Real, Some(Real | Number | Percent)) => true,
        // Values are stored as numbers, or as texts that do not look like numbers: only a text that looks like a number would be changed.
        (Numeric, Some(other)) => other != Text,
        _ => false,
    };
    let TableColumn {
        name, declared_type, ..
    } = column;
    if !fits {
        let asked = declared.map_or("", ColumnType::as_str);
        return Err(format!(
            "column \"{name}\" is declared {declared_type} and cannot hold {COLUMN_TYPE} {name}={asked}: SQLite would store other values; \
             leave it out of {COLUMN_TYPE}, or make the column {}",
            declared.map_or("TEXT", ColumnType::sql)
        ));
    }
    Ok(Column {
        name: name.clone(),
        column_type: declared.unwrap_or(affinity),
        not_null: column.not_null,
        declared: declared.is_some(),
        pattern: None,
        in_table: Some(TableType {
            declared_type: declared_type.clone(),
            affinity,
            default: None,
        }),
    })
}

/// Says for which columns of an existing table `--text` does not hold.
fn text_notice(table: &str, columns: &[Column]) -> Option<String> {
    let holds = |column: &&Column| column.declared || matches!(column.column_type, ColumnType::Text | ColumnType::Any);
    let others: Vec<String> = columns
        .iter()
        .filter(|column| !holds(column))
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    (!others.is_empty()).then(|| {
        let others = others.join(", ");
        format!("table \"{table}\" exists, and {TEXT} has no effect on its columns {others}, which are not TEXT")
    })
}
