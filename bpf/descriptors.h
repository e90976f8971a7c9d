/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A walk through the file descriptors of all processes, for the sockets behind them. It takes no lock and no reference,
 * and several lanes share it, unlike the kernel's iterator. It also finds the files that are registered with an io_uring
 * (rings.h), which may have no descriptor.
 *
 * Tasks are found by their numbers, in the tree of the reader's PID namespace. A call does some steps under the
 * rcu_read_lock() of the kernel around it, and the next call finds the task again by its number. Nodes of the tree,
 * tasks, files and inodes are freed only after all readers have left: what was found is still there. Tables of
 * descriptors may be freed at once. A piece of a table is copied, and used only if the task still has the table then.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "rings.h"

/*
 * The most steps of a call, each to another task or descriptor, or past some unused ones. A file that is not in the
 * cache of the CPU takes up to half a microsecond.
 */
#define HOLDER_STEPS 256

/*
 * The most sockets of rings that a call reads, a power of two. Their records must fit the output, as most are a kilobyte
 * long.
 */
#define CALL_RING_SOCKETS 32

/* Unused numbers that are passed in one step. */
#define UNUSED_PER_STEP 8

/* The words of a table that are copied at once. */
#define BATCH (CHUNK / 8)

/* No number is so near behind this one that a leaf or a batch that begins here could have it. */
#define NOWHERE (1ULL << 62)

/* The descriptors of a process that one lane does before the next one, a multiple of BATCH. */
#define LANE_DESCRIPTORS 512

/*
 * The rings that a thread has registered follow its descriptors, as if this were the descriptor of the first: fs/file.c,
 * sysctl_nr_open_max, is less.
 */
#define REGISTERED_RINGS (1ULL << 31)

/* include/linux/sched.h */
#define PF_IO_WORKER 0x00000010

/* include/linux/xarray.h: the slots of a node of a tree, a power of two; how an entry says that it is one, or none. */
#define TREE_SLOTS (bpf_core_field_size(struct xa_node, slots) / 8)
#define TREE_SLOTS_MAX 64
#define TREE_LEVELS 6

/* Where a lane is: the next task, in the PID namespace of the reader, its next descriptor, and the next slot of that ring. */
struct holder_place {
	__u64 number;
	__u64 fd;
	__u64 slot;
};

/* A socket of a ring: where its slot is, and the place to which a later call goes back if there is no room for it now. */
struct found_socket {
	__u64 slot_at;
	struct holder_place place;
};

/* The state of a lane. What is found under rcu_read_lock() is forgotten between calls. */
struct holder_lane {
	__u64 session; /* the iterator that is being read */
	__u64 is_done;
	struct holder_place at;
	__u64 tree; /* the root of the tree of tasks */
	__u64 leaf_begin; /* the first number in `leaf` */
	__u64 leaf[TREE_SLOTS_MAX];
	__u64 task; /* 0: to be found by its number */
	__u64 files; /* its struct files_struct, */
	__u64 fdt; /* the table of which is this, */
	__u64 fds; /* with this array */
	__u64 count;
	__u64 rings; /* the array of the rings that the task has registered; 0: none */
	struct ring ring; /* the ring whose slots are being looked at */
	__u64 batch_begin; /* the index of `batch` in the table, */
	__u64 batch_at; /* and its address */
	__u64 batch[BATCH];
	__u64 inodes[BATCH]; /* those of its files: fetch_files() */
	__u64 socket_operations; /* the struct file_operations of all sockets */
	__u64 net; /* the network namespace of the last socket, whose inode number is in `record` */
	__u64 begun_at; /* of the call, in nanoseconds */
	__u64 count_found; /* the number of sockets of rings that were found, if those are sought */
	struct found_socket found[CALL_RING_SOCKETS];
	struct owner_record record;
};

