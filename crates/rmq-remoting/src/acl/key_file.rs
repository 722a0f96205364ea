//! KeyFile: credentials in a file, in the form of Java's `SessionCredentials` or of its tools.
//!
//! Read at the first look, and again when some seconds have passed; a file that cannot be read any more leaves the last good credentials in
//! force. One caller reads, the others go on with what was there.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;
use tracing::warn;
use zeroize::Zeroizing;

use super::credentials::{Credentials, CredentialsError};
use super::properties_text::PropertiesText;
use super::source::CredentialsProvider;

/// Credentials in a properties file with the lines `accessKey=…`, `secretKey=…` and perhaps `securityToken=…`, in any case: the form that Java's
/// `rocketmq.client.keyFile` names, and `accessKey: …` of its `tools.yml`.
///
/// The file is looked at again at most every 5 seconds while requests are signed, so that keys can be changed while a client runs. Reading it
/// blocks for as long as the file system takes: it should be a local file.
#[doc(alias = "rocketmq.client.keyFile")]
pub struct KeyFile {
    path: PathBuf,
    current: RwLock<Arc<Credentials>>,
    looked: Mutex<Instant>,
}

impl KeyFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// It cannot be read, or lacks a key.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, CredentialsError> {
        let path = path.into();
        let current = RwLock::new(Arc::new(read(&path)?));
        Ok(Self { path, current, looked: Mutex::new(Instant::now()) })
    }

    fn look_again(&self) {
        let Some(mut looked) = self.looked.try_lock() else { return };
        if looked.elapsed() < LOOK_AGAIN_AFTER {
            return;
        }
        *looked = Instant::now();
        match read(&self.path) {
            Ok(credentials) if credentials != **self.current.read() => *self.current.write() = Arc::new(credentials),
            Ok(_) => {}
            Err(error) => {
                warn!(path = %self.path.display(), %error, "the key file is of no use, its former keys stay in force")
            }
        }
    }
}

impl CredentialsProvider for KeyFile {
    fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self.look_again();
        Ok(Arc::clone(&self.current.read()))
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Credentials, CredentialsError> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| CredentialsError::Unreadable { path: path.to_owned(), source })?;
    let is_yaml =
        path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("yml") || ext.eq_ignore_ascii_case("yaml"));
    let (mut access, mut secret, mut token) = (None, None, None);
    for (name, value) in PropertiesText::new(&text) {
        let place = match name.to_ascii_lowercase().as_str() {
            "accesskey" => &mut access,
            "secretkey" => &mut secret,
            "securitytoken" => &mut token,
            _ => continue,
        };
        let bare = if is_yaml { unquoted(value.trim()) } else { value.trim() };
        *place = Some(Zeroizing::new(bare.to_owned()));
    }
    let given = |value: Option<Zeroizing<String>>, name| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| CredentialsError::LineMissing { path: path.to_owned(), name })
    };
    let (access, mut secret) = (given(access, "accessKey")?, given(secret, "secretKey")?);
    let credentials = Credentials::new(access.as_str(), std::mem::take(&mut *secret));
    Ok(match token {
        Some(mut token) => credentials.with_security_token(std::mem::take(&mut *token)),
        None => credentials,
    })
}

fn unquoted(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of the test's own, gone with it.
    struct File(PathBuf);

    impl File {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rmq-key-file-{}-{name}", std::process::id()));
            fs::write(&path, text).unwrap();
            Self(path)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            fs::remove_file(&self.0).ok();
        }
    }

    #[test]
    fn java_s_forms_are_read() {
        let all = Credentials::new("AK", "S=K:1").with_security_token("ST");
        for (name, text) in [
            ("session", "# keys\nAccessKey=AK\nSecretKey=S=K:1\nSecurityToken=ST\n"),
            ("small", "accessKey = AK\r\nsecretKey = S=K:1  \r\nsecurityToken = ST\r\nother = x\r\n"),
            ("tools.yml", "accessKey: AK\nsecretKey: \"S=K:1\"\nsecurityToken: 'ST'\n"),
        ] {
            let file = File::new(name, text);
            assert_eq!(read(&file.0).unwrap(), all, "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_of_the_file_is_shown() {
        let file = File::new("half", "secretKey=canary\n");
        let error = KeyFile::open(&file.0).unwrap_err();
        assert!(
            error.to_string().contains("accessKey") && !format!("{error:?} {error}").contains("canary"),
            "{error:?}"
        );
        assert!(matches!(KeyFile::open("no/such/file"), Err(CredentialsError::Unreadable { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_read_again_and_a_spoiled_one_leaves_the_last_keys_in_force() {
        let file = File::new("rotated", "accessKey=AK\nsecretKey=one\n");
        let keys = KeyFile::open(&file.0).unwrap();
        fs::write(&file.0, "accessKey=AK\nsecretKey=two\n").unwrap();
        assert_eq!(*keys.credentials().unwrap(), Credentials::new("AK", "one"), "not looked at yet");
        tokio::time::advance(LOOK_AGAIN_AFTER).await;
        assert_eq!(*keys.credentials().unwrap(), Credentials::new("AK", "two"));
        fs::write(&file.0, "half writ").unwrap();
        tokio::time::advance(LOOK_AGAIN_AFTER).await;
        assert_eq!(*keys.credentials().unwrap(), Credentials::new("AK", "two"));
    }
}
