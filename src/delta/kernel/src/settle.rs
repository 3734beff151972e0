//! How a commit ended: it is there, it is not there, or nobody can tell.
//!
//! A store may write a commit and lose the answer, or repeat the request by itself and then report
//! that somebody else's file is in the way. So every commit carries an id of its own in its
//! commitInfo, and after any answer but "committed" the log is read to find out what happened.

use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::transaction::CommitResult;
use delta_kernel::{KernelError, KernelResult};

use crate::border::{Code, Failure, Outcome};
use crate::commit::Commit;
use crate::log;
use crate::maintenance;
use crate::table::{snapshot_at, Table};

/// The field of commitInfo that tells our commits apart.
pub const COMMIT_ID: &str = "sluiceCommit";

/// How a transaction ended, as far as who wrote it can tell.
pub enum Ended {
    /// With the snapshot of the new version, if it came along.
    Committed(Option<SnapshotRef>),
    Conflict,
    Failed(Failure),
}

impl Ended {
    pub fn of<S>(
        result: KernelResult<CommitResult<S>>,
        explain: impl Fn(KernelError) -> Failure,
    ) -> Self {
        match result {
            Ok(CommitResult::Committed(committed)) => {
                Ended::Committed(committed.post_commit_snapshot().cloned())
            }
            Ok(CommitResult::Conflicted(_)) => Ended::Conflict,
            Ok(CommitResult::Retryable(retryable)) => Ended::Failed(explain(retryable.error)),
            Err(error) => Ended::Failed(explain(error)),
        }
    }
}

/// Whose version it is that we wanted to write.
enum Fate {
    Ours(SnapshotRef),
    Theirs(u64),
    NotThere,
}

/// Moves the table to the version that `commit` was to become, if it became it.
pub fn settle(table: &mut Table, version: u64, commit: &Commit, ended: Ended) -> Outcome<()> {
    if let Ended::Committed(Some(snapshot)) = ended {
        table.move_to(snapshot);
        maintenance::after_commit(table);
        return Ok(());
    }
    match fate(table, version, commit) {
        Ok(Fate::Ours(snapshot)) => {
            table.move_to(snapshot);
            maintenance::after_commit(table);
            Ok(())
        }
        Ok(Fate::Theirs(newest)) => {
            commit.drop_files(table);
            if version == 0 {
                return Err(Failure::new(
                    Code::Exists,
                    "somebody else made a table there at the same time",
                ));
            }
            let message = format!(
                "somebody else wrote version {version} (the newest is {newest}), so nothing was committed"
            );
            Err(Failure::new(Code::Conflict, message))
        }
        Ok(Fate::NotThere) => {
            commit.drop_files(table);
            match ended {
                Ended::Failed(failure) => Err(failure),
                _ => Err(Failure::new(
                    Code::Conflict,
                    format!("version {version} could not be written"),
                )),
            }
        }
        Err(unknown) => {
            let first = match ended {
                Ended::Failed(failure) => failure.message,
                _ => "the store gave no clear answer".to_string(),
            };
            let message = format!(
                "{first}; and it is not known whether version {version} was written, because the table could not be read: {}",
                unknown.message
            );
            let mut failure = Failure::new(Code::Destination, message)
                .hint("When the store answers again, run it again: nothing is lost and nothing is written twice.");
            failure.retryable = true;
            Err(failure)
        }
    }
}

/// Reads the log: is `version` there, and is it the one of this commit?
fn fate(table: &Table, version: u64, commit: &Commit) -> Outcome<Fate> {
    if id_of(table, version)?.is_some_and(|id| id == commit.id) {
        return Ok(Fate::Ours(snapshot_at(&table.place, &table.location, Some(version))?));
    }
    let newest = match table.newest() {
        Ok(newest) => newest,
        Err(_) if version == 0 => return Ok(Fate::NotThere),
        Err(failure) => return Err(failure),
    };
    if newest.version() < version {
        return Ok(Fate::NotThere);
    }
    if same_transaction(table, &newest, commit)? {
        return Ok(Fate::Ours(newest));
    }
    Ok(Fate::Theirs(newest.version()))
}

/// The id that we gave to a version, if it is ours and its file is still there.
fn id_of(table: &Table, version: u64) -> Outcome<Option<String>> {
    let info = log::read(table, version)?.and_then(|bytes| log::commit_info(&bytes));
    Ok(info.and_then(|info| info.get(COMMIT_ID)?.as_str().map(str::to_string)))
}

/// Does the table stand exactly where this commit would have put it? The transaction id says so,
/// together with the domains, which tell runs of one flow apart.
fn same_transaction(table: &Table, newest: &SnapshotRef, commit: &Commit) -> Outcome<bool> {
    let kernel = table.place.kernel.as_ref();
    let Some((id, version)) = &commit.app else { return Ok(false) };
    if newest.get_app_id_version(id, kernel)? != Some(*version) {
        return Ok(false);
    }
    for (name, json) in &commit.domains {
        if &newest.get_domain_metadata(name, kernel)? != json {
            return Ok(false);
        }
    }
    Ok(true)
}
