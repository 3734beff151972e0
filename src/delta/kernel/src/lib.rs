//! The Rust side of src/delta/delta.h: a thin layer over delta_kernel.
//!
//! What happens where:
//!
//! * `border`      the C types, error codes, strings; a panic becomes an error code
//! * `engine`      the thread pool and the object stores
//! * `table`       a table at one snapshot, and what the snapshot says
//! * `columns`     batches made to fit a table's columns, by name
//! * `encoding`    which columns of a file are worth a dictionary
//! * `writer`      columns become Parquet files that no version names yet
//! * `live`        the files of a snapshot, by number
//! * `vectors`     what a commit takes out: files, or rows that deletion vectors hide
//! * `commit`      files, transaction id and cursor become one version
//! * `alter`       schema, properties and protocol, in commits that are authored here
//! * `evolve`      which schemas fit the files that are there
//! * `settle`      how a commit ended, found out when the store does not say
//! * `log`         the commit files of a table, read as they are
//! * `changes`     what others did since a version
//! * `stats`       what the log tells of a file, gathered while it is written
//! * `pages`       some rows of one Parquet file
//! * `parts`       some columns of some rows of some files
//! * `within`      which files may hold a value
//! * `scan`        reading, as streams of batches
//! * `maintenance` checkpoints, checksums, history
//! * `optimize`    small files become large ones, dead rows go
//! * `vacuum`      files that nobody needs go
//! * `faults`      a store that fails as told, for tests
//! * `local`       the local file system, whose logs may be long
//!
//! The exported functions take raw pointers from C. What delta.h asks of their callers (valid
//! handles, one thread at a time, lifetimes) is what makes them sound, so the safety of every
//! `unsafe` below rests on that header and is not argued again at each use.
#![allow(clippy::missing_safety_doc)]

mod alter;
mod border;
mod changes;
mod columns;
mod commit;
mod encoding;
mod engine;
mod evolve;
mod faults;
mod live;
mod local;
mod log;
mod maintenance;
mod optimize;
mod pages;
mod parts;
mod scan;
mod settle;
mod stats;
mod table;
mod vacuum;
mod vectors;
mod within;
mod writer;
