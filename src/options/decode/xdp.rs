//! SOL_XDP: net/xdp/xsk.c

use super::{boolean, is_on, Facts};
use crate::options::context::Context;
use crate::options::layouts::{XdpStatistics, XdpUmemReg};
use crate::options::value::Value;

/// XDP_OPTIONS: a structure with a single number, of which one bit is used.
pub fn options(_: &Context, [is_zerocopy]: Facts<1>) -> Option<Value> {
    is_on(is_zerocopy).map(boolean)
}

/// XDP_UMEM_REG: net/xdp/xdp_umem.c, xdp_umem_reg(). Before 6.8 there is no tx_metadata_len.
pub fn memory(
    _: &Context,
    [size, chunk_size, headroom, flags, tx_metadata_len]: Facts<5>,
) -> Option<Value> {
    Some(Value::from(XdpUmemReg {
        len: size?,
        chunk_size: chunk_size? as u32,
        headroom: headroom? as u32,
        flags: flags? as u32,
        tx_metadata_len: tx_metadata_len.unwrap_or_default() as u32,
    }))
}

/// XDP_STATISTICS
pub fn statistics(
    _: &Context,
    [dropped, rx_invalid, tx_invalid, rx_full, fill_empty, tx_empty]: Facts<6>,
) -> Option<Value> {
    Some(Value::from(XdpStatistics {
        rx_dropped: dropped?,
        rx_invalid_descs: rx_invalid?,
        tx_invalid_descs: tx_invalid?,
        rx_ring_full: rx_full?,
        rx_fill_ring_empty_descs: fill_empty?,
        tx_ring_empty_descs: tx_empty?,
    }))
}
