//! The dependency graph of services: who waits for whom, directly, through others, and through groups.
//!
//! Names compare without case (`rpcss`, `RPCSS` and `RpcSs` all occur on one machine, measured). Groups are nodes of their
//! own, so that the number of edges stays linear in what the registry holds. Nothing here recurses.

use std::collections::BTreeMap;

use crate::base::win_path::fold_name;
use crate::facts::services::entry::{Dependency, Service};

/// A node: a service or a group.
type Node = usize;

/// The graph over a list of services.
#[derive(Debug)]
pub(crate) struct Graph<'s> {
    services: &'s [Service],
    by_name: BTreeMap<String, usize>,
    groups: BTreeMap<String, Node>,
    /// For each node the nodes that it waits for.
    forward: Vec<Vec<Node>>,
    /// For each node the nodes that wait for it.
    backward: Vec<Vec<Node>>,
    /// The position of each group that the start order lists.
    order: BTreeMap<String, usize>,
}

impl<'s> Graph<'s> {
    /// The graph of `services`; `group_order` lists the groups in the order in which they start.
    pub(crate) fn new(services: &'s [Service], group_order: &[String]) -> Self {
        let mut graph = Self {
            services,
            by_name: BTreeMap::new(),
            groups: BTreeMap::new(),
            forward: vec![Vec::new(); services.len()],
            backward: Vec::new(),
            order: BTreeMap::new(),
        };
        for (position, group) in group_order.iter().enumerate() {
            graph.order.entry(fold_name(group)).or_insert(position);
        }
        for (index, service) in services.iter().enumerate() {
            graph
                .by_name
                .entry(fold_name(&service.name))
                .or_insert(index);
        }
        for (index, service) in services.iter().enumerate() {
            if let Some(group) = &service.group {
                let node = graph.group_node(group);
                graph.connect(node, index);
            }
            for dependency in &service.depends_on {
                let node = match dependency {
                    Dependency::Service(name) => graph.find(name),
                    Dependency::Group(name) => Some(graph.group_node(name)),
                };
                if let Some(node) = node {
                    graph.connect(index, node);
                }
            }
        }
        graph.backward = vec![Vec::new(); graph.forward.len()];
        for (from, targets) in graph.forward.iter().enumerate() {
            for target in targets {
                if let Some(sources) = graph.backward.get_mut(*target) {
                    sources.push(from);
                }
            }
        }
        graph
    }

    fn group_node(&mut self, name: &str) -> Node {
        let next = self.forward.len();
        let node = *self.groups.entry(fold_name(name)).or_insert(next);
        if node == next {
            self.forward.push(Vec::new());
        }
        node
    }

    fn connect(&mut self, from: Node, to: Node) {
        if let Some(targets) = self.forward.get_mut(from) {
            targets.push(to);
        }
    }

