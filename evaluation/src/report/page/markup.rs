//! Pieces of markup. Text that comes in is markup already: callers escape.

/// Wraps markup in an element.
pub(crate) fn element(name: &str, inner: &str) -> String {
    format!("<{name}>{inner}</{name}>")
}

/// Wraps markup in a section with a heading and an anchor.
pub(crate) fn section(id: &str, heading: &str, inner: &str) -> String {
    format!("<section id=\"{id}\"><h2>{heading}</h2>{inner}</section>")
}

/// Builds a table that scrolls sideways on narrow screens; rows are cells with their classes.
pub(crate) fn table(header: &[&str], rows: &[Vec<Cell>]) -> String {
    table_of("", header, rows)
}

/// Builds a table of many columns, set closer than others.
pub(crate) fn dense_table(header: &[&str], rows: &[Vec<Cell>]) -> String {
    table_of(" class=\"dense\"", header, rows)
}

fn table_of(class: &str, header: &[&str], rows: &[Vec<Cell>]) -> String {
    let head: Vec<String> =
        header.iter().map(|title| format!("<th scope=\"col\">{title}</th>")).collect();
    let body: Vec<String> = rows
        .iter()
        .map(|row| element("tr", &row.iter().map(Cell::markup).collect::<Vec<_>>().concat()))
        .collect();
    format!(
        "<div class=\"scroll\"><table{class}><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        head.concat(),
        body.concat(),
    )
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    inner: String,
    class: &'static str,
    title: String,
}

impl Cell {
    /// Makes a cell of escaped text, aligned to the left.
    pub(crate) fn text(inner: impl Into<String>) -> Self {
        Self { inner: inner.into(), class: "", title: String::new() }
    }

    /// Makes a cell of a figure, aligned to the right.
    pub(crate) fn figure(inner: impl Into<String>) -> Self {
        Self { inner: inner.into(), class: "n", title: String::new() }
    }

    /// Adds escaped text that appears under the pointer.
    pub(crate) fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Marks the best figure of its column.
    pub(crate) fn best(mut self) -> Self {
        self.class = "n best";
        self
    }

    fn markup(&self) -> String {
        let title = match self.title.as_str() {
            "" => String::new(),
            title => format!(" title=\"{title}\""),
        };
        format!("<td class=\"{}\"{title}>{}</td>", self.class, self.inner)
    }
}
