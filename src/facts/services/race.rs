//! Services that can run into the post-clone actions of an XP Embedded clone.
//!
//! On the first start of a clone MSDTC is installed anew and IIS is set up anew while services start. A service that depends
//! on MSDTC starts after it; any other one may come too early ("Reseal and IIS", Windows Embedded blog, 6 December 2007).
//! The start order of groups is no protection: the service control manager does not wait for a service of an earlier group to
//! run, only for one that is depended on. So candidates are all third-party services that start automatically and do not
//! reach MSDTC through DependOnService or DependOnGroup; those that reach IIS or COM+ that way come first.

use crate::base::win_path::{eq_name, fold_name};
use crate::facts::iis::SERVICES;
use crate::facts::services::entry::{Service, Start};
use crate::facts::services::graph::Graph;

/// The service that the others should wait for.
const MSDTC: &str = "MSDTC";
/// The services of COM+.
const COM: [&str; 2] = ["COMSysApp", "EventSystem"];
/// SERVICE_WIN32_OWN_PROCESS and SERVICE_WIN32_SHARE_PROCESS.
const WIN32: u32 = 0x30;
/// SERVICE_USER_SERVICE: a template or instance that starts with the logon of a user.
const USER_SERVICE: u32 = 0x40;

/// Whether the service control manager starts this program by itself: `Start` 2, a Win32 service, not one of a user.
pub(crate) fn is_auto_start(service: &Service) -> bool {
    let kind = service.kind.unwrap_or(0);
    service.start == Some(Start::Auto) && kind & WIN32 != 0 && kind & USER_SERVICE == 0
}

/// The candidates; `third_party` says of each service of the graph whether it is not of the operating system. None where
/// there is no MSDTC to wait for.
pub(crate) fn candidates<'s>(graph: &Graph<'s>, third_party: &[bool]) -> Vec<&'s Service> {
    let Some(msdtc) = graph.find(MSDTC) else {
        return Vec::new();
    };
    let waiting = graph.reaching(std::iter::once(msdtc));
    let used = SERVICES
        .iter()
        .filter(|service| service.shows_iis)
        .map(|service| service.key)
        .chain(COM);
    let using = graph.reaching(used.filter_map(|name| graph.find(name)));
    let flag = |flags: &[bool], index: usize| flags.get(index).copied().unwrap_or(false);
    let mut chosen: Vec<(bool, &Service)> = graph
        .services()
        .iter()
        .enumerate()
        .filter(|(index, service)| {
            is_auto_start(service)
                && flag(third_party, *index)
                && !flag(&waiting, *index)
                && !eq_name(&service.name, MSDTC)
        })
        .map(|(index, service)| (!flag(&using, index), service))
        .collect();
    chosen.sort_by_key(|(uses_nothing, service)| (*uses_nothing, fold_name(&service.name)));
    chosen.into_iter().map(|(_, service)| service).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::services::graph::tests::{grouped, service};

    fn names(services: &[Service], third_party: &[&str]) -> Vec<String> {
        let graph = Graph::new(services, &["MS Transactions".to_owned(), "Late".to_owned()]);
        let flags: Vec<bool> = services
            .iter()
            .map(|service| third_party.contains(&service.name.as_str()))
            .collect();
        let candidates = candidates(&graph, &flags);
        candidates
            .iter()
            .map(|service| service.name.clone())
            .collect()
    }

    #[test]
    fn third_party_auto_start_services_that_do_not_wait_for_msdtc_race_users_of_iis_first() {
        let services = [
            service("MSDTC", Start::Auto, &["RPCSS"]),
            service("IISADMIN", Start::Auto, &["RPCSS"]),
            service("Alpha", Start::Auto, &[]),
            service("Zeta", Start::Auto, &["W3SVC"]),
            service("W3SVC", Start::Auto, &["IISADMIN"]),
            service("Waits", Start::Auto, &["IISADMIN", "MSDTC"]),
            service("ByHand", Start::Demand, &[]),
        ];
        assert_eq!(
            names(&services, &["Alpha", "Zeta", "Waits", "ByHand"]),
            ["Zeta", "Alpha"]
        );
    }

    #[test]
    fn a_later_start_group_alone_does_not_protect() {
        let services = [
            grouped("MS Transactions", service("MSDTC", Start::Auto, &[])),
            grouped("Late", service("Vendor", Start::Auto, &[])),
        ];
        assert_eq!(names(&services, &["Vendor"]), ["Vendor"]);
    }

    #[test]
    fn nothing_races_where_there_is_no_msdtc() {
        assert!(names(&[service("Vendor", Start::Auto, &[])], &["Vendor"]).is_empty());
    }

    #[test]
    fn drivers_and_services_of_users_do_not_race() {
        let mut driver = service("Driver", Start::Auto, &[]);
        driver.kind = Some(1);
        let mut user = service("User", Start::Auto, &[]);
        user.kind = Some(0x60);
        let services = [service("MSDTC", Start::Demand, &[]), driver, user];
        assert!(names(&services, &["Driver", "User"]).is_empty());
    }
}
