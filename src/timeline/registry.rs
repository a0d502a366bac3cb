//! Times in the registry: values that are one, keys that were written with an identity, and the headers of the hives.
//!
//! A key is written when any of its values is: its time is the latest at which the value that matters can have changed,
//! and the entry says so ("key ... written").

use chrono::{NaiveDate, NaiveDateTime};

use crate::artifact::event_log::EventTime;
use crate::base::bytes::{u32_be, u64_le};
use crate::base::filetime::FileTime;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::{Collected, Context, HiveName};
use crate::timeline::{Kind, Moment, Source, Timeline};

/// `SOFTWARE\Microsoft\Windows NT\CurrentVersion`.
const CURRENT_VERSION: &str = "Microsoft\\Windows NT\\CurrentVersion";
/// Where a hive keeps the time at which it was written last.
const HIVE_WRITTEN_OFFSET: usize = 12;
/// Most subkeys of one key that are looked at.
const SUBKEYS_MAX: usize = 10_000;
/// Seconds from 1970-01-01 to 2000-01-01, where DHCPv6 begins to count.
const DUID_EPOCH: u32 = 946_684_800;

/// Keys whose time of writing tells something; the first two parts say where.
const KEYS: [(HiveName, &str, Kind, &str); 7] = [
    (
        HiveName::Software,
        "Microsoft\\Cryptography",
        Kind::Identity,
        "key of MachineGuid written",
    ),
    (
        HiveName::System,
        "Setup\\SetupCl",
        Kind::Seal,
        "key SetupCl written: the SID was changed",
    ),
    (
        HiveName::System,
        "Setup\\Status\\SysprepStatus",
        Kind::Seal,
        "key of the states of Sysprep written",
    ),
    (
        HiveName::Software,
        "Microsoft\\Windows\\CurrentVersion\\Setup\\State",
        Kind::Seal,
        "key of ImageState written",
    ),
    (
        HiveName::Security,
        "Policy\\PolAcDmS",
        Kind::Identity,
        "key of the machine SID written",
    ),
    (
        HiveName::Software,
        "Microsoft\\Windows\\CurrentVersion\\WindowsUpdate",
        Kind::Identity,
        "key of the Windows Update identity written",
    ),
    (
        HiveName::Software,
        "Microsoft\\MSMQ\\Parameters\\MachineCache",
        Kind::Identity,
        "key of the MSMQ identity written",
    ),
];

pub(crate) fn read(context: &Context<'_>, collected: &Collected, timeline: &mut Timeline) {
    written_keys(context, timeline);
    let parts: [Read; 7] = [
        computer_name,
        installed,
        shut_down,
        duid,
        earlier_systems,
        msdtc_identities,
        hotfix_keys,
    ];
    for part in parts {
        if let Err(unknown) = part(context, timeline) {
            not_seen(timeline, unknown);
        }
    }
    stored_identities(collected, timeline);
    build_date(context, timeline);
    clone_tag(collected, timeline);
    hives(context, timeline);
    // One hive that cannot be read is one reason, however many values it would have had.
    timeline.unseen.dedup_by(|later, earlier| {
        later.source == earlier.source && later.unknown.detail == earlier.unknown.detail
    });
}

