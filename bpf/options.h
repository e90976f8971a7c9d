/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * THE LIST: the facts about a socket that the values of its options consist of, by level.
 *
 *   FLAG(NAME, present, expression)    a fact that is 0 or 1
 *   VALUE(NAME, present, expression)   a number, raw as the kernel holds it
 *
 * NAME is the option's constant. An option that consists of several facts has one line for each; the
 * others are named NAME__part. `present` is whether this kernel has the members that the expression
 * reads. It is decided when the program is loaded, so that a kernel that lacks a member loses that fact
 * and nothing else. Most lines take both from one of the macros of read.h and compat.h:
 *
 *   MEMBER(pointer, member)            a member that always had one width
 *   BIT(pointer, member)               a single bit, or the byte that begins with it
 *   BITS(pointer, member)              a bit field, or a member whose width changed between kernels
 *   SOCK_FLAG(name), GATHERED(...) ... see there
 *
 * The expressions use the variables of the function that writes their section: the socket as sk, inet,
 * np, tp, up, po, xs, msk or sp, for example, its network namespace as net, and its BPF programs as
 * filter and reuseport. Nothing is converted here: jiffies remain jiffies, masks remain masks.
 * src/options/catalogue.rs has a line for each option, which defines how these facts are read, shown and
 * compared with the default. A NAME that is missing there or here is a compile error.
 *
 * No fact may be a kernel address. Strings, IPv6 addresses and lists are not numbers: record.h has
 * members for them, which sections.h and items.h fill in. The fact of such a list only tells an unknown
 * list from an empty one: it is present if this kernel has the members that the list is read from
 * (lists.h).
 */
#ifndef OPTIONS_H
#define OPTIONS_H

/* SOL_SOCKET: net/core/sock.c, sk_getsockopt() */
#define SOCKET_OPTIONS_LIST(FLAG, VALUE)                                                        \
	FLAG(SO_DEBUG, SOCK_FLAG(SOCK_DBG))                                                     \
	FLAG(SO_DONTROUTE, SOCK_FLAG(SOCK_LOCALROUTE))                                          \
	FLAG(SO_BROADCAST, SOCK_FLAG(SOCK_BROADCAST))                                           \
	FLAG(SO_KEEPALIVE, SOCK_FLAG(SOCK_KEEPOPEN))                                            \
	FLAG(SO_OOBINLINE, SOCK_FLAG(SOCK_URGINLINE))                                           \
	FLAG(SO_LINGER, SOCK_FLAG(SOCK_LINGER))                                                 \
	FLAG(SO_RXQ_OVFL, SOCK_FLAG(SOCK_RXQ_OVFL))                                             \
	FLAG(SO_WIFI_STATUS, SOCK_FLAG(SOCK_WIFI_STATUS))                                       \
	FLAG(SO_NOFCS, SOCK_FLAG(SOCK_NOFCS))                                                   \
	FLAG(SO_LOCK_FILTER, SOCK_FLAG(SOCK_FILTER_LOCKED))                                     \
	FLAG(SO_SELECT_ERR_QUEUE, SOCK_FLAG(SOCK_SELECT_ERR_QUEUE))                             \
	FLAG(SO_ZEROCOPY, SOCK_FLAG(SOCK_ZEROCOPY))                                             \
	FLAG(SO_TXTIME, SOCK_FLAG(SOCK_TXTIME))                                                 \
	FLAG(SO_RCVMARK, SOCK_FLAG(SOCK_RCVMARK))                                               \
	FLAG(SO_RCVPRIORITY, SOCK_FLAG(SOCK_RCVPRIORITY))                                       \
	FLAG(SO_TIMESTAMP__any, SOCK_FLAG(SOCK_RCVTSTAMP))                                      \
	FLAG(SO_TIMESTAMP__ns, SOCK_FLAG(SOCK_RCVTSTAMPNS))                                     \
	FLAG(SO_TIMESTAMP__new, SOCK_FLAG(SOCK_TSTAMP_NEW))                                     \
	FLAG(SO_REUSEPORT, BIT(sk, __sk_common.skc_reuseport))                                  \
	FLAG(SO_NO_CHECK, BIT(sk, sk_no_check_tx))                                              \
	FLAG(SO_PREFER_BUSY_POLL, BIT(sk, sk_prefer_busy_poll))                                 \
	FLAG(SO_PASSCRED, GATHERED(3))                                                          \
	FLAG(SO_PASSSEC, GATHERED(4))                                                           \
	FLAG(SO_PASSPIDFD, GATHERED(7))                                                         \
	FLAG(SO_PASSRIGHTS, BIT(sk, sk_scm_rights))                                             \
	FLAG(SO_TXTIME__deadline_mode, BIT(sk, sk_txtime_deadline_mode))                        \
	FLAG(SO_TXTIME__report_errors, BIT(sk, sk_txtime_report_errors))                        \
	FLAG(SK_BPF_BYPASS_PROT_MEM, BIT(sk, sk_bypass_prot_mem))                               \
	FLAG(SO_ACCEPTCONN, HAS(sk, __sk_common.skc_state), LOAD(sk, __sk_common.skc_state) == TCP_LISTEN) \
	FLAG(SO_GET_FILTER, OF_FILTER(PRESENT(sk, sk_filter, filter)))                          \
	FLAG(SO_GET_FILTER__classic, OF_FILTER(AWAY_MEMBER(filter, orig_prog) != 0))            \
	FLAG(SO_ATTACH_REUSEPORT_CBPF, OF_REUSEPORT(PRESENT(sk, sk_reuseport_cb, reuseport)))   \
	FLAG(SO_ATTACH_REUSEPORT_CBPF__classic, OF_REUSEPORT(AWAY_MEMBER(reuseport, orig_prog) != 0)) \
	FLAG(SO_GET_FILTER__name, has_program_name(filter), 0)                                  \
	FLAG(SO_ATTACH_REUSEPORT_CBPF__name, has_program_name(reuseport), 0)                    \
	VALUE(SO_NETNS_COOKIE, MEMBER(net, net_cookie))                                         \
	VALUE(SO_GET_FILTER__insns, OF_FILTER(AWAY_BEHIND(filter, orig_prog, len)))                  \
	VALUE(SO_GET_FILTER__id, OF_FILTER(AWAY_BEHIND(filter, aux, id)))                            \
	VALUE(SO_ATTACH_REUSEPORT_CBPF__insns, OF_REUSEPORT(AWAY_BEHIND(reuseport, orig_prog, len))) \
	VALUE(SO_ATTACH_REUSEPORT_CBPF__id, OF_REUSEPORT(AWAY_BEHIND(reuseport, aux, id)))     \
	VALUE(SO_REUSEADDR, BITS(sk, __sk_common.skc_reuse))                                    \
	VALUE(SO_TYPE, MEMBER(sk, sk_type))                                                     \
	VALUE(SO_PROTOCOL, MEMBER(sk, sk_protocol))                                             \
	VALUE(SO_DOMAIN, MEMBER(sk, __sk_common.skc_family))                                    \
	VALUE(SO_ERROR, MEMBER(sk, sk_err))                                                     \
	VALUE(SO_ERROR__soft, MEMBER(sk, sk_err_soft))                                          \
	VALUE(SO_SNDBUF, MEMBER(sk, sk_sndbuf))                                                 \
	VALUE(SO_RCVBUF, MEMBER(sk, sk_rcvbuf))                                                 \
	VALUE(SO_BUF_LOCK, BITS(sk, sk_userlocks))                                              \
	VALUE(SO_PRIORITY, MEMBER(sk, sk_priority))                                             \
	VALUE(SO_LINGER__jiffies, MEMBER(sk, sk_lingertime))                                    \
	VALUE(SO_RCVLOWAT, MEMBER(sk, sk_rcvlowat))                                             \
	VALUE(SO_RCVTIMEO, MEMBER(sk, sk_rcvtimeo))                                             \
	VALUE(SO_SNDTIMEO, MEMBER(sk, sk_sndtimeo))                                             \
	VALUE(SO_BINDTOIFINDEX, MEMBER(sk, __sk_common.skc_bound_dev_if))                       \
	VALUE(SO_TIMESTAMPING, BITS(sk, sk_tsflags))                                            \
	VALUE(SO_TIMESTAMPING__bind_phc, MEMBER(sk, sk_bind_phc))                               \
	VALUE(SO_MARK, MEMBER(sk, sk_mark))                                                     \
	VALUE(SO_PEEK_OFF, MEMBER(sk, sk_peek_off))                                             \
	VALUE(SO_BUSY_POLL, MEMBER(sk, sk_ll_usec))                                             \
	VALUE(SO_BUSY_POLL_BUDGET, MEMBER(sk, sk_busy_poll_budget))                             \
	VALUE(SO_MAX_PACING_RATE, MEMBER(sk, sk_max_pacing_rate))                               \
	VALUE(SO_INCOMING_CPU, MEMBER(sk, __sk_common.skc_incoming_cpu))                        \
	VALUE(SO_INCOMING_NAPI_ID, MEMBER(sk, sk_napi_id))                                      \
	VALUE(SO_TXTIME__clockid, MEMBER(sk, sk_clockid))                                       \
	VALUE(SK_BPF_CB_FLAGS, MEMBER(sk, sk_bpf_cb_flags))                                     \
	VALUE(SO_RESERVE_MEM, MEMBER(sk, sk_reserved_mem))                                      \
	VALUE(SO_TXREHASH, BITS(sk, sk_txrehash))

