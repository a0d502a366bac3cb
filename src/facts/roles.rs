//! Facts about server roles and neighbours: cluster, MSDTC, certificate services, SQL Server, terminal
//! services, and two settings of the shell.

use std::collections::BTreeMap;

use crate::base::win_path::{eq_name, fold_name};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value, Version};
use crate::facts::gather::empty_evidence;
use crate::facts::machine_keys::on_volume;
use crate::facts::read::{
    CURRENT_VERSION, earlier_list_has, look_for, subkey_names, windows_version,
};
use crate::facts::services::entry::Start;
use crate::facts::services::{find, services_key};
use crate::facts::{Context, Facts, HiveName};

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("cluster.installed", cluster(context));
    facts.put("msdtc.cid", msdtc_cid(context));
    facts.put("msdtc.log", msdtc_log(context));
    facts.put("msdtc.start", msdtc_start(context));
    facts.put("adcs.installed", service_exists(context, "CertSvc"));
    facts.put("sql.instances", sql_instances(context));
    facts.put("ts.appserver_mode", appserver_mode(context, facts));
    facts.put("winlogon.shell_trailing_comma", shell_comma(context));
    facts.put("policy.LinkResolveIgnoreLinkInfo", link_resolve(context));
}

/// Whether a service of that name is there.
fn service_exists(context: &Context<'_>, name: &str) -> Result<Fact, Unknown> {
    if let Some((service, evidence)) = find(context, name)? {
        return Ok(Fact::found(true, evidence.raw(service.to_string())));
    }
    let key = format!("{}\\{name}", services_key(context)?);
    Ok(Fact::found(
        false,
        context.absent_evidence(HiveName::System, &key, None),
    ))
}

/// Whether the cluster service is set up: `ClusSvc` is there and not disabled, or the database `Cluster\CLUSDB` is
/// (Q217147, Q223258). Server 2003 Enterprise has a disabled `ClusSvc` before any cluster is made (from memory).
fn cluster(context: &Context<'_>) -> Result<Fact, Unknown> {
    let service = find(context, "ClusSvc")?;
    if let Some((service, evidence)) = &service
        && service.start != Some(Start::Disabled)
    {
        return Ok(Fact::found(true, evidence.clone().raw(service.to_string())));
    }
    let (there, file) = look_for(context, &context.installation.windows("Cluster\\CLUSDB"))?;
    let place = if let Some((service, evidence)) = service {
        evidence.raw(service.to_string())
    } else {
        let key = format!("{}\\ClusSvc", services_key(context)?);
        context.absent_evidence(HiveName::System, &key, None)
    };
    Ok(if there {
        Fact::found_in(true, file, [place])
    } else {
        Fact::found_in(false, place, [file])
    })
}

/// The GUID below `Classes\CID` or `Classes\CID.Local` (where MSDTC keeps its endpoints) whose `Description` reads MSDTC, in
/// lower case without braces; the first by name if there are several, with evidence for each.
fn msdtc_cid(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut found = BTreeMap::new();
    let mut looked = Vec::new();
    for root in ["Classes\\CID", "Classes\\CID.Local"] {
        let Some((keys, root_evidence)) = subkey_names(context, root)? else {
            looked.push(context.absent_evidence(HiveName::Software, root, None));
            continue;
        };
        looked.push(root_evidence);
        for key in keys {
            let path = format!("{root}\\{key}\\Description");
            if let Some(text) = context.text(HiveName::Software, &path, "")?
                && eq_name(text.value.trim(), "MSDTC")
            {
                let guid = key.trim_matches(['{', '}']).to_ascii_lowercase();
                found.entry(guid).or_insert(text.evidence);
            }
        }
    }
    let place = context.place(HiveName::Software, "Classes\\CID", None);
    let mut found = found.into_iter();
    Ok(match found.next() {
        Some((guid, evidence)) => {
            let others = found.map(|(guid, evidence)| evidence.raw(guid));
            Fact::found_in(guid, evidence, others)
        }
        None => Fact::Absent(empty_evidence(looked, &place)),
    })
}

