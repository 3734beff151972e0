//! The border with C: its structs, its error codes, its strings.

use std::any::Any;
use std::error::Error;
use std::ffi::{c_char, c_int, CStr, CString};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use delta_kernel::arrow::error::ArrowError;
use delta_kernel::object_store;
use delta_kernel::parquet::errors::ParquetError;
use delta_kernel::KernelError;

/// `enum sl_code` of sluice/error.h, in its order; abi.c compares the values when it is compiled.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Code {
    Ok,
    More,
    Done,
    Partial,
    Usage,
    BadSpec,
    Unsupported,
    NotFound,
    Exists,
    Auth,
    Permission,
    Source,
    BadData,
    TooLarge,
    Connect,
    Timeout,
    RateLimited,
    Destination,
    Conflict,
    Fenced,
    Busy,
    Quota,
    NoMemory,
    Bug,
    Cancelled,
}

const MESSAGE_SIZE: usize = 2048;
const HINT_SIZE: usize = 512;

/// `struct sl_error` of sluice/error.h; abi.c compares the layout when it is compiled.
#[repr(C)]
pub struct SlError {
    code: Code,
    retryable: bool,
    http_status: c_int,
    file: *const c_char,
    line: c_int,
    message: [c_char; MESSAGE_SIZE],
    hint: [c_char; HINT_SIZE],
}

/// `struct sl_pair` of delta.h.
#[repr(C)]
pub struct SlPair {
    pub key: *const c_char,
    pub value: *const c_char,
}

/// Why something could not be done, in the words of struct sl_error.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub retryable: bool,
    pub message: String,
    pub hint: String,
}

pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let retryable = code == Code::Conflict;
        Failure { code, retryable, message: message.into(), hint: String::new() }
    }

    pub fn bug(message: impl Into<String>) -> Self {
        Failure::new(Code::Bug, message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Puts "<context>: " before the message.
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        self.message = format!("{}: {}", context.as_ref(), self.message);
        self
    }

    /// The same, but told as `code` unless it is the store that failed.
    pub fn told_as(mut self, code: Code) -> Self {
        if self.code != Code::Destination || self.hint.is_empty() {
            self.code = code;
            self.retryable = code == Code::Conflict;
        }
        self
    }

    unsafe fn write(&self, out: *mut SlError) {
        if out.is_null() {
            return;
        }
        (*out).code = self.code;
        (*out).retryable = self.retryable;
        (*out).http_status = 0;
        (*out).file = c"src/delta/kernel".as_ptr();
        (*out).line = 0;
        fill(&mut (*out).message, &self.message);
        fill(&mut (*out).hint, &self.hint);
    }
}

/// Copies text into a C array: cut at a character, ended by a NUL, none inside.
fn fill(out: &mut [c_char], text: &str) {
    let mut end = text.len().min(out.len() - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for (to, from) in out.iter_mut().zip(text.as_bytes()[..end].iter().chain(&[0])) {
        *to = *from as c_char;
    }
    for byte in &mut out[..end] {
        if *byte == 0 {
            *byte = b' ' as c_char;
        }
    }
}

/// Runs the body of an exported function: no panic may cross into C.
pub unsafe fn guard(error: *mut SlError, body: impl FnOnce() -> Outcome<()>) -> Code {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return Code::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => panicked(panic.as_ref()),
    };
    failure.write(error);
    failure.code
}

/// For exported functions that cannot fail.
pub fn quietly<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

pub fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let what = panic
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_string());
    Failure::bug(format!("the Delta library stopped unexpectedly: {what}"))
}

pub unsafe fn text(value: *const c_char, what: &str) -> Outcome<String> {
    if value.is_null() {
        return Err(Failure::bug(format!("{what} is missing")));
    }
    match CStr::from_ptr(value).to_str() {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(Failure::new(Code::BadSpec, format!("{what} is not UTF-8"))),
    }
}

pub unsafe fn optional_text(value: *const c_char, what: &str) -> Outcome<Option<String>> {
    if value.is_null() {
        return Ok(None);
    }
    text(value, what).map(Some)
}

pub unsafe fn pairs(
    pairs: *const SlPair,
    count: usize,
    what: &str,
) -> Outcome<Vec<(String, String)>> {
    slice(pairs, count)
        .iter()
        .map(|pair| Ok((text(pair.key, what)?, text(pair.value, what)?)))
        .collect()
}

/// Pairs of which a value may be NULL.
pub unsafe fn optional_pairs(
    pairs: *const SlPair,
    count: usize,
    what: &str,
) -> Outcome<Vec<(String, Option<String>)>> {
    slice(pairs, count)
        .iter()
        .map(|pair| Ok((text(pair.key, what)?, optional_text(pair.value, what)?)))
        .collect()
}

pub unsafe fn texts(
    values: *const *const c_char,
    count: usize,
    what: &str,
) -> Outcome<Vec<String>> {
    slice(values, count).iter().map(|value| text(*value, what)).collect()
}

pub unsafe fn slice<'a, T>(values: *const T, count: usize) -> &'a [T] {
    if values.is_null() || count == 0 {
        return &[];
    }
    std::slice::from_raw_parts(values, count)
}