/* IPPROTO_IP: net/ipv4/ip_sockglue.c, do_ip_getsockopt() */
#define IP_OPTIONS_LIST(FLAG, VALUE)                                                            \
	FLAG(IP_PKTINFO, GATHERED(0))                                                           \
	FLAG(IP_RECVTTL, GATHERED(1))                                                           \
	FLAG(IP_RECVTOS, GATHERED(2))                                                           \
	FLAG(IP_RECVOPTS, GATHERED(3))                                                          \
	FLAG(IP_RETOPTS, GATHERED(4))                                                           \
	FLAG(IP_PASSSEC, GATHERED(5))                                                           \
	FLAG(IP_RECVORIGDSTADDR, GATHERED(6))                                                   \
	FLAG(IP_CHECKSUM, GATHERED(7))                                                          \
	FLAG(IP_RECVFRAGSIZE, GATHERED(8))                                                      \
	FLAG(IP_RECVERR, GATHERED(9))                                                           \
	FLAG(IP_RECVERR_RFC4884, GATHERED(10))                                                  \
	FLAG(IP_FREEBIND, GATHERED(11))                                                         \
	FLAG(IP_HDRINCL, GATHERED(12))                                                          \
	FLAG(IP_MULTICAST_LOOP, GATHERED(13))                                                   \
	FLAG(IP_MULTICAST_ALL, GATHERED(14))                                                    \
	FLAG(IP_MULTICAST_ALL__was_ipv6, PRESENT(inet, pinet6, LOAD(inet, pinet6)))             \
	FLAG(IP_TRANSPARENT, GATHERED(15))                                                      \
	FLAG(IP_NODEFRAG, GATHERED(17))                                                         \
	FLAG(IP_BIND_ADDRESS_NO_PORT, GATHERED(18))                                             \
	FLAG(IP_ROUTER_ALERT, GATHERED(30))                                                     \
	FLAG(IP_ADD_MEMBERSHIP, has_ip_memberships(inet), 0)                                    \
	FLAG(IP_OPTIONS, has_ip_options(inet), 0)                                               \
	VALUE(IP_TOS, MEMBER(inet, tos))                                                        \
	VALUE(IP_TTL, MEMBER(inet, uc_ttl))                                                     \
	VALUE(IP_TTL__sysctl, BIT(net, ipv4.sysctl_ip_default_ttl))                             \
	VALUE(IP_MINTTL, MEMBER(inet, min_ttl))                                                 \
	VALUE(IP_MTU_DISCOVER, MEMBER(inet, pmtudisc))                                          \
	VALUE(IP_MULTICAST_TTL, MEMBER(inet, mc_ttl))                                           \
	VALUE(IP_MULTICAST_IF, MEMBER(inet, mc_addr))                                           \
	VALUE(IP_MULTICAST_IF__ifindex, MEMBER(inet, mc_index))                                 \
	VALUE(IP_UNICAST_IF, MEMBER(inet, uc_index))                                            \
	VALUE(IP_LOCAL_PORT_RANGE, PORT_RANGE)                                                  \
	VALUE(IP_IPSEC_POLICY__in, MEMBER(sk, sk_policy[0]) != 0)                               \
	VALUE(IP_IPSEC_POLICY__out, MEMBER(sk, sk_policy[1]) != 0)

