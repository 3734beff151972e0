//! A store that fails as told, for tests: it stands between the engine and the real one.
//!
//! It sits above the retries of the remote stores, so a "500" here is one that did not go away.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result, UploadPart,
};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;

use crate::border::{guard, optional_text, Code, Failure, Outcome, SlError};
use crate::engine::Engine;

const ENOSPC: i32 = 28;
const EIO: i32 = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// A 500 and a 503, after all retries.
    Error,
    Unavailable,
    /// ENOSPC and EIO; nothing was done.
    Full,
    Io,
    /// Half of it was written.
    Short,
    /// It was done; then EIO is said, as when fsync fails.
    Sync,
    /// It was done; then a timeout is said.
    Lost,
    Slow,
}

#[derive(Debug)]
struct Rule {
    op: Option<String>,
    path: String,
    nth: u64,
    times: u64,
    fault: Fault,
    pause: Duration,
    calls: AtomicU64,
}

/// What is to go wrong.
#[derive(Debug, Default)]
pub struct Plan {
    rules: Vec<Rule>,
}

impl Plan {
    fn parse(text: &str) -> Outcome<Self> {
        let bad = |why: &str| Failure::new(Code::BadSpec, format!("the plan of faults: {why}"));
        let plan: Value = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
        let rules = plan.as_array().ok_or_else(|| bad("not an array"))?;
        let rule = |rule: &Value| {
            let fault = match rule["fault"].as_str().unwrap_or("") {
                "error" => Fault::Error,
                "unavailable" => Fault::Unavailable,
                "full" => Fault::Full,
                "io" => Fault::Io,
                "short" => Fault::Short,
                "sync" => Fault::Sync,
                "lost" => Fault::Lost,
                "slow" => Fault::Slow,
                other => return Err(bad(&format!("there is no fault '{other}'"))),
            };
            Ok(Rule {
                op: rule["op"].as_str().map(str::to_string),
                path: rule["path"].as_str().unwrap_or("").to_string(),
                nth: rule["nth"].as_u64().unwrap_or(1),
                times: rule["times"].as_u64().unwrap_or(1),
                fault,
                pause: Duration::from_millis(rule["ms"].as_u64().unwrap_or(0)),
                calls: AtomicU64::new(0),
            })
        };
        Ok(Plan { rules: rules.iter().map(rule).collect::<Outcome<_>>()? })
    }

    /// Counts a call, and tells what becomes of it.
    fn strike(&self, op: &str, path: Option<&Path>) -> Option<&Rule> {
        let path = path.map_or("", |path| path.as_ref());
        let mut found = None;
        for rule in &self.rules {
            let meant = rule.op.as_deref().is_none_or(|meant| meant == op);
            if !meant || !path.contains(&rule.path) {
                continue;
            }
            let call = rule.calls.fetch_add(1, Ordering::SeqCst) + 1;
            if found.is_none() && call >= rule.nth && call < rule.nth + rule.times {
                found = Some(rule);
            }
        }
        found
    }
}

/// The plan of an engine, for all of its stores.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Arc<Plan>>);

impl Faults {
    pub fn set(&self, plan: Plan) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
    }

    fn plan(&self) -> Arc<Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Fault {
    fn error(self, path: &str) -> Error {
        let source: Box<dyn std::error::Error + Send + Sync> = match self {
            Fault::Error => format!("Server returned non-2xx status code: 500 for {path}").into(),
            Fault::Unavailable => {
                format!("Server returned non-2xx status code: 503 for {path}").into()
            }
            Fault::Full => Box::new(io::Error::from_raw_os_error(ENOSPC)),
            Fault::Io | Fault::Short | Fault::Sync => Box::new(io::Error::from_raw_os_error(EIO)),
            Fault::Lost | Fault::Slow => {
                Box::new(io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {path}")))
            }
        };
        Error::Generic { store: "faulty", source }
    }

    /// Is the call made, and what it says thrown away?
    fn after(self) -> bool {
        matches!(self, Fault::Sync | Fault::Lost)
    }
}

#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Faults>,
}

impl Faulty {
    pub fn over(inner: Arc<dyn ObjectStore>, faults: Arc<Faults>) -> Arc<dyn ObjectStore> {
        Arc::new(Faulty { inner, faults })
    }

