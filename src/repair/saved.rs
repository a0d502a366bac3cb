//! Plans and patches as files: `--plan-out`, `--patch-out`, and their way back.
//!
//! Both name positions on the disk inside the image and the digests of what is there, so they fit any copy of it in any
//! format, and no other image. A plan has digests only; a patch has the bytes too, one JSON object a line, so that any program
//! can apply it. Neither is trusted when it comes back: the plan is made anew from its actions, and has to be the same.

use serde::{Deserialize, Serialize};

use crate::base::bytes::hex;
use crate::base::filetime::FileTime;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Image;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::digest;
use crate::repair::plan::RepairPlan;
use crate::repair::wanted::{Action, Removal, Wanted};

/// First field of a plan.
pub(crate) const PLAN: &str = "goldseal-plan";
/// First field of a patch.
pub(crate) const PATCH: &str = "goldseal-patch";
/// Version of both: 2 since files can be removed.
const VERSION: u32 = 2;
/// The oldest version that is read.
const VERSION_OLDEST: u32 = 1;
/// Largest plan or patch that is read.
pub const SAVED_BYTES_MAX: u64 = 64 << 20;
/// Most files that one plan changes.
const ACTIONS_MAX: usize = 4_096;
/// Most sectors of a plan; one that builds the index of 100,000 files anew has some 50,000.
const SECTORS_MAX: usize = 131_072;
/// Most ranges of bytes of a patch.
const RANGES_MAX: usize = 1 << 20;
/// Longest range of a patch: it lies in one sector.
const RANGE_DIGITS_MAX: usize = 1_024;

/// What a plan or a patch is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    tool: String,
    /// Length of the disk inside the image.
    disk_bytes: u64,
    /// Number of the installation.
    installation: usize,
    /// The files that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removals: Vec<Removal>,
    actions: Vec<Action>,
    /// The change time that files and directories get, as a FILETIME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    touch: Option<u64>,
    /// SHA-256 over the old bytes of all changed sectors of 512 bytes, in their order.
    old_sha256: String,
    /// SHA-256 over their new bytes.
    new_sha256: String,
}

/// A sector of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectorDigests {
    offset: u64,
    length: usize,
    old_sha256: String,
    new_sha256: String,
}

/// A range of bytes of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    offset: u64,
    old: String,
    new: String,
}

/// A plan as a file: the fields of its head, and its sectors.
#[derive(Debug, Serialize)]
struct PlanFile {
    #[serde(flatten)]
    head: Head,
    sectors: Vec<SectorDigests>,
}

/// A plan as it is read: each field by its own type, so that a hostile file takes no more memory than a true one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFields {
    format: String,
    version: u32,
    tool: String,
    disk_bytes: u64,
    installation: usize,
    #[serde(default)]
    removals: Vec<Removal>,
    actions: Vec<Action>,
    #[serde(default)]
    touch: Option<u64>,
    old_sha256: String,
    new_sha256: String,
    sectors: Vec<SectorDigests>,
}

impl PlanFields {
    fn parts(self) -> (Head, Vec<SectorDigests>) {
        let head = Head {
            format: self.format,
            version: self.version,
            tool: self.tool,
            disk_bytes: self.disk_bytes,
            installation: self.installation,
            removals: self.removals,
            actions: self.actions,
            touch: self.touch,
            old_sha256: self.old_sha256,
            new_sha256: self.new_sha256,
        };
        (head, self.sectors)
    }
}

/// A plan or a patch that was read.
#[derive(Debug, Clone)]
pub struct Saved {
    head: Head,
    sectors: Vec<SectorDigests>,
    bytes: Vec<Bytes>,
}

fn head(format: &str, image: &Image, installation: usize, plan: &RepairPlan) -> Head {
    Head {
        format: format.to_owned(),
        version: VERSION,
        tool: concat!("goldseal ", env!("CARGO_PKG_VERSION")).to_owned(),
        disk_bytes: image.disk.as_ref().map_or(0, |disk| disk.len_bytes()),
        installation,
        removals: plan.removals.clone(),
        actions: plan.actions.clone(),
        touch: plan.touch.map(|time| time.0),
        old_sha256: digest(plan.sectors.iter().map(|sector| sector.before.as_slice())),
        new_sha256: digest(plan.sectors.iter().map(|sector| sector.after.as_slice())),
    }
}

