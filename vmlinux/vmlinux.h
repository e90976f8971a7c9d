/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that the programs in bpf/ read, with only the members that they read.
 *
 * Written by hand: each member was looked up with `pahole -C TYPE /sys/kernel/btf/vmlinux` (or in the
 * kernel's sources if newer kernels no longer have it) and copied with its name, its signedness and
 * its nesting. Offsets, sizes and the order of members do not matter: the attribute below makes every
 * access a CO-RE relocation, which libbpf resolves against the BTF of the running kernel. One header
 * therefore serves every kernel and every architecture. To read another member, add it here. If some
 * kernels lack the member, guard the read with bpf_core_field_exists(): see HAS() in bpf/read.h.
 *
 * A type whose name ends in ___something is a "flavour": another shape of the type that is named before
 * the three underscores, for a member that changed its kind. libbpf drops the suffix when it looks up
 * the type. Every type that is read has to be found among all of the kernel's types: the fewer there
 * are, the faster knetstat starts.
 */
#ifndef VMLINUX_H
#define VMLINUX_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __s16 s16;
typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;
#define true 1
#define false 0

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

/* include/uapi/linux/bpf.h */
enum {
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_RDONLY_PROG = 1 << 7,
	BPF_F_MMAPABLE = 1 << 10,
	/* of bpf_task_storage_get() */
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1 << 0,
};

/* include/uapi/linux/bpf.h; shows which helpers the running kernel has, see bpf/compat.h */
enum bpf_func_id {
	BPF_FUNC_sock_from_file = 162,
	BPF_FUNC_snprintf = 165,
	BPF_FUNC_timer_init = 169,
};

/* include/net/sock.h; the numbers are those of the running kernel, see SOCK_FLAG() */
enum sock_flags {
	SOCK_DEAD,
	SOCK_DONE,
	SOCK_URGINLINE,
	SOCK_KEEPOPEN,
	SOCK_LINGER,
	SOCK_DESTROY,
	SOCK_BROADCAST,
	SOCK_TIMESTAMP,
	SOCK_ZAPPED,
	SOCK_USE_WRITE_QUEUE,
	SOCK_DBG,
	SOCK_RCVTSTAMP,
	SOCK_RCVTSTAMPNS,
	SOCK_LOCALROUTE,
	SOCK_MEMALLOC,
	SOCK_TIMESTAMPING_RX_SOFTWARE,
	SOCK_FASYNC,
	SOCK_RXQ_OVFL,
	SOCK_ZEROCOPY,
	SOCK_WIFI_STATUS,
	SOCK_NOFCS,
	SOCK_FILTER_LOCKED,
	SOCK_SELECT_ERR_QUEUE,
	SOCK_RCU_FREE,
	SOCK_TXTIME,
	SOCK_XDP,
	SOCK_TSTAMP_NEW,
	SOCK_RCVMARK,
	SOCK_RCVPRIORITY,
	SOCK_TIMESTAMPING_ANY,
};

/* net/packet/internal.h; the numbers are those of the running kernel, see PACKET_BIT() */
enum packet_sock_flags {
	PACKET_SOCK_ORIGDEV,
	PACKET_SOCK_AUXDATA,
	PACKET_SOCK_TX_HAS_OFF,
	PACKET_SOCK_TP_LOSS,
	PACKET_SOCK_HAS_VNET_HDR,
	PACKET_SOCK_QDISC_BYPASS,
};

/* include/uapi/linux/if_packet.h */
enum tpacket_versions {
	TPACKET_V1,
};

/* include/uapi/linux/bpf.h */
enum bpf_prog_type {
	BPF_PROG_TYPE_UNSPEC,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

struct cred {
	kuid_t euid;
	kgid_t egid;
};

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
};

struct hlist_head {
	struct hlist_node *first;
};

/* namespaces */

struct ns_common {
	unsigned int inum;
};

struct tcp_congestion_ops;

/* the hash tables of sockets */

struct hlist_nulls_node {
	struct hlist_nulls_node *next;
};

struct hlist_nulls_head {
	struct hlist_nulls_node *first;
};

struct inet_ehash_bucket {
	struct hlist_nulls_head chain;
};

struct inet_listen_hashbucket {
	struct hlist_nulls_head nulls_head;
};

struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
	unsigned int lhash2_mask;
	struct inet_listen_hashbucket *lhash2;
	struct inet_listen_hashbucket listening_hash[32]; /* up to 5.18 */
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

struct udp_hslot {
	struct hlist_head head;
};

struct udp_table {
	struct udp_hslot *hash;
	unsigned int mask;
};

struct unix_table {
	struct hlist_head *buckets;
};

struct netns_unix {
	struct unix_table table; /* 6.0 */
};

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct udp_table *udp_table; /* 6.2 */
	struct sock *mc_autojoin_sk;
	u8 sysctl_ip_default_ttl;
	int sysctl_tcp_keepalive_time;
	int sysctl_tcp_keepalive_intvl;
	u8 sysctl_tcp_keepalive_probes;
	u8 sysctl_tcp_syn_retries;
	u8 sysctl_tcp_syn_linear_timeouts;
	u8 sysctl_tcp_retries2;
	u8 sysctl_tcp_orphan_retries;
	u8 sysctl_tcp_early_retrans;
	u8 sysctl_tcp_thin_linear_timeouts;
	int sysctl_tcp_fin_timeout;
	int sysctl_tcp_fastopen;
	u8 sysctl_tcp_pingpong_thresh;
	u8 sysctl_tcp_reflect_tos;
	u8 sysctl_tcp_fwmark_accept;
	const struct tcp_congestion_ops *tcp_congestion_control;
};

