//! Traces of runs of the tools that seal: exec.fbreseal_runs and exec.sysprep_runs (prefetch files),
//! exec.fbreseal_starts and exec.sysprep_starts (UserAssist), exec.seal_tools_seen.

mod prefetch;
mod seen;
mod users;

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let folder = prefetch::Folder::open(context);
    facts.put("exec.fbreseal_runs", folder.runs("fbreseal.exe"));
    facts.put("exec.sysprep_runs", folder.runs("sysprep.exe"));
    let users = users::Users::read(context, &seen::TOOLS);
    users.put_starts(context, facts, "exec.fbreseal_starts", "fbreseal.exe");
    users.put_starts(context, facts, "exec.sysprep_starts", "sysprep.exe");
    let seen = seen::seen(context, &users);
    facts.put("exec.seal_tools_seen", seen);
}

#[cfg(test)]
mod tests {
    use crate::facts::execution::collect;
    use crate::facts::test_image::{TestImage, expect, first_evidence};

    fn prefetch(name: &str) -> Vec<u8> {
        let folder = env!("CARGO_MANIFEST_DIR");
        std::fs::read(format!("{folder}/testdata/prefetch/{name}")).unwrap()
    }

    /// `runs.txt` beside the files: two runs in the first, five in the second.
    #[test]
    fn runs_are_added_over_the_files_of_a_program() {
        let facts = TestImage::new("5.1", "xpe")
            .file(
                "WINDOWS\\Prefetch\\FBRESEAL.EXE-2F1E3C44.pf",
                prefetch("v17.pf"),
            )
            .file(
                "WINDOWS\\Prefetch\\fbreseal.exe-00000001.PF",
                prefetch("v30_packed.pf"),
            )
            .collect(&[collect]);
        expect(
            &facts,
            &[("exec.fbreseal_runs", "7"), ("exec.sysprep_runs", "0")],
        );
        let raw = first_evidence(&facts, "exec.fbreseal_runs")
            .raw
            .clone()
            .unwrap();
        assert!(raw.starts_with("FBRESEAL.EXE: "), "{raw}");
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_the_number_unknown_unless_another_counts() {
        let broken = || {
            TestImage::new("5.1", "xpe").file("WINDOWS\\Prefetch\\FBRESEAL.EXE-00000001.pf", "SCCA")
        };
        expect(
            &broken().collect(&[collect]),
            &[("exec.fbreseal_runs", "unknown:corrupt")],
        );
        let other = broken()
            .file(
                "WINDOWS\\Prefetch\\FBRESEAL.EXE-2F1E3C44.pf",
                prefetch("v17.pf"),
            )
            .collect(&[collect]);
        expect(&other, &[("exec.fbreseal_runs", "2")]);
    }

    #[test]
    fn a_file_that_names_another_program_is_corrupt() {
        let facts = TestImage::new("5.1", "none")
            .file(
                "WINDOWS\\Prefetch\\SYSPREP.EXE-2F1E3C44.pf",
                prefetch("v17.pf"),
            )
            .collect(&[collect]);
        expect(&facts, &[("exec.sysprep_runs", "unknown:corrupt")]);
    }

    #[test]
    fn files_of_programs_whose_names_only_begin_alike_do_not_count() {
        let facts = TestImage::new("5.1", "none")
            .file(
                "WINDOWS\\Prefetch\\FBRESEAL.EXE.OLD-2F1E3C44.pf",
                prefetch("v17.pf"),
            )
            .collect(&[collect]);
        expect(&facts, &[("exec.fbreseal_runs", "0")]);
    }
}
