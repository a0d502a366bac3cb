//! Facts about Windows version, edition, locale, domain and names (os.*).
//!
//! The places and their traps are those of the registry of NT 3.51 to Windows Server 2025.

mod edition;
mod embedded_kind;
mod membership;
mod service_pack;
mod support;
mod version;

use crate::evidence::{Fact, Value};
use crate::facts::programs;
use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put(
        "os.control_set",
        context
            .control_set_found()
            .map(|(set, evidence)| Fact::found(Value::text(set), evidence.clone())),
    );
    facts.put("os.version", version::version(context));
    facts.put("os.build", version::build(context));
    facts.put("os.system_drive", version::system_drive(context));
    facts.put("os.sp", service_pack::service_pack(context));
    facts.put("os.kernel_file_version", programs::kernel(context));
    facts.put("os.product_type", edition::product_type(context));
    facts.put("os.product_suite", edition::product_suite(context));
    facts.put("os.names", edition::names(context));
    facts.put("os.nt4_sp6a", service_pack::sp6a(context, facts));
    facts.put(
        "os.upgraded_from_nt4",
        edition::upgraded_from_nt4(context, facts),
    );
    facts.put("os.embedded_kind", embedded_kind::kind(context, facts));
    facts.put("os.end_of_support", support::end_of_support(facts));
    facts.put("os.domain_joined", membership::domain_joined(context));
    facts.put("os.system_locale", membership::system_locale(context));
    facts.put("os.names_match", membership::names_match(context));
}
