//! The engine: one small thread pool, one store per bucket, and where a location points.

use std::collections::HashMap;
use std::ffi::c_char;
use std::future::Future;
use std::num::NonZero;
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use std::{fs, io};

use delta_kernel::object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use delta_kernel::object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use delta_kernel::object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{ClientConfigKey, ObjectStore, RetryConfig};
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use tokio::runtime::Runtime;
use url::Url;

use crate::border::{
    guard, io_advice, pairs, quietly, text, Code, Failure, Outcome, SlError, SlPair,
};
use crate::faults::{Faults, Faulty, Plan};
use crate::local::Local;

/// Worker threads wait for stores; blocking threads touch the local disk.
const WORKER_THREADS: usize = 2;
const BLOCKING_THREADS_MAX: usize = 4;

/// Rows of a batch that is read, and files of the log that are read ahead.
pub const BATCH_ROWS: usize = 8192;
const READ_AHEAD_FILES: usize = 4;

const STORE_RETRIES_MAX: usize = 6;
const STORE_RETRY_TIMEOUT: Duration = Duration::from_secs(60);

pub type KernelEngine = DefaultEngine<TokioMultiThreadExecutor>;

/// What `struct sl_delta_engine` is. Tables and streams keep it alive.
pub struct Engine {
    runtime: Runtime,
    options: Vec<(String, String)>,
    places: Mutex<HashMap<String, Arc<Place>>>,
    faults: OnceLock<Arc<Faults>>, // set in tests only
}

/// A bucket (or the local file system), and the kernel's engine over it.
pub struct Place {
    pub kernel: Arc<KernelEngine>,
    pub store: Arc<dyn ObjectStore>,
    pub local: bool,
    faulty: bool,
}

/// Where a table is: as the user wrote it, and as a URL that ends with '/'.
#[derive(Clone)]
pub struct Location {
    pub text: String,
    pub url: Url,
}

impl Engine {
    fn new(options: Vec<(String, String)>) -> Outcome<Self> {
        for (name, value) in &options {
            check_option(name, value)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("sluice-delta")
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::bug(format!("could not start the threads of the Delta library: {error}"))
            })?;
        let (places, faults) = (Mutex::default(), OnceLock::new());
        Ok(Engine { runtime, options, places, faults })
    }

    /// Waits for a store, on the caller's thread.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub fn place(&self, url: &Url) -> Outcome<Arc<Place>> {
        let key = format!("{}://{}", url.scheme(), url.authority());
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&key) {
            return Ok(place.clone());
        }
        let mut store = self.store(url)?;
        if let Some(faults) = self.faults.get() {
            store = Faulty::over(store, faults.clone());
        }
        let executor = TokioMultiThreadExecutor::new(self.runtime.handle().clone());
        let kernel = DefaultEngineBuilder::new(store.clone())
            .with_task_executor(Arc::new(executor))
            .with_buffer_size(NonZero::new(READ_AHEAD_FILES).unwrap_or(NonZero::<usize>::MIN))
            .with_batch_size(NonZero::new(BATCH_ROWS).unwrap_or(NonZero::<usize>::MIN))
            .build();
        let place = Arc::new(Place {
            kernel: Arc::new(kernel),
            store,
            local: url.scheme() == "file",
            faulty: self.faults.get().is_some(),
        });
        places.insert(key, place.clone());
        Ok(place)
    }

    /// For what is opened from now on, and what was opened since this was called first.
    pub fn set_faults(&self, plan: Plan) {
        self.faults.get_or_init(Arc::default).set(plan);
        self.places.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, p| p.faulty);
    }

    fn store(&self, url: &Url) -> Outcome<Arc<dyn ObjectStore>> {
        let retry = RetryConfig {
            max_retries: STORE_RETRIES_MAX,
            retry_timeout: STORE_RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        match url.scheme() {
            "file" => Ok(Arc::new(Local::new())),
            "s3" | "s3a" => {
                let mut builder =
                    AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retry);
                for (name, value) in &self.options {
                    if let Ok(key) = AmazonS3ConfigKey::from_str(name) {
                        builder = builder.with_config(key, value);
                    }
                }
                Ok(Arc::new(builder.build().map_err(settings)?))
            }
            "gs" => {
                let mut builder =
                    GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_retry(retry);
                for (name, value) in &self.options {
                    if let Ok(key) = GoogleConfigKey::from_str(name) {
                        builder = builder.with_config(key, value);
                    }
                }
                Ok(Arc::new(builder.build().map_err(settings)?))
            }
            _ => {
                let mut builder =
                    MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_retry(retry);
                for (name, value) in &self.options {
                    if let Ok(key) = AzureConfigKey::from_str(name) {
                        builder = builder.with_config(key, value);
                    }
                }
                Ok(Arc::new(builder.build().map_err(settings)?))
            }
        }
    }
}

