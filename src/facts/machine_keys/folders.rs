//! The folders that can hold machine keys, however the profile folders of this Windows are called.
//!
//! Named places come from ProfileList and Shell Folders (localised: `Anwendungsdaten`); then the places that Windows has used
//! are looked into (KB884872, Q295162, Q271865, ProgramData from Vista on); and only if there is no MachineKeys folder in any
//! of them, below every folder of profiles.
//!
//! The places that no registry names are those of this installation only where it can be told that they are: below what it
//! knew as the root of its drive, and if no other installation lies beside it there.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::win_path::{WinPath, fold_name};
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::machine_keys::volume_path::{not_put_aside, on_volume, own_root};
use crate::facts::{Context, HiveName};
use crate::image::filesystem::{ATTRIBUTE_REPARSE, Metadata};

/// Where CryptoAPI and CNG begin below an application data folder.
const CRYPTO: &str = "Microsoft\\Crypto";
/// Most folders that are looked into when no named or usual place has keys.
const SEARCHED_FOLDERS_MAX: usize = 4096;

/// What kind of keys a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FolderKind {
    /// `RSA\MachineKeys`.
    RsaMachineKeys,
    /// `RSA\S-1-5-18`, the keys of LocalSystem.
    RsaSystem,
    /// `DSS\MachineKeys`.
    DssMachineKeys,
    /// `DSS\S-1-5-18`.
    DssSystem,
    /// `Keys` of CNG.
    CngKeys,
    /// `SystemKeys` of CNG.
    CngSystemKeys,
}

impl FolderKind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::RsaMachineKeys, "RSA\\MachineKeys"),
        (Self::RsaSystem, "RSA\\S-1-5-18"),
        (Self::DssMachineKeys, "DSS\\MachineKeys"),
        (Self::DssSystem, "DSS\\S-1-5-18"),
        (Self::CngKeys, "Keys"),
        (Self::CngSystemKeys, "SystemKeys"),
    ];

    /// Whether CryptoAPI's RSA provider, the one of IIS, looks here.
    pub(crate) fn is_rsa(self) -> bool {
        matches!(self, Self::RsaMachineKeys | Self::RsaSystem)
    }

    /// Whether the files have the layout of CryptoAPI.
    pub(crate) fn is_capi(self) -> bool {
        !matches!(self, Self::CngKeys | Self::CngSystemKeys)
    }
}

/// A folder of keys that exists.
#[derive(Debug, Clone)]
pub(crate) struct KeyFolder {
    /// Its path, shared with its files.
    pub(crate) path: Rc<WinPath>,
    /// What it holds.
    pub(crate) kind: FolderKind,
    /// Its metadata.
    pub(crate) metadata: Metadata,
}

/// All folders of keys of an installation.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// The folders that exist, in the order of their paths.
    pub(crate) list: Vec<KeyFolder>,
    /// Places that could hold keys of IIS and could not be seen.
    pub(crate) unseen: Vec<Unknown>,
    /// Other folders of keys that could not be seen.
    pub(crate) unseen_elsewhere: Vec<Unknown>,
    /// Places that were looked into.
    looked_into: Vec<WinPath>,
}

impl Folders {
    /// Evidence that names every place that was looked into.
    pub(crate) fn searched(&self, context: &Context<'_>) -> Evidence {
        let places = self
            .looked_into
            .iter()
            .map(|path| context.installation.place(path).to_string());
        Evidence::at(context.installation.locator.clone()).searched(places.collect())
    }

    fn has_machine_keys(&self) -> bool {
        self.list
            .iter()
            .any(|folder| folder.kind == FolderKind::RsaMachineKeys)
    }
}

/// Finds the folders of an installation.
pub(crate) fn find(context: &Context<'_>) -> Folders {
    let mut search = Search::new(context);
    let (roots, unresolved) = named_places(context, &mut search);
    for root in &roots {
        search.look_into(root);
    }
    for root in places_in_windows(context, &mut search) {
        search.look_into(&root);
    }
    let is_named = roots
        .iter()
        .any(|root| matches!(search.step(root), Ok(Step::Folder(_))));
    match own_root(context) {
        Err(_) if is_named => {}
        Err(unknown) => search.folders.unseen.push(unknown),
        Ok(root) if is_shared(context, &root) => {
            if !is_named {
                search.folders.unseen.push(not_told(context, &root));
            }
        }
        Ok(root) => search_below(context, &mut search, &root, is_named),
    }
    let mut folders = search.folders;
    // A link is another name of a place that is looked into by itself; it hides something only if nothing was found.
    if !folders.has_machine_keys() {
        folders.unseen.append(&mut search.links);
    }
    folders.unseen.extend(unresolved);
    folders
        .list
        .sort_by_cached_key(|folder| fold_name(&folder.path.to_string()));
    folders
}

