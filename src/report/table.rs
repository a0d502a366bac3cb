//! The look of tables: width, colour, and blocks of labelled text that wrap.

use comfy_table::{
    ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width, presets,
};

use crate::report::printable;

/// How tables look on an output.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Width in columns.
    pub width: usize,
    /// Whether headings are coloured.
    pub color: bool,
    /// Whether rules that are clear or do not apply are listed too.
    pub verbose: bool,
}

/// The colours of headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Bad,
    Doubtful,
    Good,
    Strong,
}

impl Style {
    /// The text in a colour, where colour is on.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bad => "1;31",
            Paint::Doubtful => "1;33",
            Paint::Good => "1;32",
            Paint::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Two columns without borders: a label and text that wraps beside it.
#[derive(Debug)]
pub(crate) struct Block {
    table: Table,
}

impl Block {
    /// A block whose labels take `label_width` columns.
    pub(crate) fn new(style: &Style, indent: usize, label_width: usize) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(narrow(style.width.saturating_sub(indent)));
        let fixed = ColumnConstraint::Absolute(Width::Fixed(narrow(label_width.saturating_add(2))));
        let rest = style
            .width
            .saturating_sub(indent)
            .saturating_sub(label_width)
            .saturating_sub(2)
            .max(20);
        let wide = ColumnConstraint::UpperBoundary(Width::Fixed(narrow(rest)));
        table.set_constraints([fixed, wide]);
        Self { table }
    }

    /// Adds a row; text from an image is made printable.
    pub(crate) fn row(&mut self, label: &str, text: &str) {
        let text = text.lines().map(printable).collect::<Vec<_>>().join("\n");
        self.table.add_row([printable(label), text]);
    }

    /// The lines, each behind `indent` blanks.
    pub(crate) fn render(&self, indent: usize) -> String {
        indented(&self.table.trim_fmt(), indent)
    }
}

/// A grid with a heading above a line, for lists.
#[derive(Debug)]
pub(crate) struct Grid {
    table: Table,
}

impl Grid {
    pub(crate) fn new(style: &Style, headings: &[&str]) -> Self {
        let mut table = Table::new();
        let line = LineStyle::none().fill('─').junction('─');
        table.load_style(TableStyle::new().header_separator(line));
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(narrow(style.width));
        table.set_header(headings.iter().copied());
        Self { table }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.table.add_row(cells.iter().map(|cell| printable(cell)));
    }

    pub(crate) fn render(&self) -> String {
        indented(&self.table.trim_fmt(), 0)
    }
}

fn indented(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            lines.push_str(&" ".repeat(indent));
            lines.push_str(line);
        }
        lines.push('\n');
    }
    lines
}

fn narrow(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}