/* IPPROTO_IPV6: net/ipv6/ipv6_sockglue.c, do_ipv6_getsockopt() */
#define IPV6_OPTIONS_LIST(FLAG, VALUE)                                                          \
	FLAG(IPV6_2292PKTINFO, BIT(np, rxopt.bits.rxoinfo))                                     \
	FLAG(IPV6_2292HOPOPTS, BIT(np, rxopt.bits.ohopopts))                                    \
	FLAG(IPV6_2292DSTOPTS, BIT(np, rxopt.bits.odstopts))                                    \
	FLAG(IPV6_2292RTHDR, BIT(np, rxopt.bits.osrcrt))                                        \
	FLAG(IPV6_2292HOPLIMIT, BIT(np, rxopt.bits.rxohlim))                                    \
	FLAG(IPV6_FLOWINFO, BIT(np, rxopt.bits.rxflow))                                         \
	FLAG(IPV6_RECVPKTINFO, BIT(np, rxopt.bits.rxinfo))                                      \
	FLAG(IPV6_RECVHOPLIMIT, BIT(np, rxopt.bits.rxhlim))                                     \
	FLAG(IPV6_RECVHOPOPTS, BIT(np, rxopt.bits.hopopts))                                     \
	FLAG(IPV6_RECVRTHDR, BIT(np, rxopt.bits.srcrt))                                         \
	FLAG(IPV6_RECVDSTOPTS, BIT(np, rxopt.bits.dstopts))                                     \
	FLAG(IPV6_RECVPATHMTU, BIT(np, rxopt.bits.rxpmtu))                                      \
	FLAG(IPV6_RECVTCLASS, BIT(np, rxopt.bits.rxtclass))                                     \
	FLAG(IPV6_RECVORIGDSTADDR, BIT(np, rxopt.bits.rxorigdstaddr))                           \
	FLAG(IPV6_RECVFRAGSIZE, BIT(np, rxopt.bits.recvfragsize))                               \
	FLAG(IPV6_V6ONLY, BIT(sk, __sk_common.skc_ipv6only))                                    \
	FLAG(IPV6_HDRINCL, GATHERED(12))                                                        \
	FLAG(IPV6_FREEBIND, GATHERED(11))                                                       \
	FLAG(IPV6_TRANSPARENT, GATHERED(15))                                                    \
	FLAG(IPV6_MULTICAST_LOOP, GATHERED(20))                                                 \
	FLAG(IPV6_RECVERR_RFC4884, GATHERED(21))                                                \
	FLAG(IPV6_MULTICAST_ALL, GATHERED(22))                                                  \
	FLAG(IPV6_AUTOFLOWLABEL__set, GATHERED(23))                                             \
	FLAG(IPV6_AUTOFLOWLABEL, GATHERED(24))                                                  \
	FLAG(IPV6_DONTFRAG, GATHERED(25))                                                       \
	FLAG(IPV6_RECVERR, GATHERED(26))                                                        \
	FLAG(IPV6_ROUTER_ALERT_ISOLATE, GATHERED(28))                                           \
	FLAG(IPV6_FLOWINFO_SEND, GATHERED(29))                                                  \
	FLAG(IPV6_ROUTER_ALERT, GATHERED(30))                                                   \
	FLAG(IPV6_JOIN_GROUP, has_ipv6_memberships(np), 0)                                      \
	FLAG(IPV6_JOIN_ANYCAST, has_anycast(np), 0)                                             \
	FLAG(IPV6_HOPOPTS, HAS_EXTENSION(hopopt), 0)                                            \
	FLAG(IPV6_RTHDRDSTOPTS, HAS_EXTENSION(dst0opt), 0)                                      \
	FLAG(IPV6_RTHDR, HAS_EXTENSION(srcrt), 0)                                               \
	FLAG(IPV6_DSTOPTS, HAS_EXTENSION(dst1opt), 0)                                           \
	VALUE(IPV6_AUTOFLOWLABEL__sysctl, BIT(net, ipv6.sysctl.auto_flowlabels))                \
	VALUE(IPV6_UNICAST_HOPS, BITS(np, hop_limit))                                           \
	VALUE(IPV6_UNICAST_HOPS__route, has_route_hop_limit(sk), route_hop_limit(sk))           \
	VALUE(IPV6_UNICAST_HOPS__sysctl, BEHIND(net, ipv6.devconf_all, hop_limit))              \
	VALUE(IPV6_MULTICAST_HOPS, BITS(np, mcast_hops))                                        \
	VALUE(IPV6_MULTICAST_IF, MEMBER(np, mcast_oif))                                         \
	VALUE(IPV6_UNICAST_IF, MEMBER(np, ucast_oif))                                           \
	VALUE(IPV6_MTU_DISCOVER, BITS(np, pmtudisc))                                            \
	VALUE(IPV6_TCLASS, MEMBER(np, tclass))                                                  \
	VALUE(IPV6_ADDR_PREFERENCES, BITS(np, srcprefs))                                        \
	VALUE(IPV6_MINHOPCOUNT, MEMBER(np, min_hopcount))                                       \
	VALUE(IPV6_PKTINFO__ifindex, MEMBER(np, sticky_pktinfo.ipi6_ifindex))

