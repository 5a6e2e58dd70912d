//! Templates that want more than a render may take: each ends in an error, and all of them within what a function has.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use syncline_core::names::RepoPath;
use syncline_core::recipe::Inputs;
use syncline_core::render;

/// Why a template does not render.
#[track_caller]
fn refused(template: &str) -> String {
    let shown: String = template.chars().take(100).collect();
    let path = RepoPath::parse("t.yaml").unwrap();
    match render::environment(&path, template, "e", &Inputs::default()) {
        Ok(rendered) => panic!("{shown} renders to {} bytes", rendered.text.len()),
        Err(failure) => {
            let error = failure.error;
            assert!(error.message.len() < 1000 && error.help.is_some_and(|help| help.len() < 1000), "{shown}");
            error.message
        }
    }
}

/// A template that does a step over and over to what it made.
fn over_and_over(first: &str, step: &str) -> String {
    format!("{{% set ns = namespace(a={first}) %}}{{% for i in range(60) %}}{{% set ns.a = {step} %}}{{% endfor %}}")
}

#[test]
fn little_cannot_become_much() {
    let templates = [
        "{{ 'x' * 100000000 }}",
        "{{ 100000000 * 'x' }}",
        "{% set x = 'x' * 99999999999999999999 %}",
        "{{ ('x' * 4000)|replace('x', 'y' * 4000) }}",
        "{{ ('x' * 4000).replace('x', 'y' * 4000) }}",
        "{{ range(5000)|join('y' * 4000) }}",
        "{{ ('y' * 4000).join(['a'] * 5000) }}",
        "{{ ('y' * 4000).join('a' * 5000) }}",
        "{{ 'a'|indent(999999999, true) }}",
        "{{ ('a\\n' * 1000)|indent(99999) }}",
        "{{ 'a'|center(999999999) }}",
        "{{ ('a ' * 5000)|wordwrap(1, wrapstring='y' * 4000) }}",
        "{{ '%999999999d'|format(1) }}",
        "{{ '%-999999999s'|format('a') }}",
        "{{ '%.999999999f'|format(1.5) }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ '{:.999999999f}'.format(1.5) }}",
        "{{ '%*d'|format(999999999, 1) }}",
        "{{ '{:{}}'.format(1, 999999999) }}",
        "{{ 'a'.ljust(10 ** 9) }}",
        "{{ 'a'.center(10 ** 9) }}",
        "{{ 'a'.zfill(10 ** 9) }}",
        "{{ [1]|tojson(indent=999999999) }}",
        "{{ [1] * 999999999 }}",
        "{{ (1,) * 999999999 }}",
        "{{ [[]] * 99999999999999999999 }}",
        "{{ range(999999999)|list }}",
        "{{ [1]|batch(999999999, 'x')|list }}",
        "{{ [1]|slice(999999999)|list }}",
        "{{ ('a' * 2000000)|list }}",
        "{{ ('a,' * 1000000).split(',') }}",
        "{{ ('a\\n' * 1000000).splitlines() }}",
        "{{ ('a ' * 1000000)|wordwrap(1) }}",
        "{{ ('a ' * 1000000).split() }}",
        "{{ (['x' * 999999] * 3)|string }}",
        "{{ ('&' * 1000000)|e|e }}",
        "{% set l = ['x' * 900000] %}{% set l = [l, l] %}{% set l = [l, l] %}{{ l|upper }}",
        "{% set ns = namespace(a='') %}{% set l = [ns] * 1000 %}{% set ns.a = 'x' * 1000000 %}{{ l }}",
        "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.l = [ns] %}{{ ns == ns.l }}",
        "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + ['x' * 100000 ~ i] %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% set x = 'x' * 100000 %}{% for i in range(9999) %}{% set ns.l = ns.l + [x|upper] %}{% endfor %}",
        "{% for i in range(9999) %}{{ 'x' * 99999 }}{% endfor %}",
    ];
    let steps = [
        ("'xx'", "ns.a ~ ns.a"),
        ("'xx'", "ns.a + ns.a"),
        ("'xx'", "ns.a * 2"),
        ("'xx'", "[ns.a, ns.a]|join"),
        ("'xx'", "'%s%s'|format(ns.a, ns.a)"),
        ("'xx'", "'{0}{0}'.format(ns.a)"),
        ("'xx'", "ns.a|replace('x', 'xx')"),
        ("[1]", "[ns.a, ns.a]"),
        ("[1]", "ns.a + ns.a"),
        ("(1,)", "ns.a * 2"),
        ("(1,)", "ns.a + ns.a"),
        ("(1,)", "(ns.a, ns.a)"),
        ("{}", "{1: ns.a, 2: ns.a}"),
        ("{}", "dict(a=ns.a, b=ns.a)"),
    ];
    for template in
        templates.into_iter().map(str::to_owned).chain(steps.map(|(first, step)| over_and_over(first, step)))
    {
        refused(&template);
    }
    let text = "x".repeat(100_000);
    refused(&format!("{{% for i in range(9999) %}}{text}{{% endfor %}}"));
    refused(&format!("{{% set a %}}{{% for i in range(9999) %}}{text}{{% endfor %}}{{% endset %}}"));
    refused(&format!("{{{{ {} }}}}", ["'a' * 99999999"; 400].join(" ~ ")));
    let names = |each: &str| (0..400).map(|number| each.replace('#', &number.to_string())).collect::<String>();
    refused(&format!("{{{{ ('{{a399}}' * 100000).format({}) }}}}", names("a#='x' * 9999,")));
    assert_memory();
}

#[test]
fn time_ends() {
    let templates = [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) if a < 0 %}{% for b in range(9) %}{% endfor %}{% endfor %}{{ 1 / 0 }}",
        "{% set t = 'a' * 1000000 %}{% for i in range(99999) %}{{ 'b' in t }}{% endfor %}",
        "{% set t = 'a' * 1000000 %}{% for i in range(99999) %}{% if t == t ~ '' %}{% endif %}{% endfor %}",
        "{% set t = 'a' * 1000000 %}{% for i in range(99999) %}{% set x = t|length %}{% endfor %}",
        "{% set t = 'a' * 1000000 %}{% for i in range(99999) %}{% set x = t.count('b') %}{% endfor %}",
        "{% set t = ' ' * 1000000 %}{% for i in range(99999) %}{% set x = t|trim %}{% endfor %}",
        "{% set l = range(9999)|list %}{% for i in range(99999) %}{% set x = l|sort|first %}{% endfor %}",
        "{% set l = range(9999)|list %}{% for i in range(99999) %}{{ -1 in l }}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "{% for x in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
        "{% set a = 'a' * 1000000 %}{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{% if a is eq b %}{% endif %}{% endfor %}",
    ];
    for template in templates {
        refused(template);
    }
    assert_memory();
}

/// The most memory that this process ever had is less than what each function is given.
fn assert_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let kilobytes: usize = most.strip_suffix(" kB").unwrap().parse().unwrap();
    assert!(kilobytes < 400 * 1024, "{kilobytes} kB");
}