fn sectors(plan: &RepairPlan) -> Vec<SectorDigests> {
    let of_sector = |sector: &crate::image::overlay::Patch| SectorDigests {
        offset: sector.offset,
        length: sector.after.len(),
        old_sha256: digest(std::iter::once(sector.before.as_slice())),
        new_sha256: digest(std::iter::once(sector.after.as_slice())),
    };
    plan.sectors.iter().map(of_sector).collect()
}

fn ranges(plan: &RepairPlan) -> Vec<Bytes> {
    let of_range = |range: &crate::repair::plan::ByteRange| Bytes {
        offset: range.offset,
        old: hex(&range.before),
        new: hex(&range.after),
    };
    plan.ranges.iter().map(of_range).collect()
}

fn json(value: &impl Serialize, pretty: bool) -> Result<String> {
    let text = if pretty {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    text.map_err(|error| Error::corrupt(format!("plan: {error}")))
}

/// A plan as the bytes of its file.
///
/// # Errors
/// What can't be written as JSON.
pub fn plan_file(image: &Image, installation: usize, plan: &RepairPlan) -> Result<Vec<u8>> {
    let file = PlanFile {
        head: head(PLAN, image, installation, plan),
        sectors: sectors(plan),
    };
    Ok(format!("{}\n", json(&file, true)?).into_bytes())
}

/// A patch as the bytes of its file: a line that says what it is, and one line a range.
///
/// # Errors
/// What can't be written as JSON.
pub fn patch_file(image: &Image, installation: usize, plan: &RepairPlan) -> Result<Vec<u8>> {
    let mut text = json(&head(PATCH, image, installation, plan), false)?;
    for range in ranges(plan) {
        text.push('\n');
        text.push_str(&json(&range, false)?);
    }
    text.push('\n');
    Ok(text.into_bytes())
}

impl Saved {
    /// Reads a plan.
    ///
    /// # Errors
    /// What is no plan of this version.
    pub fn parse_plan(content: &[u8]) -> Result<Self> {
        let wrong = |error: serde_json::Error| Error::corrupt(format!("plan: {error}"));
        let file: PlanFields = serde_json::from_slice(content).map_err(wrong)?;
        let (head, sectors) = file.parts();
        check_head(&head, PLAN)?;
        check_count("plan: sectors", sectors.len(), SECTORS_MAX)?;
        Ok(Self {
            head,
            sectors,
            bytes: Vec::new(),
        })
    }

    /// Reads a patch.
    ///
    /// # Errors
    /// What is no patch of this version.
    pub fn parse_patch(content: &[u8]) -> Result<Self> {
        let wrong = |error: serde_json::Error| Error::corrupt(format!("patch: {error}"));
        let mut lines = content
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let head: Head = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(wrong)?;
        check_head(&head, PATCH)?;
        let mut bytes = Vec::new();
        for line in lines {
            let range: Bytes = serde_json::from_slice(line).map_err(wrong)?;
            check_count(
                "patch: digits of a range",
                range.new.len(),
                RANGE_DIGITS_MAX,
            )?;
            check_count(
                "patch: digits of a range",
                range.old.len(),
                RANGE_DIGITS_MAX,
            )?;
            bytes.push(range);
            check_count("patch: ranges", bytes.len(), RANGES_MAX)?;
        }
        Ok(Self {
            head,
            sectors: Vec::new(),
            bytes,
        })
    }

    /// What it does.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            removals: self.head.removals.clone(),
            actions: self.head.actions.clone(),
            touch: self.head.touch.map(FileTime),
        }
    }

    /// Number of the installation that it is made for.
    pub fn installation(&self) -> usize {
        self.head.installation
    }

    /// Refuses an image that it does not fit.
    ///
    /// # Errors
    /// A refusal at [`Gate::ImageChanged`].
    pub fn check(&self, image: &Image, installation: usize, plan: &RepairPlan) -> Planned<()> {
        let refuse = |what: &str| {
            Err(Refusal::new(
                Gate::ImageChanged,
                format!(
                    "the plan was made for another image, or this one was changed since: {what}"
                ),
            ))
        };
        let now = head(&self.head.format, image, installation, plan);
        if now.disk_bytes != self.head.disk_bytes {
            return refuse(&format!(
                "its disk has {} bytes, and the plan is for one of {} bytes",
                now.disk_bytes, self.head.disk_bytes
            ));
        }
        if now.old_sha256 != self.head.old_sha256 {
            return refuse("the old bytes differ");
        }
        let is_plan = self.head.format == PLAN;
        let is_same = now.new_sha256 == self.head.new_sha256
            && now.installation == self.head.installation
            && now.removals == self.head.removals
            && now.actions == self.head.actions
            && now.touch == self.head.touch
            && (!is_plan || sectors(plan) == self.sectors)
            && (is_plan || ranges(plan) == self.bytes);
        if is_same {
            return Ok(());
        }
        Err(Refusal::new(
            Gate::ImageChanged,
            "made anew for this image, the plan is another one than the one in the file: the file was changed, or made by \
             another version",
        ))
    }
}

