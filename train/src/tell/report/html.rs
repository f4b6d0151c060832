//! HTML with all text escaped: pages can only be built from texts and elements, and element names
//! are literals. The content of a page is up to the caller.

use std::fmt::{Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A fragment of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// The empty fragment.
    pub(super) fn none() -> Self {
        Self::default()
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

/// A text, escaped for content and for attributes in double quotes.
pub(super) fn text(text: impl Display) -> Html {
    let mut escaped = String::new();
    for c in text.to_string().chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Characters that HTML does not allow, not even as references.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    Html(escaped)
}

fn start(name: &'static str, attributes: &[(&'static str, &str)]) -> String {
    let mut tag = format!("<{name}");
    for (key, value) in attributes {
        // Writing to a string cannot fail.
        let _ = write!(tag, " {key}=\"{}\"", text(value).0);
    }
    tag.push('>');
    tag
}

/// An element with attributes and content.
pub(super) fn element(
    name: &'static str,
    attributes: &[(&'static str, &str)],
    content: impl IntoIterator<Item = Html>,
) -> Html {
    let inner: Html = content.into_iter().collect();
    Html(format!("{}{}</{name}>", start(name, attributes), inner.0))
}

/// An element that holds a text; without a class if that is empty.
pub(super) fn leaf(name: &'static str, class: &str, content: impl Display) -> Html {
    let class = [("class", class)];
    let attributes = if class[0].1.is_empty() { &[] } else { &class[..] };
    element(name, attributes, [text(content)])
}

/// An explanatory paragraph.
pub(super) fn note(content: impl Display) -> Html {
    leaf("p", "note", content)
}

/// A PNG file as part of the page; `extent` is its width and height.
pub(super) fn picture(png: &[u8], extent: (u32, u32), alt: &str) -> Html {
    let source = format!("data:image/png;base64,{}", STANDARD.encode(png));
    let (width, height) = (extent.0.to_string(), extent.1.to_string());
    Html(start("img", &[("src", &source), ("width", &width), ("height", &height), ("alt", alt)]))
}

/// A picture or group of pictures with its caption.
pub(super) fn figure(class: &str, content: Html, caption: Html) -> Html {
    element("figure", &[("class", class)], [content, element("figcaption", &[], [caption])])
}

/// The heading of a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// A column of words.
    Words(&'static str),
    /// A column of right-aligned numbers.
    Numbers(&'static str),
}

impl Column {
    fn cell(self, name: &'static str, content: Html) -> Html {
        match self {
            Self::Words(_) => element(name, &[], [content]),
            Self::Numbers(_) => element(name, &[("class", "number")], [content]),
        }
    }

    fn title(self) -> &'static str {
        let (Self::Words(title) | Self::Numbers(title)) = self;
        title
    }
}

/// A text that does not wrap.
pub(super) fn fixed(content: impl Display) -> Html {
    leaf("span", "fixed", content)
}

/// A table, without a head if no column has a title; it scrolls inside its frame on narrow screens.
pub(super) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<Html>>) -> Html {
    let row = |cells: Vec<Html>| {
        element("tr", &[], columns.iter().zip(cells).map(|(column, cell)| column.cell("td", cell)))
    };
    let head = match columns.iter().all(|column| column.title().is_empty()) {
        true => Html::none(),
        false => element(
            "thead",
            &[],
            [element(
                "tr",
                &[],
                columns.iter().map(|column| column.cell("th", text(column.title()))),
            )],
        ),
    };
    let body = element("tbody", &[], rows.into_iter().map(row));
    element("div", &[("class", "scroll")], [element("table", &[], [head, body])])
}

/// Content that is collapsed by default.
pub(super) fn folded(summary: impl Display, content: Html) -> Html {
    element("details", &[], [leaf("summary", "", summary), content])
}

/// A section of the page with a heading that can be linked to.
pub(super) struct Section {
    /// Link target.
    pub(super) id: &'static str,
    /// The heading.
    pub(super) title: &'static str,
    /// The content below the heading.
    pub(super) content: Html,
}

/// A complete, self-contained page: the style is inline, and the browser is forbidden to run
/// scripts or to load anything.
pub(super) fn page(
    title: &str,
    style: &'static str,
    header: Html,
    sections: Vec<Section>,
    footer: Html,
) -> String {
    let link = |section: &Section| {
        element("a", &[("href", &format!("#{}", section.id))], [text(section.title)])
    };
    let links = element("nav", &[], sections.iter().map(link));
    let shown = sections.into_iter().map(|Section { id, title, content }| {
        element("section", &[("id", id)], [leaf("h2", "", title), content])
    });
    let main = element("main", &[], shown);
    let forbidden = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
    let head: Html = [
        Html(start("meta", &[("charset", "utf-8")])),
        Html(start(
            "meta",
            &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")],
        )),
        Html(start("meta", &[("name", "color-scheme"), ("content", "light dark")])),
        Html(start("meta", &[("http-equiv", "Content-Security-Policy"), ("content", forbidden)])),
        // Otherwise browsers request one from the server.
        Html(start("link", &[("rel", "icon"), ("href", "data:,")])),
        leaf("title", "", title),
        Html(format!("<style>{style}</style>")),
    ]
    .into_iter()
    .collect();
    let body = element(
        "body",
        &[],
        [element("header", &[], [header, links]), main, element("footer", &[], [footer])],
    );
    format!("<!DOCTYPE html>\n<html lang=\"en\"><head>{}</head>{}</html>\n", head.0, body.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_an_element_or_an_attribute() {
        let hostile = "<script>\"'&\u{0}</p>";
        let shown = "&lt;script&gt;&quot;&#39;&amp;\u{fffd}&lt;/p&gt;";
        assert_eq!(leaf("p", "", hostile).0, format!("<p>{shown}</p>"));
        let image = picture(b"", (1, 2), hostile).0;
        assert_eq!(
            image,
            format!(
                "<img src=\"data:image/png;base64,\" width=\"1\" height=\"2\" alt=\"{shown}\">"
            )
        );
    }
}
