//! How programs set the options people set: the answer to "where in my configuration is this?".
//!
//! Every line was looked up in the named project's own documentation or source; the list of
//! places is at the end of this comment. A program with no line for an option is one where no
//! fact could be confirmed, which does not mean that it cannot set the option. A default is
//! the program's own: it can differ from what the kernel gives a new socket.
//!
//! In the lines for C, `fd` is the socket. In those for Go, `Dialer` and `ListenConfig` are
//! those of package net, whose `Control` function gets a `syscall.RawConn`; `fd` is what that
//! passes on. `unix`, `ipv4` and `ipv6` are packages of golang.org/x. In those for Python, `s`
//! is a `socket.socket` and the constants are in module socket; a number in brackets is the
//! first version that has them.
//!
//! Where the lines come from:
//!
//! - C: Linux man-pages 6.03 and the development version after it: socket(7), tcp(7), ip(7),
//!   ipv6(7), udp(7) and IP_LOCAL_PORT_RANGE(2const), at <https://man7.org/linux/man-pages/>;
//!   for options they do not describe, tc-fq(8) and tc-etf(8), the kernel's
//!   Documentation/networking (timestamping, msg_zerocopy, tls, ip-sysctl), net/core/sock.c and
//!   the headers linux/tcp.h, linux/udp.h and linux/net_tstamp.h.
//! - Go: package net of Go 1.19 and 1.23 (sockopt_linux.go, sock_posix.go, dial.go, tcpsock.go,
//!   api/go1.23.txt), <https://pkg.go.dev/net>; golang.org/x/sys/unix and golang.org/x/net/ipv4
//!   and ipv6 of August and July 2026.
//! - Java: the API documentation and source of JDK 17 (java.net, java.nio.channels, jdk.net,
//!   java.net.http), libnio's Net.c and jdk.net's LinuxSocketOptions.c of the development
//!   version, <https://docs.oracle.com/en/java/javase/17/docs/api/>.
//! - Python: the documentation of 3.11 and the changes to it up to 3.14 (socket, asyncio,
//!   socketserver), and Lib/socket.py, socketserver.py, http and asyncio of 3.11,
//!   <https://docs.python.org/3/library/socket.html>.
//! - nginx: the module reference of July 2026, <https://nginx.org/en/docs/>, and the source of
//!   1.31.5 (core/ngx_connection.c, event/ngx_event_connect.c, event/quic).
//! - HAProxy: configuration.txt, CHANGELOG and the source of 3.5-dev5 of August 2026,
//!   <https://docs.haproxy.org/>.
//! - Redis: redis.conf of 7.0.15 and the source of October 2024 (anet.c, networking.c,
//!   replication.c, server.c), <https://redis.io/docs/>.
//! - PostgreSQL: the documentation of 15 (20.3 Connections and Authentication, 34.1 Database
//!   Connection Control Functions), <https://www.postgresql.org/docs/15/>, and the source of
//!   pqcomm.c and fe-connect.c.

/// One way to set an option.
pub struct Howto {
    /// The option's name, as in the catalogue.
    pub option: &'static str,
    /// The language or server: see [`WITH`].
    pub with: &'static str,
    /// The call, directive or setting, with its default where the project documents one.
    pub how: &'static str,
}

/// The languages and servers, in the order they are shown.
pub const WITH: [&str; 8] =
    ["C", "Go", "Java", "Python", "nginx", "HAProxy", "Redis", "PostgreSQL"];

const fn howto(option: &'static str, with: &'static str, how: &'static str) -> Howto {
    Howto { option, with, how }
}