/* The loader makes two elements for each lane: the walks for sockets have the second half. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct holder_lane);
} holder_lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct output);
} holder_outputs SEC(".maps");

static __always_inline struct holder_lane *holder_lane_of(__u32 number, bool is_for_holders)
{
	__u32 index = is_for_holders ? number : number + parameters.walk.lanes;

	return bpf_map_lookup_elem(&holder_lanes, &index);
}

/* The walk for holders has a buffer of its own, because it may be read between two reads of another walk. */
static __always_inline struct output *output_of(__u32 number, bool is_for_holders)
{
	return is_for_holders ? bpf_map_lookup_elem(&holder_outputs, &number) :
				bpf_map_lookup_elem(&outputs, &number);
}

/* The root of the tree of tasks that the reader sees: kernel/pid.c, find_pid_ns() */
static __always_inline __u64 tree_of_tasks(void)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct pid *own = BPF_CORE_READ(reader, thread_pid);
	struct upid *here = (void *)&own->numbers[0] +
			    (__u64)BPF_CORE_READ(own, level) * bpf_core_type_size(struct upid);

	return (__u64)BPF_CORE_READ(here, ns, idr.idr_rt.xa_head);
}

/* Internal entries are even numbers that are no addresses: a node has a high one. */
static __always_inline bool is_internal(__u64 entry)
{
	return (entry & 3) == 2;
}

static __always_inline bool is_tree_node(__u64 entry)
{
	return is_internal(entry) && entry > 4096;
}

/* Copies the leaf of the tree that has the next number, or goes to the next number that may have a leaf. */
static __always_inline void find_leaf(struct holder_lane *lane)
{
	__u64 node, shift, slot, entry = lane->tree;

	for (int level = 0; level < TREE_LEVELS && is_tree_node(entry); level++) {
		node = entry - 2;
		shift = BPF_CORE_READ((struct xa_node *)node, shift) & 63;
		slot = lane->at.number >> shift;
		if (!level && slot >= TREE_SLOTS) {
			lane->is_done = 1;
			return;
		}
		node += bpf_core_field_offset(struct xa_node, slots);
		if (!shift) {
			bpf_probe_read_kernel(lane->leaf, TREE_SLOTS * 8, (void *)node);
			lane->leaf_begin = lane->at.number & ~(__u64)(TREE_SLOTS - 1);
			return;
		}
		entry = load_word(node + (slot & (TREE_SLOTS - 1)) * 8);
		if (!entry)
			lane->at.number = (slot + 1) << shift;
	}
}

/*
 * Whether the task is a thread of the kernel that an io_uring has added to a process. It shares the descriptors of the
 * thread that has made the io_uring, and can be the last one that has them. Before 5.12, which has one of these members,
 * these threads were in no process, and another flag had this number.
 */
static __always_inline bool is_io_worker(struct task_struct *task)
{
	if (!(HAS(task, pf_io_worker) | HAS(task, worker_private)))
		return false;
	return BPF_CORE_READ(task, flags) & PF_IO_WORKER;
}

/*
 * Begins with the descriptors of a task, and with the rings that it has registered, which are not shared. Returns false if
 * it has none of its own.
 */
