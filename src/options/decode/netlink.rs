//! SOL_NETLINK: net/netlink/af_netlink.c

use super::Facts;
use crate::options::context::Context;
use crate::options::memberships::{group_numbers, Groups};
use crate::options::value::Value;
use crate::record::Item;

/// NETLINK_LIST_MEMBERSHIPS. The fact is the number of groups for which the kernel has allocated room.
pub fn groups(context: &Context, [room]: Facts<1>) -> Option<Value> {
    room?;
    let mut groups = Groups { numbers: Vec::new(), cut: false };
    for item in context.items() {
        match item {
            Item::Groups(bytes) => {
                let words = bytes.chunks_exact(8).filter_map(|word| word.try_into().ok());
                groups.numbers = group_numbers(words.map(u64::from_ne_bytes), 64);
            }
            Item::Cut => groups.cut = true,
            _ => {}
        }
    }
    Some(Value::Groups(groups))
}