struct netns_sysctl_ipv6 {
	u8 auto_flowlabels;
};

struct ipv6_devconf {
	__s32 hop_limit;
};

struct netns_ipv6 {
	struct netns_sysctl_ipv6 sysctl;
	struct ipv6_devconf *devconf_all;
};

/* 5.18 to 6.0 */
struct netns_ipv4___pointer {
	struct inet_timewait_death_row *tcp_death_row;
};

struct net___pointer {
	struct netns_ipv4___pointer ipv4;
};

struct netns_xdp {
	struct hlist_head list;
};

struct netns_packet {
	struct hlist_head sklist;
};

struct net {
	struct ns_common ns;
	struct netns_unix unx;
	struct netns_packet packet;
	struct netns_xdp xdp;
	u64 net_cookie;
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
};

typedef struct {
	struct net *net;
} possible_net_t;

/* routes, for the hop limit of a cached one */

struct inet6_dev {
	struct ipv6_devconf cnf;
};

struct net_device {
	int ifindex;
	struct inet6_dev *ip6_ptr;
};

struct dst_entry {
	struct net_device *dev;
	unsigned long _metrics;
};

/* socket filters */

struct sock_fprog_kern {
	u16 len;
};

struct bpf_prog_aux {
	u32 id;
	char name[16];
};

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
	struct sock_fprog_kern *orig_prog;
};

struct sk_filter {
	struct bpf_prog *prog;
};

struct sock_reuseport {
	u16 num_socks;
	struct bpf_prog *prog;
};

struct xfrm_policy {
};

/* processes */

struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct idr {
	struct xarray idr_rt;
};

struct pid_namespace {
	struct idr idr;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[0];
};

struct signal_struct {
	struct pid *pids[4];
};

struct nsproxy {
	struct net *net_ns;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	unsigned int flags;
	void *pf_io_worker;
	void *worker_private;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	struct list_head thread_node;
	struct io_uring_task *io_uring;
	u64 start_boottime;
	char comm[16];
};

/* sockets */

struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	const struct file_operations *f_op;
	void *private_data;
	unsigned int f_flags;
	long long f_pos;
};

struct socket {
	unsigned long flags;
	struct sock *sk;
};

/* files that are registered with an io_uring, and io_urings that are registered with a thread */

struct io_uring_task {
	struct file *registered_rings[16];
};

struct io_rsrc_node {
	unsigned long file_ptr;
};

struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};

struct io_file_table {
	struct io_rsrc_data data; /* 6.13 */
};

struct io_ring_ctx {
	struct io_file_table file_table;
};

/* 5.13 to 6.12 */
struct io_file_table___fixed {
	struct io_fixed_file *files;
};

struct io_ring_ctx___fixed {
	struct io_file_table___fixed file_table;
	unsigned int nr_user_files;
};

