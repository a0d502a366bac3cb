//! The name of the computer: id.computer_name.

use crate::evidence::{Fact, Unknown, Value};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Control\\ComputerName\\ComputerName";

/// Collects id.computer_name.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("id.computer_name", computer_name(context));
}

fn computer_name(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = context.in_control_set(KEY)?;
    Ok(
        context.value_fact(HiveName::System, &key, "ComputerName", |value| {
            value.string().map(Value::Text)
        }),
    )
}
