//! The predictive coder: levels in coding order, each with the table of its context.

use crate::context::token::{ESCAPE, Token, escape_groups, read_escape};
use crate::context::{ContextModel, Scan, walk};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::Grid;
use crate::quantise::Chooser;
use crate::rans::{CdfSet, RansDecoder, RansEncoder};

const SECTION: &str = "codec.md 7.4";

/// Tokens of the differences from -4 to 4, which have no raw bits.
static PLAIN: [u8; 9] = [8, 6, 4, 2, 0, 1, 3, 5, 7];

/// Appends a difference to the coder: its token, or the escape, and raw bits.
#[inline]
pub(super) fn push_difference(
    rans: &mut RansEncoder,
    tables: &CdfSet,
    table: usize,
    difference: i32,
) {
    let Some(table) = tables.tables().get(table) else { return };
    let plain = PLAIN.get(difference.wrapping_add(4) as usize);
    if let Some(span) = plain.and_then(|&symbol| table.span(symbol)) {
        return rans.push(span);
    }
    if let Some(token) = Token::direct(difference)
        && let Some(span) = table.span(token.symbol as u8)
    {
        rans.push(span);
        rans.push_bits(token.extra, token.count);
        return;
    }
    if let Some(span) = table.span(ESCAPE as u8) {
        rans.push(span);
        for (value, count) in escape_groups(difference) {
            rans.push_bits(value, count);
        }
    }
}

/// Reads what [`push_difference`] wrote; `None` for an impossible escape or a missing table.
#[inline]
pub(super) fn read_difference(
    rans: &mut RansDecoder<'_>,
    tables: &CdfSet,
    table: usize,
) -> Option<i32> {
    let symbol = usize::from(rans.symbol(tables.tables().get(table)?));
    if symbol == ESCAPE {
        return read_escape(|count| rans.bits(count));
    }
    let count = Token::extra_bits(symbol);
    let extra = if count > 0 { rans.bits(count) } else { 0 };
    Some(Token::difference(symbol, extra))
}

/// Chooses and codes the levels of components given in step units.
///
/// `values` receives what the decoder will know: levels, or closed-loop values in sixteenths.
pub(crate) fn encode(
    chooser: &Chooser<'_>,
    grid: Grid,
    components: &[f32],
    scan: &mut Scan,
    rans: &mut RansEncoder,
    values: &mut Vec<i32>,
) {
    let model = chooser.model;
    walk(model, grid, scan, values, |at, component, context, _| {
        let y = components.get(at).copied().unwrap_or(0.0);
        let level = chooser.choose(component, &context, y);
        push_difference(rans, &model.tables, context.table, context.difference(level));
        Some(level)
    });
}

/// Codes levels that were chosen before; only for models without a closed loop.
pub(crate) fn encode_levels(
    model: &ContextModel,
    grid: Grid,
    levels: &[i32],
    scan: &mut Scan,
    rans: &mut RansEncoder,
) {
    let mut values = Vec::new();
    walk(model, grid, scan, &mut values, |at, _, context, _| {
        let level = levels.get(at).copied().unwrap_or(0);
        push_difference(rans, &model.tables, context.table, context.difference(level));
        Some(level)
    });
}

/// Decodes the values of a payload.
pub(crate) fn decode(
    model: &ContextModel,
    grid: Grid,
    rans: &mut RansDecoder<'_>,
    scan: &mut Scan,
    values: &mut Vec<i32>,
) -> Result<(), DecodeError> {
    let limit = crate::context::token::MAX_LEVEL;
    walk(model, grid, scan, values, |_, _, context, _| {
        // A damaged payload ends here, not after the whole walk.
        if rans.overrun() {
            return None;
        }
        let level = context.level(read_difference(rans, &model.tables, context.table)?);
        let valid = level.abs() <= limit && (model.signed || level >= 0);
        valid.then_some(level)
    });
    if values.len() == grid.elements() {
        return Ok(());
    }
    let kind =
        if rans.overrun() { DecodeErrorKind::Truncated } else { DecodeErrorKind::InvalidSymbol };
    Err(DecodeError::new(kind, 0, SECTION))
}
