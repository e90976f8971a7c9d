/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files that are registered with an io_uring: io_uring_register(2), IORING_REGISTER_FILES. Each has a slot. A socket
 * that was accepted or opened into a slot never had a descriptor. /proc/PID/fdinfo/FD of the ring lists the slots.
 */
#ifndef RINGS_H
#define RINGS_H

/* io_uring/io_uring.c, io_uring_get_file(): the name of the file of each ring */
#define RING_NAME "[io_uring]"

/* io_uring/filetable.h: the lowest bits of an address say more about the file. */
#define RING_FILE_BITS 7ULL

/* The most slots of a ring: io_uring/rsrc.c, IORING_MAX_FIXED_FILES */
#define RING_SLOTS (1 << 20)

/* Until 5.12, an array of pointers to parts of so many slots each: fs/io_uring.c, IORING_FILE_TABLE_SHIFT */
#define RING_PART_SHIFT 9

/* The slots of a ring. */
struct ring {
	__u64 file; /* the struct file of the ring; 0: none */
	__u64 context; /* its struct io_ring_ctx */
	__u64 base; /* the array of slots, or of its parts */
	__u64 count;
};

#define OLD_RING(context) FLAVOUR(io_ring_ctx___old, context)
#define FIXED_FILES(context) FLAVOUR(io_ring_ctx___fixed, context)

/* 6.13: an array of pointers to nodes. */
static __always_inline bool has_ring_nodes(void)
{
	struct io_ring_ctx *context = 0;
	struct io_rsrc_node *node = 0;

	return HAS(context, file_table.data.nodes) & HAS(context, file_table.data.nr) & HAS(node, file_ptr);
}

/*
 * 5.15: an array of words, addresses of files with some bits. 5.13 and 5.14 have parts in the same members, which are told
 * from these by the helpers of those kernels alone, and are not read.
 */
static __always_inline bool has_fixed_files(void)
{
	struct io_ring_ctx___fixed *context = 0;

	return (HAS(context, file_table.files) & HAS(context, nr_user_files)) &&
	       (HAS_HELPER(BPF_FUNC_timer_init) || !HAS_HELPER(BPF_FUNC_snprintf));
}

static __always_inline bool has_registered_rings(void)
{
	struct task_struct *task = 0;
	struct io_uring_task *context = 0;

	return HAS(task, io_uring) & HAS(context, registered_rings);
}

/* The most rings that a task can register: include/linux/io_uring_types.h, IO_RINGFD_REG_MAX */
static __always_inline __u64 registered_count(void)
{
	if (!has_registered_rings())
		return 0;
	return bpf_core_field_size(struct io_uring_task, registered_rings) / 8;
}

/*
 * The array of the rings that a task has registered (IORING_REGISTER_RING_FDS, from 5.18), or 0. It is freed at once when
 * the task executes another program.
 */
static __always_inline __u64 registered_rings(struct task_struct *task)
{
	struct io_uring_task *context;

	if (!has_registered_rings())
		return 0;
	context = BPF_CORE_READ(task, io_uring);
	return context ? (__u64)context + bpf_core_field_offset(struct io_uring_task, registered_rings) : 0;
}

/* The array of slots of a ring, or 0 if it has none. */
static __always_inline __u64 ring_base(__u64 address)
{
	struct io_ring_ctx *context = (void *)address;

	if (has_ring_nodes())
		return (__u64)BPF_CORE_READ(context, file_table.data.nodes);
	if (has_fixed_files())
		return (__u64)BPF_CORE_READ(FIXED_FILES(context), file_table.files);
	if (HAS(OLD_RING(context), file_data) & HAS(OLD_RING(context), nr_user_files) &
	    HAS((struct fixed_file_data___old *)0, table))
		return (__u64)BPF_CORE_READ(OLD_RING(context), file_data, table);
	return 0;
}

static __always_inline __u64 ring_count(__u64 address)
{
	struct io_ring_ctx *context = (void *)address;

	if (has_ring_nodes())
		return BPF_CORE_READ(context, file_table.data.nr);
	if (has_fixed_files())
		return BPF_CORE_READ(FIXED_FILES(context), nr_user_files);
	if (HAS(OLD_RING(context), nr_user_files))
		return BPF_CORE_READ(OLD_RING(context), nr_user_files);
	return 0;
}

/* Begins with the slots of a file of the file system for anonymous inodes, if it is a ring. */
static __always_inline void begin_ring(struct ring *ring, struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	const char expected[] = RING_NAME;
	char copy[sizeof(expected)] = {}, difference = 0;

	bpf_probe_read_kernel(copy, sizeof(copy), name);
	#pragma clang loop unroll(full)
	for (int i = 0; i < sizeof(copy); i++)
		difference |= copy[i] ^ expected[i];
	if (difference)
		return;
	ring->context = (__u64)BPF_CORE_READ(file, private_data);
	ring->base = ring_base(ring->context);
	ring->count = ring->base ? ring_count(ring->context) : 0;
	if (ring->count > RING_SLOTS)
		ring->count = 0;
	ring->file = (__u64)file;
}

/* Whether the ring still has its slots. When they are unregistered, their number falls before the first is released. */
static __always_inline bool has_slots(const struct ring *ring)
{
	return ring_base(ring->context) == ring->base && ring_count(ring->context) == ring->count;
}

/* The address of a slot. */
static __always_inline __u64 slots_at(const struct ring *ring, __u64 index)
{
	__u64 part;

	if (has_ring_nodes() || has_fixed_files())
		return ring->base + index * 8;
	part = load_word(ring->base + (index >> RING_PART_SHIFT) * 8);
	return part + (index & ((1 << RING_PART_SHIFT) - 1)) * 8;
}

/* The file of a slot, whose word is not 0. A node may be freed at once: the slot must still have the word afterwards. */
static __always_inline __u64 file_of_slot(__u64 word)
{
	struct io_rsrc_node *node = (void *)word;

	if (has_ring_nodes())
		word = BPF_CORE_READ(node, file_ptr);
	return word & ~RING_FILE_BITS;
}

#endif
