//! Plain tables: a row of headings, and columns as wide as their widest cell.

use std::fmt;

#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Column {
    heading: &'static str,
    align: Align,
}

/// To which side a column's cells are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

#[derive(Debug)]
enum Row {
    Cells(Vec<String>),
    /// A remark that belongs between two rows.
    Note(String),
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&'static str, Align); N]) -> Self {
        let columns = columns.into_iter().map(|(heading, align)| Column { heading, align });
        Self { columns: columns.collect(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the last column are dropped, missing ones stay empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(Row::Cells(cells.into_iter().take(self.columns.len()).collect()));
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.rows.push(Row::Note(text.into()));
    }

    fn width(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => cells.get(at).map(|cell| cell.chars().count()),
            Row::Note(_) => None,
        });
        cells.chain([self.columns[at].heading.chars().count()]).max().unwrap_or(0)
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
        let mut line = String::new();
        let mut cells = cells;
        for (column, &width) in self.columns.iter().zip(widths) {
            let cell = cells.next().unwrap_or_default();
            if !line.is_empty() {
                line += "  ";
            }
            line += &match column.align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Every line ends with a line feed.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        writeln!(f, "{}", self.line(self.columns.iter().map(|column| column.heading), &widths))?;
        for row in &self.rows {
            match row {
                Row::Cells(cells) => writeln!(f, "{}", self.line(cells.iter().map(String::as_str), &widths))?,
                Row::Note(text) => writeln!(f, "{text}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_blank_end() {
        let mut table = Table::new([("BROKER", Align::Left), ("QUEUES", Align::Right), ("PERM", Align::Left)]);
        table.row(["broker-äöü".to_owned(), "4".to_owned(), "RW-".to_owned()]);
        table.note("… 3 more …");
        table.row(["b".to_owned(), "16".to_owned()]);
        assert_eq!(
            table.to_string(),
            "BROKER      QUEUES  PERM\n\
             broker-äöü       4  RW-\n\
             … 3 more …\n\
             b               16\n"
        );
    }
}