    /// Fails or waits before a call, or says what is to be said after it.
    async fn before(&self, op: &str, path: Option<&Path>) -> Result<Option<Error>> {
        strike(&self.faults.plan(), op, path).await
    }
}

async fn strike(plan: &Plan, op: &str, path: Option<&Path>) -> Result<Option<Error>> {
    let Some(rule) = plan.strike(op, path) else { return Ok(None) };
    let error = rule.fault.error(path.map_or("", |path| path.as_ref()));
    match rule.fault {
        Fault::Slow => {
            tokio::time::sleep(rule.pause).await;
            Ok(None)
        }
        fault if fault.after() => Ok(Some(error)),
        _ => Err(error),
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Faulty({})", self.inner)
    }
}

/// May half of it be seen under its own name? No store shows that (a local disk has it under another
/// name until it is whole), but for a data file, which nobody looks for yet, it is the harder case.
fn shows_half(path: &Path) -> bool {
    !path.as_ref().contains("_delta_log")
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let op = match options.mode {
            PutMode::Overwrite => "put",
            _ => "put_if_absent",
        };
        let plan = self.faults.plan();
        let after = match plan.strike(op, Some(location)) {
            Some(rule) if rule.fault == Fault::Short => {
                if shows_half(location) {
                    let bytes = Bytes::from(payload);
                    let half = bytes.slice(..bytes.len() / 2);
                    self.inner.put(location, half.into()).await?;
                }
                return Err(rule.fault.error(location.as_ref()));
            }
            Some(rule) if rule.fault == Fault::Slow => {
                tokio::time::sleep(rule.pause).await;
                None
            }
            Some(rule) if rule.fault.after() => Some(rule.fault.error(location.as_ref())),
            Some(rule) => return Err(rule.fault.error(location.as_ref())),
            None => None,
        };
        let put = self.inner.put_opts(location, payload, options).await;
        after.map_or(put, Err)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        let (faults, path) = (self.faults.clone(), location.clone());
        Ok(Box::new(FaultyUpload { inner, faults, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let after = self.before("get", Some(location)).await?;
        let got = self.inner.get_opts(location, options).await;
        after.map_or(got, Err)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let after = self.before("get", Some(location)).await?;
        let got = self.inner.get_ranges(location, ranges).await;
        after.map_or(got, Err)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let plan = self.faults.plan();
        let checked = locations.then(move |location| {
            let plan = plan.clone();
            async move {
                let location = location?;
                strike(&plan, "delete", Some(&location)).await?;
                Ok(location)
            }
        });
        self.inner.delete_stream(checked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix, self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let after = self.before("list", prefix).await?;
        let listed = self.inner.list_with_delimiter(prefix).await;
        after.map_or(listed, Err)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

impl Faulty {
    fn listing(
        &self,
        prefix: Option<&Path>,
        inner: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (plan, prefix) = (self.faults.plan(), prefix.cloned());
        let strike = async move {
            match strike(&plan, "list", prefix.as_ref()).await {
                Ok(None) => inner,
                Ok(Some(error)) | Err(error) => stream::once(async { Err(error) }).boxed(),
            }
        };
        stream::once(strike).flatten().boxed()
    }
}

/// An upload in parts. Each part and the end are calls of "multipart".
#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
    path: Path,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (plan, path) = (self.faults.plan(), self.path.clone());
        let part = self.inner.put_part(data);
        Box::pin(async move {
            let after = strike(&plan, "multipart", Some(&path)).await?;
            let sent = part.await;
            after.map_or(sent, Err)
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let after = strike(&self.faults.plan(), "multipart", Some(&self.path)).await?;
        let done = self.inner.complete().await;
        after.map_or(done, Err)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// sl_delta_engine_faults() of the builds that have it; src/delta/faults.c asks for it.
#[no_mangle]
pub unsafe extern "C" fn sl_kernel_engine_faults(
    engine: *const Arc<Engine>,
    plan: *const std::ffi::c_char,
    error: *mut SlError,
) -> Code {
    guard(error, || {
        let plan = optional_text(plan, "the plan of faults")?;
        let plan = plan.map(|text| Plan::parse(&text)).transpose()?;
        (*engine).set_faults(plan.unwrap_or_default());
        Ok(())
    })
}
