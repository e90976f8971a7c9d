/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who holds a socket: a record for each descriptor that is one. The kernel walks the tasks of the
 * reader's pid namespace, and of each the descriptors, of threads only where they have their own.
 *
 * None of the reads is guarded: where one of them fails there is no owner to tell, the program does
 * not load, and the table goes without.
 */
#ifndef OWNERS_H
#define OWNERS_H

/* include/uapi/linux/magic.h */
#define SOCKFS_MAGIC 0x534F434B

/* include/linux/pid_types.h */
#define PIDTYPE_TGID 1

/*
 * 5.11 has a helper. Before, a file of the socket file system is known by that system's magic
 * number, and what it keeps for itself is the socket.
 */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)) {
		socket = bpf_sock_from_file(file);
		return socket ? socket->sk : 0;
	}
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : 0;
}

/*
 * The number of a process in the pid namespace of the reader: a process has one in each namespace
 * from the first to its own, and the reader is the current task.
 */
static __always_inline __u32 pid_of(struct task_struct *task)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]);
	__u64 level = BPF_CORE_READ(reader, thread_pid, level);
	__u32 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)&pid->numbers[0].nr +
				      level * bpf_core_type_size(struct upid));
	return number;
}

SEC("iter/task_file")
int owners(struct bpf_iter__task_file *ctx)
{
	struct owner_record owner = { .magic = OWNER_MAGIC };
	struct task_struct *task = ctx->task, *leader;
	struct file *file = ctx->file;
	struct sock *sk;

	if (!task || !file)
		return 0;
	sk = sock_of(file);
	if (!sk)
		return 0;
	owner.pid = pid_of(task);
	owner.fd = ctx->fd;
	owner.flags = BPF_CORE_READ(file, f_flags);
	owner.cookie = given_cookie(sk);
	owner.inode = BPF_CORE_READ(file, f_inode, i_ino);
	leader = BPF_CORE_READ(task, group_leader);
	bpf_core_read(owner.command, 16, &leader->comm);
	bpf_seq_write(ctx->meta->seq, &owner, sizeof(owner));
	return 0;
}

#endif
