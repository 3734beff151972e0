//! The local file system, as object_store has it, but for one thing: the log of a table that is
//! written every few minutes has tens of thousands of files, and each opening lists the newest few.
//! object_store looks at every one of them; here those that are not asked for cost their name.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use delta_kernel::object_store::local::LocalFileSystem;
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use futures::stream::{self, BoxStream, StreamExt};

#[derive(Debug)]
pub struct Local {
    inner: LocalFileSystem,
}

impl Local {
    pub fn new() -> Self {
        Local { inner: LocalFileSystem::new().with_fsync(true) }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.inner)
    }
}

/// The files of a folder that come after a name, in order. None: it is not as simple as that (there
/// are folders in it, or names that a store spells otherwise, or it cannot be read).
fn newer_files(folder: PathBuf, prefix: &Path, after: &str) -> Option<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        let name = entry.file_name();
        let name = name.to_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.contains('#') {
            continue; // what a killed process left of a file that it was writing
        }
        if !name.bytes().all(plain) || entry.file_type().ok()?.is_dir() {
            return None;
        }
        if name <= after {
            continue;
        }
        let Ok(status) = fs::metadata(entry.path()) else { continue }; // deleted in between
        if !status.is_file() {
            return None;
        }
        found.push(ObjectMeta {
            location: prefix.clone().join(name),
            last_modified: status.modified().ok()?.into(),
            size: status.len(),
            e_tag: None,
            version: None,
        });
    }
    found.sort_by(|a, b| a.location.cmp(&b.location));
    Some(found)
}

#[async_trait]
impl ObjectStore for Local {
    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let all = self.inner.list_with_offset(prefix, offset);
        let Some(prefix) = prefix.cloned() else { return all };
        let mut below = match offset.prefix_match(&prefix) {
            Some(parts) => parts.map(|part| part.as_ref().to_string()),
            None => return all,
        };
        let (Some(after), None) = (below.next(), below.next()) else { return all };
        let Ok(folder) = self.inner.path_to_filesystem(&prefix) else { return all };
        let listed = async move {
            let newer = move || newer_files(folder, &prefix, &after);
            match tokio::task::spawn_blocking(newer).await {
                Ok(Some(files)) => stream::iter(files.into_iter().map(Ok)).boxed(),
                _ => all,
            }
        };
        stream::once(listed).flatten().boxed()
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