/// What a path leads to.
#[derive(Debug, Clone)]
enum Step {
    Folder(Box<Metadata>),
    Missing,
    Link,
}

/// The state of one search: what was seen is not asked for twice.
struct Search<'c, 'i> {
    context: &'c Context<'i>,
    seen: BTreeMap<String, Result<Step, Unknown>>,
    folders: Folders,
    links: Vec<Unknown>,
}

impl<'c, 'i> Search<'c, 'i> {
    fn new(context: &'c Context<'i>) -> Self {
        Self {
            context,
            seen: BTreeMap::new(),
            folders: Folders::default(),
            links: Vec::new(),
        }
    }

    /// Follows the components of a path; the first that is no plain folder decides.
    fn step(&mut self, path: &WinPath) -> Result<Step, Unknown> {
        let mut reached = WinPath::root();
        let mut last = Step::Missing;
        for name in path.components() {
            reached = reached.child(name);
            last = self.one_step(&reached)?;
            if !matches!(last, Step::Folder(_)) {
                return Ok(last);
            }
        }
        Ok(last)
    }

    fn one_step(&mut self, path: &WinPath) -> Result<Step, Unknown> {
        let key = fold_name(&path.to_string());
        if let Some(known) = self.seen.get(&key) {
            return known.clone();
        }
        let step = self.context.metadata(path).map(|metadata| match metadata {
            Some(metadata) if metadata.has_attribute(ATTRIBUTE_REPARSE) == Some(true) => Step::Link,
            Some(metadata) if metadata.is_dir => Step::Folder(Box::new(metadata)),
            Some(_) | None => Step::Missing,
        });
        self.seen.insert(key, step.clone());
        step
    }

    /// Names of the plain folders in a folder; none if it is no plain folder itself.
    fn subfolders(&mut self, path: &WinPath) -> Vec<WinPath> {
        if !path.is_root() && !matches!(self.step(path), Ok(Step::Folder(_))) {
            return Vec::new();
        }
        let listed = self.context.installation.filesystem.read_dir(path);
        match listed {
            Ok(entries) => entries
                .unwrap_or_default()
                .into_iter()
                .filter(|entry| entry.is_dir)
                .map(|entry| path.child(&entry.name))
                .collect(),
            Err(error) => {
                let place = self.context.installation.place(path);
                self.folders.unseen.push(Unknown::from_error(&error, place));
                Vec::new()
            }
        }
    }

    /// Takes the folders of keys below an application data folder.
    fn look_into(&mut self, app_data: &WinPath) {
        let crypto = app_data.join(CRYPTO);
        if self
            .folders
            .looked_into
            .iter()
            .any(|known| known.eq_ignore_case(&crypto))
        {
            return;
        }
        self.folders.looked_into.push(crypto.clone());
        match self.step(&crypto) {
            Ok(Step::Missing) => return,
            Ok(Step::Folder(_)) => {}
            Ok(Step::Link) => {
                self.links.push(self.link(&crypto));
                return;
            }
            Err(unknown) => {
                self.folders.unseen.push(unknown);
                return;
            }
        }
        for (kind, tail) in FolderKind::ALL {
            let path = crypto.join(tail);
            match self.step(&path) {
                Ok(Step::Missing) => {}
                Ok(Step::Folder(metadata)) => self.add(path, kind, *metadata),
                Ok(Step::Link) => self.links.push(self.link(&path)),
                Err(unknown) if kind.is_rsa() => self.folders.unseen.push(unknown),
                Err(unknown) => self.folders.unseen_elsewhere.push(unknown),
            }
        }
    }

    /// Adds a folder unless it is one that was added under another name.
    fn add(&mut self, path: WinPath, kind: FolderKind, metadata: Metadata) {
        let known = self.folders.list.iter().any(|folder| {
            folder.path.eq_ignore_case(&path)
                || (metadata.mft_record.is_some()
                    && folder.metadata.mft_record == metadata.mft_record)
        });
        if !known {
            self.folders.list.push(KeyFolder {
                path: Rc::new(path),
                kind,
                metadata,
            });
        }
    }

    fn link(&self, path: &WinPath) -> Unknown {
        Unknown::new(
            UnknownReason::Unsupported,
            "a folder on this path is a reparse point, which is not followed",
            self.context.installation.place(path),
        )
    }
}