    /// The services.
    pub(crate) fn services(&self) -> &'s [Service] {
        self.services
    }

    /// The index of the service of that name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&fold_name(name)).copied()
    }

    /// The service of that name.
    pub(crate) fn service(&self, name: &str) -> Option<&'s Service> {
        self.services.get(self.find(name)?)
    }

    /// Whether a group has a service.
    pub(crate) fn has_members(&self, group: &str) -> bool {
        self.groups
            .get(&fold_name(group))
            .and_then(|node| self.forward.get(*node))
            .is_some_and(|members| !members.is_empty())
    }

    /// The position of a group in the start order; `None` for one that is not listed.
    pub(crate) fn position(&self, group: &str) -> Option<usize> {
        self.order.get(&fold_name(group)).copied()
    }

    /// Indices of the services that `index` waits for by name.
    pub(crate) fn service_targets(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let targets = self.forward.get(index).map_or(&[][..], Vec::as_slice);
        let count = self.services.len();
        targets.iter().copied().filter(move |node| *node < count)
    }

    /// For each service whether it waits, directly or through services and groups, for one of `targets` (or is one).
    pub(crate) fn reaching(&self, targets: impl Iterator<Item = usize>) -> Vec<bool> {
        self.spread(&self.backward, targets)
    }

    /// For each service whether one of `sources` waits for it, directly or through others (or it is one).
    pub(crate) fn needed_by(&self, sources: impl Iterator<Item = usize>) -> Vec<bool> {
        self.spread(&self.forward, sources)
    }

    /// The same by the names of services alone: of a group any one service will do, so none of them is waited for.
    pub(crate) fn waited_for_by_name(&self, sources: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; self.services.len()];
        let mut pending: Vec<usize> = sources.collect();
        while let Some(index) = pending.pop() {
            let Some(seen) = reached.get_mut(index) else {
                continue;
            };
            if !std::mem::replace(seen, true) {
                pending.extend(self.service_targets(index));
            }
        }
        reached
    }

    fn spread(&self, edges: &[Vec<Node>], start: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; edges.len()];
        let mut pending: Vec<Node> = start.collect();
        while let Some(node) = pending.pop() {
            let Some(seen) = reached.get_mut(node) else {
                continue;
            };
            if !std::mem::replace(seen, true) {
                pending.extend(edges.get(node).into_iter().flatten());
            }
        }
        reached.truncate(self.services.len());
        reached
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::facts::services::entry::Start;

    /// A Win32 service of its own process.
    pub(crate) fn service(name: &str, start: Start, depends_on: &[&str]) -> Service {
        let depends_on = depends_on
            .iter()
            .map(|name| match name.strip_prefix('+') {
                Some(group) => Dependency::Group(group.to_owned()),
                None => Dependency::Service((*name).to_owned()),
            })
            .collect();
        Service {
            name: name.to_owned(),
            start: Some(start),
            kind: Some(0x10),
            image_path: None,
            group: None,
            depends_on,
        }
    }

    /// The same in a group.
    pub(crate) fn grouped(group: &str, mut service: Service) -> Service {
        service.group = Some(group.to_owned());
        service
    }

    fn reaching(services: &[Service], target: &str) -> Vec<String> {
        let graph = Graph::new(services, &[]);
        let reached = graph.reaching(graph.find(target).into_iter());
        let names = services.iter().zip(reached).filter(|(_, reached)| *reached);
        names.map(|(service, _)| service.name.clone()).collect()
    }

    #[test]
    fn services_are_waited_for_by_name_and_not_as_one_of_a_group() {
        let services = [
            service("W3SVC", Start::Auto, &["IISADMIN", "+Net"]),
            service("IISADMIN", Start::Auto, &["RPCSS"]),
            service("RPCSS", Start::Auto, &[]),
            grouped("Net", service("Tcpip", Start::Auto, &[])),
            service("AcmeTx", Start::Auto, &["W3SVC", "MSDTC"]),
            service("MSDTC", Start::Auto, &[]),
        ];
        let graph = Graph::new(&services, &[]);
        let found = graph.waited_for_by_name(graph.find("W3SVC").into_iter());
        assert_eq!(found, [true, true, true, false, false, false]);
    }

    #[test]
    fn a_service_is_reached_through_others_and_through_groups_without_regard_to_case() {
        let services = [
            grouped("MS Transactions", service("MSDTC", Start::Auto, &["RPCSS"])),
            service("Direct", Start::Auto, &["msdtc"]),
            service("Through", Start::Auto, &["DIRECT"]),
            service("ByGroup", Start::Auto, &["+ms transactions"]),
            service("Other", Start::Auto, &["RpcSs"]),
            service("RpcSs", Start::Auto, &[]),
        ];
        assert_eq!(
            reaching(&services, "MSDTC"),
            ["MSDTC", "Direct", "Through", "ByGroup"]
        );
    }

    #[test]
    fn a_cycle_does_not_hold_the_search() {
        let services = [
            service("A", Start::Auto, &["B"]),
            service("B", Start::Auto, &["A", "C"]),
            service("C", Start::Auto, &[]),
        ];
        assert_eq!(reaching(&services, "C"), ["A", "B", "C"]);
    }
}
