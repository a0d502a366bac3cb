//! ImageState of Vista and later, in the registry and in `State.ini`.
//!
//! Values from "Windows Setup States"; the page prints the name of the value as StateName, on disk it is ImageState.

use crate::artifact::setup_inf::Inf;
use crate::evidence::{Evidence, Unknown, Value};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Microsoft\\Windows\\CurrentVersion\\Setup\\State";
const VALUE: &str = "ImageState";
/// The copy in a file, below the Windows folder.
const FILE: &str = "Setup\\State\\State.ini";

/// The states of an image that was generalized and not booted since.
const GENERALIZED: [&str; 2] = [
    "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
    "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT",
];
/// The state of an installation that finished set-up.
const COMPLETE: &str = "IMAGE_STATE_COMPLETE";

/// An image state and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct ImageState {
    pub(crate) text: String,
    pub(crate) evidence: Evidence,
}

impl ImageState {
    pub(crate) fn is_generalized(&self) -> bool {
        GENERALIZED
            .iter()
            .any(|state| state.eq_ignore_ascii_case(&self.text))
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.text.eq_ignore_ascii_case(COMPLETE)
    }
}

/// Collects sysprep.image_state, from the registry.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let fact = context.value_fact(HiveName::Software, KEY, VALUE, |value| {
        value.string().map(|text| Value::text(text.trim()))
    });
    facts.put("sysprep.image_state", fact);
}

/// The state that the registry holds.
pub(crate) fn in_registry(context: &Context<'_>) -> Result<Option<ImageState>, Unknown> {
    let found = context.text(HiveName::Software, KEY, VALUE)?;
    Ok(found.map(|found| ImageState {
        text: found.value.trim().to_owned(),
        evidence: found.evidence,
    }))
}

/// Evidence of the registry value, where it is absent.
pub(crate) fn absent(context: &Context<'_>) -> Evidence {
    context.absent_evidence(HiveName::Software, KEY, Some(VALUE))
}

/// The state that `State.ini` holds.
pub(crate) fn in_file(context: &Context<'_>) -> Result<Option<ImageState>, Unknown> {
    let path = context.installation.windows(FILE);
    let Some(bytes) = context.read(&path)? else {
        return Ok(None);
    };
    let inf = Inf::parse(&bytes)
        .map_err(|error| Unknown::from_error(&error, context.installation.place(&path)))?;
    let entry = inf
        .section("State")
        .and_then(|section| section.entry(VALUE));
    Ok(entry.map(|entry| {
        let mut evidence = context.file_evidence(&path, None);
        evidence.line = Some(entry.line);
        ImageState {
            text: entry.fields.join(",").trim().to_owned(),
            evidence,
        }
    }))
}
