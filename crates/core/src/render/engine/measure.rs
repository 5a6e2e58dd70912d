//! Puts the engine's measures into a template: whatever makes a value is followed by [`weight::MEASURE`], what goes through
//! one is preceded by [`weight::LOOK`], and `*`, which makes much of little in one step, is a filter of our own. The
//! parsed template is built again for that.

use minijinja::machinery::{Span, ast::*};
use minijinja::value::Value;

use super::weight;

/// A template with measures in it.
pub(super) fn measured<'t>(template: &Stmt<'t>) -> Stmt<'t> {
    statement(template)
}

fn statements<'t>(body: &[Stmt<'t>]) -> Vec<Stmt<'t>> {
    body.iter().map(statement).collect()
}

fn statement<'t>(it: &Stmt<'t>) -> Stmt<'t> {
    match it {
        Stmt::Template(it) => Stmt::Template(at(it, Template { children: statements(&it.children) })),
        // What is printed is measured as it is printed: also the text between the tags.
        Stmt::EmitExpr(it) => Stmt::EmitExpr(at(it, EmitExpr { expr: parts(&it.expr) })),
        Stmt::EmitRaw(it) => {
            let text = Expr::Const(at(it, Const { value: Value::from(it.raw) }));
            Stmt::EmitExpr(at(it, EmitExpr { expr: text }))
        }
        Stmt::ForLoop(it) => Stmt::ForLoop(at(
            it,
            ForLoop {
                target: parts(&it.target),
                iter: expression(&it.iter),
                filter_expr: it.filter_expr.as_ref().map(expression),
                recursive: it.recursive,
                body: statements(&it.body),
                else_body: statements(&it.else_body),
            },
        )),
        Stmt::IfCond(it) => Stmt::IfCond(at(
            it,
            IfCond {
                expr: expression(&it.expr),
                true_body: statements(&it.true_body),
                false_body: statements(&it.false_body),
            },
        )),
        Stmt::WithBlock(it) => {
            let assignments = it.assignments.iter().map(|(target, value)| (parts(target), expression(value)));
            Stmt::WithBlock(at(it, WithBlock { assignments: assignments.collect(), body: statements(&it.body) }))
        }
        Stmt::Set(it) => {
            let value = expression(&it.expr);
            let expr = match &it.target {
                Expr::GetAttr(_) => apply(weight::KEEP, it.expr.span(), value, vec![]),
                _ => value,
            };
            Stmt::Set(at(it, Set { target: parts(&it.target), expr }))
        }
        Stmt::SetBlock(it) => Stmt::SetBlock(at(
            it,
            SetBlock {
                target: parts(&it.target),
                filter: it.filter.as_ref().map(expression),
                body: statements(&it.body),
            },
        )),
        Stmt::AutoEscape(it) => {
            Stmt::AutoEscape(at(it, AutoEscape { enabled: expression(&it.enabled), body: statements(&it.body) }))
        }
        Stmt::FilterBlock(it) => {
            Stmt::FilterBlock(at(it, FilterBlock { filter: expression(&it.filter), body: statements(&it.body) }))
        }
        Stmt::Block(it) => {
            Stmt::Block(at(it, Block { name: it.name, required: it.required, body: statements(&it.body) }))
        }
        Stmt::Import(it) => Stmt::Import(at(it, Import { expr: expression(&it.expr), name: parts(&it.name) })),
        Stmt::FromImport(it) => {
            let names = it.names.iter().map(|(name, alias)| (parts(name), alias.as_ref().map(parts)));
            Stmt::FromImport(at(it, FromImport { expr: expression(&it.expr), names: names.collect() }))
        }
        Stmt::Extends(it) => Stmt::Extends(at(it, Extends { name: expression(&it.name) })),
        Stmt::Include(it) => {
            Stmt::Include(at(it, Include { name: expression(&it.name), ignore_missing: it.ignore_missing }))
        }
        Stmt::Macro(it) => Stmt::Macro(macro_of(it)),
        Stmt::CallBlock(it) => {
            Stmt::CallBlock(at(it, CallBlock { call: call(&it.call), macro_decl: macro_of(&it.macro_decl) }))
        }
        Stmt::Do(it) => Stmt::Do(at(it, Do { call: call(&it.call) })),
    }
}

fn macro_of<'t>(it: &Spanned<Macro<'t>>) -> Spanned<Macro<'t>> {
    at(
        it,
        Macro {
            name: it.name,
            args: it.args.iter().map(parts).collect(),
            defaults: expressions(&it.defaults),
            body: statements(&it.body),
        },
    )
}

fn call<'t>(it: &Spanned<Call<'t>>) -> Spanned<Call<'t>> {
    let expr = match &it.expr {
        Expr::GetAttr(method) => {
            Expr::GetAttr(at(method, GetAttr { expr: looked_through(&method.expr), name: method.name }))
        }
        called => expression(called),
    };
    at(it, Call { expr, args: arguments(&it.args) })
}

