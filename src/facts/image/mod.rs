//! Facts about the image as a whole: profiles, encrypted files, hibernation, clear-text secrets.

mod efs;
mod hibernation;
mod passwords;
pub(crate) mod profiles;
mod xml_passwords;

use crate::evidence::{Fact, Unknown, UnknownReason};
use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    profiles::collect(context, facts);
    efs::collect(context, facts);
    hibernation::collect(context, facts);
    passwords::collect(context, facts);
    facts.put(
        "image.in_production",
        Fact::Unknown(Unknown::new(
            UnknownReason::Unsupported,
            "nothing in an image proves whether the machine was in production; the operator may say so",
            context.installation.locator.clone(),
        )),
    );
}

#[cfg(test)]
mod tests;