fn check_head(head: &Head, format: &str) -> Result<()> {
    if head.format != format || !(VERSION_OLDEST..=VERSION).contains(&head.version) {
        return Err(Error::corrupt(format!(
            "should be a {format} of version {VERSION}, is a {} of version {}",
            head.format, head.version
        )));
    }
    if head.actions.is_empty() && head.removals.is_empty() {
        return Err(Error::corrupt(format!("{format}: has no actions")));
    }
    if let Some(action) = head.actions.iter().find(|action| action.from == action.to) {
        return Err(Error::corrupt(format!(
            "{format}: {} would get the name that it has",
            action.from
        )));
    }
    check_count("removals", head.removals.len(), ACTIONS_MAX)?;
    check_count("actions", head.actions.len(), ACTIONS_MAX)
}

fn check_count(what: &str, count: usize, most: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("{what}: {count}, at most {most} are taken"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(format: &str) -> serde_json::Value {
        serde_json::json!({
            "format": format, "version": VERSION, "tool": "", "disk_bytes": 0, "installation": 0,
            "actions": [{"from": "a", "to": "b"}], "old_sha256": "", "new_sha256": "",
        })
    }

    fn plan_with(change: impl Fn(&mut serde_json::Value)) -> Result<Saved> {
        let mut plan = head(PLAN);
        plan["sectors"] = serde_json::json!([]);
        change(&mut plan);
        Saved::parse_plan(plan.to_string().as_bytes())
    }

    fn patch_with(ranges: &str, change: impl Fn(&mut serde_json::Value)) -> Result<Saved> {
        let mut patch = head(PATCH);
        change(&mut patch);
        Saved::parse_patch(format!("{patch}\n{ranges}").as_bytes())
    }

    #[test]
    fn a_field_that_is_not_known_is_refused() {
        assert!(plan_with(|_| {}).is_ok());
        assert!(plan_with(|plan| plan["more"] = 1.into()).is_err());
        let sector = serde_json::json!([
            {"offset": 0, "length": 512, "old_sha256": "", "new_sha256": "", "more": 1}
        ]);
        assert!(plan_with(|plan| plan["sectors"] = sector.clone()).is_err());
        assert!(patch_with("", |_| {}).is_ok());
        assert!(patch_with("", |patch| patch["more"] = 1.into()).is_err());
        let range = "{\"offset\": 0, \"old\": \"00\", \"new\": \"01\", \"more\": 1}";
        assert!(patch_with(range, |_| {}).is_err());
        assert!(plan_with(|plan| plan["actions"][0]["more"] = 1.into()).is_err());
    }

    #[test]
    fn a_plan_without_actions_or_with_very_many_is_refused() {
        let action = head(PLAN)["actions"][0].clone();
        let many = vec![action; ACTIONS_MAX + 1];
        for actions in [Vec::new(), many] {
            assert!(plan_with(|plan| plan["actions"] = actions.clone().into()).is_err());
            assert!(patch_with("", |patch| patch["actions"] = actions.clone().into()).is_err());
        }
    }

    #[test]
    fn very_many_sectors_and_long_ranges_are_refused() {
        let sector =
            serde_json::json!({"offset": 0, "length": 1, "old_sha256": "", "new_sha256": ""});
        let many = vec![sector; SECTORS_MAX + 1];
        assert!(plan_with(|plan| plan["sectors"] = many.clone().into()).is_err());
        let digits = "0".repeat(RANGE_DIGITS_MAX + 2);
        let range = format!("{{\"offset\": 0, \"old\": \"\", \"new\": \"{digits}\"}}");
        assert!(patch_with(&range, |_| {}).is_err());
    }
}