/// Application data folders that the registry names, and what of it could not be brought to this volume.
fn named_places(
    context: &Context<'_>,
    search: &mut Search<'_, '_>,
) -> (Vec<WinPath>, Vec<Unknown>) {
    const PROFILE_LIST: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
    const SHELL_FOLDERS: &str = "Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders";
    let mut unresolved = Vec::new();
    let mut text = |key: &str, name: &str| match context.value(HiveName::Software, key, name) {
        Ok(found) => found.and_then(|found| {
            let place = found.evidence.locator;
            found.value.string().map(|text| (text, place))
        }),
        Err(unknown) => {
            if !unresolved.contains(&unknown) {
                unresolved.push(unknown);
            }
            None
        }
    };
    let profiles = text(PROFILE_LIST, "ProfilesDirectory");
    let all_users = text(PROFILE_LIST, "AllUsersProfile");
    let named = [
        text(PROFILE_LIST, "ProgramData"),
        text(SHELL_FOLDERS, "Common AppData"),
    ];
    let mut roots = Vec::new();
    for (text, place) in named.into_iter().flatten() {
        match on_volume(context, &text, &place) {
            Ok(path) => roots.push(path),
            Err(unknown) => unresolved.push(unknown),
        }
    }
    if let (Some((folder, place)), Some((name, _))) = (profiles, all_users) {
        match on_volume(context, &folder, &place) {
            Ok(path) => roots.extend(search.subfolders(&path.join(&name))),
            Err(unknown) => unresolved.push(unknown),
        }
    }
    (roots, unresolved)
}

/// Looks into the places that Windows has used and, if need be, below every folder of profiles of the root.
fn search_below(
    context: &Context<'_>,
    search: &mut Search<'_, '_>,
    root: &WinPath,
    is_named: bool,
) {
    for place in usual_places(search, root) {
        search.look_into(&place);
    }
    if !search.folders.has_machine_keys() {
        search_profiles(context, search, root);
    }
    if !root.is_root() && !is_named && search.folders.list.is_empty() {
        let unknown = not_put_aside(context, root, "a folder of machine keys");
        search.folders.unseen.push(unknown);
    }
}

/// Whether another installation has its tree in the same root: folders of profiles there may belong to either.
fn is_shared(context: &Context<'_>, root: &WinPath) -> bool {
    context
        .installation
        .neighbours
        .iter()
        .filter_map(WinPath::parent)
        .any(|parent| parent.eq_ignore_case(root))
}

fn not_told(context: &Context<'_>, root: &WinPath) -> Unknown {
    Unknown::new(
        UnknownReason::NotProvided,
        "several installations lie side by side, and the registry of this one does not say which folders of profiles are its own",
        context.installation.place(root),
    )
}

/// Application data folders inside the Windows folder.
fn places_in_windows(context: &Context<'_>, search: &mut Search<'_, '_>) -> Vec<WinPath> {
    let mut roots = search.subfolders(&context.installation.windows("Profiles\\All Users"));
    roots.push(context.installation.windows("system32"));
    roots
}

/// Application data folders that Windows has used in the root of its drive, whatever the registry says.
fn usual_places(search: &mut Search<'_, '_>, root: &WinPath) -> Vec<WinPath> {
    let mut roots = search.subfolders(&root.join("Documents and Settings\\All Users"));
    roots.push(root.child("ProgramData"));
    roots
}

/// Looks below every folder that holds profiles: one with an NTUSER.DAT two levels down.
fn search_profiles(context: &Context<'_>, search: &mut Search<'_, '_>, root: &WinPath) {
    let mut tops = search.subfolders(root);
    tops.retain(|top| !top.eq_ignore_case(&context.installation.system_root));
    tops.push(context.installation.windows("Profiles"));
    let mut visited = 0_usize;
    for top in tops {
        let users = search.subfolders(&top);
        visited = visited.saturating_add(users.len());
        if visited > SEARCHED_FOLDERS_MAX {
            let limit = Unknown::new(
                UnknownReason::LimitExceeded,
                format!(
                    "more than {SEARCHED_FOLDERS_MAX} folders, no folder of machine keys among them"
                ),
                context.installation.place(&top),
            );
            search.folders.unseen.push(limit);
            return;
        }
        let profile =
            |user: &WinPath| matches!(context.metadata(&user.join("NTUSER.DAT")), Ok(Some(_)));
        if !users.iter().any(profile) {
            continue;
        }
        for user in users {
            for app_data in search.subfolders(&user) {
                search.look_into(&app_data);
            }
        }
    }
}