/// When MSDTC starts; absent where there is no such service, or none that says it.
fn msdtc_start(context: &Context<'_>) -> Result<Fact, Unknown> {
    let service = find(context, "MSDTC")?;
    let start = service.and_then(|(service, evidence)| {
        let start = service.start?.number();
        Some(Fact::found(start, evidence.raw(service.to_string())))
    });
    if let Some(start) = start {
        return Ok(start);
    }
    let key = format!("{}\\MSDTC", services_key(context)?);
    Ok(context.absent(HiveName::System, &key, Some("Start")))
}

/// Whether the log of MSDTC is there, `there` or `missing`. Its path is in the list of files that a backup leaves out
/// (measured from Windows 7 on); where that does not name it, the file in the usual folder shows it and its absence says
/// nothing. Absent where there is no service MSDTC.
fn msdtc_log(context: &Context<'_>) -> Result<Fact, Unknown> {
    const VALUE: &str = "MS Distributed Transaction Coordinator";
    const LOG: &str = "MSDTC.LOG";
    let service = find(context, "MSDTC")?;
    if service.is_none() {
        let key = format!("{}\\MSDTC", services_key(context)?);
        return Ok(context.absent(HiveName::System, &key, None));
    }
    let key = context.in_control_set("Control\\BackupRestore\\FilesNotToBackup")?;
    let named = context.texts(HiveName::System, &key, VALUE)?;
    let is_log = |path: &&String| {
        let name = path.rsplit('\\').next().unwrap_or("");
        eq_name(name.trim_end_matches(" /s"), LOG)
    };
    if let Some(named) = named
        && let Some(path) = named.value.iter().find(is_log)
    {
        let path = on_volume(
            context,
            path.trim_end_matches(" /s"),
            &named.evidence.locator,
        )?;
        let (there, file) = look_for(context, &path)?;
        let word = if there { "there" } else { "missing" };
        return Ok(Fact::found_in(Value::text(word), file, [named.evidence]));
    }
    let usual = context.installation.windows("system32\\MSDtc").child(LOG);
    match look_for(context, &usual)? {
        (true, file) => Ok(Fact::found(Value::text("there"), file)),
        (false, evidence) => Err(Unknown {
            reason: UnknownReason::NotProvided,
            detail:
                "the registry does not say where MSDTC keeps its log, and the usual folder has none"
                    .to_owned(),
            evidence,
        }),
    }
}

/// The instances of SQL Server: the values of `Instance Names\SQL` (both views of a 64-bit Windows), and the services
/// `MSSQLServer` and `MSSQL$name`.
fn sql_instances(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut instances: BTreeMap<String, (String, Evidence)> = BTreeMap::new();
    let keys = ["Microsoft", "Wow6432Node\\Microsoft"]
        .map(|root| format!("{root}\\Microsoft SQL Server\\Instance Names\\SQL"));
    for path in &keys {
        let Some(found) = context.key(HiveName::Software, path)? else {
            continue;
        };
        let values = found
            .key
            .values()
            .map_err(|error| Unknown::from_error(&error, found.evidence.locator.clone()))?;
        for value in values.into_iter().filter(|value| !value.name.is_empty()) {
            let entry = (value.name.clone(), found.evidence.clone());
            instances.entry(fold_name(&value.name)).or_insert(entry);
        }
    }
    let services = services_key(context)?;
    let Some(found) = context.key(HiveName::System, &services)? else {
        let key = context.absent_evidence(HiveName::System, &services, None);
        return Ok(list_of(instances, key));
    };
    let fail = |error| Unknown::from_error(&error, found.evidence.locator.clone());
    for key in found.key.subkeys().map_err(fail)? {
        let name = key.name().map_err(fail)?;
        if let Some(instance) = instance_of(&name)
            && let Some((_, evidence)) = find(context, &name)?
        {
            instances
                .entry(fold_name(&instance))
                .or_insert((instance, evidence));
        }
    }
    let searched = context.absent_evidence(
        HiveName::Software,
        keys.first().map_or("", String::as_str),
        None,
    );
    Ok(list_of(instances, searched))
}

