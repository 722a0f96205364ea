//! Runs `rmq` and returns what it printed.
//!
//! A program that hangs is killed, so that a test fails instead of waiting.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `rmq` with these arguments and nothing in its environment that it would read.
pub(crate) fn rmq<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run(&mut command(arguments), b"")
}

/// The program, to be started. It has all the time that a busy machine needs, unless the arguments say how much.
pub(crate) fn command<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let arguments: Vec<String> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmq"));
    command.args(&arguments).args(patience(&arguments));
    for variable in ["NAMESRV_ADDR", "RUST_LOG"] {
        command.env_remove(variable);
    }
    for name in ["NAMESPACE", "ACCESS_KEY", "SECRET_KEY", "SECURITY_TOKEN", "TLS"] {
        command.env_remove(format!("ROCKETMQ_{name}"));
    }
    command
}

/// The clock of a program is real, so a default of 3 s would make each test one of the machine's speed.
fn patience(arguments: &[String]) -> &'static [&'static str] {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    match arguments.first().map(String::as_str) {
        Some("send" | "route" | "topicRoute" | "topic-route") if !has("--timeout") => &["--timeout", "60s"],
        Some("demo") if has("--namesrv") && !has("--config") => {
            &["--config", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/patient.toml")]
        }
        _ => &[],
    }
}

/// Starts it with this standard input and waits for its end.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("rmq was built");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A program that ends without reading its input closes the pipe; that is no fault.
    let feeder = thread::spawn(move || stdin.write_all(&input).is_ok());
    let ran = finish(child);
    feeder.join().expect("no panic");
    ran
}

/// Waits for the end of a program whose outputs are piped.
pub(crate) fn finish(mut child: Child) -> Ran {
    let stdout = reader(child.stdout.take().expect("piped"));
    let stderr = reader(child.stderr.take().expect("piped"));
    let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(PATIENCE), stderr.recv_timeout(PATIENCE)) else {
        child.kill().expect("it still runs");
        panic!("rmq did not end within {PATIENCE:?}");
    };
    let status = child.wait().expect("it was started");
    Ran { code: status.code(), stdout, stderr }
}

impl Ran {
    /// The result lines of `--json`.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object per line")).collect()
    }

    pub(crate) fn assert_success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        assert_eq!(self.stderr, "", "{self:#?}");
        self
    }

    /// Failed with exit code 1 and one sentence on standard error, which is returned.
    pub(crate) fn one_sentence(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:#?}");
        let sentence = self.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{self:#?}"));
        let sentence = sentence.strip_suffix('\n').unwrap_or_else(|| panic!("{self:#?}"));
        assert!(!sentence.contains('\n') && !sentence.contains("panicked"), "{self:#?}");
        sentence
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (done, read) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        // The test may have given up.
        done.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    read
}

/// Generous: the machine may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
