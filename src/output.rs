//! Where words go: standard output and standard error, in colour or not, and a pipe that may be closed.

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use std::fmt::{self, Display};
use std::io::{self, Write};

/// Whether, and how, a text is coloured.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    colour: bool,
    width: Option<usize>,
}

/// A text in a style.
pub struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.style.render(), self.text, self.style.render_reset())
    }
}

impl Paint {
    /// No colour, lines of any length.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { colour: false, width: None }
    }

    /// Whether there is colour.
    pub fn is_coloured(self) -> bool {
        self.colour
    }

    /// How wide a line may be; `None` where lines are not broken.
    pub fn width(self) -> Option<usize> {
        self.width
    }

    fn styled<T: Display>(self, style: Style, text: T) -> Painted<T> {
        Painted { style: if self.colour { style } else { Style::new() }, text }
    }

    fn coloured<T: Display>(self, colour: AnsiColor, text: T) -> Painted<T> {
        self.styled(colour.on_default(), text)
    }

    /// What stands out.
    pub fn bold<T: Display>(self, text: T) -> Painted<T> {
        self.styled(Style::new().bold(), text)
    }

    /// What stays in the background.
    pub fn dim<T: Display>(self, text: T) -> Painted<T> {
        self.styled(Style::new().dimmed(), text)
    }

    /// What goes, what is wrong.
    pub fn red<T: Display>(self, text: T) -> Painted<T> {
        self.coloured(AnsiColor::Red, text)
    }

    /// What comes, what is well.
    pub fn green<T: Display>(self, text: T) -> Painted<T> {
        self.coloured(AnsiColor::Green, text)
    }

    /// What needs a look.
    pub fn yellow<T: Display>(self, text: T) -> Painted<T> {
        self.coloured(AnsiColor::Yellow, text)
    }

    /// Places and names.
    pub fn cyan<T: Display>(self, text: T) -> Painted<T> {
        self.coloured(AnsiColor::Cyan, text)
    }
}

/// Both streams.
pub struct Output {
    /// How standard output is painted.
    pub out: Paint,
    /// How standard error is painted.
    pub err: Paint,
    open: bool,
}

impl Output {
    /// The streams of this process, coloured as `choice` says: by itself on terminals only, and not where
    /// `NO_COLOR` is set (<https://no-color.org>).
    pub fn new(choice: ColorChoice) -> Self {
        let wanted = |automatic: anstream::ColorChoice| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => automatic != anstream::ColorChoice::Never,
        };
        Self {
            out: Paint {
                colour: wanted(anstream::AutoStream::choice(&io::stdout())),
                width: width(terminal_size::terminal_size_of(io::stdout())),
            },
            err: Paint {
                colour: wanted(anstream::AutoStream::choice(&io::stderr())),
                width: width(terminal_size::terminal_size_of(io::stderr())),
            },
            open: true,
        }
    }

    /// Whether anyone still reads standard output.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Prints to standard output.
    ///
    /// # Errors
    /// When it can't be written to. A closed pipe is no error: whoever read it has seen enough.
    pub fn print(&mut self, text: &[u8]) -> io::Result<()> {
        if text.is_empty() || !self.open {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match out.write_all(text).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.open = false;
                Ok(())
            }
            done => done,
        }
    }

    /// Prints to standard error. There is nowhere to complain when that fails.
    pub fn tell(&mut self, text: &str) {
        if !text.is_empty() {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }
}

fn width(size: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    size.map(|(width, _)| usize::from(width.0)).filter(|width| *width >= 40)
}