static __always_inline bool begin_task(struct holder_lane *lane, __u64 node)
{
	struct task_struct *task, *leader;
	struct files_struct *files;
	struct fdtable *fdt;
	bool is_shared;

	if (!node)
		return false;
	task = (void *)(node - bpf_core_field_offset(struct task_struct, pid_links));
	leader = BPF_CORE_READ(task, group_leader);
	files = BPF_CORE_READ(task, files);
	if (!files)
		return false;
	lane->rings = registered_rings(task);
	is_shared = task != leader &&
		    (BPF_CORE_READ(leader, files) == files || is_like_the_one_before(task, files));
	if (is_shared && !lane->rings)
		return false;
	if (is_shared && lane->at.fd < REGISTERED_RINGS)
		lane->at.fd = REGISTERED_RINGS;
	lane->record.pid = lane->at.number;
	lane->record.tid = 0;
	lane->record.is_io_worker = is_io_worker(task);
	if (task != leader) {
		/* In execve(2), the number of the first thread passes to the one that remains. */
		lane->record.pid = pid_number(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
		lane->record.tid = lane->at.number;
	}
	bpf_core_read(lane->record.command, 16, &leader->comm);
	lane->record.started = HAS(leader, start_boottime) ? BPF_CORE_READ(leader, start_boottime) : 0;
	fdt = BPF_CORE_READ(files, fdt);
	lane->task = (__u64)task;
	lane->files = (__u64)files;
	lane->fdt = (__u64)fdt;
	lane->fds = (__u64)BPF_CORE_READ(fdt, fd);
	lane->count = BPF_CORE_READ(fdt, max_fds);
	return true;
}

static __always_inline void end_task(struct holder_lane *lane)
{
	lane->task = lane->at.fd = lane->at.slot = 0;
	lane->at.number++;
}

/* Goes to the next task that has descriptors, or near to it. */
static __always_inline void next_task(struct holder_lane *lane)
{
	struct pid *pid;
	__u64 entry = 0;

	if (lane->at.number - lane->leaf_begin >= TREE_SLOTS) {
		find_leaf(lane);
		return;
	}
	for (int i = 0; i < UNUSED_PER_STEP && !entry; i++) {
		if (i)
			lane->at.number++;
		if (lane->at.number - lane->leaf_begin >= TREE_SLOTS)
			return;
		entry = lane->leaf[lane->at.number & (TREE_SLOTS - 1)];
	}
	/* The tree is being changed here. */
	if (is_internal(entry)) {
		lane->leaf_begin = NOWHERE;
		return;
	}
	pid = (void *)entry;
	if (!entry || !begin_task(lane, (__u64)BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first)))
		end_task(lane);
}

/* Whether the task still has the table of descriptors. */
static __always_inline bool has_table(struct holder_lane *lane)
{
	struct task_struct *task = (void *)lane->task;
	struct files_struct *files = (void *)lane->files;

	return (__u64)BPF_CORE_READ(task, files) == lane->files && (__u64)BPF_CORE_READ(files, fdt) == lane->fdt;
}

/* Whether the task still has the ring, at its descriptor or among those that it has registered. */
static __always_inline bool is_ring_there(struct holder_lane *lane)
{
	if (lane->at.fd < REGISTERED_RINGS)
		return load_word(lane->fds + lane->at.fd * 8) == lane->ring.file;
	return registered_rings((void *)lane->task) == lane->rings &&
	       load_word(lane->rings + (lane->at.fd - REGISTERED_RINGS) * 8) == lane->ring.file;
}

/* Whether the task still has the table, and the ring its slots. If not, what is in them is no longer held by the task. */
static __always_inline bool has_all(struct holder_lane *lane)
{
	if (!has_table(lane))
		return false;
	return !lane->ring.file || (is_ring_there(lane) && has_slots(&lane->ring));
}

/* Looks the task up again, with the descriptor or the slot that is next. */
static __always_inline void find_task_again(struct holder_lane *lane)
{
	lane->batch_begin = NOWHERE;
	lane->ring.file = 0;
	lane->task = 0;
}

/*
 * The address, or `other` if it is none: an address of the kernel is a negative number. The verifier would follow both
 * sides of a branch, for each file of a batch.
 */
static __always_inline __u64 address_or(__u64 address, __u64 other)
{
	__u64 is_address = (__s64)address >> 63;

	return (address & is_address) | (other & ~is_address);
}

/*
 * Reads what a look at each file of the batch will read, which is then in the cache of the CPU. A look waits for the file,
 * and then for its inode, but many files can be on their way at once: 100,000 descriptors take 29 ms and not 35. Where
 * there is no file, the table of descriptors is read, because a read that fails takes longer.
 */