/* until 5.12 */
struct fixed_file_data___old {
	struct fixed_file_table *table;
};

struct io_ring_ctx___old {
	struct fixed_file_data___old *file_data;
	unsigned int nr_user_files;
};

/* sockets */

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sock;

struct raw_hashinfo {
	struct hlist_head ht[256];
};

struct proto {
	union {
		struct udp_table *udp_table;
		struct raw_hashinfo *raw_hash;
	} h;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	atomic64_t skc_cookie;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	union {
		unsigned long skc_flags;
		struct sock *skc_listener; /* of a request_sock */
	};
	struct hlist_node skc_node;
	struct proto *skc_prot;
	unsigned int skc_hash;
	int skc_incoming_cpu;
	refcount_t skc_refcnt;
};

struct numa_drop_counters {
	atomic_t drops0;
	atomic_t drops1;
};

struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	unsigned int len;
	char cb[48];
};

struct sk_buff_head {
	struct sk_buff *next;
	__u32 qlen;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* 5.15 */
	u64 val; /* until 5.14 */
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	atomic_t sk_drops;
	struct numa_drop_counters *sk_drop_counters;
	__s32 sk_peek_off;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	unsigned int sk_ll_usec;
	unsigned int sk_napi_id;
	u16 sk_busy_poll_budget;
	u8 sk_prefer_busy_poll;
	u8 sk_userlocks;
	int sk_rcvbuf;
	int sk_sndbuf;
	struct sk_filter *sk_filter;
	long sk_rcvtimeo;
	long sk_sndtimeo;
	int sk_rcvlowat;
	int sk_err;
	int sk_err_soft;
	struct socket *sk_socket;
	struct xfrm_policy *sk_policy[2];
	u32 sk_reserved_mem;
	u32 sk_tsflags;
	int sk_bind_phc;
	refcount_t sk_wmem_alloc;
	int sk_wmem_queued;
	struct dst_entry *sk_dst_cache;
	unsigned long sk_max_pacing_rate;
	u32 sk_priority;
	u32 sk_mark;
	kuid_t sk_uid;
	u16 sk_protocol;
	u16 sk_type;
	u8 sk_kern_sock : 1;
	u8 sk_no_check_tx : 1;
	unsigned long sk_lingertime;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	unsigned long sk_ino;
	struct sock_cgroup_data sk_cgrp_data;
	struct timer_list sk_timer;
	struct timer_list tcp_retransmit_timer;
	u8 sk_txrehash;
	u8 sk_scm_credentials : 1;
	u8 sk_scm_security : 1;
	u8 sk_scm_pidfd : 1;
	u8 sk_scm_rights : 1;
	struct pid *sk_peer_pid;
	const struct cred *sk_peer_cred;
	u8 sk_clockid;
	u8 sk_txtime_deadline_mode : 1;
	u8 sk_txtime_report_errors : 1;
	u8 sk_bpf_cb_flags;
	u8 sk_bypass_prot_mem : 1;
	struct sock_reuseport *sk_reuseport_cb;
	void *sk_user_data;
	void *sk_data_ready; /* a function */
};

/* sockmaps */

struct bpf_map {
	u32 id;
	char name[16];
};

struct sk_psock {
	struct sock *sk;
	struct list_head link;
};

struct sk_psock_link {
	struct list_head list;
	struct bpf_map *map;
};

/* IPv4 */

struct ip_options {
	__be32 faddr;
	unsigned char optlen;
	unsigned char srr;
	unsigned char rr;
	unsigned char ts;
	unsigned char rr_needaddr : 1;
	unsigned char ts_needtime : 1;
	unsigned char ts_needaddr : 1;
	unsigned char __data[0];
};

struct ip_options_rcu {
	struct ip_options opt;
};

struct in_addr {
	__be32 s_addr;
};

struct ip_mreqn {
	struct in_addr imr_multiaddr;
	struct in_addr imr_address;
	int imr_ifindex;
};

struct ip_sf_socklist {
	unsigned int sl_count;
	__be32 sl_addr[0];
};

struct ip_mc_socklist {
	struct ip_mc_socklist *next_rcu;
	struct ip_mreqn multi;
	unsigned int sfmode;
	struct ip_sf_socklist *sflist;
};

struct ipv6_pinfo;

struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	unsigned long inet_flags;
	__s16 uc_ttl;
	struct ip_options_rcu *inet_opt;
	__u8 tos;
	__u8 min_ttl;
	__u8 mc_ttl;
	__u8 pmtudisc;
	int uc_index;
	int mc_index;
	__be32 mc_addr;
	u32 local_port_range;
	struct ip_mc_socklist *mc_list;
	/* up to 6.5: single bits and a word of control message flags instead of inet_flags */
	__u16 cmsg_flags;
	__u8 recverr : 1;
	__u8 freebind : 1;
	__u8 hdrincl : 1;
	__u8 mc_loop : 1;
	__u8 transparent : 1;
	__u8 mc_all : 1;
	__u8 nodefrag : 1;
	__u8 bind_address_no_port : 1;
	__u8 recverr_rfc4884 : 1;
};

/* 6.3 to 6.7 and some stable kernels: the range as two members */
struct inet_sock___range {
	struct {
		u16 lo;
		u16 hi;
	} local_port_range;
};

/* IPv6 */

struct ipv6_opt_hdr {
	__u8 nexthdr;
	__u8 hdrlen;
};

struct ipv6_rt_hdr {
	__u8 nexthdr;
	__u8 hdrlen;
};

struct ipv6_txoptions {
	struct ipv6_opt_hdr *hopopt;
	struct ipv6_opt_hdr *dst0opt;
	struct ipv6_rt_hdr *srcrt;
	struct ipv6_opt_hdr *dst1opt;
};

struct in6_pktinfo {
	struct in6_addr ipi6_addr;
	int ipi6_ifindex;
};

struct ip6_sf_socklist {
	unsigned int sl_count;
	struct in6_addr sl_addr[0];
};

struct ipv6_mc_socklist {
	struct in6_addr addr;
	int ifindex;
	unsigned int sfmode;
	struct ipv6_mc_socklist *next;
	struct ip6_sf_socklist *sflist;
};

struct ipv6_ac_socklist {
	struct in6_addr acl_addr;
	int acl_ifindex;
	struct ipv6_ac_socklist *acl_next;
};

struct ipv6_pinfo {
	struct ipv6_txoptions *opt;
	s16 hop_limit;
	u8 pmtudisc;
	u8 tclass;
	u8 mcast_hops;
	int ucast_oif;
	int mcast_oif;
	union {
		struct {
			u16 srcrt : 1;
			u16 osrcrt : 1;
			u16 rxinfo : 1;
			u16 rxoinfo : 1;
			u16 rxhlim : 1;
			u16 rxohlim : 1;
			u16 hopopts : 1;
			u16 ohopopts : 1;
			u16 dstopts : 1;
			u16 odstopts : 1;
			u16 rxflow : 1;
			u16 rxtclass : 1;
			u16 rxpmtu : 1;
			u16 rxorigdstaddr : 1;
			u16 recvfragsize : 1;
		} bits;
	} rxopt;
	u8 srcprefs;
	u8 min_hopcount;
	struct in6_pktinfo sticky_pktinfo;
	struct ipv6_mc_socklist *ipv6_mc_list;
	struct ipv6_ac_socklist *ipv6_ac_list;
	/* up to 6.6: single bits instead of inet_flags */
	__u16 recverr : 1;
	__u16 mc_loop : 1;
	__u16 mc_all : 1;
	__u16 dontfrag : 1;
	__u16 sndflow : 1;
	__u16 autoflowlabel : 1;
	__u16 autoflowlabel_set : 1;
	__u16 rtalert_isolate : 1;
	__u16 recverr_rfc4884 : 1;
};

/* TCP */

struct fastopen_queue {
	int max_qlen;
};

struct request_sock_queue {
	u8 rskq_defer_accept;
	struct request_sock *rskq_accept_head;
	struct fastopen_queue fastopenq;
};

struct tcp_congestion_ops {
	char name[16];
};

