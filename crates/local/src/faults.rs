//! Faults between the functions and the AWS that they call: a proxy before the emulator and one before CodeCommit, which
//! answer throttling and errors as AWS words them, take their time, or break the connection.
//!
//! The proxies are microburst's; the emulator starts them in its process group (`serve.py`). Here is how they are told what
//! to do. Whoever is no function reaches both services without them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a proxy may take to answer whoever tells it something.
const PATIENCE: Duration = Duration::from_secs(10);

/// The two proxies.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    pub(crate) emulator: u16,
    pub(crate) codecommit: u16,
}

impl Faults {
    /// Has both go by these rules and no others; none of them lets everything pass. A rule is as in microburst's manual:
    /// `{"service": "dynamodb", "probability": 0.2, "reset": true}`.
    pub async fn go_by(&self, rules: &Value) -> Result<()> {
        for port in [self.emulator, self.codecommit] {
            ask(port, "POST", "/_microburst/rules", &rules.to_string()).await?;
        }
        Ok(())
    }

    /// How many faults there were so far of one service, as microburst calls it: `dynamodb`, `stepfunctions`.
    pub async fn fired(&self, service: &str) -> Result<usize> {
        let mut fired = 0;
        for port in [self.emulator, self.codecommit] {
            let path = format!("/_microburst/fired?limit=100000&service={service}");
            let told: Vec<Value> = serde_json::from_str(&ask(port, "GET", &path, "").await?)?;
            fired += told.len();
        }
        Ok(fired)
    }

    pub(crate) async fn are_healthy(&self) -> bool {
        for port in [self.emulator, self.codecommit] {
            if ask(port, "GET", "/_microburst/health", "").await.is_err() {
                return false;
            }
        }
        true
    }
}

/// One request by hand, which spares an HTTP client. Gives the body of an answer that is no error.
async fn ask(port: u16, method: &str, path: &str, body: &str) -> Result<String> {
    let answer = timeout(PATIENCE, async {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    });
    let answer = answer.await.context("the fault proxy does not answer")?.context("the fault proxy does not answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.starts_with("HTTP/1.1 200") {
        bail!("the fault proxy refused {method} {path}: {answer}");
    }
    Ok(body.to_owned())
}
