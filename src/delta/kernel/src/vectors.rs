//! What a commit takes out of live files: whole files, or rows, which a deletion vector hides.
//!
//! All deletion vectors of a commit share one file, written before the commit that names it.

use std::collections::HashMap;

use delta_kernel::actions::deletion_vector::DeletionVectorDescriptor;
use delta_kernel::actions::deletion_vector_writer::{
    DeletionVectorWriteResult, KernelDeletionVector, StreamingDeletionVectorWriter,
};
use delta_kernel::object_store::{ObjectStoreExt, PutPayload};
use delta_kernel::scan::state::ScanFile;
use delta_kernel::transaction::Transaction;
use url::Url;

use crate::border::{Code, Failure, Outcome};
use crate::engine::path_of;
use crate::live;
use crate::table::Table;

/// What a commit takes out of a live file: some rows, or all of it.
pub struct Gone<'a> {
    pub file: usize,
    pub rows: Option<&'a [i64]>,
}

/// The deletion vectors of a commit that is being made.
#[derive(Default)]
struct Vectors {
    bytes: Vec<u8>,
    /// By the path of the data file.
    written: HashMap<String, DeletionVectorWriteResult>,
}

/// Puts into a transaction what goes. Tells where deletion vectors were written, if any were.
pub fn take_out(
    table: &Table,
    transaction: &mut Transaction,
    gone: &[Gone],
) -> Outcome<Option<Url>> {
    if gone.is_empty() {
        return Ok(None);
    }
    let live = table.live()?;
    let mut seen = vec![false; live.files.len()];
    let mut whole = vec![false; live.files.len()];
    let mut hidden: Vec<(&ScanFile, KernelDeletionVector)> = Vec::new();
    for part in gone {
        let file = live.file(part.file)?;
        if std::mem::replace(&mut seen[part.file], true) {
            return Err(Failure::bug(format!("live file number {} goes twice", part.file)));
        }
        match part.rows {
            None => whole[part.file] = true,
            Some(rows) => match hide(table, file, rows)? {
                Hidden::Nothing => {}
                Hidden::All => whole[part.file] = true,
                Hidden::Some(vector) => hidden.push((file, vector)),
            },
        }
    }
    for actions in live.actions_of(|number| whole[number]) {
        transaction.remove_files(actions?);
    }
    if hidden.is_empty() {
        return Ok(None);
    }
    let mut vectors = Vectors::default();
    let mut writer = StreamingDeletionVectorWriter::new(&mut vectors.bytes);
    for (file, vector) in hidden {
        vectors.written.insert(file.path.clone(), writer.write_deletion_vector(vector)?);
    }
    writer.finalize()?;
    vectors.stage(table, transaction).map(Some)
}

impl Vectors {
    fn stage(self, table: &Table, transaction: &mut Transaction) -> Outcome<Url> {
        let context = transaction.write_state()?.write_context_builder().build()?;
        let path = context.new_deletion_vector_path(String::new());
        let updates: HashMap<String, DeletionVectorDescriptor> = self
            .written
            .into_iter()
            .map(|(file, written)| (file, written.to_descriptor(&path)))
            .collect();
        let live = table.live()?;
        let actions = live
            .actions_of(|number| updates.contains_key(&live.files[number].path))
            .collect::<Outcome<Vec<_>>>()?;
        // Before anything is stored: this refuses a table without deletion vectors.
        transaction.update_deletion_vectors(updates, actions.into_iter().map(Ok))?;
        let location = path.absolute_path()?;
        let payload = PutPayload::from(self.bytes);
        table.engine.wait(table.place.store.put(&path_of(&location)?, payload))?;
        Ok(location)
    }
}

enum Hidden {
    Nothing,
    Some(KernelDeletionVector),
    All,
}

/// What is hidden of a file when `rows` are hidden, too.
fn hide(table: &Table, file: &ScanFile, rows: &[i64]) -> Outcome<Hidden> {
    let total = live::rows(file).ok_or_else(|| {
        let message = format!(
            "rows of '{}' cannot be deleted: who wrote it did not say how many there are",
            file.path
        );
        Failure::new(Code::Unsupported, message)
    })?;
    if rows.windows(2).any(|two| two[0] >= two[1])
        || rows.first().is_some_and(|row| *row < 0)
        || rows.last().is_some_and(|row| *row >= total)
    {
        return Err(Failure::bug("rows to delete are not ascending row numbers of the file"));
    }
    let place = &table.place;
    let dead = file.dv_info.get_row_indexes(place.kernel.as_ref(), &table.location.url)?;
    let dead = dead.unwrap_or_default();
    let mut vector = KernelDeletionVector::new();
    vector.add_deleted_row_indexes(&dead);
    vector.add_deleted_row_indexes(rows.iter().map(|row| *row as u64));
    Ok(match vector.cardinality() {
        all if all >= total as u64 => Hidden::All,
        same if same == dead.len() as u64 => Hidden::Nothing,
        _ => Hidden::Some(vector),
    })
}
