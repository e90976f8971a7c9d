/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Process IDs, as the reader sees them, and what the files of a process are. */
#ifndef PROCESS_H
#define PROCESS_H

/* include/linux/pid_types.h */
#define PIDTYPE_PID 0
#define PIDTYPE_TGID 1

/* include/uapi/linux/magic.h */
#define SOCKFS_MAGIC 0x534F434B
#define ANON_INODE_FS_MAGIC 0x09041934

/*
 * Whether a file was opened with O_PATH: fs/open.c, do_dentry_open(). It has the inode of a socket then, but not the socket,
 * and keeps no socket open.
 */
static __always_inline bool is_path(struct file *file)
{
	return !BPF_CORE_READ(file, private_data);
}

/* Whether a file is a socket. */
static __always_inline bool is_socket(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_sb, s_magic) == SOCKFS_MAGIC && !is_path(file);
}

/* Whether this kernel has the members that pid_number() reads. */
static __always_inline bool has_pid_number(void)
{
	struct task_struct *task = 0;
	struct pid *pid = 0;
	struct upid *upid = 0;

	return HAS(task, thread_pid) & HAS(pid, level) & HAS(pid, numbers) & HAS(upid, nr) &
	       HAS(upid, ns);
}

/*
 * The number of a process in the PID namespace of the reader, which is the current task; 0 if it has
 * none there. A process has a number in each namespace from the initial one to its own: kernel/pid.c,
 * pid_nr_ns().
 */
static __always_inline __u32 pid_number(struct pid *pid)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct pid *own = BPF_CORE_READ(reader, thread_pid);
	__u32 level = BPF_CORE_READ(own, level);
	__u64 offset = (__u64)level * bpf_core_type_size(struct upid);
	struct upid *here = (void *)&own->numbers[0] + offset;
	struct upid *there = (void *)&pid->numbers[0] + offset;

	if (!pid)
		return 0;
	/* All processes are in the initial namespace, which has level 0. */
	if (level && (BPF_CORE_READ(pid, level) < level ||
		      BPF_CORE_READ(here, ns) != BPF_CORE_READ(there, ns)))
		return 0;
	return BPF_CORE_READ(there, nr);
}

/* Whether the thread before this one has the same descriptors: a process that has exited but for threads has none. */
static __always_inline bool is_like_the_one_before(struct task_struct *task, struct files_struct *files)
{
	struct task_struct *before;

	if (!HAS(task, thread_node))
		return false;
	before = (void *)BPF_CORE_READ(task, thread_node.prev) - bpf_core_field_offset(struct task_struct, thread_node);
	return BPF_CORE_READ(before, files) == files;
}

#endif
