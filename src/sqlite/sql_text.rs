//! The text of SQL, for what SQLite reports in no other way: whether a constraint says ON CONFLICT, whether a trigger may concern a table,
//! and what statements begin with that somebody wants to be run.
//!
//! It is cut into tokens by SQLite's own rules, so that nothing within a string, a quoted name or a comment is taken for a word.
//! Source: `sqlite3GetToken` in tokenize.c.

/// A token that can matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A keyword or a name that stands unquoted.
    Word(&'a [u8]),
    /// A quoted name, or a string, which SQLite takes for a name in some places; with its quotes.
    Quoted(&'a [u8]),
    Semicolon,
    /// A number, a blob, another operator.
    Other,
}

/// Whether `sql` may mean the table `name`: whether the name stands in it, quoted in any way or not.
pub fn may_mean(sql: &str, name: &str) -> bool {
    let is_name = |bytes: &[u8]| String::from_utf8_lossy(bytes).eq_ignore_ascii_case(name);
    Tokens(sql.as_bytes()).any(|token| match token {
        Token::Word(word) => is_name(word),
        Token::Quoted([quote, inner @ .., _]) => {
            let (quote, inner) = (*quote as char, String::from_utf8_lossy(inner));
            is_name(inner.replace(&format!("{quote}{quote}"), &quote.to_string()).as_bytes())
        }
        Token::Quoted(_) | Token::Semicolon | Token::Other => false,
    })
}

/// A statement within a text that may be none of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStatement {
    /// Where its first token begins, in bytes.
    pub start_bytes: usize,
    /// That token; empty if it is no word.
    pub first_word: String,
}

/// The first word of each statement in `sql`, which may be none of SQL; those within the body of a trigger aside.
pub fn first_words(sql: &str) -> Vec<String> {
    let found = statements(sql).into_iter();
    found.map(|statement| statement.first_word).collect()
}

/// The statements in `sql`, which may be none of SQL; those within the body of a trigger aside.
///
/// Where a body ends, is told as SQLite tells it: at an END between two semicolons. Source: `sqlite3_complete` in complete.c.
pub fn statements(sql: &str) -> Vec<FoundStatement> {
    let mut found = Vec::new();
    // The words of the statement so far; only the first three can say that it makes a trigger.
    let mut words: Vec<&[u8]> = Vec::new();
    let (mut is_begun, mut after_end) = (false, false);
    let mut tokens = Tokens(sql.as_bytes());
    loop {
        tokens.skip_blanks();
        let start_bytes = sql.len() - tokens.0.len();
        match tokens.next() {
            None => return found,
            Some(Token::Semicolon) if makes_trigger(&words) && !after_end => words.truncate(3),
            Some(Token::Semicolon) => {
                words.clear();
                (is_begun, after_end) = (false, false);
            }
            Some(token) => {
                let word = match token {
                    Token::Word(word) => word,
                    _ => b"",
                };
                if !is_begun {
                    found.push(FoundStatement {
                        start_bytes,
                        first_word: String::from_utf8_lossy(word).into_owned(),
                    });
                    is_begun = true;
                }
                after_end = words.len() == 3 && word.eq_ignore_ascii_case(b"END");
                if words.len() < 4 {
                    words.push(word);
                }
            }
        }
    }
}

/// The statement `sql` that makes an index, as SQLite keeps it, with `name` as the index's own; `None` if it is another statement.
///
/// SQLite keeps it from the name on as it was written, and puts the words before that itself. Source: `sqlite3CreateIndex` in build.c.
pub fn with_index_name(sql: &str, name: &str) -> Option<String> {
    let mut tokens = Tokens(sql.as_bytes());
    let is = |token: Option<Token<'_>>, word: &[u8]| matches!(token, Some(Token::Word(found)) if found == word);
    if !is(tokens.next(), b"CREATE") {
        return None;
    }
    match tokens.next() {
        Some(Token::Word(b"UNIQUE")) if is(tokens.next(), b"INDEX") => {}
        Some(Token::Word(b"INDEX")) => {}
        _ => return None,
    }
    tokens.skip_blanks();
    let start = sql.len() - tokens.0.len();
    tokens.next()?;
    let end = sql.len() - tokens.0.len();
    Some(format!("{}{name}{}", &sql[..start], &sql[end..]))
}

/// Whether a statement that begins with these words makes a trigger.
fn makes_trigger(words: &[&[u8]]) -> bool {
    let is = |index: usize, word: &str| {
        words
            .get(index)
            .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    };
    is(0, "CREATE") && (is(1, "TRIGGER") || (is(1, "TEMP") || is(1, "TEMPORARY")) && is(2, "TRIGGER"))
}

/// Whether a constraint of the table that `sql` creates has an ON CONFLICT clause.
///
/// ON is reserved: unquoted it is never a name, so these two words together never mean anything else.
pub fn has_conflict_clause(sql: &str) -> bool {
    let mut after_on = false;
    for token in Tokens(sql.as_bytes()) {
        if let Token::Word(word) = token {
            if after_on && word.eq_ignore_ascii_case(b"CONFLICT") {
                return true;
            }
            after_on = word.eq_ignore_ascii_case(b"ON");
        } else {
            after_on = false;
        }
    }
    false
}

/// What is left to cut.
struct Tokens<'a>(&'a [u8]);

impl Tokens<'_> {
    /// Goes to where the next token begins.
    fn skip_blanks(&mut self) {
        loop {
            let sql = self.0;
            let length = match *sql {
                [b' ' | b'\t' | b'\n' | b'\x0c' | b'\r', ..] => 1,
                [b'-', b'-', ..] => up_to(sql, b"\n"),
                // In SQLite, a comment needs a byte after its opening.
                [b'/', b'*', _, ..] => 2 + up_to(&sql[2..], b"*/"),
                _ => return,
            };
            self.0 = &sql[length..];
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let sql = self.0;
        if sql.is_empty() {
            return None;
        }
        let (token, length) = token(sql);
        self.0 = &sql[length..];
        Some(token)
    }
}

