//! The command line: every command, option and help text.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use goldseal::image::source::LooseArtifacts;
use goldseal::timeline::{Kind, Source};

/// May this offline Windows image be cloned, and may it be sealed? Answers with evidence; only `repair --apply` and `undo` write.
#[derive(Debug, Parser)]
#[command(
    name = "goldseal",
    version,
    about,
    after_help = "Exit codes: 0 safe or done, 1 unsafe or not there, 2 wrong usage, 3 inconclusive, \
                  4 the image could not be opened, or a repair was refused or could not be done.",
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Options that every command shares.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How results are written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write results to FILE instead of standard output.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write results and errors only.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Also list what is clear and not applicable, and say on standard error what was read.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Colour the tables.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// Show no progress on the terminal.
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

/// A report that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reported {
    /// That of `goldseal check`.
    Check,
    /// That of `goldseal diagnose`.
    Diagnose,
    /// That of `goldseal timeline`.
    Timeline,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs; `goldseal schema` prints the schema of `check`.
    Json,
}

/// When tables are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// Where standard output is a terminal and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Is it safe to clone? Is it safe to seal? Verdict, findings with evidence, exit code.
    Check(CheckArgs),
    /// Every fact that was read, each with the place it was read from.
    Inspect(InspectArgs),
    /// The machine keys against MachineGuid: container, owner GUID, all NTFS times.
    Keys(OneImage),
    /// Why do IIS and its neighbours not start here? Cause, evidence, and what would mend it.
    Diagnose(DiagnoseArgs),
    /// Plan, preview and, with --apply, write the corrected names of key files.
    Repair(RepairArgs),
    /// Put an image back as it was before a repair.
    Undo(UndoArgs),
    /// List a directory of the image.
    Ls(PathArgs),
    /// Write the bytes of a file of the image (FILE:STREAM for an alternate data stream).
    Cat(PathArgs),
    /// All that the file system knows of a file of the image.
    Stat(PathArgs),
    /// Show a registry key, or one value of it, with its last-written time.
    Reg(RegArgs),
    /// The events of the System and Application logs, by source, id, time and text.
    Events(EventsArgs),
    /// Identity, sealing and failure events of every source in one order of time.
    Timeline(TimelineArgs),
    /// List the rules.
    Rules(RulesArgs),
    /// One rule or one fact in full, with its sources.
    Explain(ExplainArgs),
    /// The JSON Schema of a report: that of `check` unless another is named.
    Schema {
        /// Whose report.
        #[arg(value_enum, default_value_t = Reported::Check)]
        report: Reported,
    },
    /// Completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// The manual page of the program or of one command, in roff.
    Man {
        /// A command; without it, the page of the program.
        #[arg(value_name = "COMMAND")]
        page: Option<String>,
    },
}

/// The installation to look at, and loose artefacts.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where to look")]
pub(crate) struct SourceArgs {
    /// Only the installation with this number, counted from 0.
    #[arg(long, value_name = "N")]
    pub(crate) installation: Option<usize>,
    /// Let an image name a parent disk outside of its own directory.
    #[arg(long)]
    pub(crate) allow_backing_anywhere: bool,
    /// A SYSTEM hive, with its logs beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) system: Option<PathBuf>,
    /// A SOFTWARE hive.
    #[arg(long, value_name = "FILE")]
    pub(crate) software: Option<PathBuf>,
    /// A SECURITY hive.
    #[arg(long, value_name = "FILE")]
    pub(crate) security: Option<PathBuf>,
    /// A SAM hive.
    #[arg(long, value_name = "FILE")]
    pub(crate) sam: Option<PathBuf>,
    /// A DEFAULT hive (the profile of the system).
    #[arg(long, value_name = "FILE")]
    pub(crate) default_hive: Option<PathBuf>,
    /// A copied MachineKeys folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) machine_keys: Option<PathBuf>,
    /// A metabase (MetaBase.bin or MetaBase.xml).
    #[arg(long, value_name = "FILE")]
    pub(crate) metabase: Option<PathBuf>,
    /// A minioc.inf.
    #[arg(long, value_name = "FILE")]
    pub(crate) minioc: Option<PathBuf>,
    /// An event log; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) event_log: Vec<PathBuf>,
}