__noinline int fetch_files(__u32 number, __u32 is_for_holders)
{
	struct holder_lane *lane = holder_lane_of(number, is_for_holders);

	if (!lane)
		return 0;
	for (int i = 0; i < BATCH; i++) {
		__u64 file = lane->batch[i], is_file = (__s64)file >> 63;

		file = address_or(file, lane->fdt);
		lane->inodes[i] = load_word(file + bpf_core_field_offset(struct file, f_inode)) & is_file;
	}
	for (int i = 0; i < BATCH; i++)
		load_word(address_or(lane->inodes[i], lane->fdt) + bpf_core_field_offset(struct inode, i_ino));
	return 0;
}

/* Copies words of the table or of the ring. */
static __always_inline void load_batch(struct holder_lane *lane, __u64 begin)
{
	__u64 address, left;

	if (lane->ring.file) {
		address = slots_at(&lane->ring, begin);
		left = lane->ring.count - begin;
	} else {
		address = lane->fds + begin * 8;
		left = lane->count - begin;
	}
	if (left > BATCH)
		left = BATCH;
	COPY_CHUNK(lane->batch, address, left * 8);
	lane->batch_begin = begin;
	lane->batch_at = address;
	if (!has_all(lane))
		find_task_again(lane);
}

/*
 * What a look at a file has led to. When the word of the batch is no longer in the table, the file may be another one by
 * now, or freed.
 */
enum look { LOOK_PASSED, LOOK_CHANGED, LOOK_FULL };

/*
 * Notes the network namespace of a socket, if it may be another one. A process that only holds the socket does not need
 * it, and two of five loads that are not in the cache of the CPU are for it.
 */
static __always_inline void note_netns(struct holder_lane *lane, struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct net *net = BPF_CORE_READ(socket, sk, __sk_common.skc_net.net);

	if ((__u64)net != lane->net) {
		lane->net = (__u64)net;
		lane->record.netns = BPF_CORE_READ(net, ns.inum);
	}
}

/* Writes a holder of a socket. */
static __always_inline enum look put_holder(struct holder_lane *lane, struct output *output, struct file *file,
					    __u64 inode)
{
	struct owner_record *record;

	if (parameters.prefilter.every_netns)
		note_netns(lane, file);
	record = next_place((void *)output, sizeof(*record));
	if (!record)
		return LOOK_FULL;
	*record = lane->record;
	record->ring_is_registered = lane->at.fd >= REGISTERED_RINGS;
	record->fd = lane->at.fd & (REGISTERED_RINGS - 1);
	record->slot = lane->ring.file ? lane->at.slot + 1 : 0;
	record->flags = BPF_CORE_READ(file, f_flags);
	record->inode = inode;
	output->header.length += sizeof(*record);
	return LOOK_PASSED;
}

/* Notes a socket of a ring, whose record is written after the steps of the call. */
static __always_inline enum look note_socket(struct holder_lane *lane, __u64 slot_at)
{
	if (lane->count_found >= CALL_RING_SOCKETS)
		return LOOK_FULL;
	lane->found[lane->count_found & (CALL_RING_SOCKETS - 1)] = (struct found_socket){ slot_at, lane->at };
	lane->count_found++;
	return LOOK_PASSED;
}

/* Looks at a file. If it is a ring, its slots are next. All sockets have the same operations. */
static __always_inline enum look look_at(struct holder_lane *lane, struct output *output, __u64 address,
					 __u64 word_at, bool is_for_holders)
{
	struct file *file = (void *)address;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u64 operations = (__u64)BPF_CORE_READ(file, f_op), magic;

	if (operations != lane->socket_operations) {
		magic = BPF_CORE_READ(inode, i_sb, s_magic);
		if (magic == ANON_INODE_FS_MAGIC && !lane->ring.file)
			begin_ring(&lane->ring, file);
		if (magic != SOCKFS_MAGIC || is_path(file))
			return LOOK_PASSED;
		lane->socket_operations = operations;
	}
	if (is_for_holders)
		return put_holder(lane, output, file, BPF_CORE_READ(inode, i_ino));
	return lane->ring.file ? note_socket(lane, word_at) : LOOK_PASSED;
}

