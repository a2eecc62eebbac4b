//! Words as BuildKit's `shell.Lex` splits them when it looks for here-documents: with variables that it
//! leaves alone, and with all the mistakes that make it give up.

/// The words of a line (`ProcessWords`). `None` where it gives up: an unclosed quote or brace, a substitution
/// that it doesn't know.
pub(crate) fn words(text: &str) -> Option<Vec<&str>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut words = Vec::new();
    let mut start = None;
    while let Some(c) = lexer.peek() {
        let at = lexer.at;
        if c.is_whitespace() {
            lexer.next();
            words.extend(start.take().map(|from| &text[from..at]));
        } else {
            start.get_or_insert(at);
            lexer.part()?;
        }
    }
    words.extend(start.map(|from| &text[from..]));
    Some(words)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// A character, or what it opens.
    fn part(&mut self) -> Option<()> {
        match self.next()? {
            '\'' => while self.next()? != '\'' {},
            '"' => self.double_quoted()?,
            '$' => self.dollar()?,
            // White space between `<<` and the word belongs to it.
            '<' if self.peek() == Some('<') => {
                self.next();
                while self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r')) {
                    self.next();
                }
            }
            '\\' => {
                self.next();
            }
            _ => {}
        }
        Some(())
    }

    fn double_quoted(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                '"' => return Some(()),
                '$' => self.dollar()?,
                '\\' if matches!(self.peek(), Some('"' | '$' | '\\')) => {
                    self.next();
                }
                _ => {}
            }
        }
    }

    /// What follows a `$`.
    fn dollar(&mut self) -> Option<()> {
        if self.peek() != Some('{') {
            self.name();
            return Some(());
        }
        self.next();
        if matches!(self.peek(), None | Some('{' | '}' | ':')) {
            return None;
        }
        self.name();
        match self.next()? {
            '}' => Some(()),
            // What comes behind the `:` is looked at only where the variable is set, and none is here.
            ':' => match self.next()? {
                '#' | '%' => None,
                _ => self.up_to('}'),
            },
            '+' | '-' | '?' | '#' | '%' => self.up_to('}'),
            '/' => {
                if self.peek() == Some('/') {
                    self.next();
                }
                self.up_to('/')?;
                self.up_to('}')
            }
            _ => None,
        }
    }

    fn up_to(&mut self, end: char) -> Option<()> {
        while self.peek()? != end {
            self.part()?;
        }
        self.next();
        Some(())
    }

    fn name(&mut self) {
        match self.peek() {
            Some(c) if c.is_numeric() => {
                while self.peek().is_some_and(char::is_numeric) {
                    self.next();
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.next();
            }
            _ => {
                while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.next();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_where_buildkit_does() {
        for (text, expected) in [
            ("RUN a  b", vec!["RUN", "a", "b"]),
            ("a 'b c' \"d e\"f", vec!["a", "'b c'", "\"d e\"f"]),
            ("a\\ b c", vec!["a\\ b", "c"]),
            ("cat << EOF > x", vec!["cat", "<< EOF", ">", "x"]),
            ("cat <<- EOF", vec!["cat", "<<-", "EOF"]),
            ("a ${b:1} c", vec!["a", "${b:1}", "c"]),
            ("a ${b:-c d} $((1 << 2))", vec!["a", "${b:-c d}", "$((1", "<< 2))"]),
            ("a ${b/ /}c", vec!["a", "${b/ /}c"]),
        ] {
            assert_eq!(words(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn gives_up_where_buildkit_does() {
        for text in ["a 'b", "a \"b", "a ${b", "a ${}", "a ${b:#c}", "a ${b!}", "a ${b/c}", "a \"${b^}\""] {
            assert_eq!(words(text), None, "{text}");
        }
    }
}