/// A string for C. A NUL inside cannot be told to C and becomes a blank.
pub fn c_string(text: impl Into<String>) -> CString {
    let mut bytes = text.into().into_bytes();
    for byte in &mut bytes {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    CString::new(bytes).unwrap_or_default()
}

pub fn c_pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        use KernelError::*;

        let error = error.without_backtrace();
        let code = match error {
            TableAlreadyExistsAtPath(_) => Code::Exists,
            Unsupported(_) | InvalidProtocol(_) => Code::Unsupported,
            InternalError(_) | EngineDataType(_) | JoinFailure(_) => Code::Bug,
            Cancelled => Code::Cancelled,
            _ => Code::Destination,
        };
        let mut failure = from_error(code, error);
        if failure.hint.is_empty() {
            failure.hint = table_advice(error).to_string();
            failure.retryable |= matches!(error, ObjectStore(_) | IOError(_));
        }
        failure
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        from_error(Code::Destination, &error)
    }
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        from_error(Code::Destination, &error)
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        from_error(Code::Bug, &error)
    }
}

fn from_error(code: Code, error: &(dyn Error + 'static)) -> Failure {
    let mut failure = Failure::new(code, describe(error));
    if failure.message.contains("NoSuchBucket") {
        return Failure { code: Code::Destination, ..failure }
            .hint("Make the bucket first, or correct its name.");
    }
    if let Some((hint, retryable)) = advice(error) {
        failure.code = Code::Destination;
        failure.retryable = retryable;
        failure.hint = hint;
    }
    failure
}

/// The error and its causes in one line, each said once, without what follows '?' in a URL
/// (signatures).
fn describe(error: &(dyn Error + 'static)) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !out.contains(&text) {
            out = format!("{out}: {text}");
        }
        cause = error.source();
    }
    let lines: Vec<&str> = out.lines().map(str::trim).collect();
    without_queries(&lines.join(" "))
}

fn without_queries(text: &str) -> String {
    text.split_inclusive([' ', '\n', '"', ')', '\''])
        .map(|word| match (word.find("://"), word.find('?')) {
            (Some(scheme), Some(query)) if scheme < query => {
                let end = word.trim_end_matches([' ', '\n', '"', ')', '\'']).len();
                format!("{}{}", &word[..query], &word[end.max(query)..])
            }
            _ => word.to_string(),
        })
        .collect()
}

/// What the user can do when it is the store that failed, and whether trying again may help.
fn advice(error: &(dyn Error + 'static)) -> Option<(String, bool)> {
    if let Some(io) = error.downcast_ref::<io::Error>() {
        let inner = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
        return io_advice(io).or_else(|| advice(inner?));
    }
    if let Some(store) = error.downcast_ref::<object_store::Error>() {
        return store_advice(store).or_else(|| advice(store.source()?));
    }
    match error.downcast_ref::<KernelError>() {
        // These are "transparent": source() would pass over the error inside.
        Some(KernelError::IOError(io)) => advice(io),
        Some(KernelError::ObjectStore(store)) => advice(store),
        Some(KernelError::Backtraced { source, .. }) => advice(source.as_ref()),
        _ => advice(error.source()?),
    }
}

/// What the user can do when it is the table.
fn table_advice(error: &KernelError) -> &'static str {
    use KernelError::*;

    match error {
        ObjectStore(_) | IOError(_) => {
            "The store failed, or the disk: run it again; nothing is lost and nothing is written twice."
        }
        Unsupported(_) | InvalidProtocol(_) => {
            "Another program gave the table a feature that sluice does not know: take it off with \
             that program (ALTER TABLE ... DROP FEATURE), or land in another destination table."
        }
        Arrow(_)
        | MalformedJson(_)
        | MissingVersion(_)
        | StartVersionNotFound { .. }
        | MissingMetadata
        | MissingProtocol
        | MissingMetadataAndProtocol => {
            "The log of the table (_delta_log) is damaged or incomplete: restore it from a backup, \
             or move the table away; the next run makes it anew."
        }
        _ => "",
    }
}

pub fn io_advice(error: &io::Error) -> Option<(String, bool)> {
    use io::ErrorKind::*;

    let (hint, retryable) = match error.kind() {
        PermissionDenied => (
            "Give the user who runs sluice the right to write there, or choose another location.",
            false,
        ),
        StorageFull | QuotaExceeded => {
            ("The disk is full or over its quota: free some space there.", true)
        }
        ReadOnlyFilesystem => ("The file system is read-only: choose another location.", false),
        NotADirectory => {
            ("A part of the path is a file, not a directory: choose another location.", false)
        }
        FileTooLarge => ("The file system does not take a file of this size.", false),
        ConnectionRefused | ConnectionReset | ConnectionAborted | TimedOut | NetworkUnreachable
        | HostUnreachable | BrokenPipe => {
            ("Check the endpoint of the store and the network, then try again.", true)
        }
        _ => return None,
    };
    Some((hint.to_string(), retryable))
}

fn store_advice(error: &object_store::Error) -> Option<(String, bool)> {
    use object_store::Error::*;

    let hint = match error {
        PermissionDenied { .. } => "The store refused: check that the credentials may read and write this bucket and prefix.",
        Unauthenticated { .. } => "The store did not accept the credentials: check them and the region.",
        NotImplemented { .. } | NotSupported { .. } => {
            "The store cannot do a conditional write, which a Delta table needs."
        }
        _ => return None,
    };
    Some((hint.to_string(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_cut_from_urls() {
        let text = "GET \"https://host/key?sig=abc&x=1\" failed (see http://a/b?c=d) why?";
        assert_eq!(without_queries(text), "GET \"https://host/key\" failed (see http://a/b) why?");
    }
}