struct tcp_ulp_ops {
	char name[16];
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	__u32 icsk_rto;
	__u32 icsk_rto_min;
	u32 icsk_rto_max;
	__u32 icsk_delack_max;
	const struct tcp_congestion_ops *icsk_ca_ops;
	const struct tcp_ulp_ops *icsk_ulp_ops;
	void *icsk_ulp_data;
	unsigned long icsk_timeout;
	struct timer_list icsk_retransmit_timer;
	struct timer_list icsk_keepalive_timer;
	struct timer_list icsk_delack_timer;
	__u8 icsk_pending;
	__u8 icsk_retransmits;
	__u8 icsk_backoff;
	__u8 icsk_probes_out;
	__u8 icsk_ca_setsockopt : 1;
	__u8 icsk_syn_retries;
	struct {
		__u8 pending;
		__u8 pingpong;
	} icsk_ack;
	u32 icsk_user_timeout;
};

struct tcp_options_received {
	u16 sack_ok : 3;
	u16 user_mss;
	u16 mss_clamp;
};

struct tcp_md5sig_info {
	struct hlist_head head;
};

/* Without the key. The union of `addr`, here and in struct tcp_ao_key, was renamed in 6.7. */
struct tcp_md5sig_key {
	struct hlist_node node;
	u8 family;
	u8 prefixlen;
	u8 flags;
	struct {
		struct in6_addr a6;
	} addr;
	int l3index;
};

struct tcp_ao_info {
	struct hlist_head head;
};

struct tcp_ao_key {
	struct hlist_node node;
	struct {
		struct in6_addr a6;
	} addr;
	int l3index;
	u8 prefixlen;
	u8 family;
	u8 keyflags;
	u8 sndid;
	u8 rcvid;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 notsent_lowat;
	u32 snd_wnd;
	u32 mss_cache;
	u8 scaling_ratio;
	u8 repair : 1;
	u8 recvmsg_inq : 1;
	u32 copied_seq;
	u32 write_seq;
	u8 nonagle : 4;
	u32 rcv_nxt;
	u32 snd_nxt;
	u32 snd_una;
	u32 window_clamp;
	u32 rcv_wnd;
	u32 rcv_tstamp;
	u32 srtt_us;
	u32 rttvar_us;
	u32 packets_out;
	struct tcp_options_received rx_opt;
	u8 thin_lto : 1;
	u8 fastopen_connect : 1;
	u8 fastopen_no_cookie : 1;
	u8 save_syn : 2;
	u8 keepalive_probes;
	u32 tcp_tx_delay;
	unsigned int keepalive_time;
	unsigned int keepalive_intvl;
	int linger2;
	u8 bpf_sock_ops_cb_flags;
	bool is_mptcp;
	struct tcp_md5sig_info *md5sig_info;
	struct tcp_ao_info *ao_info;
};

/* MPTCP: net/mptcp/protocol.h */

/* what icsk_ulp_data of a subflow points to */
struct mptcp_subflow_context {
	struct sock *conn;
};

struct mptcp_sock {
	struct inet_connection_sock sk;
	unsigned long flags;
	u8 recvmsg_inq : 1;
	u8 cork : 1;
	u8 nodelay : 1;
	u32 notsent_lowat;
	int keepalive_cnt;
	int keepalive_idle;
	int keepalive_intvl;
	int maxseg;
	struct sock *first;
	char ca_name[16];
	u32 backlog_len;
};

/* TLS: what icsk_ulp_data of a socket with the ULP tls points to; the keys are left out */

struct tls_crypto_info {
	__u16 version;
	__u16 cipher_type;
};

union tls_crypto_context {
	struct tls_crypto_info info;
};

struct tls_prot_info {
	u16 version;
};

struct tls_context {
	struct tls_prot_info prot_info;
	u8 tx_conf : 3;
	u8 rx_conf : 3;
	u8 zerocopy_sendfile : 1;
	u8 rx_no_pad : 1;
	u16 tx_max_payload_len;
	union tls_crypto_context crypto_send;
	union tls_crypto_context crypto_recv;
};

struct request_sock {
	struct sock_common __req_common;
	struct request_sock *dl_next;
	u8 num_timeout : 7;
	struct timer_list rsk_timer;
	struct sock *sk;
};

struct inet_request_sock {
	struct request_sock req;
};

struct tcp_request_sock {
	struct inet_request_sock req;
};

