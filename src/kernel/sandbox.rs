//! What a process may still do once it has opened everything that it reads: seccomp(2). A record that would make knetstat
//! do something else finds no way to start a program, to reach the network, or to change a file.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
#[cfg(target_arch = "x86_64")]
use std::mem::offset_of;
use std::sync::Once;

use nix::errno::Errno;
use nix::libc;
use seccompiler::{
    apply_filter_all_threads, sock_filter, BpfProgram, SeccompAction, SeccompCmpArgLen,
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::error::Error;
use crate::kernel::capability;

/// The calls that fail from now on. Reading needs none of them.
const REFUSED: &[libc::c_long] = &[
    // Other programs and processes
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Files
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fchmodat2,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_ftruncate,
    libc::SYS_linkat,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_openat2,
    libc::SYS_removexattr,
    libc::SYS_renameat2,
    libc::SYS_setxattr,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    // Namespaces, mounts and the kernel
    libc::SYS_add_key,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pivot_root,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// The calls of the network, which fail, too, unless the process asks name servers.
const REFUSED_OF_NETWORK: &[libc::c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_socket,
    libc::SYS_socketpair,
];

/// The older forms of the same calls, which later architectures do not have.
#[cfg(target_arch = "x86_64")]
const REFUSED_OLD: &[libc::c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_creat,
    libc::SYS_fork,
    libc::SYS_lchown,
    libc::SYS_link,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_rmdir,
    libc::SYS_symlink,
    libc::SYS_unlink,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_OLD: &[libc::c_long] = &[];

/// Drops all capabilities, and has the kernel refuse what reading and writing do not need, with `EPERM`, for all threads
/// of this process. The filter requires no capability, because the process cannot gain rights: prctl(2),
/// PR_SET_NO_NEW_PRIVS. A kernel without seccomp(2), or a sandbox that refuses it, goes without.
///
/// # Errors
///
/// As [`capability::drop_all`].
pub fn enter() -> Result<(), Error> {
    static ONCE: Once = Once::new();
    capability::drop_all()?;
    ONCE.call_once(|| {
        apply(&[REFUSED, REFUSED_OLD, REFUSED_OF_NETWORK]);
    });
    Ok(())
}

/// The same, but the calls of the network succeed: for the process that asks name servers.
///
/// # Errors
///
/// As [`capability::drop_all`].
pub fn enter_with_network() -> Result<(), Error> {
    capability::drop_all()?;
    apply(&[REFUSED, REFUSED_OLD]);
    Ok(())
}

fn apply(refused: &[&[libc::c_long]]) {
    let _ = filter(refused).and_then(|filter| apply_filter_all_threads(&filter));
}

fn filter(refused: &[&[libc::c_long]]) -> Result<BpfProgram, seccompiler::Error> {
    let refused = refused.iter().copied().flatten().map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = refused.collect();
    rules.insert(libc::SYS_openat, opening_to_write(2)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, opening_to_write(1)?);
    let (usual, matched) = (SeccompAction::Allow, SeccompAction::Errno(Errno::EPERM as u32));
    let filter: BpfProgram =
        SeccompFilter::new(rules, usual, matched, ARCH.try_into()?)?.try_into()?;
    Ok(refusing_x32().into_iter().chain(filter).collect())
}

/// The beginning of a filter that refuses the calls of x32 programs, which x86-64 kernels may have. They have numbers of
/// their own, from `__X32_SYSCALL_BIT` (arch/x86/include/uapi/asm/unistd.h). seccompiler has no rule for a range of
/// numbers.
#[cfg(target_arch = "x86_64")]
fn refusing_x32() -> Vec<sock_filter> {
    const X32: u32 = 0x4000_0000;
    let instruction = |code: u32, jf, k| sock_filter { code: code as u16, jt: 0, jf, k };
    let refuse = libc::SECCOMP_RET_ERRNO | Errno::EPERM as u32;
    vec![
        instruction(
            libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
            0,
            offset_of!(libc::seccomp_data, nr) as u32,
        ),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, X32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, refuse),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn refusing_x32() -> Vec<sock_filter> {
    Vec::new()
}

/// The rules for opening a file to write, or to make one. The flags are the argument of this number.
fn opening_to_write(flags: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC]
        .map(|flag| {
            let flag = flag as u64;
            let is_set = SeccompCmpOp::MaskedEq(flag);
            let is_set = SeccompCondition::new(flags, SeccompCmpArgLen::Dword, is_set, flag)?;
            SeccompRule::new(vec![is_set])
        })
        .into_iter()
        .collect()
}