impl SourceArgs {
    /// The artefacts that are named by option.
    pub(crate) fn loose(&self) -> LooseArtifacts {
        LooseArtifacts {
            system: self.system.clone(),
            software: self.software.clone(),
            security: self.security.clone(),
            sam: self.sam.clone(),
            default_hive: self.default_hive.clone(),
            machine_keys: self.machine_keys.clone(),
            metabase: self.metabase.clone(),
            minioc: self.minioc.clone(),
            event_logs: self.event_log.clone(),
        }
    }
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Directories, volumes, disks or disk images; told apart by content.
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// Which question the exit code answers.
    #[arg(long = "for", value_enum, default_value_t = Question::Clone, value_name = "QUESTION")]
    pub(crate) question: Question,
    /// From which severity on the exit code is 1.
    #[arg(long, value_enum, default_value_t = FailOn::Blocks)]
    pub(crate) fail_on: FailOn,
    /// Add the rule files (*.toml) of a directory; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Vouch for a fact that the image cannot show, such as `xpe.reseal_count=1`; used only where it is unknown.
    #[arg(long = "assert", value_name = "FACT=VALUE")]
    pub(crate) assertions: Vec<String>,
    /// Do not read the event logs; otherwise they are read where a rule needs them.
    #[arg(long)]
    pub(crate) no_logs: bool,
    #[command(flatten)]
    pub(crate) prove: ProveArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// The question that the exit code of `check` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Question {
    /// May copies of this image be deployed as it stands?
    Clone,
    /// May this image be sealed now?
    Seal,
}

/// From which severity on the exit code of `check` is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// A blocking rule.
    Blocks,
    /// A warning or a blocking rule.
    Warns,
}

/// What is proved beyond what stands in clear.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ProveArgs {
    /// Also open the private keys of IIS with the secrets of the image, and prove which of them open its metabase.
    ///
    /// Boot key, LSA key, DPAPI_SYSTEM, DPAPI master keys, private keys, session key and one property of the metabase are
    /// decrypted in memory, in this order, as far as each opens the next. The report says yes, no or not tested for each;
    /// what was decrypted is never shown, logged or written, and its memory is wiped. Without this option no secret of the
    /// image is decrypted.
    #[arg(long)]
    pub(crate) prove_keys: bool,
}

/// Arguments of the commands that look at one image.
#[derive(Debug, Args)]
pub(crate) struct OneImage {
    /// A directory, volume, disk or disk image; told apart by content.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: Option<PathBuf>,
    /// Do not read the event logs (`inspect` and `diagnose` do, of the commands that look at one image).
    #[arg(long)]
    pub(crate) no_logs: bool,
    #[command(flatten)]
    pub(crate) prove: ProveArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) image: OneImage,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
}

/// Further identities that a command shows.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IdentityArgs {
    /// Also look for the identities that the rule files (*.toml) of a directory name; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
}

/// Arguments of `repair`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line that stands for itself"
)]
pub(crate) struct RepairArgs {
    /// A volume, disk or disk image; told apart by content.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// The installation with this number, counted from 0; has to be named where the image holds several.
    #[arg(long, value_name = "N")]
    pub(crate) installation: Option<usize>,
    /// Let an image name a parent disk outside of its own directory.
    #[arg(long)]
    pub(crate) allow_backing_anywhere: bool,
    /// Give the file OLD the name NEW of the same length, whatever the proof says; never replaces a file. OLD is the name of
    /// a machine key, or a path inside the image. May be given several times; A=B with B=A exchanges two names.
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) set_name: Vec<String>,
    /// Write the plan; needs a target, --in-place or --to NEW. Without it nothing is written to an image.
    #[arg(long, requires = "target")]
    pub(crate) apply: bool,
    /// Write into the image itself, journal first: a raw volume or disk, a block device, a fixed or dynamic VHD.
    #[arg(long, requires = "apply", group = "target")]
    pub(crate) in_place: bool,
    /// Write a repaired copy as a new file, in the format of the image or raw; the image stays as it is.
    #[arg(long, requires = "apply", group = "target", value_name = "NEW")]
    pub(crate) to: Option<PathBuf>,
    /// Where the journal is kept, as a new file; without it beside the image, as NAME.goldseal-journal.
    #[arg(long, value_name = "FILE", requires = "in_place")]
    pub(crate) journal: Option<PathBuf>,
    /// Also save the plan, as a new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan_out: Option<PathBuf>,
    /// Also save the changed bytes as a patch that fits any copy of the image, as a new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) patch_out: Option<PathBuf>,
    /// Apply exactly the plan in FILE, or refuse.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["set_name", "patch"])]
    pub(crate) plan: Option<PathBuf>,
    /// Apply exactly the patch in FILE, or refuse.
    #[arg(long, value_name = "FILE", conflicts_with = "set_name")]
    pub(crate) patch: Option<PathBuf>,
    /// Remove the bogus key file of IIS that has the name which the right one needs, instead of exchanging their names; its
    /// content is copied to the directory of --backup-dir first.
    #[arg(long, requires = "backup_dir", conflicts_with_all = ["set_name", "plan", "patch"])]
    pub(crate) delete_bogus: bool,
    /// Also rename the key files of other containers that carry the GUID of the proved file, where their new names are free;
    /// the others are listed with the reason.
    #[arg(long, conflicts_with_all = ["set_name", "plan", "patch"])]
    pub(crate) all_containers: bool,
    /// Where a file is copied to before it is removed: an existing directory. The copy is a new file for its owner only; a
    /// preview copies nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) backup_dir: Option<PathBuf>,
    /// Also set the change time of the files and of their folder to now (or to SOURCE_DATE_EPOCH), as Windows would; without it
    /// every time stays as it is. NTFS images only.
    #[arg(long, conflicts_with_all = ["plan", "patch"])]
    pub(crate) touch: bool,
    /// Also tell the SHA-256 of the whole image before and after, keep both in the journal, and compare them on the way.
    #[arg(long)]
    pub(crate) full_hash: bool,
}