/* IPPROTO_TCP: net/ipv4/tcp.c, do_tcp_getsockopt() */
#define TCP_OPTIONS_LIST(FLAG, VALUE)                                                           \
	FLAG(TCP_NODELAY, BIT(tp, nonagle) & 1)                                                 \
	FLAG(TCP_CORK, BIT(tp, nonagle) >> 1 & 1)                                               \
	FLAG(TCP_THIN_LINEAR_TIMEOUTS, BIT(tp, thin_lto))                                       \
	FLAG(TCP_REPAIR, BIT(tp, repair))                                                       \
	FLAG(TCP_FASTOPEN_CONNECT, BIT(tp, fastopen_connect))                                   \
	FLAG(TCP_FASTOPEN_NO_COOKIE, BIT(tp, fastopen_no_cookie))                               \
	FLAG(TCP_INQ, BIT(tp, recvmsg_inq))                                                     \
	FLAG(TCP_IS_MPTCP, BIT(tp, is_mptcp))                                                   \
	FLAG(TCP_MD5SIG, has_md5_keys(tp), LOAD_BEHIND(tp, md5sig_info, head.first) != 0)       \
	FLAG(TCP_AO_ADD_KEY, has_ao_keys(tp), LOAD_BEHIND(tp, ao_info, head.first) != 0)        \
	FLAG(TCP_CONGESTION__set, BIT(tp, inet_conn.icsk_ca_setsockopt))                        \
	FLAG(IP_TOS__reflected, BIT(net, ipv4.sysctl_tcp_reflect_tos))                          \
	FLAG(SO_MARK__accepted, BIT(net, ipv4.sysctl_tcp_fwmark_accept))                        \
	FLAG(TCP_WINDOW_CLAMP__connected, MEMBER(tp, write_seq) != 0)                           \
	VALUE(TCP_MAXSEG, MEMBER(tp, mss_cache))                                                \
	VALUE(TCP_MAXSEG__user, MEMBER(tp, rx_opt.user_mss))                                    \
	VALUE(TCP_MAXSEG__clamp, MEMBER(tp, rx_opt.mss_clamp))                                  \
	VALUE(TCP_KEEPIDLE, MEMBER(tp, keepalive_time))                                         \
	VALUE(TCP_KEEPIDLE__sysctl, MEMBER(net, ipv4.sysctl_tcp_keepalive_time))                \
	VALUE(TCP_KEEPINTVL, MEMBER(tp, keepalive_intvl))                                       \
	VALUE(TCP_KEEPINTVL__sysctl, MEMBER(net, ipv4.sysctl_tcp_keepalive_intvl))              \
	VALUE(TCP_KEEPCNT, MEMBER(tp, keepalive_probes))                                        \
	VALUE(TCP_KEEPCNT__sysctl, BITS(net, ipv4.sysctl_tcp_keepalive_probes))                 \
	VALUE(TCP_SYNCNT, MEMBER(tp, inet_conn.icsk_syn_retries))                               \
	VALUE(TCP_SYNCNT__sysctl, BIT(net, ipv4.sysctl_tcp_syn_retries))                        \
	VALUE(TCP_LINGER2, MEMBER(tp, linger2))                                                 \
	VALUE(TCP_LINGER2__sysctl, MEMBER(net, ipv4.sysctl_tcp_fin_timeout))                    \
	VALUE(TCP_DEFER_ACCEPT, MEMBER(tp, inet_conn.icsk_accept_queue.rskq_defer_accept))      \
	VALUE(TCP_WINDOW_CLAMP, MEMBER(tp, window_clamp))                                       \
	VALUE(TCP_WINDOW_CLAMP__scaling, MEMBER(tp, scaling_ratio))                             \
	VALUE(TCP_QUICKACK, MEMBER(tp, inet_conn.icsk_ack.pingpong))                            \
	VALUE(TCP_QUICKACK__sysctl, MEMBER(net, ipv4.sysctl_tcp_pingpong_thresh))               \
	VALUE(TCP_USER_TIMEOUT, MEMBER(tp, inet_conn.icsk_user_timeout))                        \
	VALUE(TCP_FASTOPEN, MEMBER(tp, inet_conn.icsk_accept_queue.fastopenq.max_qlen))         \
	VALUE(TCP_FASTOPEN__sysctl, BITS(net, ipv4.sysctl_tcp_fastopen))                        \
	VALUE(TCP_BPF_SOCK_OPS_CB_FLAGS, MEMBER(tp, bpf_sock_ops_cb_flags))                     \
	VALUE(TCP_NOTSENT_LOWAT, MEMBER(tp, notsent_lowat))                                     \
	VALUE(TCP_SAVE_SYN, BITS(tp, save_syn))                                                 \
	VALUE(TCP_TX_DELAY, MEMBER(tp, tcp_tx_delay))                                           \
	VALUE(TCP_RTO_MAX_MS, MEMBER(tp, inet_conn.icsk_rto_max))                               \
	VALUE(TCP_RTO_MIN_US, MEMBER(tp, inet_conn.icsk_rto_min))                               \
	VALUE(TCP_DELACK_MAX_US, MEMBER(tp, inet_conn.icsk_delack_max))

/*
 * The TCP facts that an MPTCP socket keeps itself: net/mptcp/sockopt.c, mptcp_getsockopt_sol_tcp(). Its
 * keepalive times are in seconds.
 */
#define MPTCP_OPTIONS_LIST(FLAG, VALUE)                                                         \
	FLAG(TCP_NODELAY, BIT(msk, nodelay))                                                    \
	FLAG(TCP_CORK, BIT(msk, cork))                                                          \
	FLAG(TCP_INQ, BIT(msk, recvmsg_inq))                                                    \
	FLAG(TCP_IS_MPTCP, true, 1)                                                             \
	FLAG(SO_MARK__accepted, BIT(net, ipv4.sysctl_tcp_fwmark_accept))                        \
	VALUE(TCP_KEEPIDLE, MEMBER(msk, keepalive_idle))                                        \
	VALUE(TCP_KEEPIDLE__sysctl, MEMBER(net, ipv4.sysctl_tcp_keepalive_time))                \
	VALUE(TCP_KEEPINTVL, MEMBER(msk, keepalive_intvl))                                      \
	VALUE(TCP_KEEPINTVL__sysctl, MEMBER(net, ipv4.sysctl_tcp_keepalive_intvl))              \
	VALUE(TCP_KEEPCNT, MEMBER(msk, keepalive_cnt))                                          \
	VALUE(TCP_KEEPCNT__sysctl, BITS(net, ipv4.sysctl_tcp_keepalive_probes))                 \
	VALUE(TCP_NOTSENT_LOWAT, MEMBER(msk, notsent_lowat))                                    \
	VALUE(TCP_FASTOPEN__sysctl, BITS(net, ipv4.sysctl_tcp_fastopen))

