//! `goldseal timeline` on a sample image with event logs of `testdata/event_logs` beside it: what the recipes of both say
//! happened, in order, and the whole report as `testdata/timeline/xpe_sealed_twice.json` keeps it (`GOLDSEAL_BLESS=1`
//! writes it anew; read the difference).
//!
//! The logs of set-up, Sysprep, device installation and the First Boot Agent are those of `testdata/setup_logs`:
//! `scripts/setup_logs.py` writes them from published lines, with the answers of a model of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use goldseal::artifact::fba_log;
use goldseal::artifact::text_log::panther::{self, SetupEvent};
use goldseal::artifact::text_log::setup_api::{self, Burst, SealStep};
use goldseal::artifact::text_log::{Line, lines};
use goldseal::timeline::Moment;
use serde_json::Value as Json;

/// The sample and the logs, in a folder of their own.
struct Sample {
    folder: tempfile::TempDir,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Sample {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = root().join("testdata/cases/xpe_sealed_twice");
        for name in ["golden.vhd", "parent.vhd"] {
            let packed = fs::File::open(case.join(format!("{name}.zst"))).unwrap();
            let mut reader = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
            let mut image = fs::File::create(folder.path().join(name)).unwrap();
            std::io::copy(&mut reader, &mut image).unwrap();
        }
        for name in ["kb884872_system.evt", "clone_application.evt"] {
            let log = root().join("testdata/event_logs").join(name);
            fs::copy(log, folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn run(&self, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .args(["timeline", "golden.vhd"])
            .args(["--event-log", "kb884872_system.evt"])
            .args(["--event-log", "clone_application.evt"])
            .args(more)
            .output()
            .unwrap()
    }

    fn json(&self, more: &[&str]) -> Json {
        let output = self.run(&[&["--format", "json"], more].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn entries(&self, more: &[&str]) -> Vec<Json> {
        self.json(more)["entries"].as_array().unwrap().clone()
    }
}

fn golden() -> PathBuf {
    root().join("testdata/timeline/xpe_sealed_twice.json")
}

#[test]
fn the_whole_report_is_the_one_that_was_reviewed() {
    let report = Sample::open().json(&[]);
    let text = format!("{report:#}\n").replace(
        &format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION")),
        "\"version\": \"VERSION\"",
    );
    if std::env::var_os("GOLDSEAL_BLESS").is_some() {
        fs::write(golden(), text).unwrap();
        return;
    }
    assert_eq!(text, fs::read_to_string(golden()).unwrap());
}

/// From the recipe of the image and from `scripts/make_event_logs.py`: the build date, both runs of the tool, the boots,
/// the failure of KB884872 and both reinstalls of MSDTC.
#[test]
fn what_the_recipes_say_stands_in_the_order_of_time() {
    let entries = Sample::open().entries(&[]);
    let place = |time: &str, text: &str| {
        let found = entries.iter().position(|entry| {
            entry["time"].as_str().unwrap_or_default().starts_with(time)
                && entry["text"].as_str().unwrap().contains(text)
        });
        found.unwrap_or_else(|| panic!("no entry {time} {text}"))
    };
    let order = [
        place("2005-03-01T08:00:00Z", "the event log was started"),
        place("2005-03-01T08:01:00Z", "EVT-116-W3SVC"),
        place("2008-10-01", "the image was built"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(entries[order[2]]["certainty"], "date_only");
    let runs = entries.iter().filter(|entry| entry["source"] == "prefetch");
    assert!(runs.count() >= 1);
    let msdtc = entries.iter().filter(|entry| {
        entry["kind"] == "seal" && entry["text"].as_str().unwrap().starts_with("MSDTC was")
    });
    assert_eq!(msdtc.count(), 4);
}

#[test]
fn filters_by_source_kind_time_and_text_keep_what_they_name() {
    let sample = Sample::open();
    let all = sample.entries(&[]);
    let by_source = sample.entries(&["--source", "event_log", "--source", "prefetch"]);
    let wanted: Vec<&Json> = all
        .iter()
        .filter(|entry| entry["source"] == "event_log" || entry["source"] == "prefetch")
        .collect();
    assert_eq!(by_source.iter().collect::<Vec<_>>(), wanted);
    let early = sample.entries(&["--to", "2005-03-01"]);
    assert!(!early.is_empty());
    assert!(early.iter().all(|entry| {
        entry["time"]
            .as_str()
            .is_none_or(|time| time < "2005-03-02")
    }));
    let failures = sample.entries(&["--kind", "failure", "--text", "/lm/smtpsvc"]);
    assert_eq!(failures.len(), 1);
    let wrong = sample.run(&["--source", "diary"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_report_fits_the_schema_that_the_program_prints() {
    let module = Command::new("/usr/bin/python3")
        .args(["-c", "import jsonschema"])
        .output();
    if !module.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none_or(|value| value != "true"),
            "python3-jsonschema is needed by this test"
        );
        eprintln!("skipped: python3-jsonschema is not installed");
        return;
    }
    let sample = Sample::open();
    let schema = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["schema", "timeline"])
        .output()
        .unwrap();
    let paths = ["schema.json", "report.json"].map(|name| sample.folder.path().join(name));
    fs::write(&paths[0], schema.stdout).unwrap();
    fs::write(&paths[1], sample.run(&["--format", "json"]).stdout).unwrap();
    let script = "import json,sys,jsonschema\n\
                  s=json.load(open(sys.argv[1])); d=json.load(open(sys.argv[2]))\n\
                  jsonschema.Draft202012Validator.check_schema(s)\n\
                  jsonschema.Draft202012Validator(s).validate(d)\n";
    let output = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .args(&paths)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A line of `answers.tsv`: file, line, offset, time, certainty, what it tells.
fn answers() -> Vec<[String; 6]> {
    let text = fs::read_to_string(root().join("testdata/setup_logs/answers.tsv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        cells.try_into().unwrap()
    });
    rows.collect()
}

/// An answer in the words of `answers.tsv`.
fn answer(
    name: &str,
    line: u64,
    offset: u64,
    moment: Option<Moment>,
    tells: String,
) -> [String; 6] {
    let moment = moment.unwrap_or_else(Moment::unknown);
    let time = match moment.text() {
        "" => "-",
        text => text,
    };
    [
        name.to_owned(),
        line.to_string(),
        offset.to_string(),
        time.to_owned(),
        moment.certainty().as_str().to_owned(),
        tells,
    ]
}

fn told(event: &SetupEvent) -> String {
    match event {
        SetupEvent::MachineGuidAssigned(guid) => format!("machine_guid {guid}"),
        SetupEvent::RunBegins => "run_begins".to_owned(),
        SetupEvent::Option(name) => format!("option {name}"),
        SetupEvent::ProviderDone { file, function } => format!("provider_done {file},{function}"),
        SetupEvent::ProviderFailed {
            file,
            function,
            code,
        } => format!("provider_failed {file},{function} 0x{code:08x}"),
        SetupEvent::PassFailed { pass, code } => format!("pass_failed {pass} 0x{code:08x}"),
        SetupEvent::StateInvalid => "state_invalid".to_owned(),
        SetupEvent::Succeeded => "succeeded".to_owned(),
    }
}

fn devices(burst: &Burst) -> String {
    let seal = match burst.seal {
        None => "-",
        Some(SealStep::Tool) => "tool",
        Some(SealStep::Generalize) => "generalize",
        Some(SealStep::Specialize) => "specialize",
        Some(SealStep::MiniSetup) => "mini_setup",
    };
    let programs = match burst.programs.join(",") {
        none if none.is_empty() => "-".to_owned(),
        programs => programs,
    };
    format!(
        "devices sections={} last={} programs={programs} seal={seal}",
        burst.sections,
        burst.last.format("%Y-%m-%dT%H:%M:%S")
    )
}

/// What the readers find in a log, in the words of `answers.tsv`.
fn found(name: &str) -> Vec<[String; 6]> {
    let bytes = fs::read(root().join("testdata/setup_logs").join(name)).unwrap();
    let found: Vec<[String; 6]> = if name.starts_with("fbalog") {
        let reseals = fba_log::reseal_lines(&bytes);
        let answer_of = |line: &fba_log::ResealLine| {
            let tells = format!("reseal run={} {}", line.run, line.text);
            answer(name, line.line, line.offset, None, tells)
        };
        reseals.iter().map(answer_of).collect()
    } else if name.contains("setupapi") {
        let bursts = setup_api::bursts(lines(&bytes));
        let answer_of = |burst: &Burst| {
            let moment = Moment::local(burst.first);
            answer(name, burst.line, burst.offset, moment, devices(burst))
        };
        bursts.iter().map(answer_of).collect()
    } else {
        let events = panther::events(lines(&bytes));
        let answer_of = |(line, time, event): (Line<'_>, Option<_>, SetupEvent)| {
            let moment = time.and_then(Moment::local);
            answer(name, line.number, line.offset, moment, told(&event))
        };
        events.map(answer_of).collect()
    };
    if found.is_empty() {
        let nothing = ["-", "-", "-", "-", "nothing"].map(str::to_owned);
        let [line, offset, time, certainty, tells] = nothing;
        return vec![[name.to_owned(), line, offset, time, certainty, tells]];
    }
    found
}

#[test]
fn every_log_of_set_up_tells_what_its_generator_put_into_it() {
    let answers = answers();
    let mut names: Vec<String> = fs::read_dir(root().join("testdata/setup_logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "answers.tsv")
        .collect();
    names.sort();
    assert!(names.len() >= 50, "{} logs", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let wanted: Vec<&[String; 6]> = answers.iter().filter(|row| row[0] == *name).collect();
        let found = found(name);
        if found.iter().collect::<Vec<_>>() != wanted {
            let show = |rows: &[&[String; 6]]| {
                let rows: Vec<String> = rows.iter().map(|row| row[1..].join(" | ")).collect();
                rows.join("\n    ")
            };
            let found: Vec<&[String; 6]> = found.iter().collect();
            wrong.push(format!(
                "{name}: wanted\n    {}\n  found\n    {}",
                show(&wanted),
                show(&found)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Logs in the places where Windows keeps them, read from a directory.
#[test]
fn logs_of_set_up_in_a_tree_stand_in_the_timeline_as_their_generator_says() {
    const TREE: [(&str, &str); 7] = [
        ("setupapi.log", "server2003_setupapi.log"),
        ("inf/setupapi.setup.log", "win10_setupapi.setup.log"),
        (
            "inf/setupapi.dev.20120208_205517.log",
            "win7_setupapi.dev.log",
        ),
        (
            "Panther/UnattendGC/setupact.log",
            "win11_specialize_setupact.log",
        ),
        (
            "System32/Sysprep/Panther/setupact.log",
            "win10_generalize_setupact.log",
        ),
        (
            "System32/Sysprep/Panther/setuperr.log",
            "vista_rearm_setuperr.log",
        ),
        ("FBA/FBALOG.TXT", "fbalog_twice.txt"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let windows = folder.path().join("WINDOWS");
    let put = |place: &str, from: PathBuf| {
        let path = windows.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(from, path).unwrap();
    };
    let testdata = root().join("testdata");
    put(
        "System32/config/SYSTEM",
        testdata.join("hives/plain_xp_system.hive"),
    );
    put(
        "System32/config/SOFTWARE",
        testdata.join("hives/software_complete.hive"),
    );
    for (place, name) in TREE {
        put(place, testdata.join("setup_logs").join(name));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["timeline", "--format", "json", "--source", "setup_log"])
        .arg(folder.path())
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: Vec<[String; 5]> = Vec::new();
    for entry in report["entries"].as_array().unwrap() {
        let place = entry["evidence"]["location"]
            .as_str()
            .unwrap()
            .replace('\\', "/");
        let text = |value: &Json| value.as_str().unwrap_or("-").to_owned();
        let (_, name) = TREE.iter().find(|(tail, _)| place.ends_with(tail)).unwrap();
        found.push([
            (*name).to_owned(),
            entry["evidence"]["line"].to_string(),
            entry["evidence"]["offset"].to_string(),
            text(&entry["time"]),
            text(&entry["certainty"]),
        ]);
    }
    let mut wanted: Vec<[String; 5]> = Vec::new();
    for row in answers() {
        let is_shown = match row[5].split(' ').next().unwrap() {
            "provider_done" => false,
            // Twelve sections are many, one is not.
            "devices" => !row[5].ends_with("seal=-") || row[5].contains("sections=12"),
            _ => true,
        };
        if is_shown && TREE.iter().any(|(_, name)| *name == row[0]) {
            let [name, line, offset, time, certainty, _] = row;
            wanted.push([name, line, offset, time, certainty]);
        }
    }
    assert!(wanted.len() > 20, "{}", wanted.len());
    // What has no time stands last.
    let times: Vec<&String> = found.iter().map(|entry| &entry[3]).collect();
    let dated = times.iter().take_while(|time| **time != "-").count();
    assert!(times[..dated].is_sorted() && times[dated..].iter().all(|time| *time == "-"));
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// The report on an image or a folder, with more options.
fn timeline_of(image: &Path, more: &[&str]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["timeline", "--format", "json"])
        .args(more)
        .arg(image)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `mdir` of mtools shows the key file on the FAT volume as of 2008-10-01 9:12, the metabase as of 8:00.
#[test]
fn files_on_fat_have_local_times_of_an_unknown_zone() {
    let folder = tempfile::tempdir().unwrap();
    let packed = root().join("testdata/cases/xpe_race_service/golden.img.zst");
    let mut reader =
        ruzstd::decoding::StreamingDecoder::new(fs::File::open(packed).unwrap()).unwrap();
    let path = folder.path().join("golden.img");
    std::io::copy(&mut reader, &mut fs::File::create(&path).unwrap()).unwrap();
    let report = timeline_of(&path, &["--source", "key_file", "--source", "file"]);
    for (source, name, time) in [
        ("key_file", "key file c2319c42", "2008-10-01T09:12:"),
        ("file", "file MetaBase.bin: modified", "2008-10-01T08:00:"),
    ] {
        let entries = report["entries"].as_array().unwrap();
        let found = entries.iter().find(|entry| {
            entry["source"] == source && entry["text"].as_str().unwrap().starts_with(name)
        });
        let found = found.unwrap_or_else(|| panic!("no {name}: {report:#}"));
        assert!(
            found["time"].as_str().unwrap().starts_with(time),
            "{found:#}"
        );
        assert_eq!(found["certainty"], "local_unknown_zone");
    }
    assert_eq!(report["unseen"].as_array().unwrap().len(), 0);
}

#[test]
fn files_in_a_directory_of_the_host_have_no_times_and_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let put = |place: &str, from: &str| {
        let path = folder.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(root().join("testdata").join(from), path).unwrap();
    };
    let hives = "WINDOWS/System32/config";
    put(&format!("{hives}/SYSTEM"), "hives/plain_xp_system.hive");
    put(&format!("{hives}/SOFTWARE"), "hives/software_complete.hive");
    put("WINDOWS/setupapi.log", "setup_logs/server2003_setupapi.log");
    let report = timeline_of(folder.path(), &["--source", "file"]);
    assert_eq!(report["entries"].as_array().unwrap().len(), 0);
    let unseen = report["unseen"].as_array().unwrap();
    assert_eq!(unseen.len(), 1, "{unseen:#?}");
    assert!(
        unseen[0]["detail"]
            .as_str()
            .unwrap()
            .contains("no times of the volume")
    );
}

/// Of five hives alone no other source was given, and each says so.
#[test]
fn sources_that_were_not_given_are_named() {
    let image = root().join("testdata/cases/software_corrupt/image");
    let report = timeline_of(&image, &[]);
    let unseen = report["unseen"].as_array().unwrap();
    for source in ["event_log", "key_file", "file", "prefetch"] {
        assert!(
            unseen.iter().any(|row| row["source"] == source),
            "{source}: {unseen:#?}"
        );
    }
}

/// Puts `new` into every place of `old` in a log, padded with blanks, so that no offset changes.
fn written_over(log: &mut [u8], old: &str, new: &str) {
    let encoded = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        units.collect::<Vec<u8>>()
    };
    let (old, new) = (
        encoded(old),
        encoded(&format!("{new:width$}", width = old.len())),
    );
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> = (0..log.len() - old.len())
        .filter(|place| log[*place..].starts_with(&old))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        log[place..place + new.len()].copy_from_slice(&new);
    }
}

#[test]
fn no_command_shows_a_password_that_a_log_holds() {
    let folder = tempfile::tempdir().unwrap();
    let put = |place: &str, bytes: Vec<u8>| {
        let path = folder.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let read = |name: &str| fs::read(root().join("testdata").join(name)).unwrap();
    let config = "WINDOWS/System32/config";
    put(
        &format!("{config}/SYSTEM"),
        read("hives/plain_xp_system.hive"),
    );
    put(
        &format!("{config}/SOFTWARE"),
        read("hives/software_complete.hive"),
    );
    let mut log = read("event_logs/kb884872_system.evt");
    written_over(
        &mut log,
        "World Wide Web Publishing Service",
        "passwords; adminpassword=Hunter2",
    );
    written_over(&mut log, "IIS Admin Service", "pwd\tHunter2");
    written_over(&mut log, "Windows 2000", "pw=Hunter2");
    put(&format!("{config}/SysEvent.Evt"), log);
    put(
        "WINDOWS/FBA/FBALOG.TXT",
        b"1:00:00 AM - reseal done, Kennwort: Hunter2\r\n".to_vec(),
    );
    for command in ["events", "timeline", "inspect", "check", "diagnose"] {
        for format in ["table", "json"] {
            let mut run = Command::new(env!("CARGO_BIN_EXE_goldseal"));
            run.env("COLUMNS", "400").arg(command);
            if command == "inspect" {
                run.args(["--event-log"])
                    .arg(folder.path().join(config).join("SysEvent.Evt"));
            }
            let output = run
                .args(["--verbose", "--format", format])
                .arg(folder.path())
                .output()
                .unwrap();
            let shown = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<&str> = shown
                .lines()
                .filter(|line| line.contains("Hunter2"))
                .collect();
            assert!(
                shown.len() > 100 && lines.is_empty(),
                "{command} {format}: {lines:#?}"
            );
        }
    }
}