/* Looks at the file of a word of the batch, which is at this index in the table. */
static __always_inline enum look look_at_word(struct holder_lane *lane, struct output *output, __u64 index,
					      bool is_for_holders)
{
	__u64 length = output->header.length, found = lane->count_found;
	__u64 ring = lane->ring.file, operations = lane->socket_operations;
	__u64 place = index & (BATCH - 1), word = lane->batch[place], word_at = lane->batch_at + place * 8;
	enum look look;

	look = look_at(lane, output, ring ? file_of_slot(word) : word, word_at, is_for_holders);
	/* A table that is released keeps its words. Most files are none that is kept. */
	if (load_word(word_at) == word &&
	    ((output->header.length == length && lane->count_found == found && lane->ring.file == ring &&
	      lane->socket_operations == operations) ||
	     has_all(lane)))
		return look;
	output->header.length = length;
	lane->count_found = found;
	lane->ring.file = ring;
	lane->socket_operations = operations;
	lane->batch_begin = NOWHERE;
	if (!has_all(lane))
		find_task_again(lane);
	return LOOK_CHANGED;
}

/* Passes over the slots of a ring. Returns 1 if there is no room for a record. */
static __always_inline long step_slots(struct holder_lane *lane, struct output *output, bool is_for_holders)
{
	enum look look = LOOK_PASSED;

	if (lane->at.slot >= lane->ring.count) {
		lane->ring.file = 0;
		lane->at.slot = 0;
		lane->at.fd++;
		lane->batch_begin = NOWHERE;
		return 0;
	}
	if (lane->at.slot - lane->batch_begin >= BATCH) {
		load_batch(lane, lane->at.slot & ~(__u64)(BATCH - 1));
		return 0;
	}
	if (lane->batch[lane->at.slot & (BATCH - 1)])
		look = look_at_word(lane, output, lane->at.slot, is_for_holders);
	lane->at.slot += look == LOOK_PASSED;
	return look == LOOK_FULL;
}

/* Passes over the rings that a task has registered, which may have no descriptor any more. */
static __always_inline void step_registered(struct holder_lane *lane)
{
	__u64 ring = load_word(lane->rings + (lane->at.fd - REGISTERED_RINGS) * 8);

	if (ring)
		begin_ring(&lane->ring, (void *)ring);
	lane->batch_begin = NOWHERE;
	if (lane->ring.file)
		return;
	lane->at.fd++;
	lane->at.slot = 0;
}

/* Passes over the descriptors of a task. Returns 1 if there is no room for a record. */
static __always_inline long step_descriptors(struct holder_lane *lane, struct output *output, __u32 number,
					     bool is_for_holders)
{
	__u64 block = lane->at.fd / LANE_DESCRIPTORS, entry = 0;
	enum look look;

	if (lane->at.fd >= lane->count &&
	    (!lane->rings || lane->at.fd >= REGISTERED_RINGS + registered_count())) {
		end_task(lane);
		return 0;
	}
	if (lane->at.fd >= lane->count && lane->at.fd < REGISTERED_RINGS) {
		lane->at.fd = REGISTERED_RINGS;
		lane->at.slot = 0;
		return 0;
	}
	if ((block + lane->at.number) % parameters.walk.lanes != number) {
		lane->at.fd = (block + 1) * LANE_DESCRIPTORS;
		return 0;
	}
	if (lane->at.fd >= REGISTERED_RINGS) {
		step_registered(lane);
		return 0;
	}
	if (lane->at.fd - lane->batch_begin >= BATCH) {
		load_batch(lane, lane->at.fd & ~(__u64)(BATCH - 1));
		if (lane->task)
			fetch_files(number, is_for_holders);
		return 0;
	}
	for (int i = 0; i < UNUSED_PER_STEP; i++) {
		entry = lane->batch[lane->at.fd & (BATCH - 1)];
		if (entry)
			break;
		lane->at.fd++;
		if (!(lane->at.fd & (BATCH - 1)))
			return 0;
	}
	if (!entry)
		return 0;
	look = look_at_word(lane, output, lane->at.fd, is_for_holders);
	if (lane->ring.file) {
		lane->batch_begin = NOWHERE;
		return 0;
	}
	if (look == LOOK_PASSED) {
		lane->at.slot = 0;
		lane->at.fd++;
	}
	return look == LOOK_FULL;
}