/*
 * The TCP facts that an MPTCP socket takes from its first subflow: mptcp_getsockopt_first_sf_only(). The
 * kernel creates a missing first subflow when a process asks, so a socket without one has the values of a
 * new subflow.
 */
#define MPTCP_FIRST_OPTIONS_LIST(FLAG, VALUE)                                                   \
	FLAG(TCP_FASTOPEN_CONNECT, BIT(tp, fastopen_connect))                                   \
	FLAG(TCP_FASTOPEN_NO_COOKIE, BIT(tp, fastopen_no_cookie))                               \
	FLAG(TCP_REPAIR, BIT(tp, repair))                                                       \
	FLAG(TCP_WINDOW_CLAMP__connected, MEMBER(tp, write_seq) != 0)                           \
	VALUE(TCP_MAXSEG, HAS(tp, mss_cache), LOAD(msk, first) ? LOAD(tp, mss_cache) : TCP_MSS_DEFAULT)       \
	VALUE(TCP_MAXSEG__user, HAS(tp, rx_opt.user_mss),                                       \
	      LOAD(msk, first) ? LOAD(tp, rx_opt.user_mss) : GET(msk, maxseg))                                \
	VALUE(TCP_MAXSEG__clamp, MEMBER(tp, rx_opt.mss_clamp))                                  \
	VALUE(TCP_DEFER_ACCEPT, MEMBER(tp, inet_conn.icsk_accept_queue.rskq_defer_accept))      \
	VALUE(TCP_FASTOPEN, MEMBER(tp, inet_conn.icsk_accept_queue.fastopenq.max_qlen))

/* SOL_TLS: net/tls/tls_main.c, do_tls_getsockopt(). The keys are never read. */
#define TLS_OPTIONS_LIST(FLAG, VALUE)                                                           \
	FLAG(TLS_TX_ZEROCOPY_RO, PROBED_BITS(tls, zerocopy_sendfile))                              \
	FLAG(TLS_RX_EXPECT_NO_PAD, PROBED_BITS(tls, rx_no_pad))                                    \
	VALUE(TLS_RX_EXPECT_NO_PAD__version, PROBED_MEMBER(tls, prot_info.version))                \
	VALUE(TLS_TX, PROBED_MEMBER(tls, crypto_send.info.cipher_type))                            \
	VALUE(TLS_TX__version, PROBED_MEMBER(tls, crypto_send.info.version))                       \
	VALUE(TLS_TX__mode, PROBED_BITS(tls, tx_conf))                                             \
	VALUE(TLS_RX, PROBED_MEMBER(tls, crypto_recv.info.cipher_type))                            \
	VALUE(TLS_RX__version, PROBED_MEMBER(tls, crypto_recv.info.version))                       \
	VALUE(TLS_RX__mode, PROBED_BITS(tls, rx_conf))                                             \
	VALUE(TLS_TX_MAX_PAYLOAD_LEN, PROBED_MEMBER(tls, tx_max_payload_len))

/* No option, but the control group that the socket was created in: src/host/cgroups.rs */
#define CGROUP_OPTIONS_LIST(FLAG, VALUE)                                                        \
	VALUE(CGROUP__id, has_cgroup(sk), cgroup_of(sk))

/* No option, but the number of sockmaps that the socket is in: sockmap.h */
#define SOCKMAP_OPTIONS_LIST(FLAG, VALUE)                                                       \
	VALUE(SOCKMAP__count, has_sockmaps(sk), count)

/*
 * No option, but the length of the name in the section, which may be cut: receiver.h. 0: the function has no name.
 */
#define RECEIVER_OPTIONS_LIST(FLAG, VALUE)                                                      \
	VALUE(RECEIVER__length, has_receiver(sk), length)

/*
 * No options, but what determines together with some of them when the kernel gives up a TCP connection:
 * net/ipv4/tcp_timer.c. A section of its own, so that only runs that show it pay for it.
 */
#define DEAD_OPTIONS_LIST(FLAG, VALUE)                                                          \
	FLAG(DEAD_AFTER__thin, BIT(net, ipv4.sysctl_tcp_thin_linear_timeouts))                  \
	FLAG(DEAD_AFTER__sack, BIT(tp, rx_opt.sack_ok))                                         \
	FLAG(DEAD_AFTER__loss_probes, LOSS_PROBES)                                              \
	VALUE(DEAD_AFTER__rto, MEMBER(tp, inet_conn.icsk_rto))                                  \
	VALUE(DEAD_AFTER__backoff, MEMBER(tp, inet_conn.icsk_backoff))                          \
	VALUE(DEAD_AFTER__srtt, MEMBER(tp, srtt_us))                                            \
	VALUE(DEAD_AFTER__rttvar, MEMBER(tp, rttvar_us))                                        \
	VALUE(DEAD_AFTER__packets, MEMBER(tp, packets_out))                                     \
	VALUE(DEAD_AFTER__retries2, BIT(net, ipv4.sysctl_tcp_retries2))                         \
	VALUE(DEAD_AFTER__orphan_retries, BIT(net, ipv4.sysctl_tcp_orphan_retries))             \
	VALUE(DEAD_AFTER__syn_linear, BIT(net, ipv4.sysctl_tcp_syn_linear_timeouts))

/* No options either, but why an established TCP connection makes no progress: src/socket/diag.rs */
#define DIAG_OPTIONS_LIST(FLAG, VALUE)                                                          \
	VALUE(DIAG__send_window, MEMBER(tp, snd_wnd))                                           \
	VALUE(DIAG__receive_window, MEMBER(tp, rcv_wnd))                                        \
	VALUE(DIAG__in_flight, HAS(tp, snd_nxt) & HAS(tp, snd_una),                             \
	      LOAD(tp, snd_nxt) - LOAD(tp, snd_una))                                            \
	VALUE(DIAG__ack_age, HAS(tp, rcv_tstamp), (__u32)bpf_jiffies64() - LOAD(tp, rcv_tstamp))

