use super::*;

fn fields(line: &str) -> Vec<String> {
    let text = format!("[s]\n{line}\n[Strings]\na=\"Alpha\"\n\"b;c\" = beta\n");
    let inf = Inf::parse(text.as_bytes()).unwrap();
    let entries = &inf.section("S").unwrap().entries;
    assert_eq!(entries.len(), 1, "{line}");
    entries[0].fields.clone()
}

/// Expected values are worked out by hand from the Windows Driver Kit page and its examples.
#[test]
fn fields_are_parted_as_the_syntax_rules_say() {
    let cases: &[(&str, &[&str])] = &[
        ("iis.dll,SysPrepAfter", &["iis.dll", "SysPrepAfter"]),
        ("a.dll , Run ; comment", &["a.dll", "Run"]),
        ("\"a;b\",c;d", &["a;b", "c"]),
        ("x,,y", &["x", "", "y"]),
        ("x,\"\"", &["x", ""]),
        ("\"  kept  \", dropped ", &["  kept  ", "dropped"]),
        (
            "\"Display an \"\"example\"\" string\"",
            &["Display an \"example\" string"],
        ),
        ("\"\"\"some string\"\"\"", &["\"some string\""]),
        (
            "%A%,%missing%,%13%\\x.sys",
            &["Alpha", "%missing%", "%13%\\x.sys"],
        ),
        ("%a%%A%", &["AlphaAlpha"]),
        ("\"%%SystemRoot%%\\x.dll\"", &["%SystemRoot%\\x.dll"]),
        ("100%;", &["100%"]),
        ("%b;c%,d", &["beta", "d"]),
        ("HKR,\"I\\\"%a%,v=w", &["HKR", "I\\Alpha", "v=w"]),
        ("one, \\\n  two", &["one", "two"]),
        ("one \\ ; comment\n two", &["one two"]),
        ("Dir\\\\\n,File", &["Dir", "File"]),
        ("\"Dir\\\"\\ ; comment\n,File", &["Dir\\", "File"]),
        ("\"Dir\\\"", &["Dir\\"]),
        ("a\\\n[b]", &["a[b]"]),
    ];
    for (line, expected) in cases {
        assert_eq!(fields(line), *expected, "{line}");
    }
}

#[test]
fn a_key_stands_before_the_first_equals_sign_and_keeps_its_line() {
    let inf = Inf::parse(b"; head\r\n[A]\r\nKey = v,w=x\r\n\r\n=y\r\nplain\r\nempty=\r\n").unwrap();
    let entries = &inf.section("a").unwrap().entries;
    let shape: Vec<(Option<&str>, usize, u64)> = entries
        .iter()
        .map(|entry| (entry.key.as_deref(), entry.fields.len(), entry.line))
        .collect();
    assert_eq!(
        shape,
        [
            (Some("Key"), 2, 3),
            (Some(""), 1, 5),
            (None, 1, 6),
            (Some("empty"), 0, 7),
        ]
    );
    assert_eq!(entries[0].field(1), Some("w=x"));
    assert_eq!(inf.section("a").unwrap().entry("KEY"), Some(&entries[0]));
}

#[test]
fn sections_of_one_name_are_merged_in_file_order() {
    let inf = Inf::parse(b"lost\n[One]\na\n[two]\nb\n[ ONE ] trailing\nc\n").unwrap();
    let names: Vec<&str> = inf.sections().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["One", "two"]);
    let one: Vec<String> = inf.sections()[0]
        .entries
        .iter()
        .map(Entry::to_string)
        .collect();
    assert_eq!(one, ["a", "c"]);
}

#[test]
fn carriage_return_line_feed_and_both_end_a_line() {
    let inf = Inf::parse(b"[s]\ra\nb\r\nc\n\rd").unwrap();
    let lines: Vec<u64> = inf.sections()[0].entries.iter().map(|e| e.line).collect();
    assert_eq!(lines, [2, 3, 4, 6]);
}

#[test]
fn the_strings_section_is_chosen_by_language() {
    let text = b"[s]\n%n%\n[Strings]\nn=plain\n[Strings.0407]\nn=german\n[Strings.0009]\nn=english neutral\n[Strings.040C]\nn=french";
    let with = |language| {
        Inf::parse_for_language(text, language)
            .unwrap()
            .section("s")
            .unwrap()
            .entries[0]
            .fields[0]
            .clone()
    };
    assert_eq!(with(None), "plain");
    assert_eq!(with(Some(0x0407)), "german");
    assert_eq!(with(Some(0x0409)), "english neutral");
    assert_eq!(with(Some(0x0c0c)), "french");
    assert_eq!(with(Some(0x0411)), "plain");
}

#[test]
fn all_encodings_give_the_same_text() {
    let text = "[s]\r\nname=\"Gr\u{fc}n\"\r\n";
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let utf8_bom: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect();
    let ansi: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    for (bytes, encoding) in [
        (utf16, Encoding::Utf16Le),
        (utf8_bom, Encoding::Utf8),
        (text.as_bytes().to_vec(), Encoding::Utf8),
        (ansi, Encoding::Ansi),
    ] {
        let inf = Inf::parse(&bytes).unwrap();
        assert_eq!(inf.encoding(), encoding);
        assert_eq!(inf.sections()[0].entries[0].fields, ["Gr\u{fc}n"]);
    }
}

#[test]
fn damage_is_an_error_that_names_the_place() {
    let long_name = format!("[{}]", "n".repeat(256));
    let long_field = format!("[s]\n{}", "f".repeat(4096));
    let blow_up = format!(
        "[s]\n{}\n[Strings]\na={}",
        "%a%".repeat(1000),
        "x".repeat(4000)
    );
    let cases: &[(&[u8], &str)] = &[
        (b"[s]\na\n[open\n", "line 3"),
        (&[0; 64], "NUL"),
        (b"\xff\xfea", "even length"),
        (b"\xff\xfe\x00\xd8", "surrogate"),
        (b"\xfe\xff\x00[", "big-endian"),
        (b"\xef\xbb\xbf\xff", "0x00000003"),
        (long_name.as_bytes(), "256 characters"),
        (long_field.as_bytes(), "line 2: field of 4096"),
        (blow_up.as_bytes(), "line 2: field of more than 4095"),
    ];
    for (bytes, expected) in cases {
        let error = Inf::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_that_would_take_too_much_memory_is_refused_before_it_is_parsed() {
    let mut text = b";".to_vec();
    text.resize(INF_BYTES_MAX, b'-');
    assert!(Inf::parse(&text).is_ok());
    text.push(b'-');
    let error = Inf::parse(&text).unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::LimitExceeded);
}

#[test]
fn names_and_fields_of_the_greatest_length_are_read() {
    let text = format!("[{}]\n{}", "n".repeat(255), "f".repeat(4095));
    assert_eq!(
        Inf::parse(text.as_bytes()).unwrap().sections()[0].entries[0].fields[0].len(),
        4095
    );
}

#[test]
fn text_behind_the_end_of_file_character_is_not_read() {
    assert_eq!(
        Inf::parse(b"[s]\na\n\x1a\0junk").unwrap().sections()[0]
            .entries
            .len(),
        1
    );
}
