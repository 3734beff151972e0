//! The files of a snapshot, in a fixed order: a file's place in it is its number for C.

use std::ffi::CString;
use std::ptr;

use delta_kernel::arrow::array::{Array, AsArray};
use delta_kernel::arrow::record_batch::RecordBatch;
use delta_kernel::engine::arrow_data::{ArrowEngineData, EngineDataArrowExt};
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::object_store::path::Path;
use delta_kernel::scan::state::ScanFile;
use delta_kernel::snapshot::SnapshotRef;
use url::Url;

use crate::border::{c_string, guard, Code, Failure, Outcome, SlError};
use crate::engine::Place;
use crate::table::Table;
use crate::vacuum;

/// `struct sl_delta_live`.
#[repr(C)]
pub struct SlLive {
    path: *const std::ffi::c_char,
    bytes: i64,
    modified_ms: i64,
    rows: i64,
    dead: i64,
}

#[derive(Default)]
pub struct Live {
    pub files: Vec<ScanFile>,
    /// The actions that name the files, as the kernel read them from the log.
    actions: Vec<RecordBatch>,
    /// Of each file: in which batch of actions, and in which row of it.
    places: Vec<(usize, usize)>,
    said: Vec<SlLive>,
    _paths: Vec<CString>,
}

impl Live {
    pub fn of(place: &Place, snapshot: &SnapshotRef) -> Outcome<Self> {
        fn collect(files: &mut Vec<ScanFile>, file: ScanFile) {
            files.push(file);
        }
        let scan = snapshot.clone().scan_builder().build()?;
        let mut live = Live::default();
        for metadata in scan.scan_metadata(place.kernel.as_ref())? {
            let metadata = metadata?;
            live.files = metadata.visit_scan_files(std::mem::take(&mut live.files), collect)?;
            let (actions, selected) = metadata.scan_files.into_parts();
            let actions = actions.try_into_record_batch()?;
            live.add_places(&actions, &selected)?;
            live.actions.push(actions);
        }
        if live.places.len() != live.files.len() {
            return Err(Failure::bug("the files of a snapshot do not match their actions"));
        }
        live.tell()?;
        Ok(live)
    }

    fn add_places(&mut self, actions: &RecordBatch, selected: &[bool]) -> Outcome<()> {
        let paths = actions
            .column_by_name("path")
            .and_then(|column| column.as_string_opt::<i32>())
            .ok_or_else(|| Failure::bug("actions without a path"))?;
        for row in 0..actions.num_rows() {
            if paths.is_valid(row) && selected.get(row).copied().unwrap_or(true) {
                self.places.push((self.actions.len(), row));
            }
        }
        Ok(())
    }

    fn tell(&mut self) -> Outcome<()> {
        for file in &self.files {
            let path = c_string(file.path.clone());
            self.said.push(SlLive {
                path: path.as_ptr(),
                bytes: file.size,
                modified_ms: file.modification_time,
                rows: rows(file).unwrap_or(-1),
                dead: dead(file)?,
            });
            self._paths.push(path);
        }
        Ok(())
    }

    /// Where the deletion vectors of the files are, those in files of their own.
    pub fn vectors(&self, root: &Url) -> Outcome<Vec<Path>> {
        let mut found = Vec::new();
        for (batch, row) in &self.places {
            let column = self.actions[*batch].column_by_name("deletionVector");
            if let Some(vectors) = column.and_then(|column| column.as_struct_opt()) {
                found.extend(vacuum::vector_path(vectors, *row, root)?);
            }
        }
        Ok(found)
    }

    pub fn file(&self, number: usize) -> Outcome<&ScanFile> {
        self.files
            .get(number)
            .ok_or_else(|| Failure::bug(format!("there is no live file number {number}")))
    }

    /// The actions of some files, as a transaction takes them.
    pub fn actions_of(
        &self,
        wanted: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = Outcome<FilteredEngineData>> {
        let mut selected: Vec<Vec<bool>> =
            self.actions.iter().map(|actions| vec![false; actions.num_rows()]).collect();
        for (number, (batch, row)) in self.places.iter().enumerate() {
            selected[*batch][*row] = wanted(number);
        }
        let found = self.actions.clone().into_iter().zip(selected);
        found.filter(|(_, selected)| selected.contains(&true)).map(|(actions, selected)| {
            let actions = Box::new(ArrowEngineData::new(actions));
            Ok(FilteredEngineData::try_new(actions, selected)?)
        })
    }

    /// What the log tells of each file, as JSON.
    pub fn stats(&self) -> Outcome<Vec<Option<&str>>> {
        let all = self.actions.iter().map(|actions| {
            actions.column_by_name("stats").and_then(|column| column.as_string_opt::<i32>())
        });
        let all: Vec<_> = all.collect();
        let stats = |(batch, row): &(usize, usize)| {
            let column = all[*batch].ok_or_else(|| Failure::bug("actions without statistics"))?;
            Ok(column.is_valid(*row).then(|| column.value(*row)))
        };
        self.places.iter().map(stats).collect()
    }

    pub fn actions_of_all(&self) -> impl Iterator<Item = Outcome<FilteredEngineData>> {
        self.actions_of(|_| true)
    }
}

/// How many rows a file has, dead ones included, if its writer said so.
pub fn rows(file: &ScanFile) -> Option<i64> {
    file.stats.as_ref().map(|stats| stats.num_records as i64)
}

/// How many of them its deletion vector hides.
pub fn dead(file: &ScanFile) -> Outcome<i64> {
    Ok(file.dv_info.cardinality()?.unwrap_or(0) as i64)
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_live(
    table: *mut Table,
    out: *mut *const SlLive,
    count: *mut usize,
    error: *mut SlError,
) -> Code {
    *out = ptr::null();
    *count = 0;
    guard(error, || {
        let table = &*table;
        let live = table.named(table.live())?;
        *out = live.said.as_ptr();
        *count = live.said.len();
        Ok(())
    })
}