/* IPPROTO_UDP: net/ipv4/udp.c, udp_lib_getsockopt() */
#define UDP_OPTIONS_LIST(FLAG, VALUE)                                                           \
	FLAG(UDP_CORK, UDP_BIT(0, corkflag))                                                    \
	FLAG(UDP_NO_CHECK6_TX, UDP_BIT(1, no_check6_tx))                                        \
	FLAG(UDP_NO_CHECK6_RX, UDP_BIT(2, no_check6_rx))                                        \
	FLAG(UDP_GRO, UDP_BIT(3, gro_enabled))                                                  \
	VALUE(UDP_ENCAP, MEMBER(up, encap_type))                                                \
	VALUE(UDP_SEGMENT, MEMBER(up, gso_size))

/* net/ipv4/raw.c, raw_getsockopt(), and net/ipv6/raw.c, rawv6_getsockopt() */
#define RAW_OPTIONS_LIST(FLAG, VALUE)                                                           \
	FLAG(IPV6_CHECKSUM__on, MEMBER(raw6, checksum) != 0)                                    \
	FLAG(ICMPV6_FILTER, HAS(raw6, filter.data), 0)                                          \
	VALUE(IPV6_CHECKSUM, MEMBER(raw6, offset))                                              \
	VALUE(ICMP_FILTER, MEMBER(raw, filter.data))

/* net/packet/af_packet.c, packet_getsockopt() */
#define PACKET_OPTIONS_LIST(FLAG, VALUE)                                                        \
	FLAG(PACKET_AUXDATA, PACKET_BIT(PACKET_SOCK_AUXDATA, auxdata))                          \
	FLAG(PACKET_ORIGDEV, PACKET_BIT(PACKET_SOCK_ORIGDEV, origdev))                          \
	FLAG(PACKET_LOSS, PACKET_BIT(PACKET_SOCK_TP_LOSS, tp_loss))                             \
	FLAG(PACKET_TX_HAS_OFF, PACKET_BIT(PACKET_SOCK_TX_HAS_OFF, tp_tx_has_off))              \
	FLAG(PACKET_QDISC_BYPASS, PACKET_FLAG(PACKET_SOCK_QDISC_BYPASS))                        \
	FLAG(PACKET_VNET_HDR, PACKET_VNET_HDR_BIT)                                              \
	FLAG(PACKET_ADD_MEMBERSHIP, has_packet_memberships(po), 0)                              \
	FLAG(PACKET_IGNORE_OUTGOING, MEMBER(po, prot_hook.ignore_outgoing))                     \
	FLAG(PACKET_FANOUT__joined, PRESENT(po, fanout, fanout))                                \
	FLAG(PACKET_ROLLOVER_STATS__kept, PRESENT(po, rollover, rollover))                      \
	FLAG(PACKET_RX_RING, PRESENT(po, rx_ring.pg_vec, LOAD(po, rx_ring.pg_vec)))             \
	FLAG(PACKET_TX_RING, PRESENT(po, tx_ring.pg_vec, LOAD(po, tx_ring.pg_vec)))             \
	FLAG(PACKET_FANOUT_DATA__name, has_program_name(data), 0)                               \
	VALUE(PACKET_VNET_HDR_SZ, MEMBER(po, vnet_hdr_sz))                                      \
	VALUE(PACKET_COPY_THRESH, MEMBER(po, copy_thresh))                                      \
	VALUE(PACKET_VERSION, MEMBER(po, tp_version))                                           \
	VALUE(PACKET_RESERVE, MEMBER(po, tp_reserve))                                           \
	VALUE(PACKET_TIMESTAMP, MEMBER(po, tp_tstamp))                                          \
	VALUE(PACKET_FANOUT, AWAY_MEMBER(fanout, id))                                           \
	VALUE(PACKET_FANOUT__type, AWAY_MEMBER(fanout, type))                                   \
	VALUE(PACKET_FANOUT__flags, AWAY_MEMBER(fanout, flags))                                 \
	VALUE(PACKET_FANOUT_DATA, PRESENT(fanout, bpf_prog, data))                              \
	VALUE(PACKET_FANOUT_DATA__id, OF(HAS(fanout, bpf_prog), AWAY_BEHIND(data, aux, id)))    \
	VALUE(PACKET_STATISTICS, MEMBER(po, stats.stats1.tp_packets))                           \
	VALUE(PACKET_STATISTICS__drops, MEMBER(po, tp_drops.counter))                           \
	VALUE(PACKET_STATISTICS__freezes, MEMBER(po, stats.stats3.tp_freeze_q_cnt))             \
	VALUE(PACKET_ROLLOVER_STATS, AWAY_MEMBER(rollover, num.counter))                        \
	VALUE(PACKET_ROLLOVER_STATS__huge, AWAY_MEMBER(rollover, num_huge.counter))             \
	VALUE(PACKET_ROLLOVER_STATS__failed, AWAY_MEMBER(rollover, num_failed.counter))         \
	VALUE(PACKET_RX_RING__block_pages, MEMBER(po, rx_ring.pg_vec_pages))                    \
	VALUE(PACKET_RX_RING__blocks, MEMBER(po, rx_ring.pg_vec_len))                           \
	VALUE(PACKET_RX_RING__frame_size, MEMBER(po, rx_ring.frame_size))                       \
	VALUE(PACKET_RX_RING__last_frame, MEMBER(po, rx_ring.frame_max))                        \
	VALUE(PACKET_TX_RING__block_pages, MEMBER(po, tx_ring.pg_vec_pages))                    \
	VALUE(PACKET_TX_RING__blocks, MEMBER(po, tx_ring.pg_vec_len))                           \
	VALUE(PACKET_TX_RING__frame_size, MEMBER(po, tx_ring.frame_size))                       \
	VALUE(PACKET_TX_RING__last_frame, MEMBER(po, tx_ring.frame_max))