/// Number of bytes up to and including the first `end`, or of all bytes.
fn up_to(sql: &[u8], end: &[u8]) -> usize {
    let found = sql.windows(end.len()).position(|window| window == end);
    found.map_or(sql.len(), |at| at + end.len())
}

/// The token at the start of `sql`, where there is neither a blank nor a comment, and its length.
fn token(sql: &[u8]) -> (Token<'_>, usize) {
    match sql[0] {
        quote @ (b'\'' | b'"' | b'`') => {
            let length = quoted(sql, quote);
            (Token::Quoted(&sql[..length]), length)
        }
        b'[' => {
            let length = up_to(sql, b"]");
            (Token::Quoted(&sql[..length]), length)
        }
        b';' => (Token::Semicolon, 1),
        // A blob's x goes with the string that follows it.
        b'x' | b'X' if sql.get(1) == Some(&b'\'') => (Token::Other, 1 + quoted(&sql[1..], b'\'')),
        first if is_word_byte(first) => {
            let length = sql.iter().take_while(|&&byte| is_word_byte(byte)).count();
            let token = match first {
                b'0'..=b'9' | b'$' => Token::Other,
                _ => Token::Word(&sql[..length]),
            };
            (token, length)
        }
        _ => (Token::Other, 1),
    }
}

/// Length of a string or name in `quote`s, in which a doubled quote stands for one.
fn quoted(sql: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = sql.get(at) {
        at += 1;
        if byte == quote {
            if sql.get(at) != Some(&quote) {
                return at;
            }
            at += 1;
        }
    }
    sql.len()
}

/// Whether names and numbers may contain `byte`; every byte beyond ASCII counts. Source: `IdChar` in tokenize.c.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_known_by_their_first_words() {
        for (sql, words) in [
            ("", &[][..]),
            (" ; -- BEGIN\n;", &[]),
            ("insert into t values (';'); /* x */ Commit", &["insert", "Commit"]),
            ("EXPLAIN BEGIN; SELECT 1", &["EXPLAIN", "SELECT"]),
            (
                "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; INSERT INTO t VALUES (1); END; ROLLBACK",
                &["CREATE", "ROLLBACK"],
            ),
            (
                "create trigger x after insert on t begin select case 1 when 1 then 2 end; end; attach 'x' as y",
                &["create", "attach"],
            ),
            ("CREATE TRIGGER begin", &["CREATE"]),
            ("CREATE TABLE x(a); END", &["CREATE", "END"]),
            ("'quoted' BEGIN", &[""]),
        ] {
            assert_eq!(first_words(sql), words, "{sql}");
        }
    }

    #[test]
    fn an_index_gets_another_name_however_its_own_is_written() {
        for (sql, renamed) in [
            ("CREATE INDEX a ON t(a)", "CREATE INDEX \"b\" ON t(a)"),
            ("CREATE UNIQUE INDEX [a b]ON t(a)", "CREATE UNIQUE INDEX \"b\"ON t(a)"),
            (
                "CREATE INDEX 'a''b' ON t(a) WHERE a = 'a'",
                "CREATE INDEX \"b\" ON t(a) WHERE a = 'a'",
            ),
            (
                "CREATE UNIQUE INDEX /* x */ `a` ON t(a)",
                "CREATE UNIQUE INDEX /* x */ \"b\" ON t(a)",
            ),
        ] {
            assert_eq!(with_index_name(sql, "\"b\"").as_deref(), Some(renamed), "{sql}");
        }
        assert_eq!(with_index_name("CREATE TABLE index(a)", "b"), None);
    }

    #[test]
    fn an_on_conflict_clause_is_seen_wherever_it_stands_and_only_there() {
        for sql in [
            "CREATE TABLE t(a UNIQUE ON CONFLICT IGNORE)",
            "CREATE TABLE t(a default '5\"' unique on/**/conflict replace, b default '6\"')",
            "CREATE TABLE t(a [x\"y] UNIQUE -- \" ' [\nON -- on\n CONFLICT FAIL)",
            "CREATE TABLE t(a DEFAULT x'00' NOT NULL ON\tConflict ROLLBACK)",
            "CREATE TABLE `a\"``b`(\"it's\" UNIQUE /* ' */ ON CONFLICT ABORT)",
            "CREATE TABLE t(a DEFAULT 1e3 UNIQUE ON CONFLICT IGNORE)",
            "CREATE TABLE t(é UNIQUE ON CONFLICT IGNORE)",
        ] {
            assert!(has_conflict_clause(sql), "{sql}");
        }
        for sql in [
            "CREATE TABLE t(a, conflict)",
            "CREATE TABLE t(a DEFAULT 'ON CONFLICT IGNORE')",
            "CREATE TABLE t(a \"ON CONFLICT\" , [on] conflict, `on`conflict)",
            "CREATE TABLE t(a /* ON CONFLICT */, b -- ON CONFLICT\n)",
            "CREATE TABLE t(a REFERENCES p ON DELETE SET NULL, conflict)",
            "CREATE TABLE t(a DEFAULT 'it''s ON CONFLICT')",
            "CREATE TABLE conflict(a $on CONFLICT)",
            "CREATE TABLE t(a DEFAULT 'unfinished ON CONFLICT",
        ] {
            assert!(!has_conflict_clause(sql), "{sql}");
        }
    }
}