/// Reads one kind of value.
type Read = fn(&Context<'_>, &mut Timeline) -> Result<(), Unknown>;

fn not_seen(timeline: &mut Timeline, unknown: Unknown) {
    if unknown.reason != UnknownReason::NotProvided {
        timeline.unseen(Source::Registry, unknown);
    }
}

fn add(
    timeline: &mut Timeline,
    moment: Option<Moment>,
    kind: Kind,
    text: &str,
    evidence: Evidence,
) {
    timeline.add(moment, Source::Registry, kind, text.to_owned(), evidence);
}

fn add_key(
    context: &Context<'_>,
    timeline: &mut Timeline,
    (hive, path, kind, text): (HiveName, &str, Kind, &str),
) -> Result<(), Unknown> {
    if let Some(found) = context.key(hive, path)? {
        let moment = found.evidence.key_written.and_then(Moment::utc);
        add(timeline, moment, kind, text, found.evidence);
    }
    Ok(())
}

fn written_keys(context: &Context<'_>, timeline: &mut Timeline) {
    for key in KEYS {
        if let Err(unknown) = add_key(context, timeline, key) {
            not_seen(timeline, unknown);
        }
    }
}

/// The keys that hold the identities of the table and of `--rules`.
fn stored_identities(collected: &Collected, timeline: &mut Timeline) {
    let Some(Fact::Found { evidence, .. }) = collected.facts.get("id.stored") else {
        return;
    };
    for place in evidence {
        let (Some(moment), Some(told)) = (place.key_written.and_then(Moment::utc), &place.raw)
        else {
            continue;
        };
        let text = format!("key of an identity written: {told}");
        add(timeline, Some(moment), Kind::Identity, &text, place.clone());
    }
}

fn computer_name(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    let path = context.in_control_set("Control\\ComputerName\\ComputerName")?;
    let text = "key of the computer name written";
    add_key(
        context,
        timeline,
        (HiveName::System, &path, Kind::Identity, text),
    )
}

/// InstallDate counts seconds since 1970; InstallTime (Windows 10 and later) is a FILETIME.
fn installed(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    if let Some(found) = context.number(HiveName::Software, CURRENT_VERSION, "InstallDate")? {
        let moment = Moment::of_event(EventTime::Seconds(found.value));
        add(
            timeline,
            moment,
            Kind::Install,
            "Windows was installed (InstallDate)",
            found.evidence,
        );
    }
    let time = context.value(HiveName::Software, CURRENT_VERSION, "InstallTime")?;
    if let Some(found) = time {
        let moment = found
            .value
            .qword()
            .and_then(|time| Moment::utc(FileTime(time)));
        add(
            timeline,
            moment,
            Kind::Install,
            "Windows was installed (InstallTime)",
            found.evidence,
        );
    }
    Ok(())
}

fn shut_down(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    let key = context.in_control_set("Control\\Windows")?;
    if let Some(found) = context.value(HiveName::System, &key, "ShutdownTime")? {
        let moment = u64_le(&found.value.data, 0).and_then(|time| Moment::utc(FileTime(time)));
        add(
            timeline,
            moment,
            Kind::Boot,
            "Windows was shut down last (ShutdownTime)",
            found.evidence,
        );
    }
    Ok(())
}

/// A DUID of type 1 holds the time at which it was made.
fn duid(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    let key = context.in_control_set("Services\\Tcpip6\\Parameters")?;
    if let Some(found) = context.value(HiveName::System, &key, "Dhcpv6DUID")?
        && let [0, 1, _, _, time @ ..] = found.value.data.as_slice()
    {
        let seconds = u32_be(time, 0).and_then(|seconds| seconds.checked_add(DUID_EPOCH));
        let moment = seconds.and_then(|seconds| Moment::of_event(EventTime::Seconds(seconds)));
        add(
            timeline,
            moment,
            Kind::Identity,
            "the DHCPv6 identity was made",
            found.evidence,
        );
    }
    Ok(())
}

/// Each earlier system keeps when it was installed; the key was made when it was upgraded.
fn earlier_systems(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    for_each_subkey(context, HiveName::System, "Setup", |name, path| {
        if !name.to_ascii_lowercase().starts_with("source os") {
            return Ok(());
        }
        let text = "an upgrade kept the earlier system (key Source OS written)";
        add_key(
            context,
            timeline,
            (HiveName::System, path, Kind::Install, text),
        )?;
        if let Some(found) = context.number(HiveName::System, path, "InstallDate")? {
            let moment = Moment::of_event(EventTime::Seconds(found.value));
            add(
                timeline,
                moment,
                Kind::Install,
                "the earlier system was installed",
                found.evidence,
            );
        }
        Ok(())
    })
}

fn msdtc_identities(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    for parent in ["Classes\\CID", "Classes\\CID.Local"] {
        for_each_subkey(context, HiveName::Software, parent, |name, path| {
            let text = format!("key of the MSDTC identity {name} written");
            add_key(
                context,
                timeline,
                (HiveName::Software, path, Kind::Identity, &text),
            )
        })?;
    }
    Ok(())
}

/// Up to Server 2003 each hotfix has a key.
fn hotfix_keys(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    let parent = format!("{CURRENT_VERSION}\\HotFix");
    for_each_subkey(context, HiveName::Software, &parent, |name, path| {
        let text = format!("key of hotfix {name} written");
        add_key(
            context,
            timeline,
            (HiveName::Software, path, Kind::Update, &text),
        )
    })
}

fn for_each_subkey(
    context: &Context<'_>,
    hive: HiveName,
    path: &str,
    mut each: impl FnMut(&str, &str) -> Result<(), Unknown>,
) -> Result<(), Unknown> {
    let Some(found) = context.key(hive, path)? else {
        return Ok(());
    };
    let fail = |error| Unknown::from_error(&error, found.evidence.locator.clone());
    for key in found.key.subkeys().map_err(fail)?.iter().take(SUBKEYS_MAX) {
        let name = key.name().map_err(fail)?;
        each(&name, &format!("{path}\\{name}"))?;
    }
    Ok(())
}

/// XP Embedded keeps the date on which the image was built as a text of the United States.
fn build_date(context: &Context<'_>, timeline: &mut Timeline) {
    let read = || {
        let key = context.in_control_set("Control\\Session Manager\\Environment")?;
        context.text(HiveName::System, &key, "WEBUILDDATE")
    };
    // A hive that cannot be read is told by the others.
    let Ok(Some(found)) = read() else { return };
    let text = found.value.trim();
    let date = ["%m/%d/%Y", "%A, %B %d, %Y", "%B %d, %Y"]
        .iter()
        .find_map(|form| NaiveDate::parse_from_str(text, form).ok());
    let moment = date.and_then(Moment::date);
    let evidence = found.evidence.raw(text);
    add(
        timeline,
        moment,
        Kind::Install,
        "the image was built (WEBUILDDATE)",
        evidence,
    );
}

/// The time at which Sysprep ran, on the clock of the machine that was sealed.
fn clone_tag(collected: &Collected, timeline: &mut Timeline) {
    let Some(Fact::Found {
        value: Value::Text(text),
        evidence,
        ..
    }) = collected.facts.get("sysprep.clone_tag")
    else {
        return;
    };
    let time = NaiveDateTime::parse_from_str(text, "%a %b %d %H:%M:%S %Y").ok();
    if let Some(evidence) = evidence.first() {
        let moment = time.and_then(Moment::local);
        let evidence = evidence.clone().raw(text.clone());
        add(
            timeline,
            moment,
            Kind::Seal,
            "Sysprep sealed this image or its medium (CloneTag)",
            evidence,
        );
    }
}

fn hives(context: &Context<'_>, timeline: &mut Timeline) {
    for name in HiveName::ALL {
        match context.hive(name) {
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {}
            Err(unknown) => timeline.unseen(Source::Hive, unknown),
            Ok(opened) => {
                let time = u64_le(opened.hive.bytes(), HIVE_WRITTEN_OFFSET).map(FileTime);
                let mut evidence = Evidence::at(opened.locator.clone());
                evidence.offset = u64::try_from(HIVE_WRITTEN_OFFSET).ok();
                evidence.hive_state = Some(opened.hive.state());
                evidence.mft_record = opened.mft_record;
                let text = format!("hive {} written last, as its header says", name.file_name());
                timeline.add(
                    time.and_then(Moment::utc),
                    Source::Hive,
                    Kind::Written,
                    text,
                    evidence,
                );
            }
        }
    }
}
