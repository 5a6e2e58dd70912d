//! Environments, or addons in environments, as they are deployed.

use super::{Columns, cell, cell_or_nothing, stack_at};
use crate::commands::Listed;
use crate::paint::Paint;

/// One a line.
pub(crate) fn listed(found: &[Listed], are_addons: bool, paint: Paint) -> String {
    let headings = if are_addons {
        vec!["ADDON", "ENVIRONMENT", "STATUS", "STACK"]
    } else {
        vec!["ENVIRONMENT", "STATUS", "STACK"]
    };
    let mut columns = Columns::new(paint, &headings);
    for one in found {
        let mut cells = vec![cell(&one.name)];
        if are_addons {
            cells.push(cell_or_nothing(one.environment.as_ref()));
        }
        cells.extend([cell(&one.status), cell(stack_at(&one.stack, &one.location))]);
        columns.row(cells);
    }
    columns.draw()
}