/// Arguments of `diagnose`.
#[derive(Debug, Args)]
pub(crate) struct DiagnoseArgs {
    #[command(flatten)]
    pub(crate) image: OneImage,
    /// When the problem began: a date, or a time as 2005-03-01T08:00:00Z; UTC. Without it, the first failure in the event logs.
    #[arg(long, value_name = "TIME")]
    pub(crate) problem_time: Option<String>,
}

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// The journal of a repair.
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,
    /// The image, where it is not at the place that the journal remembers.
    #[arg(long, value_name = "PATH")]
    pub(crate) image: Option<PathBuf>,
}

/// Arguments of `ls`, `cat` and `stat`.
#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    /// A directory, volume, disk or disk image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// A path inside the image, from the root of its volume; backslashes or slashes, any case.
    #[arg(value_name = "PATH", default_value = "\\")]
    pub(crate) path: String,
    /// The volume, counted from 0; without it, that of the first installation, or the first that can be read.
    #[arg(long, value_name = "N")]
    pub(crate) volume: Option<usize>,
    /// Let an image name a parent disk outside of its own directory.
    #[arg(long)]
    pub(crate) allow_backing_anywhere: bool,
}

/// Arguments of `reg`.
#[derive(Debug, Args)]
pub(crate) struct RegArgs {
    /// The image, the key (`HKLM\SYSTEM\...` or `SYSTEM\...`) and, if wanted, a value. Leave the image out where a hive is
    /// named by option.
    #[arg(value_names = ["IMAGE", "KEY", "VALUE"], num_args = 1..=3, required = true)]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// A directory, volume, disk or disk image; told apart by content.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: Option<PathBuf>,
    /// Only events of this source, in any case; may be given several times.
    #[arg(long = "source", value_name = "NAME")]
    pub(crate) sources: Vec<String>,
    /// Only events of this id; may be given several times.
    #[arg(long = "id", value_name = "N")]
    pub(crate) ids: Vec<u32>,
    /// Only events from this time on: a date, or a time as 2005-03-01T08:00:00Z; UTC.
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only events up to this time; a date counts to its end.
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only events that hold this text in source, computer or strings, in any case.
    #[arg(long, value_name = "T")]
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) place: SourceArgs,
}

/// Arguments of `timeline`.
#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// A directory, volume, disk or disk image; told apart by content.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: Option<PathBuf>,
    /// Only entries of this source; may be given several times. The other sources are not read.
    #[arg(long = "source", value_name = "SOURCE", value_parser = words(&Source::ALL.map(Source::as_str)))]
    pub(crate) sources: Vec<String>,
    /// Only entries of this kind; may be given several times.
    #[arg(long = "kind", value_name = "KIND", value_parser = words(&Kind::ALL.map(Kind::as_str)))]
    pub(crate) kinds: Vec<String>,
    /// Only entries from this time on: a date, or a time as 2005-03-01T08:00:00Z; UTC. Local time counts in every zone.
    #[arg(long, visible_alias = "from", value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only entries up to this time; a date counts to its end.
    #[arg(long, visible_alias = "to", value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only entries that hold this text, or whose place does, in any case.
    #[arg(long, value_name = "T")]
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
    #[command(flatten)]
    pub(crate) place: SourceArgs,
}

/// A parser that takes these words only.
fn words(words: &[&'static str]) -> PossibleValuesParser {
    PossibleValuesParser::new(words.iter().copied())
}

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// Add the rule files (*.toml) of a directory; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The id of a rule (KEY-001) or of a fact (crypto.machine_guid).
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Add the rule files (*.toml) of a directory; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
}