/// One option's lines stand together, related options beside each other, programs as in [`WITH`].
#[rustfmt::skip]
pub static HOWTOS: &[Howto] = &[
    howto("SO_REUSEADDR", "C", "int on = 1; setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); before bind()"),
    howto("SO_REUSEADDR", "Go", "net.Listen sets it on every stream listener, net.ListenMulticastUDP on its socket"),
    howto("SO_REUSEADDR", "Java", "setReuseAddress(boolean); on Linux the JDK sets it on ServerSocket and ServerSocketChannel"),
    howto("SO_REUSEADDR", "Python", "socket.create_server, asyncio and http.server set it; socketserver: allow_reuse_address = False"),
    howto("SO_REUSEADDR", "nginx", "set on every TCP and UDP listening socket, without a directive"),
    howto("SO_REUSEADDR", "HAProxy", "set on every socket of a bind line and on connections with a source address, without a keyword"),
    howto("SO_REUSEADDR", "Redis", "set on the server's TCP listening sockets, without a setting"),
    howto("SO_REUSEADDR", "PostgreSQL", "set on the server's TCP listening sockets, without a setting"),

    howto("SO_REUSEPORT", "C", "int on = 1; setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on); on each one, before bind()"),
    howto("SO_REUSEPORT", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)"),
    howto("SO_REUSEPORT", "Java", "setOption(StandardSocketOptions.SO_REUSEPORT, true) before bind (Java 9)"),
    howto("SO_REUSEPORT", "Python", "reuse_port=True in socket.create_server and asyncio; socketserver: allow_reuse_port = False [3.11]"),
    howto("SO_REUSEPORT", "nginx", "listen ... reuseport (one listening socket per worker; 1.9.1)"),
    howto("SO_REUSEPORT", "HAProxy", "set on bind sockets unless the global section has noreuseport (or -dR on the command line)"),

    howto("SO_KEEPALIVE", "C", "int on = 1; setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);"),
    howto("SO_KEEPALIVE", "Go", "on by default in net; off with KeepAlive: -1 in Dialer or ListenConfig, or TCPConn.SetKeepAlive(false)"),
    howto("SO_KEEPALIVE", "Java", "Socket.setKeepAlive(boolean), StandardSocketOptions.SO_KEEPALIVE; default false"),
    howto("SO_KEEPALIVE", "Python", "s.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1); asyncio servers: keep_alive=True [3.13]"),
    howto("SO_KEEPALIVE", "nginx", "clients: listen ... so_keepalive=on|off|idle:intvl:cnt; upstream: proxy_socket_keepalive (off)"),
    howto("SO_KEEPALIVE", "HAProxy", "option clitcpka (clients), option srvtcpka (servers), option tcpka (both)"),
    howto("SO_KEEPALIVE", "Redis", "tcp-keepalive 300 (the default, so on; 0 turns it off)"),
    howto("SO_KEEPALIVE", "PostgreSQL", "the server sets it on every TCP client; libpq: keepalives=1 (the default; 0 turns it off)"),

    howto("TCP_KEEPIDLE", "C", "int secs = 60; setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &secs, sizeof secs);"),
    howto("TCP_KEEPIDLE", "Go", "KeepAliveConfig.Idle in Dialer or ListenConfig (1.23), or KeepAlive; default 15 s"),
    howto("TCP_KEEPIDLE", "Java", "setOption(jdk.net.ExtendedSocketOptions.TCP_KEEPIDLE, seconds) (Java 11)"),
    howto("TCP_KEEPIDLE", "Python", "s.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, seconds)"),
    howto("TCP_KEEPIDLE", "nginx", "first part of listen ... so_keepalive=idle:intvl:cnt, e.g. 30m::10; left out: system default"),
    howto("TCP_KEEPIDLE", "HAProxy", "clitcpka-idle, srvtcpka-idle <timeout> (seconds); unset: the system's tcp_keepalive_time"),
    howto("TCP_KEEPIDLE", "Redis", "the value of tcp-keepalive, in seconds (default 300)"),
    howto("TCP_KEEPIDLE", "PostgreSQL", "server: tcp_keepalives_idle = 0; libpq: keepalives_idle; seconds, 0 is the system default"),

    howto("TCP_KEEPINTVL", "C", "int secs = 10; setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &secs, sizeof secs);"),
    howto("TCP_KEEPINTVL", "Go", "KeepAliveConfig.Interval in Dialer or ListenConfig (1.23); default 15 s"),
    howto("TCP_KEEPINTVL", "Java", "setOption(jdk.net.ExtendedSocketOptions.TCP_KEEPINTERVAL, seconds) (Java 11)"),
    howto("TCP_KEEPINTVL", "Python", "s.setsockopt(IPPROTO_TCP, TCP_KEEPINTVL, seconds)"),
    howto("TCP_KEEPINTVL", "nginx", "second part of listen ... so_keepalive=idle:intvl:cnt; left out: system default"),
    howto("TCP_KEEPINTVL", "HAProxy", "clitcpka-intvl, srvtcpka-intvl <timeout> (seconds); unset: the system's tcp_keepalive_intvl"),
    howto("TCP_KEEPINTVL", "Redis", "a third of tcp-keepalive: 100 s by default"),
    howto("TCP_KEEPINTVL", "PostgreSQL", "server: tcp_keepalives_interval = 0; libpq: keepalives_interval; seconds, 0 is the system default"),

    howto("TCP_KEEPCNT", "C", "int probes = 5; setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);"),
    howto("TCP_KEEPCNT", "Go", "KeepAliveConfig.Count in Dialer or ListenConfig (1.23); default 9"),
    howto("TCP_KEEPCNT", "Java", "setOption(jdk.net.ExtendedSocketOptions.TCP_KEEPCOUNT, probes) (Java 11)"),
    howto("TCP_KEEPCNT", "Python", "s.setsockopt(IPPROTO_TCP, TCP_KEEPCNT, probes)"),
    howto("TCP_KEEPCNT", "nginx", "third part of listen ... so_keepalive=idle:intvl:cnt; left out: system default"),
    howto("TCP_KEEPCNT", "HAProxy", "clitcpka-cnt, srvtcpka-cnt <count>; unset: the system's tcp_keepalive_probes"),
    howto("TCP_KEEPCNT", "Redis", "always 3 when tcp-keepalive is not 0"),
    howto("TCP_KEEPCNT", "PostgreSQL", "server: tcp_keepalives_count = 0; libpq: keepalives_count; 0 is the system default"),

    howto("TCP_USER_TIMEOUT", "C", "unsigned int ms = 30000; setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);"),
    howto("TCP_USER_TIMEOUT", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)"),
    howto("TCP_USER_TIMEOUT", "Python", "s.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, ms) [3.6]"),
    howto("TCP_USER_TIMEOUT", "HAProxy", "tcp-ut <delay> on a bind line (clients) or a server line; milliseconds"),
    howto("TCP_USER_TIMEOUT", "PostgreSQL", "server: tcp_user_timeout = 0; libpq: tcp_user_timeout; milliseconds, 0 is the system default"),

    howto("TCP_NODELAY", "C", "int on = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);"),
    howto("TCP_NODELAY", "Go", "on by default for every net.TCPConn; TCPConn.SetNoDelay(false) turns it off"),
    howto("TCP_NODELAY", "Java", "Socket.setTcpNoDelay(boolean); default false; java.net.http.HttpClient turns it on"),
    howto("TCP_NODELAY", "Python", "s.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1); asyncio [3.6] and http.client turn it on"),
    howto("TCP_NODELAY", "nginx", "tcp_nodelay on (default): set on keep-alive, TLS, WebSocket, unbuffered proxying; stream: both sides"),
    howto("TCP_NODELAY", "HAProxy", "set on every TCP connection of a client and to a server, without a keyword"),
    howto("TCP_NODELAY", "Redis", "set on every client; repl-disable-tcp-nodelay yes (default no) clears it towards replicas"),
    howto("TCP_NODELAY", "PostgreSQL", "set by the server on every TCP client and by libpq on every TCP connection, without a setting"),

    howto("TCP_CORK", "C", "int on = 1; setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on); 0 sends what is held back"),
    howto("TCP_CORK", "Go", "from TCPConn.SyscallConn: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1)"),
    howto("TCP_CORK", "Python", "s.setsockopt(IPPROTO_TCP, TCP_CORK, 1)"),
    howto("TCP_CORK", "nginx", "tcp_nopush on (default off), used only with sendfile on"),

    howto("TCP_QUICKACK", "C", "int on = 1; setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on); does not last: set it again"),
    howto("TCP_QUICKACK", "Go", "from TCPConn.SyscallConn: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)"),
    howto("TCP_QUICKACK", "Java", "setOption(jdk.net.ExtendedSocketOptions.TCP_QUICKACK, true) (Java 10)"),
    howto("TCP_QUICKACK", "Python", "s.setsockopt(IPPROTO_TCP, TCP_QUICKACK, 1)"),
    howto("TCP_QUICKACK", "HAProxy", "cleared by option tcp-smart-accept (automatic in HTTP mode) and option tcp-smart-connect"),

    howto("TCP_DEFER_ACCEPT", "C", "int secs = 5; setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &secs, sizeof secs); on the listener"),
    howto("TCP_DEFER_ACCEPT", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, secs)"),
    howto("TCP_DEFER_ACCEPT", "Python", "s.setsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds)"),
    howto("TCP_DEFER_ACCEPT", "nginx", "listen ... deferred (sets 1 second)"),
    howto("TCP_DEFER_ACCEPT", "HAProxy", "bind ... defer-accept (sets 1 second)"),

    howto("TCP_FASTOPEN", "C", "int queue = 128; setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue); on the listener"),
    howto("TCP_FASTOPEN", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN, queue)"),
    howto("TCP_FASTOPEN", "Python", "s.setsockopt(IPPROTO_TCP, TCP_FASTOPEN, queue) on the listener"),
    howto("TCP_FASTOPEN", "nginx", "listen ... fastopen=number (1.5.8)"),
    howto("TCP_FASTOPEN", "HAProxy", "bind ... tfo (the queue length is the listener's backlog)"),

    howto("TCP_FASTOPEN_CONNECT", "C", "int on = 1; setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on); before connect()"),
    howto("TCP_FASTOPEN_CONNECT", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)"),
    howto("TCP_FASTOPEN_CONNECT", "Python", "s.setsockopt(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1) [3.12]"),
    howto("TCP_FASTOPEN_CONNECT", "HAProxy", "server ... tfo (no-tfo undoes it)"),

    howto("TCP_NOTSENT_LOWAT", "C", "int bytes = 16384; setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);"),
    howto("TCP_NOTSENT_LOWAT", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)"),
    howto("TCP_NOTSENT_LOWAT", "Python", "s.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes) [3.7]"),
    howto("TCP_NOTSENT_LOWAT", "HAProxy", "tune.notsent-lowat.client, tune.notsent-lowat.server <size> (default 0: no limit)"),

    howto("TCP_CONGESTION", "C", "setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, \"bbr\", 3);"),
    howto("TCP_CONGESTION", "Go", "in Dialer.Control: unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, \"bbr\")"),
    howto("TCP_CONGESTION", "Python", "s.setsockopt(IPPROTO_TCP, TCP_CONGESTION, b\"bbr\") [3.6]"),
    howto("TCP_CONGESTION", "HAProxy", "cc <algo> on a bind line or a server line (3.3)"),

    howto("TCP_MAXSEG", "C", "int bytes = 1400; setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &bytes, sizeof bytes); before connecting"),
    howto("TCP_MAXSEG", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, bytes)"),
    howto("TCP_MAXSEG", "Python", "s.setsockopt(IPPROTO_TCP, TCP_MAXSEG, bytes)"),
    howto("TCP_MAXSEG", "HAProxy", "bind ... mss <maxseg> (negative: that much less than the connection's own)"),

    howto("TCP_SYNCNT", "C", "int n = 3; setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &n, sizeof n); before connect(), at most 255"),
    howto("TCP_SYNCNT", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_SYNCNT, n)"),
    howto("TCP_SYNCNT", "Python", "s.setsockopt(IPPROTO_TCP, TCP_SYNCNT, n)"),

    howto("TCP_LINGER2", "C", "int secs = 10; setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &secs, sizeof secs);"),
    howto("TCP_LINGER2", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_LINGER2, secs)"),
    howto("TCP_LINGER2", "Python", "s.setsockopt(IPPROTO_TCP, TCP_LINGER2, seconds)"),

    howto("TCP_WINDOW_CLAMP", "C", "int bytes = 65536; setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, sizeof bytes);"),
    howto("TCP_WINDOW_CLAMP", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_WINDOW_CLAMP, bytes)"),
    howto("TCP_WINDOW_CLAMP", "Python", "s.setsockopt(IPPROTO_TCP, TCP_WINDOW_CLAMP, bytes)"),

    howto("TCP_ULP", "C", "setsockopt(fd, SOL_TCP, TCP_ULP, \"tls\", sizeof \"tls\");"),
    howto("TCP_ULP", "Go", "from TCPConn.SyscallConn: unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_ULP, \"tls\")"),
    howto("TCP_ULP", "Python", "s.setsockopt(IPPROTO_TCP, TCP_ULP, b\"tls\") [3.12]"),
    howto("TCP_ULP", "HAProxy", "ktls on, on a bind line or a server line (3.3, experimental)"),

    howto("TCP_MD5SIG", "C", "struct tcp_md5sig sig; setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof sig); (linux/tcp.h)"),
    howto("TCP_MD5SIG", "Go", "in Dialer.Control: unix.SetsockoptTCPMD5Sig(int(fd), unix.IPPROTO_TCP, unix.TCP_MD5SIG, &sig)"),
    howto("TCP_MD5SIG", "Python", "s.setsockopt(IPPROTO_TCP, TCP_MD5SIG, packed struct tcp_md5sig) [3.12]"),
    howto("TCP_MD5SIG", "HAProxy", "tcp-md5sig <password> on a bind line or a server line (3.3)"),

    howto("SO_LINGER", "C", "struct linger l = { 1, 10 }; setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l); (on, seconds)"),
    howto("SO_LINGER", "Go", "TCPConn.SetLinger(seconds); negative, the default, is off"),
    howto("SO_LINGER", "Java", "Socket.setSoLinger(true, seconds); default off (-1)"),
    howto("SO_LINGER", "Python", "s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack(\"ii\", 1, seconds))"),
    howto("SO_LINGER", "nginx", "reset_timedout_connection on (default off): 0 seconds before closing a timed out connection"),
    howto("SO_LINGER", "HAProxy", "option nolinger in the frontend or backend: 0 seconds, so that closing sends a reset"),

    howto("SO_SNDBUF", "C", "int bytes = 262144; setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); Linux doubles it"),
    howto("SO_SNDBUF", "Go", "SetWriteBuffer(bytes) of net.TCPConn, UDPConn, UnixConn, IPConn"),
    howto("SO_SNDBUF", "Java", "setSendBufferSize(bytes), StandardSocketOptions.SO_SNDBUF; default: the system's"),
    howto("SO_SNDBUF", "Python", "s.setsockopt(SOL_SOCKET, SO_SNDBUF, bytes)"),
    howto("SO_SNDBUF", "nginx", "clients: listen ... sndbuf=size; upstream: proxy_socket_sndbuf size (1.31.3)"),
    howto("SO_SNDBUF", "HAProxy", "tune.sndbuf.client, tune.sndbuf.server <size> (default 0: left to the kernel)"),

    howto("SO_RCVBUF", "C", "int bytes = 262144; setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); Linux doubles it"),
    howto("SO_RCVBUF", "Go", "SetReadBuffer(bytes) of net.TCPConn, UDPConn, UnixConn, IPConn"),
    howto("SO_RCVBUF", "Java", "setReceiveBufferSize(bytes), StandardSocketOptions.SO_RCVBUF; default: the system's"),
    howto("SO_RCVBUF", "Python", "s.setsockopt(SOL_SOCKET, SO_RCVBUF, bytes)"),
    howto("SO_RCVBUF", "nginx", "clients: listen ... rcvbuf=size; upstream: proxy_socket_rcvbuf size (1.31.3)"),
    howto("SO_RCVBUF", "HAProxy", "tune.rcvbuf.client, tune.rcvbuf.server <size> (default 0: left to the kernel)"),

    howto("SO_RCVTIMEO", "C", "struct timeval t = { 5, 0 }; setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);"),
    howto("SO_RCVTIMEO", "Go", "SetReadDeadline does not use it; unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)"),
    howto("SO_RCVTIMEO", "Java", "Socket.setSoTimeout(ms) does not set it: the JDK waits with a timed poll"),
    howto("SO_RCVTIMEO", "Python", "s.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack(\"ll\", 5, 0)); settimeout() does not set it"),
    howto("SO_RCVTIMEO", "Redis", "repl-timeout (default 60) while a replica loads its data straight from the primary's connection"),

    howto("SO_SNDTIMEO", "C", "struct timeval t = { 5, 0 }; setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);"),
    howto("SO_SNDTIMEO", "Go", "SetWriteDeadline does not use it; unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)"),
    howto("SO_SNDTIMEO", "Python", "s.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack(\"ll\", 5, 0)); settimeout() does not set it"),

    howto("SO_RCVLOWAT", "C", "int bytes = 4096; setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);"),
    howto("SO_RCVLOWAT", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)"),
    howto("SO_RCVLOWAT", "Python", "s.setsockopt(SOL_SOCKET, SO_RCVLOWAT, bytes)"),

    howto("SO_BROADCAST", "C", "int on = 1; setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);"),
    howto("SO_BROADCAST", "Go", "net sets it on every UDP and raw IP socket"),
    howto("SO_BROADCAST", "Java", "setBroadcast(boolean); DatagramSocket turns it on by default, DatagramChannel does not"),
    howto("SO_BROADCAST", "Python", "s.setsockopt(SOL_SOCKET, SO_BROADCAST, 1); asyncio: create_datagram_endpoint(allow_broadcast=True)"),

    howto("SO_OOBINLINE", "C", "int on = 1; setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);"),
    howto("SO_OOBINLINE", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)"),
    howto("SO_OOBINLINE", "Java", "Socket.setOOBInline(boolean); default false"),
    howto("SO_OOBINLINE", "Python", "s.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)"),

    howto("SO_BINDTODEVICE", "C", "setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, \"eth0\", sizeof \"eth0\"); \"\" undoes it"),
    howto("SO_BINDTODEVICE", "Go", "in Dialer.Control or ListenConfig.Control: unix.BindToDevice(int(fd), \"eth0\")"),
    howto("SO_BINDTODEVICE", "Python", "s.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, b\"eth0\")"),
    howto("SO_BINDTODEVICE", "HAProxy", "bind ... interface <name>; to servers: source <addr> interface <name>"),

    howto("SO_MARK", "C", "int mark = 1; setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark); (CAP_NET_ADMIN)"),
    howto("SO_MARK", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark)"),
    howto("SO_MARK", "Python", "s.setsockopt(SOL_SOCKET, SO_MARK, mark)"),
    howto("SO_MARK", "HAProxy", "actions set-fc-mark (to the client) and set-bc-mark (to the server); before 3.0: set-mark"),
    howto("SO_MARK", "Redis", "socket-mark-id 0 (default: no mark), on the listening sockets"),

    howto("SO_PRIORITY", "C", "int prio = 6; setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &prio, sizeof prio);"),
    howto("SO_PRIORITY", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PRIORITY, prio)"),
    howto("SO_PRIORITY", "Python", "s.setsockopt(SOL_SOCKET, SO_PRIORITY, prio)"),

    howto("SO_MAX_PACING_RATE", "C", "unsigned int rate = 1000000; setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);"),
    howto("SO_MAX_PACING_RATE", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, rate)"),

    howto("SO_BUSY_POLL", "C", "int us = 50; setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us); microseconds"),
    howto("SO_BUSY_POLL", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BUSY_POLL, us)"),

    howto("SO_INCOMING_CPU", "C", "int cpu = 1; setsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, sizeof cpu);"),
    howto("SO_INCOMING_CPU", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_INCOMING_CPU, cpu)"),
    howto("SO_INCOMING_CPU", "Python", "s.setsockopt(SOL_SOCKET, SO_INCOMING_CPU, cpu) [3.11]"),

    howto("SO_ZEROCOPY", "C", "int on = 1; setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on); then send() with MSG_ZEROCOPY"),
    howto("SO_ZEROCOPY", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1)"),

    howto("SO_TIMESTAMPING", "C", "int flags = SOF_TIMESTAMPING_...; setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags);"),
    howto("SO_TIMESTAMPING", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags)"),

    howto("SO_TXTIME", "C", "struct sock_txtime t = { CLOCK_TAI, 0 }; setsockopt(fd, SOL_SOCKET, SO_TXTIME, &t, sizeof t);"),

    howto("SO_GET_FILTER", "C", "struct sock_fprog p; setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);"),
    howto("SO_GET_FILTER", "Go", "ipv4.NewPacketConn(c).SetBPF(program), or unix.SetsockoptSockFprog with unix.SO_ATTACH_FILTER"),

    howto("SO_ATTACH_REUSEPORT_CBPF", "C", "struct sock_fprog p; setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &p, sizeof p);"),
    howto("SO_ATTACH_REUSEPORT_CBPF", "Go", "unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &prog)"),
    howto("SO_ATTACH_REUSEPORT_CBPF", "nginx", "quic_bpf on (default off) attaches the other kind, SO_ATTACH_REUSEPORT_EBPF"),

    howto("IP_TOS", "C", "int tos = IPTOS_LOWDELAY; setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);"),
    howto("IP_TOS", "Go", "ipv4.NewConn(c).SetTOS(tos), for UDP ipv4.NewPacketConn(c).SetTOS(tos)"),
    howto("IP_TOS", "Java", "setTrafficClass(tos), StandardSocketOptions.IP_TOS"),
    howto("IP_TOS", "Python", "s.setsockopt(IPPROTO_IP, IP_TOS, tos)"),
    howto("IP_TOS", "HAProxy", "actions set-fc-tos (to the client) and set-bc-tos (to the server); before 3.0: set-tos"),

    howto("IP_TTL", "C", "int ttl = 64; setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);"),
    howto("IP_TTL", "Go", "ipv4.NewConn(c).SetTTL(ttl), for UDP ipv4.NewPacketConn(c).SetTTL(ttl)"),
    howto("IP_TTL", "Python", "s.setsockopt(IPPROTO_IP, IP_TTL, ttl)"),
    howto("IP_TTL", "HAProxy", "action silent-drop rst-ttl <ttl> (2.7), for the reset it sends; 1 is its fallback without rst-ttl"),

    howto("IP_MTU_DISCOVER", "C", "int v = IP_PMTUDISC_DO; setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v, sizeof v);"),
    howto("IP_MTU_DISCOVER", "Go", "unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO) in Control"),
    howto("IP_MTU_DISCOVER", "Java", "datagrams: jdk.net.ExtendedSocketOptions.IP_DONTFRAGMENT (Java 19): true is DO, false is DONT"),
    howto("IP_MTU_DISCOVER", "nginx", "IP_PMTUDISC_DO on QUIC listening sockets (listen ... quic), without a directive"),

    howto("IP_FREEBIND", "C", "int on = 1; setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on); before bind()"),
    howto("IP_FREEBIND", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1)"),
    howto("IP_FREEBIND", "Python", "s.setsockopt(IPPROTO_IP, IP_FREEBIND, 1) [3.14]"),
    howto("IP_FREEBIND", "HAProxy", "bind ... transparent tries it when IP_TRANSPARENT is refused"),

    howto("IP_TRANSPARENT", "C", "int on = 1; setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on); (CAP_NET_ADMIN)"),
    howto("IP_TRANSPARENT", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1)"),
    howto("IP_TRANSPARENT", "Python", "s.setsockopt(IPPROTO_IP, IP_TRANSPARENT, 1)"),
    howto("IP_TRANSPARENT", "nginx", "proxy_bind <address> transparent (1.11.0), for connections to upstream servers"),
    howto("IP_TRANSPARENT", "HAProxy", "bind ... transparent; to servers: source <addr> usesrc ..."),

    howto("IP_BIND_ADDRESS_NO_PORT", "C", "int on = 1; setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on); before bind()"),
    howto("IP_BIND_ADDRESS_NO_PORT", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)"),
    howto("IP_BIND_ADDRESS_NO_PORT", "Python", "s.setsockopt(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) [3.11]"),
    howto("IP_BIND_ADDRESS_NO_PORT", "nginx", "set for upstream connections when proxy_bind names an address without a port"),
    howto("IP_BIND_ADDRESS_NO_PORT", "HAProxy", "set for connections to servers when source names an address without a port"),

    howto("IP_LOCAL_PORT_RANGE", "C", "uint32_t r = hi << 16 | lo; setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &r, sizeof r);"),
    howto("IP_LOCAL_PORT_RANGE", "Go", "in Dialer.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, hi<<16|lo)"),

    howto("IP_PKTINFO", "C", "int on = 1; setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on); then recvmsg()"),
    howto("IP_PKTINFO", "Go", "ipv4.NewPacketConn(c).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)"),
    howto("IP_PKTINFO", "Python", "s.setsockopt(IPPROTO_IP, IP_PKTINFO, 1) [3.12], then recvmsg()"),
    howto("IP_PKTINFO", "nginx", "set on UDP and QUIC listening sockets bound to all addresses, without a directive"),
    howto("IP_PKTINFO", "HAProxy", "set on QUIC sockets over IPv4, without a keyword"),

    howto("IP_RECVERR", "C", "int on = 1; setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on); then recvmsg(MSG_ERRQUEUE)"),
    howto("IP_RECVERR", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)"),
    howto("IP_RECVERR", "Python", "s.setsockopt(IPPROTO_IP, IP_RECVERR, 1) [3.14]"),

    howto("IP_MULTICAST_IF", "C", "struct ip_mreqn m; setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof m); (or struct in_addr)"),
    howto("IP_MULTICAST_IF", "Go", "ipv4.NewPacketConn(c).SetMulticastInterface(ifi); net.ListenMulticastUDP sets it if given one"),
    howto("IP_MULTICAST_IF", "Java", "setOption(StandardSocketOptions.IP_MULTICAST_IF, networkInterface)"),
    howto("IP_MULTICAST_IF", "Python", "s.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, inet_aton(local_address))"),

    howto("IP_MULTICAST_TTL", "C", "int ttl = 4; setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl);"),
    howto("IP_MULTICAST_TTL", "Go", "ipv4.NewPacketConn(c).SetMulticastTTL(ttl)"),
    howto("IP_MULTICAST_TTL", "Java", "setOption(StandardSocketOptions.IP_MULTICAST_TTL, ttl); default typically 1"),
    howto("IP_MULTICAST_TTL", "Python", "s.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, ttl)"),

    howto("IP_MULTICAST_LOOP", "C", "int on = 0; setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on);"),
    howto("IP_MULTICAST_LOOP", "Go", "ipv4.NewPacketConn(c).SetMulticastLoopback(bool); net.ListenMulticastUDP turns it off"),
    howto("IP_MULTICAST_LOOP", "Java", "setOption(StandardSocketOptions.IP_MULTICAST_LOOP, boolean); default true"),
    howto("IP_MULTICAST_LOOP", "Python", "s.setsockopt(IPPROTO_IP, IP_MULTICAST_LOOP, 0)"),

    howto("IP_ADD_MEMBERSHIP", "C", "struct ip_mreqn m; setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m);"),
    howto("IP_ADD_MEMBERSHIP", "Go", "net.ListenMulticastUDP(\"udp4\", ifi, group)"),
    howto("IP_ADD_MEMBERSHIP", "Java", "MulticastSocket.joinGroup(group, networkInterface), DatagramChannel.join(group, networkInterface)"),
    howto("IP_ADD_MEMBERSHIP", "Python", "s.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, inet_aton(group) + inet_aton(local_address))"),

    howto("IPV6_V6ONLY", "C", "int on = 1; setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on); before bind()"),
    howto("IPV6_V6ONLY", "Go", "net sets it for \"tcp6\" and \"udp6\" and clears it for \"tcp\" and \"udp\""),
    howto("IPV6_V6ONLY", "Java", "the JDK clears it on every IPv6 socket of a system that has IPv4"),
    howto("IPV6_V6ONLY", "Python", "socket.create_server and asyncio servers set it; create_server(dualstack_ipv6=True) clears it"),
    howto("IPV6_V6ONLY", "nginx", "listen [::]:80 ipv6only=on|off (default on)"),
    howto("IPV6_V6ONLY", "HAProxy", "bind ... v6only sets it, v4v6 clears it; with neither, the system default"),
    howto("IPV6_V6ONLY", "Redis", "set on the server's IPv6 listening sockets, without a setting"),
    howto("IPV6_V6ONLY", "PostgreSQL", "set on the server's IPv6 listening sockets, without a setting"),

    howto("IPV6_TCLASS", "C", "int tc = 16; setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tc, sizeof tc);"),
    howto("IPV6_TCLASS", "Go", "ipv6.NewConn(c).SetTrafficClass(tc), for UDP ipv6.NewPacketConn(c).SetTrafficClass(tc)"),
    howto("IPV6_TCLASS", "Java", "Socket.setTrafficClass(tc) and StandardSocketOptions.IP_TOS on an IPv6 socket"),
    howto("IPV6_TCLASS", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_TCLASS, tc)"),
    howto("IPV6_TCLASS", "HAProxy", "actions set-fc-tos (to the client) and set-bc-tos (to the server), when the peer is IPv6"),

    howto("IPV6_UNICAST_HOPS", "C", "int hops = 64; setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops); -1: route default"),
    howto("IPV6_UNICAST_HOPS", "Go", "ipv6.NewConn(c).SetHopLimit(hops), for UDP ipv6.NewPacketConn(c).SetHopLimit(hops)"),
    howto("IPV6_UNICAST_HOPS", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops)"),
    howto("IPV6_UNICAST_HOPS", "HAProxy", "action silent-drop rst-ttl <ttl> (2.7), for the reset it sends; 1 is its fallback without rst-ttl"),

    howto("IPV6_RECVPKTINFO", "C", "int on = 1; setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on); then recvmsg()"),
    howto("IPV6_RECVPKTINFO", "Go", "ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)"),
    howto("IPV6_RECVPKTINFO", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), then recvmsg()"),
    howto("IPV6_RECVPKTINFO", "nginx", "set on UDP and QUIC listening sockets bound to all addresses, without a directive"),
    howto("IPV6_RECVPKTINFO", "HAProxy", "set on QUIC sockets over IPv6, without a keyword"),

    howto("IPV6_MULTICAST_IF", "C", "int index = 2; setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);"),
    howto("IPV6_MULTICAST_IF", "Go", "ipv6.NewPacketConn(c).SetMulticastInterface(ifi); net.ListenMulticastUDP sets it if given one"),
    howto("IPV6_MULTICAST_IF", "Java", "setOption(StandardSocketOptions.IP_MULTICAST_IF, networkInterface) on an IPv6 socket"),
    howto("IPV6_MULTICAST_IF", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_IF, if_nametoindex(\"eth0\"))"),

    howto("IPV6_MULTICAST_HOPS", "C", "int hops = 4; setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);"),
    howto("IPV6_MULTICAST_HOPS", "Go", "ipv6.NewPacketConn(c).SetMulticastHopLimit(hops)"),
    howto("IPV6_MULTICAST_HOPS", "Java", "StandardSocketOptions.IP_MULTICAST_TTL on an IPv6 socket; the JDK sets 1 on IPv6 datagram sockets"),
    howto("IPV6_MULTICAST_HOPS", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops)"),

    howto("IPV6_MULTICAST_LOOP", "C", "int on = 0; setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &on, sizeof on);"),
    howto("IPV6_MULTICAST_LOOP", "Go", "ipv6.NewPacketConn(c).SetMulticastLoopback(bool); net.ListenMulticastUDP turns it off"),
    howto("IPV6_MULTICAST_LOOP", "Java", "setOption(StandardSocketOptions.IP_MULTICAST_LOOP, boolean) on an IPv6 socket; default true"),
    howto("IPV6_MULTICAST_LOOP", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0)"),

    howto("IPV6_JOIN_GROUP", "C", "struct ipv6_mreq m; setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof m); (IPV6_ADD_MEMBERSHIP)"),
    howto("IPV6_JOIN_GROUP", "Go", "net.ListenMulticastUDP(\"udp6\", ifi, group)"),
    howto("IPV6_JOIN_GROUP", "Java", "MulticastSocket.joinGroup(group, networkInterface), DatagramChannel.join(group, networkInterface)"),
    howto("IPV6_JOIN_GROUP", "Python", "s.setsockopt(IPPROTO_IPV6, IPV6_JOIN_GROUP, inet_pton(AF_INET6, group) + struct.pack(\"@I\", index))"),

    howto("PACKET_ADD_MEMBERSHIP", "C", "struct packet_mreq m = {index, PACKET_MR_PROMISC}; setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m);"),

    howto("PACKET_FANOUT", "C", "int group = 7 | PACKET_FANOUT_HASH << 16; setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof group);"),

    howto("UDP_SEGMENT", "C", "int bytes = 1400; setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &bytes, sizeof bytes); 0 turns it off"),
    howto("UDP_SEGMENT", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, bytes)"),
    howto("UDP_SEGMENT", "nginx", "quic_gso on (default off); given with each send, so the socket's own value stays 0"),
    howto("UDP_SEGMENT", "HAProxy", "tune.quic.fe.tx.udp-gso on (default); given with each send, so the socket's own value stays 0"),

    howto("UDP_GRO", "C", "int on = 1; setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on); then recvmsg()"),
    howto("UDP_GRO", "Go", "in ListenConfig.Control: unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)"),

    howto("UDP_ENCAP", "C", "int type = UDP_ENCAP_ESPINUDP; setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof type);"),
    howto("UDP_ENCAP", "Go", "unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_ENCAP, unix.UDP_ENCAP_ESPINUDP) in Control"),
];

/// The lines for one option.
pub fn of(option: &str) -> impl Iterator<Item = &'static Howto> + '_ {
    HOWTOS.iter().filter(move |h| h.option == option)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn rank(with: &str) -> usize {
        WITH.iter().position(|w| *w == with).unwrap_or_else(|| panic!("{with} is not in WITH"))
    }

    #[test]
    fn every_line_is_of_a_known_program() {
        for h in HOWTOS {
            rank(h.with);
        }
    }

    #[test]
    fn no_option_has_two_lines_for_one_program() {
        let mut seen = BTreeSet::new();
        for h in HOWTOS {
            assert!(seen.insert((h.option, h.with)), "{} {} twice", h.option, h.with);
        }
    }

    #[test]
    fn lines_are_short_and_ascii() {
        for h in HOWTOS {
            assert!(!h.how.is_empty(), "{} {}", h.option, h.with);
            assert!(h.how.is_ascii(), "{} {}", h.option, h.with);
            assert!(h.how.len() <= 120, "{} {}: {}", h.option, h.with, h.how);
            assert!(!h.how.contains('\n'), "{} {}", h.option, h.with);
        }
    }

    #[test]
    fn an_options_lines_stand_together_in_the_order_shown() {
        let mut done = BTreeSet::new();
        for pair in HOWTOS.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            if a.option == b.option {
                assert!(rank(a.with) < rank(b.with), "{} {} {}", a.option, a.with, b.with);
            } else {
                done.insert(a.option);
                assert!(!done.contains(b.option), "{} is split", b.option);
            }
        }
    }

    #[test]
    fn of_finds_the_lines_of_one_option() {
        let with: Vec<&str> = of("TCP_NODELAY").map(|h| h.with).collect();
        assert_eq!(with, WITH);
        assert_eq!(of("NO_SUCH_OPTION").count(), 0);
    }
}
