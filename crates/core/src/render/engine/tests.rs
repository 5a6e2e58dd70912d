//! The engine renders as Jinja 2 does, and within its budget.

use serde::Deserialize;
use serde_json::json;

use super::*;

/// What Jinja 2 made of a template, and what is made of it here where that differs.
#[derive(Deserialize)]
struct Answer {
    template: String,
    /// Nothing where Jinja 2 fails.
    answer: Option<String>,
    /// Nothing where it is the same; `null` where the render fails here.
    #[serde(default, deserialize_with = "known")]
    here: Option<Option<String>>,
}

fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Answers {
    context: serde_json::Value,
    answers: Vec<Answer>,
}

fn rendered(template: &str, context: &serde_json::Value) -> Result<String, Diagnostic> {
    let path = RepoPath::parse("t.yaml").unwrap();
    render(&path, template, Value::deserialize(context).unwrap()).map_err(|failure| *failure.error)
}

#[test]
fn templates_render_as_jinja_2_rendered_them() {
    let file = include_str!("jinja2-answers.json");
    let answers: Answers = serde_json::from_str(file).unwrap();
    let mut wrong = Vec::new();
    let mut same = 0;
    for Answer { template, answer, here } in &answers.answers {
        let expected = here.as_ref().unwrap_or(answer);
        let came = rendered(template, &answers.context);
        if came.as_ref().ok() == expected.as_ref() {
            same += usize::from(here.is_none());
        } else {
            wrong.push(format!("{template:?}\n  expected {expected:?}\n  came     {came:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), answers.answers.len(), wrong.join("\n"));
    assert!(same > 180, "{same} are the same");
}

#[test]
fn what_protons_filters_print_fits_the_place_where_it_stands() {
    let context = json!({ "outputs": { "Topic": "orders", "Count": "3" }, "none": {}, "arns": {
        "a": "arn:aws:iam::111122223333:policy/Read", "b": "arn:aws:iam::aws:policy/Admin", "c": "other"
    } });
    let cases = [
        (
            "Environment:\n  - Name: first\n    Value: x\n  {{ outputs\n     | proton_cfn_ecs_task_definition_formatted_env_vars }}\n",
            "Environment:\n  - Name: first\n    Value: x\n  - Name: Topic\n    Value: orders\n  - Name: Count\n    Value: '3'",
        ),
        (
            "Environment: {{ outputs | proton_cfn_ecs_task_definition_formatted_env_vars }}",
            r#"Environment: [{"Name":"Topic","Value":"orders"},{"Name":"Count","Value":"3"}]"#,
        ),
        (
            "Variables:\n  {{ outputs | proton_cfn_lambda_function_formatted_env_vars(raw=True) }}\nNext: 1",
            "Variables:\n  Topic: orders\n  Count: '3'\nNext: 1",
        ),
        ("V:\n  {{ none | proton_cfn_lambda_function_formatted_env_vars }}\nNext: 1", "V:\n  {}\nNext: 1"),
        ("V:\n  A: 1\n  {{ none | proton_cfn_lambda_function_formatted_env_vars }}", "V:\n  A: 1\n  "),
        ("V:\n  {{ none | proton_cfn_lambda_function_formatted_env_vars }}\n  A: 1", "V:\n  \n  A: 1"),
        (
            "Arns:\n  - !Ref Base\n  {{ arns | proton_cfn_iam_policy_arns }}",
            "Arns:\n  - !Ref Base\n  - arn:aws:iam::111122223333:policy/Read",
        ),
        ("Arns:\n  - !Ref Base\n  {{ none | proton_cfn_iam_policy_arns }}", "Arns:\n  - !Ref Base\n  "),
        (
            "{{ 'web_1-a' | proton_cfn_sanitize }} {{ arns.b | proton_cfn_sanitize }}",
            "web_1-a arn:aws:iam::aws:policy/Admin",
        ),
        (
            "{% for v in outputs | proton_cfn_ecs_task_definition_formatted_env_vars %}{{ v.Name }}={{ v.Value }} {% endfor %}",
            "Topic=orders Count=3 ",
        ),
        (
            "{{ outputs | proton_cfn_lambda_function_formatted_env_vars | tojson }}",
            r#"{"Count": "3", "Topic": "orders"}"#,
        ),
    ];
    for (template, expected) in cases {
        assert_eq!(rendered(template, &context).unwrap(), expected, "{template}");
    }
}

#[test]
fn protons_filters_refuse_what_is_not_plain() {
    let context = json!({ "outputs": { "Ok": "a-b_1", "Url": "https://shop.example/?q" } });
    let refused = |template: &str| rendered(template, &context).unwrap_err().message;
    for filter in ["ecs_task_definition", "lambda_function"] {
        let message = refused(&format!("{{{{ outputs | proton_cfn_{filter}_formatted_env_vars(raw=False) }}}}"));
        assert!(message.contains("illegal characters in the value of `Url`"), "{message}");
    }
    let message = refused("{{ 'this::is::incorrect' | proton_cfn_sanitize }}");
    assert!(message.contains("illegal characters in `this::is::incorrect`"), "{message}");
    assert!(refused("{{ missing | proton_cfn_sanitize }}").contains("undefined"));
    assert!(refused("{{ 1 | proton_cfn_iam_policy_arns }}").contains("does not render"));
}

#[test]
fn a_template_stays_within_its_budget() {
    let text = "x".repeat(1000);
    let context = json!({ "text": text });
    let templates = [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{{ text }}{% endfor %}",
        "{% set all %}{% for i in range(100000) %}{{ text }}{% endfor %}{% endset %}",
        "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
        "{{ range(1000000000) }}",
        "{{ text * 1000000000 }}",
        "{{ text | center(1000000000) }}",
        "{{ text | indent(1000000000, true) }}",
        "{{ text | replace('', text * 100) | replace('x', text) }}",
        "{{ [text] * 100000 | join(text) }}",
        "{{ text.ljust(10000000000) }}",
        "{{ text.zfill(10000000) }}",
        "{{ {} | tojson(indent=100000000) }}{{ [1, [2]] | tojson(100000000) }}",
        &"{{".repeat(100_000),
    ];
    for template in templates {
        let came = rendered(template, &context);
        assert!(came.is_err(), "{}", template.chars().take(80).collect::<String>());
    }
}

#[test]
fn what_is_nested_deep_takes_nothing_down() {
    let tag = |begin: &str, part: &str, end: &str| format!("{{{{ {begin}{}{end} }}}}", part.repeat(8_000 / part.len()));
    let tags = [
        tag("", "(", ""),
        tag("", "[", ""),
        tag("", "not ", "1"),
        tag("", "-", "1"),
        tag("a", ".b", ""),
        tag("a", "[0]", ""),
        tag("1", " + 1", ""),
        tag("1", " ~ 1", ""),
        tag("1", " ** 1", ""),
        tag("1", " and 1", ""),
        tag("1", "|abs", ""),
        tag("1", " if 1 else 1", ""),
        tag("'a'", ".upper()", ""),
        format!("{}x{}", "{% if true %}".repeat(5_000), "{% endif %}".repeat(5_000)),
        format!("{}{}", "{% for x in [1] %}".repeat(130), "{% endfor %}".repeat(130)),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(15_000)),
    ];
    let list = "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}";
    let uses = ["{{ ns.x }}", "{{ ns.x | tojson }}", "{{ ns.x == [ns.x] }}", "{{ ns.x | string | length }}", ""];
    for template in tags.into_iter().chain(uses.map(|used| format!("{list}{used}"))) {
        if let Err(error) = rendered(&template, &json!({})) {
            assert!(error.help.is_some(), "{error:?}");
        }
    }
    let long = format!("{{# fine #}}{{{{ 1 {} }}}}", "+ 1 ".repeat(3_000));
    let error = rendered(&long, &json!({})).unwrap_err();
    assert_eq!((error.message.as_str(), error.span.unwrap().column), ("a tag of more than 8192 bytes", 11));
}