/* net/xdp/xsk.c, xsk_getsockopt() */
#define XDP_OPTIONS_LIST(FLAG, VALUE)                                                           \
	FLAG(XDP_OPTIONS, MEMBER(xs, zc))                                                       \
	VALUE(XDP_RX_RING, HAS(xs, rx) & HAS(rx, nentries), AWAY(rx, nentries))                 \
	VALUE(XDP_TX_RING, HAS(xs, tx) & HAS(tx, nentries), AWAY(tx, nentries))                 \
	VALUE(XDP_UMEM_FILL_RING, HAS(fill_ring, nentries), AWAY(fill_ring, nentries))          \
	VALUE(XDP_UMEM_COMPLETION_RING, HAS(completion_ring, nentries), AWAY(completion_ring, nentries)) \
	VALUE(XDP_UMEM_REG, OF(HAS(xs, umem), AWAY_MEMBER(umem, size)))                         \
	VALUE(XDP_UMEM_REG__chunk_size, OF(HAS(xs, umem), AWAY_MEMBER(umem, chunk_size)))       \
	VALUE(XDP_UMEM_REG__headroom, OF(HAS(xs, umem), AWAY_MEMBER(umem, headroom)))           \
	VALUE(XDP_UMEM_REG__flags, OF(HAS(xs, umem), AWAY_MEMBER(umem, flags)))                 \
	VALUE(XDP_UMEM_REG__tx_metadata_len, OF(HAS(xs, umem), AWAY_MEMBER(umem, tx_metadata_len))) \
	VALUE(XDP_MAX_TX_SKB_BUDGET, MEMBER(xs, max_tx_budget))                                 \
	VALUE(XDP_STATISTICS, MEMBER(xs, rx_dropped))                                           \
	VALUE(XDP_STATISTICS__rx_invalid, AWAY_MEMBER(rx, invalid_descs))                       \
	VALUE(XDP_STATISTICS__tx_invalid, AWAY_MEMBER(tx, invalid_descs))                       \
	VALUE(XDP_STATISTICS__rx_full, MEMBER(xs, rx_queue_full))                               \
	VALUE(XDP_STATISTICS__fill_empty, AWAY_MEMBER(fill, queue_empty_descs))                 \
	VALUE(XDP_STATISTICS__tx_empty, AWAY_MEMBER(tx, queue_empty_descs))

/* SOL_NETLINK: net/netlink/af_netlink.c, netlink_getsockopt(). Up to 6.5 the flags were 32 bits. */
#define NETLINK_OPTIONS_LIST(FLAG, VALUE)                                                       \
	FLAG(NETLINK_PKTINFO, BIT(nlk, flags) >> 1)                                             \
	FLAG(NETLINK_BROADCAST_ERROR, BIT(nlk, flags) >> 2)                                     \
	FLAG(NETLINK_NO_ENOBUFS, BIT(nlk, flags) >> 3)                                          \
	FLAG(NETLINK_LISTEN_ALL_NSID, BIT(nlk, flags) >> 4)                                     \
	FLAG(NETLINK_CAP_ACK, BIT(nlk, flags) >> 5)                                             \
	FLAG(NETLINK_EXT_ACK, BIT(nlk, flags) >> 6)                                             \
	FLAG(NETLINK_GET_STRICT_CHK, BIT(nlk, flags) >> 7)                                      \
	VALUE(NETLINK_LIST_MEMBERSHIPS, HAS(nlk, groups) & HAS(nlk, ngroups), LOAD(nlk, ngroups))

/* AF_VSOCK: net/vmw_vsock/af_vsock.c, vsock_connectible_getsockopt() */
#define VSOCK_OPTIONS_LIST(FLAG, VALUE)                                                         \
	VALUE(SO_VM_SOCKETS_BUFFER_SIZE, MEMBER(vsk, buffer_size))                              \
	VALUE(SO_VM_SOCKETS_BUFFER_MIN_SIZE, MEMBER(vsk, buffer_min_size))                      \
	VALUE(SO_VM_SOCKETS_BUFFER_MAX_SIZE, MEMBER(vsk, buffer_max_size))                      \
	VALUE(SO_VM_SOCKETS_CONNECT_TIMEOUT, MEMBER(vsk, connect_timeout))

/*
 * SOL_SCTP: net/sctp/socket.c, sctp_getsockopt(). EITHER() is for values that the kernel reads from the
 * association if the socket has only one. The times of an association are in jiffies.
 */