struct inet_timewait_sock {
	struct timer_list tw_timer;
	volatile unsigned char tw_substate;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

/* UDP */

struct udp_sock {
	struct inet_sock inet;
	unsigned long udp_flags;
	__u8 encap_type;
	__u16 gso_size;
	int forward_deficit;
	void *encap_rcv; /* a function */
	/* up to 6.6: members instead of udp_flags */
	unsigned int corkflag;
	__u8 no_check6_tx : 1;
	__u8 no_check6_rx : 1;
	__u8 gro_enabled : 1;
};

/* raw */

struct raw_sock {
	struct inet_sock inet;
	struct {
		__u32 data;
	} filter;
};

struct raw6_sock {
	struct inet_sock inet;
	__u32 checksum;
	__u32 offset;
	struct {
		__u32 data[8];
	} filter;
};

/* netlink */

struct netlink_sock {
	struct sock sk;
	void *netlink_rcv; /* a function */
	unsigned long flags;
	u32 portid;
	u32 dst_portid;
	u32 dst_group;
	u32 ngroups;
	unsigned long *groups;
};

/* vsock; if it is a module, its types are in the BTF of the module */

struct sockaddr_vm {
	unsigned int svm_port;
	unsigned int svm_cid;
};

struct vsock_sock {
	struct sock sk;
	struct sockaddr_vm local_addr;
	struct sockaddr_vm remote_addr;
	long connect_timeout;
	u64 buffer_size;
	u64 buffer_min_size;
	u64 buffer_max_size;
};

/* sctp; a module, but the BTF of every kernel that can have the module contains its types */

struct sctp_endpoint {
	struct {
		struct {
			struct list_head address_list;
		} bind_addr;
	} base;
	struct list_head asocs;
	__u8 ecn_enable;
	__u8 auth_enable;
	__u8 intl_enable;
	__u8 prsctp_enable;
	__u8 asconf_enable;
	__u8 reconf_enable;
	__u8 strreset_enable;
};

enum sctp_socket_type {
	SCTP_SOCKET_UDP,
};

struct sctp_sock {
	struct inet_sock inet;
	enum sctp_socket_type type;
	struct sctp_endpoint *ep;
	__u16 default_stream;
	__u32 default_ppid;
	__u16 default_flags;
	__u32 default_context;
	__u32 default_timetolive;
	__u32 default_rcv_context;
	int max_burst;
	__u32 hbinterval;
	__u32 probe_interval;
	__be16 encap_port;
	__u16 pathmaxrxt;
	__u32 flowlabel;
	__u8 dscp;
	__u16 pf_retrans;
	__u16 ps_retrans;
	__u32 pathmtu;
	__u32 sackdelay;
	__u32 sackfreq;
	__u32 param_flags;
	__u32 default_ss;
	struct {
		__u32 srto_initial;
		__u32 srto_max;
		__u32 srto_min;
	} rtoinfo;
	struct {
		__u16 sasoc_asocmaxrxt;
		__u16 sasoc_number_peer_destinations;
		__u32 sasoc_peer_rwnd;
		__u32 sasoc_local_rwnd;
		__u32 sasoc_cookie_life;
	} assocparams;
	__u16 subscribe;
	struct {
		__u16 sinit_num_ostreams;
		__u16 sinit_max_instreams;
		__u16 sinit_max_attempts;
		__u16 sinit_max_init_timeo;
	} initmsg;
	int user_frag;
	__u32 autoclose;
	__u32 adaptation_ind;
	__u32 pd_point;
	__u16 nodelay;
	__u16 pf_expose;
	__u16 reuse;
	__u16 disable_fragments;
	__u16 v4mapped;
	__u16 frag_interleave;
	__u16 recvrcvinfo;
	__u16 recvnxtinfo;
	int do_auto_asconf;
};

struct sctp_association {
	struct list_head asocs;
	struct {
		__u32 rwnd;
		__u16 transport_count;
		__u16 ecn_capable;
		__u16 asconf_capable;
		__u16 prsctp_capable;
		__u16 reconf_capable;
		__u16 intl_capable;
		__u16 auth_capable;
	} peer;
	__s64 cookie_life;
	unsigned long rto_initial;
	unsigned long rto_max;
	unsigned long rto_min;
	int max_burst;
	int max_retrans;
	__u16 pf_retrans;
	__u16 ps_retrans;
	unsigned long hbinterval;
	unsigned long probe_interval;
	__be16 encap_port;
	__u16 pathmaxrxt;
	__u32 flowlabel;
	__u8 dscp;
	__u32 pathmtu;
	__u32 param_flags;
	__u32 sackfreq;
	unsigned long sackdelay;
	__u32 a_rwnd;
	__u32 frag_point;
	__u16 default_stream;
	__u16 default_flags;
	__u32 default_ppid;
	__u32 default_context;
	__u32 default_timetolive;
	__u32 default_rcv_context;
	__u8 pf_expose;
	__u8 strreset_enable;
};

/* unix */

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct scm_fp_list {
	short count;
	struct file *fp[253];
};

struct unix_skb_parms {
	struct scm_fp_list *fp;
	u32 consumed;
};

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
	int inq_len;
	bool recvmsg_inq;
	bool scm_rights_notrunc;
};