fn expressions<'t>(items: &[Expr<'t>]) -> Vec<Expr<'t>> {
    items.iter().map(expression).collect()
}

fn arguments<'t>(items: &[CallArg<'t>]) -> Vec<CallArg<'t>> {
    let argument = |argument: &CallArg<'t>| match argument {
        CallArg::Pos(value) => CallArg::Pos(expression(value)),
        CallArg::Kwarg(name, value) => CallArg::Kwarg(name, expression(value)),
        CallArg::PosSplat(value) => CallArg::PosSplat(expression(value)),
        CallArg::KwargSplat(value) => CallArg::KwargSplat(expression(value)),
    };
    items.iter().map(argument).collect()
}

/// An expression, measured where it makes a value.
fn expression<'t>(it: &Expr<'t>) -> Expr<'t> {
    let makes_a_value = match it {
        Expr::Slice(_) | Expr::Filter(_) | Expr::Call(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => true,
        Expr::BinOp(it) => matches!(it.op, BinOpKind::Add | BinOpKind::Concat),
        _ => false,
    };
    let expression = parts(it);
    if makes_a_value { apply(weight::MEASURE, it.span(), expression, vec![]) } else { expression }
}

/// An expression whose parts are measured, and itself is not.
fn parts<'t>(it: &Expr<'t>) -> Expr<'t> {
    match it {
        Expr::Var(it) => Expr::Var(at(it, Var { id: it.id })),
        Expr::Const(it) => Expr::Const(at(it, Const { value: it.value.clone() })),
        Expr::Slice(it) => {
            let [start, stop, step] = [&it.start, &it.stop, &it.step].map(|part| part.as_ref().map(expression));
            Expr::Slice(at(it, Slice { expr: looked_through(&it.expr), start, stop, step }))
        }
        Expr::UnaryOp(it) => {
            let op = if matches!(it.op, UnaryOpKind::Not) { UnaryOpKind::Not } else { UnaryOpKind::Neg };
            Expr::UnaryOp(at(it, UnaryOp { op, expr: expression(&it.expr) }))
        }
        Expr::BinOp(it) => {
            let (left, right) = (looked_through(&it.left), looked_through(&it.right));
            match it.op {
                BinOpKind::Mul => apply(weight::TIMES, it.span(), left, vec![CallArg::Pos(right)]),
                op => Expr::BinOp(at(it, BinOp { op, left, right })),
            }
        }
        Expr::Compare(it) => {
            let ops = it.ops.iter().map(|it| CompareOp { op: it.op, expr: looked_through(&it.expr) });
            Expr::Compare(at(it, Compare { expr: looked_through(&it.expr), ops: ops.collect() }))
        }
        Expr::IfExpr(it) => Expr::IfExpr(at(
            it,
            IfExpr {
                test_expr: expression(&it.test_expr),
                true_expr: expression(&it.true_expr),
                false_expr: it.false_expr.as_ref().map(expression),
            },
        )),
        Expr::Filter(it) => {
            let (expr, args) = (it.expr.as_ref().map(looked_through), arguments(&it.args));
            Expr::Filter(at(it, Filter { name: it.name, expr, args }))
        }
        Expr::Test(it) => {
            Expr::Test(at(it, Test { name: it.name, expr: looked_through(&it.expr), args: arguments(&it.args) }))
        }
        Expr::GetAttr(it) => Expr::GetAttr(at(it, GetAttr { expr: expression(&it.expr), name: it.name })),
        Expr::GetItem(it) => {
            let subscript_expr = expression(&it.subscript_expr);
            Expr::GetItem(at(it, GetItem { expr: looked_through(&it.expr), subscript_expr }))
        }
        Expr::Call(it) => Expr::Call(call(it)),
        // Also the names that a value is unpacked into.
        Expr::List(it) => Expr::List(at(it, List { items: expressions(&it.items) })),
        Expr::Tuple(it) => Expr::Tuple(at(it, Tuple { items: expressions(&it.items) })),
        Expr::Map(it) => Expr::Map(at(it, Map { keys: expressions(&it.keys), values: expressions(&it.values) })),
    }
}

/// An expression whose value is gone through, which takes as long as it is large.
fn looked_through<'t>(it: &Expr<'t>) -> Expr<'t> {
    let was_there = matches!(it, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::IfExpr(_));
    let expression = expression(it);
    if was_there { apply(weight::LOOK, it.span(), expression, vec![]) } else { expression }
}

/// A node where another one stands.
fn at<Old, New>(place: &Spanned<Old>, node: New) -> Spanned<New> {
    Spanned::new(node, place.span())
}

/// A filter of the engine's own, applied.
fn apply<'t>(name: &'static str, span: Span, value: Expr<'t>, args: Vec<CallArg<'t>>) -> Expr<'t> {
    Expr::Filter(Spanned::new(Filter { name, expr: Some(value), args }, span))
}