#define SCTP_OPTIONS_LIST(FLAG, VALUE)                                                          \
	FLAG(SCTP_STATUS__association, HAS(asoc, asocs), (__u64)asoc != 0)                      \
	FLAG(SCTP_NODELAY, BIT(sp, nodelay))                                                    \
	FLAG(SCTP_DISABLE_FRAGMENTS, BIT(sp, disable_fragments))                                \
	FLAG(SCTP_I_WANT_MAPPED_V4_ADDR, BIT(sp, v4mapped))                                     \
	FLAG(SCTP_FRAGMENT_INTERLEAVE, BIT(sp, frag_interleave))                                \
	FLAG(SCTP_AUTO_ASCONF, HAS(sp, do_auto_asconf), LOAD(sp, do_auto_asconf) && is_bound_to_all(sp)) \
	FLAG(SCTP_RECVRCVINFO, BIT(sp, recvrcvinfo))                                            \
	FLAG(SCTP_RECVNXTINFO, BIT(sp, recvnxtinfo))                                            \
	FLAG(SCTP_REUSE_PORT, BIT(sp, reuse))                                                   \
	FLAG(SCTP_PR_SUPPORTED, EITHER_BITS(ep, prsctp_enable, peer.prsctp_capable))            \
	FLAG(SCTP_RECONFIG_SUPPORTED, EITHER_BITS(ep, reconf_enable, peer.reconf_capable))      \
	FLAG(SCTP_INTERLEAVING_SUPPORTED, EITHER_BITS(ep, intl_enable, peer.intl_capable))      \
	FLAG(SCTP_ASCONF_SUPPORTED, EITHER_BITS(ep, asconf_enable, peer.asconf_capable))        \
	FLAG(SCTP_AUTH_SUPPORTED, EITHER_BITS(ep, auth_enable, peer.auth_capable))              \
	FLAG(SCTP_ECN_SUPPORTED, EITHER_BITS(ep, ecn_enable, peer.ecn_capable))                 \
	VALUE(SCTP_RTOINFO__initial, EITHER(sp, rtoinfo.srto_initial, rto_initial))             \
	VALUE(SCTP_RTOINFO__max, EITHER(sp, rtoinfo.srto_max, rto_max))                         \
	VALUE(SCTP_RTOINFO__min, EITHER(sp, rtoinfo.srto_min, rto_min))                         \
	VALUE(SCTP_ASSOCINFO__asocmaxrxt, EITHER(sp, assocparams.sasoc_asocmaxrxt, max_retrans)) \
	VALUE(SCTP_ASSOCINFO__destinations, EITHER(sp, assocparams.sasoc_number_peer_destinations, peer.transport_count)) \
	VALUE(SCTP_ASSOCINFO__peer_rwnd, EITHER(sp, assocparams.sasoc_peer_rwnd, peer.rwnd))    \
	VALUE(SCTP_ASSOCINFO__local_rwnd, EITHER(sp, assocparams.sasoc_local_rwnd, a_rwnd))     \
	VALUE(SCTP_ASSOCINFO__cookie_life, EITHER(sp, assocparams.sasoc_cookie_life, cookie_life)) \
	VALUE(SCTP_INITMSG__ostreams, MEMBER(sp, initmsg.sinit_num_ostreams))                   \
	VALUE(SCTP_INITMSG__instreams, MEMBER(sp, initmsg.sinit_max_instreams))                 \
	VALUE(SCTP_INITMSG__attempts, MEMBER(sp, initmsg.sinit_max_attempts))                   \
	VALUE(SCTP_INITMSG__timeo, MEMBER(sp, initmsg.sinit_max_init_timeo))                    \
	VALUE(SCTP_AUTOCLOSE, MEMBER(sp, autoclose))                                            \
	VALUE(SCTP_ADAPTATION_LAYER, MEMBER(sp, adaptation_ind))                                \
	VALUE(SCTP_PEER_ADDR_PARAMS__hbinterval, EITHER(sp, hbinterval, hbinterval))            \
	VALUE(SCTP_PEER_ADDR_PARAMS__pathmaxrxt, EITHER(sp, pathmaxrxt, pathmaxrxt))            \
	VALUE(SCTP_PEER_ADDR_PARAMS__pathmtu, EITHER(sp, pathmtu, pathmtu))                     \
	VALUE(SCTP_PEER_ADDR_PARAMS__sackdelay, EITHER(sp, sackdelay, sackdelay))               \
	VALUE(SCTP_PEER_ADDR_PARAMS__flags, EITHER(sp, param_flags, param_flags))               \
	VALUE(SCTP_PEER_ADDR_PARAMS__flowlabel, EITHER(sp, flowlabel, flowlabel))               \
	VALUE(SCTP_PEER_ADDR_PARAMS__dscp, EITHER(sp, dscp, dscp))                              \
	VALUE(SCTP_PEER_ADDR_THLDS__pf, EITHER(sp, pf_retrans, pf_retrans))                     \
	VALUE(SCTP_PEER_ADDR_THLDS_V2__ps, EITHER(sp, ps_retrans, ps_retrans))                  \
	VALUE(SCTP_DEFAULT_SEND_PARAM__stream, EITHER(sp, default_stream, default_stream))      \
	VALUE(SCTP_DEFAULT_SEND_PARAM__flags, EITHER(sp, default_flags, default_flags))         \
	VALUE(SCTP_DEFAULT_SEND_PARAM__ppid, EITHER(sp, default_ppid, default_ppid))            \
	VALUE(SCTP_DEFAULT_SEND_PARAM__context, EITHER(sp, default_context, default_context))   \
	VALUE(SCTP_DEFAULT_SEND_PARAM__timetolive, EITHER(sp, default_timetolive, default_timetolive)) \
	VALUE(SCTP_EVENTS, MEMBER(sp, subscribe))                                               \
	VALUE(SCTP_MAXSEG, EITHER(sp, user_frag, frag_point))                                   \
	VALUE(SCTP_DELAYED_SACK__freq, EITHER(sp, sackfreq, sackfreq))                          \
	VALUE(SCTP_CONTEXT, EITHER(sp, default_rcv_context, default_rcv_context))               \
	VALUE(SCTP_PARTIAL_DELIVERY_POINT, MEMBER(sp, pd_point))                                \
	VALUE(SCTP_MAX_BURST, EITHER(sp, max_burst, max_burst))                                 \
	VALUE(SCTP_ENABLE_STREAM_RESET, EITHER(ep, strreset_enable, strreset_enable))           \
	VALUE(SCTP_STREAM_SCHEDULER, MEMBER(sp, default_ss))                                    \
	VALUE(SCTP_EXPOSE_POTENTIALLY_FAILED_STATE, EITHER_BITS(sp, pf_expose, pf_expose))      \
	VALUE(SCTP_REMOTE_UDP_ENCAPS_PORT, EITHER(sp, encap_port, encap_port))                  \
	VALUE(SCTP_PLPMTUD_PROBE_INTERVAL, EITHER(sp, probe_interval, probe_interval))

/* net/unix/af_unix.c; SO_PEERCRED: net/core/sock.c, cred_to_ucred() */
#define UNIX_OPTIONS_LIST(FLAG, VALUE)                                                          \
	FLAG(SO_INQ, MEMBER(u, recvmsg_inq))                                                    \
	FLAG(SO_RIGHTS_NOTRUNC, BIT(u, scm_rights_notrunc))                                     \
	FLAG(SO_PEERCRED__known, PRESENT(&u->sk, sk_peer_cred, cred))                           \
	VALUE(SO_PEERCRED__pid, HAS(&u->sk, sk_peer_pid) & has_pid_number(),                    \
	      pid_number(BPF_CORE_READ(u, sk.sk_peer_pid)))                                     \
	VALUE(SO_PEERCRED__uid, OF(HAS(&u->sk, sk_peer_cred), AWAY_MEMBER(cred, euid.val)))          \
	VALUE(SO_PEERCRED__gid, OF(HAS(&u->sk, sk_peer_cred), AWAY_MEMBER(cred, egid.val)))

#endif
