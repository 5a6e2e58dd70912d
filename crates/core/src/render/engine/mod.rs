//! The template engine: minijinja, set up so that Proton's Jinja 2 templates render as they did. Strict about what is
//! missing, with Python's string and mapping methods, Jinja's own filters and Proton's, and a budget.
//!
//! It knows nothing of what a template is given: see [`super`] for that. A template can include nothing, read nothing
//! and call nothing outside.
//!
//! **Budget.** Steps bound the time ([`FUEL`]). Each value is measured as it is made ([`weight`]), and what is written as it
//! is written, into the result or into a block that is set or filtered ([`MAX_WRITTEN_BYTES`]); filters that could make
//! much of little are bounded each. A render has a thread with room for whatever a template nests ([`STACK_BYTES`]), and
//! what panics there is a failure like any other.
//!
//! **Fidelity.** `jinja2-answers.json` holds what Python's Jinja 2 makes of some 265 templates, most of them stranger
//! than any that was met, and what is made of them here where that differs: tests on what is missing are less strict, as
//! are comparisons of unlike types; lists and mappings do not change; a namespace is no part of another value; `%` on texts
//! is not known; and some filters take fewer arguments.

mod block;
mod failure;
mod filters;
mod measure;
mod proton;
mod python;
mod weight;

use std::sync::LazyLock;

use minijinja::machinery::{self, CodeGenerator};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};

use self::block::Blocks;
use super::Failure;
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

/// The stack of one render, in bytes; only what is used of it takes memory. What a template nests, in its tags or its
/// branches, nests the engine's own calls, which know no limit but the stack's end.
const STACK_BYTES: usize = 1 << 30;

/// Renders a template with what it is given.
///
/// Errors: the first place where it fails.
pub(super) fn render(path: &RepoPath, template: &str, scope: Value) -> Result<String, Failure> {
    if let Some(long) = failure::longest_tag(template).filter(|tag| tag.len() > MAX_TAG_BYTES) {
        let error = Diagnostic::error(path, format!("a tag of more than {MAX_TAG_BYTES} bytes"));
        let error = error.help("set parts of it before: `{% set part = … %}`");
        return Err(failure::at(template, long.start..long.start + 2, error).into());
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

/// Whether a template nests its own parts by no more than any stack has room for: no long tag, few branches of one `if`,
/// and nothing that calls itself. The values that it builds are never nested deeper than that ([`weight`]).
fn is_flat(template: &str) -> bool {
    const MOST: usize = 64;
    let runs_again = ["macro", "call", "recursive"].iter().any(|word| template.contains(word));
    let branches = template.matches("elif").count();
    !runs_again && branches <= MOST && failure::longest_tag(template).is_none_or(|tag| tag.len() <= 8 * MOST)
}

fn unable(path: &RepoPath, why: &str) -> Failure {
    Diagnostic::error(path, format!("the template does not render: {why}")).help("simplify the template").into()
}

fn render_here(path: &RepoPath, template: &str, scope: Value) -> Result<String, Failure> {
    let text = run(template, scope).map_err(|error| failure::failure(path, template, &error))?;
    if text.len() <= MAX_OUTPUT_BYTES {
        return Ok(text);
    }
    let error = Diagnostic::error(path, format!("renders to more than {MAX_OUTPUT_BYTES} bytes"));
    Err(Failure { error: Box::new(error.help("split it into several stacks")), is_certain: false })
}

fn run(template: &str, scope: Value) -> Result<String, Error> {
    const NAME: &str = "template";
    let parsed = machinery::parse(template, NAME, Default::default())?;
    let mut code = CodeGenerator::new(NAME, template);
    code.compile_stmt(&measure::measured(&parsed));
    let (instructions, blocks) = code.finish();
    let mut text = String::with_capacity(template.len());
    let mut output = machinery::make_string_output(&mut text);
    let (_, mut state) = machinery::eval(&ENGINE, &instructions, scope, &blocks, &mut output, AutoEscape::None)?;
    // Jinja ends every line in the same way, however the template did.
    Ok(Render::of(&mut state).blocks.place(&text.replace("\r\n", "\n")))
}

/// What one render made so far.
#[derive(Default)]
struct Render {
    /// What its values weigh.
    made: usize,
    /// How much it went through.
    read: usize,
    /// What it wrote, in bytes.
    written: usize,
    /// What Proton's filters made.
    blocks: Blocks,
}

impl Render {
    fn of<'s>(state: &'s mut State) -> &'s mut Self {
        state.get_or_insert_extension_with(Self::default)
    }

    /// Counts a value.
    fn made(&mut self, weight: usize) -> Result<(), Error> {
        self.made = self.made.saturating_add(weight);
        weight::limit_made(self.made)
    }

    /// Counts what is written.
    fn written(&mut self, bytes: usize) -> Result<(), Error> {
        self.written = self.written.saturating_add(bytes);
        if self.written <= MAX_WRITTEN_BYTES {
            return Ok(());
        }
        Err(Error::new(ErrorKind::OutOfFuel, format!("it writes more than {MAX_WRITTEN_BYTES} bytes")))
    }
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
    proton::add(&mut engine);
    weight::add(&mut engine);
    engine.set_formatter(|out, state, value| {
        let mut write = |text: &str| {
            Render::of(state).written(text.len())?;
            out.write_str(text).map_err(Error::from)
        };
        if let Some(text) = value.as_str() {
            return write(text);
        }
        weight::weigh(value)?;
        // What is missing has failed before it comes here, but for an `if` without an `else`, which prints nothing.
        write(&python::text(value))
    });
    engine
});

#[cfg(test)]
mod tests;
