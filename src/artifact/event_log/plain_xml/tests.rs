//! The quick reader of events against the general one.

use crate::artifact::event_log::plain_xml::{DECLARATION, parse};
use crate::artifact::event_log::xml::parse_any;

#[path = "../../../../tests/support/corpus.rs"]
mod corpus;

fn event(payload: &str) -> String {
    format!(
        "{DECLARATION}<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System>\
         <Provider Name=\"A &amp; B\" EventSourceName=\"\"/><EventID Qualifiers=\"16384\">7036</EventID>\
         <Level>4</Level><TimeCreated SystemTime=\"2010-11-21T03:55:59.626427100Z\"/>\
         <EventRecordID>9</EventRecordID><Channel>System</Channel><Computer>GOLDEN</Computer>\
         <Security UserID=\"S-1-5-18\"/></System>{payload}</Event>"
    )
}

#[test]
fn an_event_in_the_usual_form_is_read_here() {
    let xml = event(
        "<EventData><Data Name=\"a\">1 &lt; 2</Data><Data> x </Data><Binary>03FF</Binary></EventData>",
    );
    let read = parse(xml.as_bytes()).unwrap();
    assert_eq!((read.source.as_str(), read.event_id), ("A & B", 7036));
    assert_eq!(
        (read.string(0), read.string(1)),
        (Some("1 < 2"), Some(" x "))
    );
    assert_eq!(read.strings[0].name.as_deref(), Some("a"));
    assert_eq!(read.user_sid.as_deref(), Some("S-1-5-18"));
    assert_eq!(read.data, [3, 0xff]);
    assert_eq!(read, parse_any(xml.as_bytes()).unwrap());
}

#[test]
fn what_is_not_in_the_usual_form_is_left_to_the_general_reader() {
    for payload in [
        "<!-- x -->",
        "<EventData><Data>a<![CDATA[b]]></Data></EventData>",
        "<EventData><Data>&#65;</Data></EventData>",
        "<EventData><Data>&x;</Data></EventData>",
        "<EventData><Data Name='a'>x</Data></EventData>",
        "<EventData><Data Name=\"a\tb\">x</Data></EventData>",
        "<EventData><Data  Name=\"a\">x</Data></EventData>",
        "<EventData>mixed<Data>x</Data></EventData>",
        "<p:EventData><p:Data>x</p:Data></p:EventData>",
        "<EventData><System><EventID>1</EventID></System></EventData>",
        "<EventData><Data>x</EventData></Data>",
        "<EventData><Data>x</Data >",
    ] {
        assert_eq!(parse(event(payload).as_bytes()), None, "{payload}");
    }
}

/// Pieces of events that are, and that are not, in the usual form.
const PIECES: [&str; 30] = [
    "<EventData>",
    "</EventData>",
    "<Data>",
    "<Data Name=\"a\">",
    "<Data Name=\"&quot;x&gt;\" b=\"2\">",
    "</Data>",
    "<Data/>",
    "<Binary>0aFF</Binary>",
    "<Binary>0</Binary>",
    "<System>",
    "</System>",
    "<System/>",
    "<EventID>5</EventID>",
    "<Computer>x</Computer>",
    "<Security UserID=\"\"/>",
    "<Provider/>",
    "<UserData>",
    "</UserData>",
    "<p:x>",
    "</p:x>",
    "text",
    " ",
    "&amp;",
    "&lt;&gt;&apos;",
    "&#65;",
    "&bad;",
    "<!-- c -->",
    "<![CDATA[d]]>",
    "<?p?>",
    "\u{130}\r\n",
];

#[test]
fn no_event_is_read_otherwise_than_by_the_general_reader() {
    let mut state = 20_260_101_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut read_here = 0;
    for _ in 0..40_000 {
        let payload: String = (0..next(9)).map(|_| PIECES[next(PIECES.len())]).collect();
        let xml = event(&payload);
        if let Some(read) = parse(xml.as_bytes()) {
            read_here += 1;
            assert_eq!(read, parse_any(xml.as_bytes()).unwrap(), "{xml}");
        }
    }
    assert!(read_here > 500, "{read_here}");
}

#[test]
fn every_event_of_the_corpus_is_read_as_the_general_reader_reads_it() {
    let names = corpus::names("eventlogs").into_iter();
    for name in names.filter(|name| name.contains(".evtx")) {
        let bytes = corpus::read(&name);
        let settings = evtx::ParserSettings::new()
            .indent(false)
            .recover_records(true);
        let settings = std::sync::Arc::new(settings);
        let (mut events, mut read_here) = (0_usize, 0_usize);
        for chunk in bytes[4096..].chunks_exact(65_536) {
            let Ok(mut data) = evtx::EvtxChunkData::new(chunk.to_vec(), false) else {
                continue;
            };
            let Ok(mut chunk) = data.parse(std::sync::Arc::clone(&settings)) else {
                continue;
            };
            for record in chunk.iter().flatten() {
                let Ok(xml) = record.into_xml_bytes() else {
                    continue;
                };
                events += 1;
                if let Some(read) = parse(&xml.data) {
                    read_here += 1;
                    assert_eq!(read, parse_any(&xml.data).unwrap(), "{name}");
                }
            }
        }
        // Or the search is not as fast as it is measured.
        assert!(
            events == 0 || read_here * 100 >= events * 99,
            "{name}: {read_here} of {events}"
        );
    }
}
