//! What is wrong with the dependency graph.
//!
//! A dependency that does not exist or is disabled, a cycle, a group without services, a group that starts later. The events
//! 7001 to 7003 and 7017 to 7020 of the service control manager say the same after the fact. The first three are errors where
//! they keep a service from starting that starts automatically, or that such a service needs; drivers that the kernel starts
//! before (`Start` 0 and 1) are none of these. A group that starts later is compared only where both groups are listed and
//! both services start automatically.

use std::collections::BTreeMap;

use crate::base::win_path::fold_name;
use crate::facts::services::entry::{Dependency, Service, Start};
use crate::facts::services::graph::Graph;

/// Most cycles that are told; each further one is left out.
const CYCLES_MAX: usize = 64;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The service that has it.
    pub(crate) service: String,
    /// One line.
    pub(crate) text: String,
    /// Whether it keeps an auto-start service from starting.
    pub(crate) is_error: bool,
}

/// All faults, in the order of the names of the services; cycles last.
pub(crate) fn faults(graph: &Graph<'_>) -> Vec<Fault> {
    let automatic = graph
        .services()
        .iter()
        .enumerate()
        .filter(|(_, service)| service.start == Some(Start::Auto))
        .map(|(index, _)| index);
    let needed = graph.needed_by(automatic);
    let is_needed = |index: usize| {
        let service = graph.services().get(index);
        let by_manager = service.is_some_and(|service| service.start >= Some(Start::Auto));
        by_manager && needed.get(index).copied().unwrap_or(false)
    };
    let by_name: BTreeMap<String, usize> = graph
        .services()
        .iter()
        .enumerate()
        .map(|(index, service)| (fold_name(&service.name), index))
        .collect();
    let mut faults = Vec::new();
    for index in by_name.into_values() {
        let Some(service) = graph.services().get(index) else {
            continue;
        };
        if service.start != Some(Start::Disabled) {
            for dependency in &service.depends_on {
                faults.extend(fault_of(graph, service, dependency, is_needed(index)));
            }
        }
    }
    for cycle in cycles(graph) {
        faults.extend(cycle_fault(
            graph,
            &cycle,
            cycle.iter().any(|index| is_needed(*index)),
        ));
    }
    faults
}

fn fault_of(
    graph: &Graph<'_>,
    service: &Service,
    dependency: &Dependency,
    needed: bool,
) -> Option<Fault> {
    let name = &service.name;
    let (text, is_error) = match dependency {
        Dependency::Group(group) if !graph.has_members(group) => (
            format!("{name} depends on the group {group}, which has no service"),
            false,
        ),
        Dependency::Group(group) => (later_group(graph, service, group)?, false),
        Dependency::Service(wanted) => match graph.service(wanted) {
            None => (
                format!("{name} depends on {wanted}, which does not exist"),
                needed,
            ),
            Some(target) if target.start == Some(Start::Disabled) => (
                format!("{name} depends on {wanted}, which is disabled"),
                needed,
            ),
            Some(target) if target.start == Some(Start::Auto) => {
                let group = target.group.as_deref()?;
                let text = later_group(graph, service, group)?;
                (format!("{text} (with {wanted})"), false)
            }
            Some(_) => return None,
        },
    };
    Some(Fault {
        service: name.clone(),
        text,
        is_error,
    })
}

/// The text if an auto-start service waits for a group that starts after its own.
fn later_group(graph: &Graph<'_>, service: &Service, group: &str) -> Option<String> {
    let own = service.group.as_deref()?;
    let later = graph.position(group)? > graph.position(own)?;
    (later && service.start == Some(Start::Auto)).then(|| {
        format!(
            "{} of the group {own} depends on the group {group}, which starts later",
            service.name
        )
    })
}

fn cycle_fault(graph: &Graph<'_>, cycle: &[usize], is_error: bool) -> Option<Fault> {
    let name = |index: &usize| Some(graph.services().get(*index)?.name.as_str());
    let first = name(cycle.first()?)?;
    let mut names: Vec<&str> = cycle.iter().filter_map(name).collect();
    names.push(first);
    Some(Fault {
        service: first.to_owned(),
        text: format!("circular dependency: {}", names.join(" -> ")),
        is_error,
    })
}

