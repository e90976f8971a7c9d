// The first process of the virtual machines that ./alone starts. They contain only this file and the
// program, which proves that the program needs no others. ./alone reads the lines that begin with "alone:
// ".
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

static void must(int ok, const char *what)
{
	printf("alone: %s: %s\n", what, ok ? "ok" : "WRONG");
	wrong += !ok;
}

// Runs the program with one argument list. Returns its exit status, and what it wrote on standard output or
// standard error.
static int run(char *const arguments[], char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;
	int ends[2], status;

	if (pipe(ends))
		return -1;
	if (!fork()) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execv("/knetstat", arguments);
		perror("/knetstat");
		_exit(127);
	}
	close(ends[1]);
	while (length < size - 1 && (got = read(ends[0], text + length, size - 1 - length)) > 0)
		length += got;
	text[length] = 0;
	close(ends[0]);
	wait(&status);
	fputs(text, stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void up(const char *name)
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(request.ifr_name, name);
	request.ifr_flags = IFF_UP;
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

// Opens a listening socket and a connection with options set. They stay open.
static void open_sockets(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(5432) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1, idle = 77, timeout = 12345;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(!bind(listener, (void *)&address, sizeof(address)) && !listen(listener, 7), "listen");
	must(!setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) &&
	     !setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) &&
	     !setsockopt(client, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout)) &&
	     !connect(client, (void *)&address, sizeof(address)), "connect");
}

int main(void)
{
	static char text[65536];
	char *const tcp[] = { "knetstat", "-t", NULL };
	char *const owners[] = { "knetstat", "-tulpn", NULL };
	char *const json[] = { "knetstat", "--ndjson", "-t", "--unbound", NULL };
	struct utsname name;

	setvbuf(stdout, NULL, _IOLBF, 0);
	uname(&name);
	printf("\nalone: kernel %s %s\n", name.release, name.machine);
	up("lo");
	open_sockets();

	must(run(tcp, text, sizeof(text)) == 1 && strstr(text, "/sys must be mounted"),
	     "without /sys it says what is missing");
	mkdir("/sys", 0755);
	must(!mount("sysfs", "/sys", "sysfs", 0, NULL), "mount /sys");
	must(!run(tcp, text, sizeof(text)) && strstr(text, "TCP_KEEPIDLE=77s") &&
	     strstr(text, "TCP_USER_TIMEOUT=12345ms"), "without /proc it shows the options");
	mkdir("/proc", 0755);
	must(!mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
	must(!run(tcp, text, sizeof(text)) && strstr(text, "TCP_KEEPIDLE=77s"), "-t");
	must(!run(owners, text, sizeof(text)) && strstr(text, "1/init"), "-tulpn");
	must(!run(json, text, sizeof(text)) && strstr(text, "\"TCP_USER_TIMEOUT\":12345"), "--ndjson");

	printf("alone: all done, %d wrong\n", wrong);
	reboot(RB_POWER_OFF);
	return 1;
}
