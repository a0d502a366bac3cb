//! All services of the current control set, and single ones by name.

use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::read::missing;
use crate::facts::services::entry::Service;
use crate::facts::{Context, HiveName};

/// Most keys below `Services` that are read; Windows 10 has about 700.
const SERVICES_MAX: usize = 16_384;

/// The services of an installation, in the order of the hive.
#[derive(Debug)]
pub(crate) struct Table {
    /// Those that have a `Start`; the others are unknown to the service control manager.
    pub(crate) services: Vec<Service>,
    /// The key that holds them.
    pub(crate) evidence: Evidence,
    /// `ServiceGroupOrder!List`, the groups in the order in which they start.
    pub(crate) group_order: Vec<String>,
    /// The place of that list, if it is there.
    pub(crate) order_evidence: Option<Evidence>,
    /// The first service that could not be read.
    damaged: Option<Unknown>,
}

/// The path of the services in SYSTEM.
pub(crate) fn services_key(context: &Context<'_>) -> Result<String, Unknown> {
    context.in_control_set("Services")
}

/// The service of that name, `None` if there is no key of that name or it holds no service.
pub(crate) fn find(
    context: &Context<'_>,
    name: &str,
) -> Result<Option<(Service, Evidence)>, Unknown> {
    let path = format!("{}\\{name}", services_key(context)?);
    let Some(found) = context.key(HiveName::System, &path)? else {
        return Ok(None);
    };
    match Service::from_key(&found.key) {
        Ok(service) => Ok(service.map(|service| (service, found.evidence))),
        Err(error) => Err(Unknown::from_error(&error, found.evidence.locator)),
    }
}

impl Table {
    /// Reads all services; one that is damaged is remembered and does not hide the others.
    pub(crate) fn read(context: &Context<'_>) -> Result<Self, Unknown> {
        let path = services_key(context)?;
        let Some(found) = context.key(HiveName::System, &path)? else {
            return Err(missing(context, HiveName::System, &path, ""));
        };
        let keys = found
            .key
            .subkeys()
            .map_err(|error| Unknown::from_error(&error, found.evidence.locator.clone()))?;
        if keys.len() > SERVICES_MAX {
            return Err(Unknown {
                reason: UnknownReason::LimitExceeded,
                detail: format!("{} services, at most {SERVICES_MAX} are read", keys.len()),
                evidence: found.evidence,
            });
        }
        let mut services = Vec::with_capacity(keys.len());
        let mut damaged = None;
        for key in &keys {
            match Service::from_key(key) {
                Ok(Some(service)) if service.start.is_some() => services.push(service),
                Ok(_) => {}
                Err(error) => {
                    damaged.get_or_insert_with(|| {
                        Unknown::from_error(&error, found.evidence.locator.clone())
                    });
                }
            }
        }
        let order = context.in_control_set("Control\\ServiceGroupOrder")?;
        let order = context.texts(HiveName::System, &order, "List")?;
        let (group_order, order_evidence) = match order {
            Some(order) => (order.value, Some(order.evidence)),
            None => (Vec::new(), None),
        };
        Ok(Self {
            services,
            evidence: found.evidence,
            group_order,
            order_evidence,
            damaged,
        })
    }

    /// An unknown if a service could not be read.
    pub(crate) fn whole(&self) -> Result<(), Unknown> {
        self.damaged.clone().map_or(Ok(()), Err)
    }
}
