//! Whether the XML of an event can hold a text, without reading the XML.
//!
//! Reading the XML is three quarters of the time of a search by text, and most events do not hold the text. What is
//! compared are source, computer and strings, each as one text: values, templates and pieces of both are put together when
//! the event is rendered, so in the XML such a text stands in one piece. It differs there in what XML spells differently,
//! and only in that: the five escaped characters, references, sections of raw text, comments, and white space of attributes.
//! So the text that is looked for is taken apart at these into runs, and an event whose XML lacks one of the runs cannot hold
//! the text, unless it has a reference other than the five or a section or comment, which are then read.
//!
//! Case: ASCII letters are the lower case of themselves, of their capitals, and of two characters beyond ASCII (the Kelvin
//! sign and the dotted capital I); an event with one of these is read.

use memchr::{memchr, memchr_iter, memmem};

/// What stands in the XML of every event, in lower case: a run of it would let every event through.
const FRAME: &str = "<event xmlns=http://schemas.microsoft.com/win/2004/08/events/event><system><provider name=<eventid><level>\
                     <timecreated systemtime=<eventrecordid><channel><computer></system></event>";
/// Most runs that are looked for.
const RUNS_MAX: usize = 8;
/// The Kelvin sign, whose lower case is `k`, in UTF-8.
const KELVIN: &[u8] = "\u{212a}".as_bytes();
/// The capital I with a dot, whose lower case begins with `i`, in UTF-8.
const DOTTED_I: &[u8] = "\u{130}".as_bytes();
/// The references that stand for one character that no run holds.
const ESCAPES: [&[u8]; 5] = [b"amp;", b"lt;", b"gt;", b"quot;", b"apos;"];

/// The runs of the text that is looked for, in lower case, the longest first.
#[derive(Debug)]
pub(crate) struct XmlFilter {
    runs: Vec<memmem::Finder<'static>>,
    lower: Vec<u8>,
}

impl XmlFilter {
    /// The filter of a text in lower case; `None` if it has no run that XML spells as it is and that not every event has.
    pub(crate) fn of(lower: &str) -> Option<Self> {
        let mut runs: Vec<&str> = lower
            .split(|character: char| {
                !character.is_ascii_graphic() || matches!(character, '&' | '<' | '>' | '"' | '\'')
            })
            .filter(|run| !run.is_empty() && !FRAME.contains(run))
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
        runs.truncate(RUNS_MAX);
        let finder = |run: &&str| memmem::Finder::new(run.as_bytes()).into_owned();
        (!runs.is_empty()).then(|| Self {
            runs: runs.iter().map(finder).collect(),
            lower: Vec::new(),
        })
    }

    /// Whether the event may hold the text; `false` is certain.
    pub(crate) fn may_hold(&mut self, xml: &[u8]) -> bool {
        self.lower.clear();
        self.lower.extend_from_slice(xml);
        self.lower.make_ascii_lowercase();
        self.runs.iter().all(|run| run.find(&self.lower).is_some()) || is_spelled_otherwise(xml)
    }
}

/// Whether the XML has anything that may stand for letters.
fn is_spelled_otherwise(xml: &[u8]) -> bool {
    let has_reference = memchr_iter(b'&', xml).any(|at| {
        let name = xml.get(at.saturating_add(1)..).unwrap_or_default();
        !ESCAPES.iter().any(|escape| name.starts_with(escape))
    });
    let has_section = memchr_iter(b'<', xml)
        .skip(1)
        .any(|at| matches!(xml.get(at.saturating_add(1)), Some(b'!' | b'?')));
    let has_capital =
        |sign: &[u8], first: u8| memchr(first, xml).is_some() && memmem::find(xml, sign).is_some();
    has_reference || has_section || has_capital(KELVIN, 0xe2) || has_capital(DOTTED_I, 0xc4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_hold(text: &str, xml: &str) -> bool {
        XmlFilter::of(&text.to_lowercase())
            .unwrap()
            .may_hold(xml.as_bytes())
    }

    #[test]
    fn an_event_with_the_run_is_read_and_one_without_is_not() {
        let xml = "<Event><Data>MetaBASE &amp; path</Data></Event>";
        assert!(may_hold("metabase", xml));
        assert!(may_hold("metabase & path", xml));
        assert!(!may_hold("registry", xml));
    }

    #[test]
    fn what_may_stand_for_letters_is_read() {
        for xml in [
            "<E><D>meta&#98;ase</D></E>",
            "<E><D>meta&x;base</D></E>",
            "<E><D>meta<![CDATA[base]]></D></E>",
            "<E><D>meta<!-- -->base</D></E>",
            "<E><D>meta<?x?>base</D></E>",
            "<E><D>\u{212a}elvin</D></E>",
            "<E><D>\u{130}stanbul</D></E>",
        ] {
            assert!(may_hold("metabase", xml), "{xml}");
        }
    }

    #[test]
    fn a_text_of_white_space_escapes_and_words_of_every_event_has_no_filter() {
        for text in ["", " ", "&", "\" '", "ä ö", "event", "system < computer"] {
            assert!(XmlFilter::of(text).is_none(), "{text:?}");
        }
        assert!(!may_hold("event of iis", "<Event>of</Event>"));
        // Every run has to be there.
        assert!(!may_hold("no event says this", "<Event>no this</Event>"));
    }

    #[test]
    fn two_characters_beyond_ascii_have_ascii_in_their_lower_case() {
        let found: Vec<char> = ('\u{80}'..=char::MAX)
            .filter(|character| character.to_lowercase().any(|lower| lower.is_ascii()))
            .collect();
        assert_eq!(found, ['\u{130}', '\u{212a}']);
    }

    /// Pieces that render as letters in every way XML has.
    const PIECES: [&str; 16] = [
        "meta",
        "base",
        "META",
        "&#98;",
        "&#x41;",
        "&amp;",
        "&lt;",
        "&unknown;",
        "<![CDATA[ase]]>",
        "<!-- x -->",
        "<?p x?>",
        "\u{212a}ey",
        "\u{130}n",
        " ",
        "ä",
        "ſt",
    ];

    /// Every text of an event as it is read, and every part of it, must pass the filter of its XML.
    #[test]
    fn no_part_of_a_text_is_ever_filtered_out() {
        let mut state = 20_250_831_u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..3000 {
            let content: String = (0..next(8)).map(|_| PIECES[next(PIECES.len())]).collect();
            let xml = format!(
                "<?xml version=\"1.0\"?><Event><System><Provider Name=\"x\"/><EventID>1</EventID></System>\
                 <EventData><Data>{content}</Data></EventData></Event>"
            );
            let Ok(event) = crate::artifact::event_log::xml::parse(xml.as_bytes()) else {
                continue;
            };
            let Some(text) = event.string(0).map(str::to_lowercase) else {
                continue;
            };
            let marks: Vec<usize> = text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect();
            let (one, other) = (marks[next(marks.len())], marks[next(marks.len())]);
            let part = &text[one.min(other)..one.max(other)];
            if let Some(mut filter) = XmlFilter::of(part) {
                assert!(filter.may_hold(xml.as_bytes()), "{part:?} in {xml}");
            }
        }
    }
}
