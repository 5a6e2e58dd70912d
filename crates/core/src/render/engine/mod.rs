//! The template engine: minijinja, set up so that Proton's Jinja 2 templates render as they did. Strict about what is
//! missing, with Python's string and mapping methods, Jinja's own filters and Proton's, and a budget.
//!
//! It knows nothing of what a template is given: see [`super`] for that. A template can include nothing, read nothing
//! and call nothing outside.
//!
//! **Budget.** Steps bound the time ([`FUEL`]). What is written is bounded as it is written, into the result or into a
//! block that is set or filtered ([`MAX_WRITTEN_BYTES`]), and filters that could make much of little are bounded each. A
//! render has a thread with room for whatever a template nests ([`STACK_BYTES`]), and what panics there is a failure
//! like any other. One thing minijinja has no bound for: a text or list that a template doubles over and over with `~`,
//! `+` or `*`. There the memory that the process is given is the bound, in Lambda 512 MB: the function ends, the state
//! machine catches that, and the sync fails on record.
//!
//! **Fidelity.** `jinja2-answers.json` holds what Python's Jinja 2 makes of some 265 templates, most of them stranger
//! than any that was met, and what is made of them here where that differs: tests on what is missing are less strict, as
//! are comparisons of unlike types; lists and mappings do not change; `%` on texts is not known; and some filters take
//! fewer arguments.

mod block;
mod failure;
mod filters;
mod proton;
mod python;

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use self::block::Blocks;
use crate::diagnostic::Diagnostic;
use crate::names::RepoPath;

/// How many of minijinja's instructions one render may take. The largest real bundle seen takes under 20,000.
const FUEL: u64 = 250_000;

/// The longest result, in bytes: beyond it CloudFormation takes no template.
const MAX_OUTPUT_BYTES: usize = crate::stack::MAX_TEMPLATE_BYTES;

/// How many bytes one render may write in all, also into what is not part of the result.
const MAX_WRITTEN_BYTES: usize = 16 * MAX_OUTPUT_BYTES;

/// How deep macros may call macros. Each level takes several kilobytes of the stack.
const MAX_RECURSION: usize = 50;

/// The longest tag, in bytes. Each operator in it may nest the engine a step deeper; the longest real one has some 400.
const MAX_TAG_BYTES: usize = 8 * 1024;

/// The stack of one render, in bytes; only what is used of it takes memory. What a template nests, in its tags or in the
/// values that it builds, nests the engine's own calls, which know no limit but the stack's end.
const STACK_BYTES: usize = 1 << 30;

/// Renders a template with what it is given.
///
/// Errors: the first place where it fails.
pub(super) fn render(path: &RepoPath, template: &str, scope: Value) -> Result<String, Diagnostic> {
    if let Some(long) = failure::longest_tag(template).filter(|tag| tag.len() > MAX_TAG_BYTES) {
        let error = Diagnostic::error(path, format!("a tag of more than {MAX_TAG_BYTES} bytes"));
        let error = error.help("set parts of it before: `{% set part = … %}`");
        return Err(failure::at(template, long.start..long.start + 2, error));
    }
    if is_flat(template) {
        return render_here(path, template, scope);
    }
    // A thread of its own, for the stack; what panics there is a failure like any other.
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let rendered = thread.spawn_scoped(threads, || render_here(path, template, scope)).map(|thread| thread.join());
        rendered
            .unwrap_or_else(|error| Ok(Err(unable(path, &error.to_string()))))
            .unwrap_or_else(|_| Err(unable(path, "the engine gave up")))
    })
}

/// Whether a template can nest neither its own parts nor the values that it builds by more than any stack has room for:
/// no long tag, few tags that build on what was built before, and none that runs again.
fn is_flat(template: &str) -> bool {
    const MOST: usize = 64;
    let runs_again = ["namespace", "macro", "call", "recursive"].iter().any(|word| template.contains(word));
    let builds = ["set", "with", "elif"].iter().map(|word| template.matches(word).count()).sum::<usize>();
    !runs_again && builds <= MOST && failure::longest_tag(template).is_none_or(|tag| tag.len() <= 8 * MOST)
}

fn unable(path: &RepoPath, why: &str) -> Diagnostic {
    Diagnostic::error(path, format!("the template does not render: {why}")).help("simplify the template")
}

fn render_here(path: &RepoPath, template: &str, scope: Value) -> Result<String, Diagnostic> {
    let blocks = Arc::new(Blocks::default());
    let engine = engine(blocks.clone());
    let compiled = engine.template_from_str(template).map_err(|error| failure::failure(path, template, &error))?;
    let mut output = Bounded::default();
    let rendered = compiled.render_captured_to(scope, &mut output);
    if output.is_full {
        return Err(too_long(path));
    }
    rendered.map_err(|error| failure::failure(path, template, &error))?;
    // Jinja ends every line in the same way, however the template did.
    let text = blocks.place(&String::from_utf8_lossy(&output.bytes).replace("\r\n", "\n"));
    if text.len() > MAX_OUTPUT_BYTES { Err(too_long(path)) } else { Ok(text) }
}

fn too_long(path: &RepoPath) -> Diagnostic {
    Diagnostic::error(path, format!("renders to more than {MAX_OUTPUT_BYTES} bytes"))
        .help("split it into several stacks")
}

/// What all renders have in common.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_debug(false);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(MAX_RECURSION);
    engine.set_unknown_method_callback(python::method);
    filters::add(&mut engine);
    engine
});

fn engine(blocks: Arc<Blocks>) -> Environment<'static> {
    let mut engine = ENGINE.clone();
    proton::add(&mut engine, blocks);
    let written = AtomicUsize::new(0);
    engine.set_formatter(move |out, _, value| {
        // What is missing has failed before it comes here, but for an `if` without an `else`, which prints nothing.
        let text = python::text(value);
        if written.fetch_add(text.len(), Ordering::Relaxed).saturating_add(text.len()) > MAX_WRITTEN_BYTES {
            return Err(Error::new(ErrorKind::OutOfFuel, "too much text"));
        }
        out.write_str(&text).map_err(Error::from)
    });
    engine
}

/// Takes what is rendered, up to the limit.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES {
            self.is_full = true;
            return Err(io::Error::other("the result is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
