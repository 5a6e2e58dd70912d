//! A terminal with a program in it: what it draws is read as a screen, what a person would press is written to it.

use std::io::{Read as _, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// How long something is waited for on the screen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rows and columns: so many rows that nothing leaves the screen.
const SIZE: (u16, u16) = (70, 140);

/// A terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts a program in a new terminal.
    pub(crate) fn start(words: &[&str], folder: &Path, environment: &[(String, String)]) -> Self {
        let (rows, cols) = SIZE;
        let pty = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(words[0]);
        command.args(&words[1..]);
        command.cwd(folder);
        for (name, value) in environment {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.env_remove("CI");
        let child = pty.slave.spawn_command(command).unwrap();
        let (mut output, keyboard) = (pty.master.try_clone_reader().unwrap(), pty.master.take_writer().unwrap());
        let screen =
            Arc::new(Mutex::new(vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(cols).unwrap(), 0)));
        let drawn = screen.clone();
        std::thread::spawn(move || {
            // Both ends of the terminal live as long as it is read.
            let _pty = pty;
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                drawn.lock().unwrap().process(&bytes[..length]);
            }
        });
        Self { child, keyboard, screen }
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        let screen = self.screen.lock().unwrap();
        let rows: Vec<String> = screen.screen().rows(0, SIZE.1).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Waits until the screen shows a text.
    pub(crate) async fn until(&self, text: &str) {
        let began = Instant::now();
        while !self.screen().contains(text) {
            assert!(began.elapsed() < PATIENCE, "waited in vain for `{text}` on\n{}", self.screen());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses keys: `\r` is Enter, `\x03` is Ctrl-C.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Whether the cursor is to be seen, at last.
    pub(crate) async fn shows_the_cursor(&self) -> bool {
        let began = Instant::now();
        while self.screen.lock().unwrap().screen().hide_cursor() && began.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        !self.screen.lock().unwrap().screen().hide_cursor()
    }

    /// Whether the program has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The id of the program's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits until the program has ended: its exit status, and the screen that it left.
    pub(crate) async fn ended(mut self) -> (u32, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.screen());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        // What it wrote last is still being read.
        tokio::time::sleep(Duration::from_millis(200)).await;
        (status.exit_code(), self.screen())
    }
}
