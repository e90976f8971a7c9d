//! Raw sockets: net/ipv6/raw.c

use super::{int, is_on, Facts};
use crate::options::context::Context;
use crate::options::value::Value;

/// IPV6_CHECKSUM: do_rawv6_getsockopt()
pub fn checksum_offset(context: &Context, [is_computed, offset]: Facts<2>) -> Option<Value> {
    let offset = if is_on(is_computed)? { int(offset?) } else { Value::Int(-1) };
    context.is_ipv6().then_some(offset)
}

/// ICMPV6_FILTER: rawv6_geticmpfilter()
pub fn icmpv6_filter(context: &Context, [known]: Facts<1>) -> Option<Value> {
    known?;
    let filter = context.icmpv6_filter()?;
    context.is_ipv6().then(|| Value::Blob(filter.to_vec()))
}