fn list_of(instances: BTreeMap<String, (String, Evidence)>, otherwise: Evidence) -> Fact {
    let (names, places): (Vec<String>, Vec<Evidence>) = instances.into_values().unzip();
    let mut places = places.into_iter();
    let first = places.next().unwrap_or(otherwise);
    Fact::found_in(Value::texts(names), first, places)
}

/// The instance that a service of SQL Server runs.
fn instance_of(service: &str) -> Option<String> {
    if eq_name(service, "MSSQLSERVER") {
        return Some("MSSQLSERVER".to_owned());
    }
    let prefix = service.get(..6)?;
    let name = service.get(6..)?;
    (prefix.eq_ignore_ascii_case("MSSQL$") && !name.is_empty()).then(|| name.to_owned())
}

/// Whether Terminal Server serves applications: `TSAppCompat` = 1; where that value is absent, NT 4.0 with the suite
/// "Terminal Server". Later systems have that suite on every workstation (Windows 7 and 10, measured).
fn appserver_mode(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let key = context.in_control_set("Control\\Terminal Server")?;
    if let Some(found) = context.number(HiveName::System, &key, "TSAppCompat")? {
        return Ok(Fact::found(found.value == 1, found.evidence));
    }
    let (version, version_evidence) = windows_version(facts)?;
    let absent = context.absent_evidence(HiveName::System, &key, Some("TSAppCompat"));
    if version >= Version::from_parts(&[5, 0]) {
        return Ok(Fact::found_in(false, absent, [version_evidence]));
    }
    Ok(
        match earlier_list_has(facts, "os.product_suite", "Terminal Server")? {
            Some(suite) => Fact::found_in(true, suite.raw("Terminal Server"), [absent]),
            None => Fact::found(false, absent),
        },
    )
}

/// Whether `Winlogon!Shell` ends with a comma (Q253942).
fn shell_comma(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = format!("{CURRENT_VERSION}\\Winlogon");
    Ok(match context.text(HiveName::Software, &key, "Shell")? {
        Some(shell) => Fact::found(
            shell.value.trim_end().ends_with(','),
            shell.evidence.raw(shell.value),
        ),
        None => Fact::found(
            false,
            context.absent_evidence(HiveName::Software, &key, Some("Shell")),
        ),
    })
}

/// The policy `LinkResolveIgnoreLinkInfo` of the machine; 0 where it is absent (Q243085).
fn link_resolve(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = "Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer";
    let name = "LinkResolveIgnoreLinkInfo";
    Ok(match context.number(HiveName::Software, key, name)? {
        Some(found) => Fact::found(found.value, found.evidence),
        None => Fact::found(
            0_i64,
            context.absent_evidence(HiveName::Software, key, Some(name)),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_hive::TestHive;
    use crate::facts::test_image::{TestImage, expect};

    #[test]
    fn the_instance_is_told_by_the_name_of_the_service() {
        assert_eq!(instance_of("MSSQLServer").as_deref(), Some("MSSQLSERVER"));
        assert_eq!(instance_of("mssql$Shop").as_deref(), Some("Shop"));
        assert_eq!(instance_of("MSSQLServerADHelper"), None);
        assert_eq!(instance_of("MSSQL$"), None);
    }

    #[test]
    fn an_identity_of_msdtc_below_cid_local_alone_is_found() {
        let guid = "4CBDE50A-1111-2222-3333-444444444444";
        let key = format!("Classes\\CID.Local\\{{{guid}}}\\Description");
        let software = TestHive::new().text(&key, "", "MSDTC").bytes();
        let facts = TestImage::new("5.1", "none")
            .file("WINDOWS\\system32\\config\\SOFTWARE", software)
            .collect(&[collect]);
        expect(&facts, &[("msdtc.cid", &guid.to_ascii_lowercase())]);
    }
}