fn settings(error: delta_kernel::object_store::Error) -> Failure {
    Failure::from(error).told_as(Code::BadSpec).context("settings of the object store")
}

/// The stores ignore a name that they don't know, so a misspelt one would go unnoticed.
fn check_option(name: &str, value: &str) -> Outcome<()> {
    let known = AmazonS3ConfigKey::from_str(name).is_ok()
        || AzureConfigKey::from_str(name).is_ok()
        || GoogleConfigKey::from_str(name).is_ok()
        || ClientConfigKey::from_str(name).is_ok();
    if !known {
        let message = format!("unknown setting '{name}' for object stores");
        return Err(Failure::new(Code::BadSpec, message).hint(
            "The names are listed in docs/object-stores.md, for example aws_access_key_id.",
        ));
    }
    if name.ends_with("conditional_put") && value == "disabled" {
        let message = format!("'{name}' cannot be 'disabled'");
        return Err(Failure::new(Code::BadSpec, message)
            .hint("A Delta table needs conditional writes: without them two writers destroy each other's work."));
    }
    Ok(())
}

impl Location {
    pub fn parse(text: &str) -> Outcome<Self> {
        let bad = |why: &str| Failure::new(Code::BadSpec, format!("location '{text}': {why}"));
        let url = if text.starts_with('/') {
            Url::from_directory_path(text).map_err(|()| bad("not an absolute path"))?
        } else {
            let text = if text.ends_with('/') { text.to_string() } else { format!("{text}/") };
            Url::parse(&text).map_err(|_| {
                bad("neither an absolute path nor a URL")
                    .hint("Use /a/directory, s3://bucket/path, abfss://container@account.dfs.core.windows.net/path or gs://bucket/path.")
            })?
        };
        match url.scheme() {
            "file" => {
                let path = url.to_file_path().map_err(|()| bad("not a local path"))?;
                // A "%20" in a name would be decoded twice on the way through the kernel.
                if path.to_string_lossy().contains('%') {
                    return Err(bad("a local path must not contain '%'")
                        .hint("Choose a directory without a '%' in its name."));
                }
            }
            "s3" | "s3a" | "gs" | "az" | "adl" | "azure" | "abfs" | "abfss" => {
                if url.host_str().unwrap_or("").is_empty() {
                    return Err(bad("the bucket is missing"));
                }
            }
            scheme => return Err(bad(&format!("'{scheme}://' is not supported"))),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("'?' and '#' are not allowed"));
        }
        let text = if text.len() > 1 { text.trim_end_matches('/') } else { text };
        Ok(Location { text: text.to_string(), url })
    }

    pub fn root(&self) -> Outcome<Path> {
        path_of(&self.url)
    }

    /// For local tables: is the directory there? A place that cannot be one is told before anything
    /// is tried. Symbolic links are followed here, because the kernel follows them too.
    pub fn find(&mut self) -> Outcome<bool> {
        let Some(path) = self.local_path() else { return Ok(true) };
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let real = fs::canonicalize(&path).map_err(|error| self.unreachable(&error))?;
                self.url = Url::from_directory_path(&real).unwrap_or_else(|()| self.url.clone());
                Ok(true)
            }
            Ok(_) => Err(not_a_directory(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// Makes the directory of a local table, durably. Returns what was made, outermost first.
    pub fn make(&mut self) -> Outcome<Vec<PathBuf>> {
        let mut missing = Vec::new();
        if let (false, Some(path)) = (self.find()?, self.local_path()) {
            missing = path
                .ancestors()
                .take_while(|part| !part.exists())
                .map(FilePath::to_path_buf)
                .collect();
            missing.reverse();
            for directory in &missing {
                let made = match fs::create_dir(directory) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                    made => made,
                };
                let parent = directory.parent().unwrap_or(directory);
                made.and_then(|()| fs::File::open(parent)?.sync_all())
                    .map_err(|error| self.unreachable(&error))?;
            }
            self.find()?;
        }
        Ok(missing)
    }

    fn local_path(&self) -> Option<PathBuf> {
        if self.url.scheme() == "file" {
            self.url.to_file_path().ok()
        } else {
            None
        }
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        let (hint, retryable) = io_advice(error).unwrap_or_default();
        let mut failure = Failure::new(Code::Destination, error.to_string()).hint(hint);
        failure.retryable = retryable;
        failure
    }

    /// Is there anything that does not look like ours or hidden (a name that starts with '_' or '.')?
    pub fn stranger(&self, engine: &Engine, place: &Place) -> Outcome<Option<String>> {
        use futures::StreamExt;

        let root = self.root()?;
        engine.wait(async {
            let mut found = place.store.list(Some(&root));
            while let Some(meta) = found.next().await {
                let meta = match meta {
                    Ok(meta) => meta,
                    Err(delta_kernel::object_store::Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(Failure::from(error)),
                };
                let Some(parts) = meta.location.prefix_match(&root) else { continue };
                let parts: Vec<String> = parts.map(|part| part.as_ref().to_string()).collect();
                let hidden = parts.first().is_some_and(|name| name.starts_with(['_', '.']));
                if !hidden && !parts.last().is_some_and(|name| is_our_file(name)) {
                    return Ok(Some(parts.join("/")));
                }
            }
            Ok(None)
        })
    }
}

fn not_a_directory(path: &FilePath) -> Failure {
    Failure::new(Code::Destination, format!("'{}' is a file, not a directory", path.display()))
        .hint("Choose a location that is a directory or does not exist yet.")
}

/// Data files are named part-<uuid>.parquet.
pub fn is_our_file(name: &str) -> bool {
    name.strip_prefix("part-")
        .and_then(|rest| rest.strip_suffix(".parquet"))
        .is_some_and(|id| uuid::Uuid::try_parse(id).is_ok())
}

pub fn path_of(url: &Url) -> Outcome<Path> {
    Path::from_url_path(url.path())
        .map_err(|error| Failure::new(Code::BadSpec, format!("path of '{url}': {error}")))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_engine_new(
    options: *const SlPair,
    count: usize,
    out: *mut *mut Arc<Engine>,
    error: *mut SlError,
) -> Code {
    *out = std::ptr::null_mut();
    guard(error, || {
        let options = pairs(options, count, "a setting of the object stores")?;
        *out = Box::into_raw(Box::new(Arc::new(Engine::new(options)?)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_engine_free(engine: *mut Arc<Engine>) {
    if !engine.is_null() {
        quietly((), || drop(Box::from_raw(engine)));
    }
}

/// The two arguments that open and create share.
pub unsafe fn located(
    engine: *const Arc<Engine>,
    location: *const c_char,
) -> Outcome<(Arc<Engine>, Arc<Place>, Location)> {
    let engine = (*engine).clone();
    let location = Location::parse(&text(location, "the location")?)?;
    let place = engine
        .place(&location.url)
        .map_err(|failure| failure.context(format!("location '{}'", location.text)))?;
    Ok((engine, place, location))
}