/* packet */

union tpacket_stats_u {
	struct {
		unsigned int tp_packets;
	} stats1;
	struct {
		unsigned int tp_freeze_q_cnt;
	} stats3;
};

struct packet_ring_buffer {
	void *pg_vec;
	unsigned int frame_size;
	unsigned int frame_max;
	unsigned int pg_vec_pages;
	unsigned int pg_vec_len;
};

struct packet_fanout {
	u16 id;
	u8 type;
	u8 flags;
	struct bpf_prog *bpf_prog; /* in a union with rr_cur, which other fanout types use */
};

struct packet_rollover {
	atomic64_t num;
	atomic64_t num_huge;
	atomic64_t num_failed;
};

struct packet_mclist {
	struct packet_mclist *next;
	int ifindex;
	int count;
	unsigned short type;
	unsigned short alen;
	unsigned char addr[32];
};

struct packet_type {
	bool ignore_outgoing;
};

struct packet_sock {
	struct sock sk;
	struct packet_fanout *fanout;
	union tpacket_stats_u stats;
	struct packet_ring_buffer rx_ring;
	struct packet_ring_buffer tx_ring;
	int copy_thresh;
	unsigned long flags;
	int ifindex;
	u8 vnet_hdr_sz;
	__be16 num;
	struct packet_rollover *rollover;
	struct packet_mclist *mclist;
	enum tpacket_versions tp_version;
	unsigned int tp_reserve;
	unsigned int tp_tstamp;
	struct packet_type prot_hook;
	atomic_t tp_drops;
	/* up to 6.2, except stable kernels: single bits instead of flags */
	unsigned int auxdata : 1;
	unsigned int origdev : 1;
	unsigned int has_vnet_hdr : 1;
	unsigned int tp_loss : 1;
	unsigned int tp_tx_has_off : 1;
};

/* XDP */

struct xsk_queue {
	u32 nentries;
	u64 invalid_descs;
	u64 queue_empty_descs;
};

struct xsk_buff_pool {
	struct xsk_queue *fq;
	struct xsk_queue *cq;
};

struct xdp_umem {
	u64 size;
	u32 headroom;
	u32 chunk_size;
	u8 flags;
	u8 tx_metadata_len;
};

struct xdp_sock {
	struct sock sk;
	struct xsk_queue *rx;
	struct net_device *dev;
	struct xdp_umem *umem;
	struct xsk_buff_pool *pool;
	u16 queue_id;
	bool zc;
	enum {
		XSK_READY,
		XSK_BOUND,
	} state;
	struct xsk_queue *tx;
	u64 rx_dropped;
	u64 rx_queue_full;
	u32 max_tx_budget;
	struct xsk_queue *fq_tmp;
	struct xsk_queue *cq_tmp;
};

/* how an iterator remembers the sockets that it has yet to visit, see bpf/compat.h */

union bpf_tcp_iter_batch_item {
	__u64 cookie;
};

union bpf_udp_iter_batch_item {
	__u64 cookie;
};

struct seq_file {
	unsigned long size;
	unsigned long count;
	const struct file *file;
};

#pragma clang attribute pop

/* the contexts of iterators, whose layout has never changed, so they need no relocation */

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

struct bpf_iter__netlink {
	struct bpf_iter_meta *meta;
	struct netlink_sock *sk;
};

struct bpf_iter__unix {
	struct bpf_iter_meta *meta;
	struct unix_sock *unix_sk;
	u32 uid __attribute__((aligned(8)));
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd __attribute__((aligned(8)));
	struct file *file;
};

#endif