/// Cycles of dependencies by name: one for each edge that leads back into the path of a depth-first walk in the order of the
/// services; disabled services are no part of a cycle.
fn cycles(graph: &Graph<'_>) -> Vec<Vec<usize>> {
    let services = graph.services();
    let starts = |index: usize| {
        services
            .get(index)
            .is_some_and(|service| service.start != Some(Start::Disabled))
    };
    let mut state = vec![Visit::New; services.len()];
    let mut found = Vec::new();
    for root in (0..services.len()).filter(|index| starts(*index)) {
        if state.get(root) != Some(&Visit::New) {
            continue;
        }
        // Each entry of the path carries the dependencies still to be walked.
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        enter(graph, root, &mut path, &mut state);
        while let Some((node, rest)) = path.last_mut() {
            let Some(next) = rest.pop() else {
                if let Some(visit) = state.get_mut(*node) {
                    *visit = Visit::Done;
                }
                path.pop();
                continue;
            };
            match state.get(next) {
                Some(Visit::New) if starts(next) => enter(graph, next, &mut path, &mut state),
                Some(Visit::OnPath) => {
                    let loop_start = path.iter().position(|(node, _)| *node == next);
                    let tail = path.iter().skip(loop_start.unwrap_or(path.len()));
                    found.push(tail.map(|(node, _)| *node).collect());
                    if found.len() >= CYCLES_MAX {
                        return found;
                    }
                }
                _ => {}
            }
        }
    }
    found
}

/// How far the walk has come with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    OnPath,
    Done,
}

fn enter(graph: &Graph<'_>, node: usize, path: &mut Vec<(usize, Vec<usize>)>, state: &mut [Visit]) {
    if let Some(visit) = state.get_mut(node) {
        *visit = Visit::OnPath;
    }
    let mut targets: Vec<usize> = graph.service_targets(node).collect();
    targets.reverse();
    path.push((node, targets));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::services::graph::tests::{grouped, service};

    fn lines(services: &[Service], order: &[&str]) -> Vec<(String, bool)> {
        let order: Vec<String> = order.iter().map(|group| (*group).to_owned()).collect();
        let faults = faults(&Graph::new(services, &order));
        faults
            .into_iter()
            .map(|fault| (fault.text, fault.is_error))
            .collect()
    }

    fn line(text: &str, is_error: bool) -> (String, bool) {
        (text.to_owned(), is_error)
    }

    #[test]
    fn a_missing_dependency_is_an_error_only_where_an_auto_start_service_needs_it() {
        let services = [
            service("Auto", Start::Auto, &["Middle"]),
            service("Middle", Start::Demand, &["Gone"]),
            service("Idle", Start::Demand, &["Gone"]),
            service("Off", Start::Disabled, &["Gone"]),
        ];
        assert_eq!(
            lines(&services, &[]),
            [
                line("Idle depends on Gone, which does not exist", false),
                line("Middle depends on Gone, which does not exist", true),
            ]
        );
    }

    #[test]
    fn a_driver_that_the_kernel_starts_makes_no_error() {
        let services = [
            service("Auto", Start::Auto, &["Driver"]),
            service("Driver", Start::System, &["Gone"]),
        ];
        assert_eq!(
            lines(&services, &[]),
            [line("Driver depends on Gone, which does not exist", false)]
        );
    }

    #[test]
    fn a_disabled_dependency_of_an_auto_start_service_is_an_error() {
        let services = [
            service("W3SVC", Start::Auto, &["iisadmin"]),
            service("IISADMIN", Start::Disabled, &[]),
        ];
        assert_eq!(
            lines(&services, &[]),
            [line("W3SVC depends on iisadmin, which is disabled", true)]
        );
    }

    #[test]
    fn a_cycle_is_told_once_with_its_members_in_order() {
        let services = [
            service("Outside", Start::Auto, &["A"]),
            service("A", Start::Demand, &["B"]),
            service("B", Start::Demand, &["C"]),
            service("C", Start::Demand, &["a"]),
        ];
        assert_eq!(
            lines(&services, &[]),
            [line("circular dependency: A -> B -> C -> A", true)]
        );
    }

    #[test]
    fn a_service_that_depends_on_itself_is_a_cycle() {
        assert_eq!(
            lines(&[service("A", Start::Demand, &["A"])], &[]),
            [line("circular dependency: A -> A", false)]
        );
    }

    #[test]
    fn a_group_that_starts_later_is_a_fault_and_no_error() {
        let services = [
            grouped("Early", service("A", Start::Auto, &["B", "+late", "C"])),
            grouped("Late", service("B", Start::Auto, &[])),
            service("C", Start::Auto, &[]),
        ];
        assert_eq!(
            lines(&services, &["EARLY", "LATE"]),
            [
                line(
                    "A of the group Early depends on the group Late, which starts later (with B)",
                    false
                ),
                line(
                    "A of the group Early depends on the group late, which starts later",
                    false
                ),
            ]
        );
    }

    #[test]
    fn a_long_chain_of_services_needs_no_deep_stack() {
        let count = 16_000;
        let services: Vec<Service> = (0..count)
            .map(|index| {
                let next = format!("S{}", (index + 1) % count);
                service(&format!("S{index}"), Start::Demand, &[next.as_str()])
            })
            .collect();
        assert_eq!(lines(&services, &[]).len(), 1);
    }
}