/* One step. Returns 1 when nothing is left to do for this call. */
static __always_inline int step_descriptor(__u32 number, bool is_for_holders)
{
	struct output *output = output_of(number, is_for_holders);
	struct holder_lane *lane = holder_lane_of(number, is_for_holders);

	if (!lane || !output || lane->is_done)
		return 1;
	if (!lane->task) {
		next_task(lane);
		return 0;
	}
	return (lane->ring.file ? step_slots(lane, output, is_for_holders) :
				  step_descriptors(lane, output, number, is_for_holders)) & 1;
}

/* The steps of each kind of walk, as functions that the verifier analyses only once. */
__noinline int step_for_holders(__u32 number)
{
	return step_descriptor(number, true);
}

__noinline int step_for_sockets(__u32 number)
{
	return step_descriptor(number, false);
}

/* Begins a call, of the iterator of this number. Returns 0 if the walk is over. */
__noinline int begin_descriptors(__u32 number, __u64 session, __u32 is_for_holders)
{
	struct output *output = output_of(number, is_for_holders);
	struct holder_lane *lane = holder_lane_of(number, is_for_holders);

	if (!lane || !output)
		return 0;
	if (lane->session != session) {
		lane->session = session;
		lane->at.number = lane->at.fd = lane->at.slot = 0;
		lane->is_done = lane->socket_operations = 0;
		output->header.lost = 0;
	}
	lane->begun_at = bpf_ktime_get_ns();
	output->header.length = 0;
	output->header.done = lane->is_done;
	if (lane->is_done)
		return 0;
	/* A socket may have several slots, and a descriptor. */
	output->header.is_split = 1;
	lane->tree = tree_of_tasks();
	lane->task = lane->ring.file = 0;
	lane->leaf_begin = lane->batch_begin = NOWHERE;
	lane->net = lane->count_found = 0;
	lane->record.magic = OWNER_MAGIC;
	return 1;
}

__noinline int end_descriptors(__u32 number, __u32 is_for_holders)
{
	struct output *output = output_of(number, is_for_holders);
	struct holder_lane *lane = holder_lane_of(number, is_for_holders);
	__u64 duration;

	if (!lane || !output)
		return 0;
	output->header.order = lane->at.number << 32 | lane->at.fd;
	duration = bpf_ktime_get_ns() - lane->begun_at;
	if (duration > output->header.longest_call)
		output->header.longest_call = duration;
	return 0;
}

static long turn_for_holders(__u32 index, struct turn *turn)
{
	return step_for_holders(turn->number) & 1;
}

SEC("iter/bpf_map_elem")
int holder_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	struct turn turn = {};

	if (!ctx->value)
		return 0;
	turn.number = *(__u32 *)ctx->value;
	if (!begin_descriptors(turn.number, ctx->meta->session_id, true))
		return 0;
	bpf_loop(HOLDER_STEPS, turn_for_holders, &turn, 0);
	end_descriptors(turn.number, true);
	return 1;
}

__noinline int some_steps_for_holders(__u32 number)
{
	for (int i = 0; i < SOME_STEPS; i++)
		if (step_for_holders(number))
			return 1;
	return 0;
}

/* For kernels before 5.17, which have no bpf_loop() and refuse a program that names it. */
SEC("iter/bpf_map_elem")
int holder_walk_without_loop(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 number;

	if (!ctx->value)
		return 0;
	number = *(__u32 *)ctx->value;
	if (!begin_descriptors(number, ctx->meta->session_id, true))
		return 0;
	for (int i = 0; i < HOLDER_STEPS; i += SOME_STEPS)
		if (some_steps_for_holders(number))
			break;
	end_descriptors(number, true);
	return 1;
}

#endif
