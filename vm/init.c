// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the test guest.
 *
 * Mounts what a Debian system has mounted, runs one command (or a shell), and
 * tells the host the exit status over a port of its own: whatever else the
 * guest prints, and however it dies, cannot look like success.
 *
 * /job in the initramfs says what to do:
 *	cmd	what to run with sh -c
 *	shell	instead: an interactive shell; holds "rows columns TERM"
 *	share	mount the host's directory at /share
 *	leaks	ask kmemleak at the end
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "pace.h"

#define ROOT "/newroot"
#define HUNG_TASK_SECS	60

static int output_port = -1;
static int verdict_port = -1;
static char *command;
static char *shell;
static bool share, leaks;
static unsigned int rows, columns, pace;
static unsigned int limit;	/* seconds, of pace 1, that the host waits; 0: any number */
static char term[64] = "dumb";

static void die(const char *what)
{
	/* The console is the kernel log's; no verdict is a failure. */
	dprintf(2, "init: %s: %s\n", what, strerror(errno));
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* The whole of a file with a final NUL, or NULL when it cannot be read. */
static char *slurp(const char *path)
{
	size_t size = 0, room = 4096;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 || !text) {
		free(text);
		return NULL;
	}
	while ((n = read(fd, text + size, room - size - 1)) > 0) {
		size += n;
		if (size + 1 < room)
			continue;
		room *= 2;
		text = realloc(text, room);
		if (!text)
			die("memory");
	}
	close(fd);
	text[size] = '\0';
	return text;
}

static void read_job(void)
{
	command = slurp("/job/cmd");
	shell = slurp("/job/shell");
	share = !access("/job/share", F_OK);
	leaks = !access("/job/leaks", F_OK);
	if (!command && !shell)
		die("/job names nothing to do");
	if (!shell)
		return;
	sscanf(shell, "%u %u %63s", &rows, &columns, term);
	/* a terminal that does not know its size says 0 */
	rows = rows ?: 25;
	columns = columns ?: 80;
}

struct mount {
	const char *source, *target, *type;
	unsigned long flags;
	const char *options;
	bool optional;
};

static void mount_all(const struct mount *m, size_t count)
{
	for (; count--; m++) {
		mkdir(m->target, 0755);
		if (mount(m->source, m->target, m->type, m->flags,
			  m->options) && !m->optional)
			die(m->target);
	}
}

#define MOUNT_ALL(m) mount_all(m, sizeof(m) / sizeof((m)[0]))

static void mount_early(void)
{
	static const struct mount early[] = {
		{ "proc", "/proc", "proc" },
		{ "sysfs", "/sys", "sysfs" },
		{ "devtmpfs", "/dev", "devtmpfs" },
	};

	MOUNT_ALL(early);
}

/* Find the block device that QEMU was told to give this serial number. */
static bool find_disk(const char *serial, char *path, size_t size)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *d;
	bool found = false;
	char *text;

	while (dir && !found && (d = readdir(dir))) {
		snprintf(path, size, "/sys/block/%s/serial", d->d_name);
		text = slurp(path);
		found = text && !strncmp(text, serial, strlen(serial));
		free(text);
		if (found)
			snprintf(path, size, "/dev/%s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Debian's image stays as it is: every boot writes to a fresh tmpfs. */
static void mount_root(void)
{
	char disk[PATH_MAX];
	struct mount root[] = {
		{ disk, "/lower", "squashfs", MS_RDONLY },
		{ "upper", "/upper", "tmpfs", 0, "mode=755" },
	};
	static const struct mount overlay[] = {
		{ "root", ROOT, "overlay", 0,
		  "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work" },
	};

	if (!find_disk("root", disk, sizeof(disk)))
		die("no disk called root");
	MOUNT_ALL(root);
	mkdir("/upper/data", 0755);
	mkdir("/upper/work", 0755);
	MOUNT_ALL(overlay);
}

static void move_mounts(void)
{
	static const struct mount moved[] = {
		{ "/proc", ROOT "/proc", NULL, MS_MOVE },
		{ "/sys", ROOT "/sys", NULL, MS_MOVE },
		{ "/dev", ROOT "/dev", NULL, MS_MOVE },
	};

	MOUNT_ALL(moved);
}

/*
 * A chroot alone will not do: unshare(CLONE_NEWUSER) is refused in one, so
 * the new root becomes the root of the mount namespace.
 */
static void switch_root(void)
{
	move_mounts();
	if (chdir(ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		die("switch root");
}

static void mount_late(void)
{
	static const struct mount late[] = {
		{ "devpts", "/dev/pts", "devpts", 0,
		  "mode=620,gid=5,ptmxmode=666" },
		{ "tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV },
		{ "mqueue", "/dev/mqueue", "mqueue", 0, NULL, true },
		{ "tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV },
		{ "tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755" },
		{ "cgroup2", "/sys/fs/cgroup", "cgroup2" },
		{ "debugfs", "/sys/kernel/debug", "debugfs", 0, NULL, true },
		{ "tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL, true },
		{ "securityfs", "/sys/kernel/security", "securityfs", 0, NULL,
		  true },
		{ "configfs", "/sys/kernel/config", "configfs", 0, NULL, true },
		{ "bpf", "/sys/fs/bpf", "bpf", 0, NULL, true },
		/* not there when fuse is a module that isn't loaded */
		{ "fusectl", "/sys/fs/fuse/connections", "fusectl", 0, NULL,
		  true },
		{ "repo", "/repo", "9p", MS_RDONLY,
		  "trans=virtio,version=9p2000.L,msize=512000,cache=loose" },
	};
	static const struct mount shared[] = {
		{ "share", "/share", "9p", 0,
		  "trans=virtio,version=9p2000.L,msize=512000,cache=mmap" },
	};

	MOUNT_ALL(late);
	if (share)
		MOUNT_ALL(shared);
}

/* The host's scratch disks under names that don't depend on probe order. */
static void name_disks(void)
{
	char serial[32], name[48], disk[PATH_MAX];
	int i;

	for (i = 0; ; i++) {
		snprintf(serial, sizeof(serial), "scratch%d", i);
		if (!find_disk(serial, disk, sizeof(disk)))
			return;
		snprintf(name, sizeof(name), "/dev/%s", serial);
		if (symlink(disk, name))
			die(name);
	}
}

/* The system's programs, and ours. */
#define SYSTEM_PATH	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OUR_PATH	"/repo/build/tools/lsfusebacking:/repo/tools/bpftrace"
#define PATH_OF_ALL	SYSTEM_PATH ":" OUR_PATH

/* Which kernel this is, as vm/run says on its command line. */
static void keep(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
}

static void set_up_environment(void)
{
	/* they stay where they are */
	const char *kernel = getenv("KERNEL"), *variant = getenv("VARIANT");
	const char *timeout = getenv("TIMEOUT");

	limit = timeout ? strtoul(timeout, NULL, 10) : 0;
	clearenv();
	keep("KERNEL", kernel);
	keep("VARIANT", variant);
	setenv("PATH", PATH_OF_ALL, 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("SHELL", "/bin/bash", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TERM", term, 1);
}

static void set_up_system(void)
{
	if (symlink("/proc/self/fd", "/dev/fd") ||
	    symlink("fd/0", "/dev/stdin") ||
	    symlink("fd/1", "/dev/stdout") ||
	    symlink("fd/2", "/dev/stderr"))
		die("links in /dev");
	/* as udev has it: anybody may serve a filesystem */
	if (chmod("/dev/fuse", 0666) && errno != ENOENT)
		die("/dev/fuse");
	sethostname("guest", 5);
	set_up_environment();
	if (chdir("/root"))
		die("/root");
}

/* The device of the virtio port with this name, or NULL. */
static char *port_path(const char *name)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	static char path[PATH_MAX];
	struct dirent *d;
	bool found = false;
	char *text;

	while (dir && !found && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 d->d_name);
		text = slurp(path);
		found = text && !strncmp(text, name, strlen(name));
		free(text);
		if (found)
			snprintf(path, sizeof(path), "/dev/%s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found ? path : NULL;
}

/* Ports appear some time after the device: the host announces them. */
static int open_port(const char *name)
{
	char *path;
	int tries, fd;

	for (tries = 0; tries < 1000; tries++) {
		path = port_path(name);
		fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
		if (fd >= 0)
			return fd;
		sleep_ms(10);
	}
	die(name);
	return -1;
}

static void open_ports(void)
{
	output_port = open_port("output");
	verdict_port = open_port("verdict");
}

static void write_all(int fd, const char *text, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("write to the host");
		text += n;
		size -= n;
	}
}

/* A port is writable again once the host has taken what was sent. */
static void drain(int port)
{
	struct pollfd p = { .fd = port, .events = POLLOUT };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

/* Copy what there is; false at the end of the file. */
static bool copy_output(int from)
{
	char text[32768];
	ssize_t n;

	while ((n = read(from, text, sizeof(text))) > 0)
		write_all(output_port, text, n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Collect dead children; true when @pid was one of them. */
static bool reap(pid_t pid, int *status)
{
	bool found = false;
	pid_t dead;
	int s;

	while ((dead = waitpid(-1, &s, WNOHANG)) > 0) {
		if (dead != pid)
			continue;
		*status = s;
		found = true;
	}
	return found;
}

static int block_sigchld(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void unblock_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static void exec_command(int out)
{
	int in = open("/dev/null", O_RDONLY);

	unblock_signals();
	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (in > 2)
		close(in);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

/* What a process was called as, and where in the kernel it waits */
static void tell_process(const char *pid)
{
	char path[PATH_MAX], words[100];
	char *wait;
	int fd, len, i;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = read(fd, words, sizeof(words) - 1);
	close(fd);
	if (len <= 0)
		return;
	for (i = 0; i < len; i++)
		words[i] = words[i] >= ' ' ? words[i] : ' ';
	snprintf(path, sizeof(path), "/proc/%s/wchan", pid);
	wait = slurp(path);
	fprintf(stderr, "init: still there: %s %.*s (%s)\n", pid, len, words,
		wait ?: "");
	free(wait);
}

/* For who looks in the log for what hangs, before the host ends us. */
static void tell_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (atoi(d->d_name) > 1)
			tell_process(d->d_name);
	if (dir)
		closedir(dir);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds until nine tenths of the command's time are over, or -1. */
static int until_late(long start)
{
	long left;

	if (!limit)
		return -1;
	left = limit * pace * 900L - (now_ms() - start);
	return left > 0 ? left : 0;
}

/*
 * The host doesn't end us before it has seen this, if we can say it at all; the
 * console's output must be there by then.
 */
static void tell_late(long start)
{
	tell_processes();
	tcdrain(STDERR_FILENO);
	dprintf(verdict_port, "late %ld\n", (now_ms() - start) / 1000);
	limit = 0;
}

/*
 * Output goes through a pipe and not straight to the port, because a port can
 * be open only once: /dev/stdout and /dev/stderr would not work.
 */
static int run_command(void)
{
	int pipes[2], signals = block_sigchld(), status = 0;
	long start = now_ms();
	struct pollfd p[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) || fchmod(pipes[1], 0666))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		exec_command(pipes[1]);
	close(pipes[1]);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);

	p[0] = (struct pollfd) { .fd = pipes[0], .events = POLLIN };
	p[1] = (struct pollfd) { .fd = signals, .events = POLLIN };
	do {
		struct signalfd_siginfo info;

		if (!poll(p, 2, until_late(start)))
			tell_late(start);
		while (read(signals, &info, sizeof(info)) > 0)
			;
		if (!copy_output(pipes[0]))
			p[0].fd = -1;
	} while (!reap(pid, &status));
	copy_output(pipes[0]);
	return status;
}

static void exec_shell(void)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	int tty;

	unblock_signals();
	setsid();
	tty = open("/dev/hvc0", O_RDWR);
	if (tty < 0)
		die("/dev/hvc0");
	ioctl(tty, TIOCSCTTY, 0);
	ioctl(tty, TIOCSWINSZ, &size);
	dup2(tty, 0);
	dup2(tty, 1);
	dup2(tty, 2);
	if (tty > 2)
		close(tty);
	/* no login shell: /etc/profile would set PATH anew */
	execl("/bin/bash", "bash", NULL);
	_exit(127);
}

static int run_shell(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		die("fork");
	if (!pid)
		exec_shell();
	while (!reap(pid, &status))
		sleep_ms(50);
	return status;
}

/* What still runs dies here, so that its end too is seen in the log. */
static void kill_rest(void)
{
	int tries;

	kill(-1, SIGKILL);
	for (tries = 0; tries < 200; tries++) {
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		sleep_ms(10);
	}
	dprintf(2, "init: some processes did not die\n");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	write_all(fd, text, strlen(text));
	close(fd);
}

/* Goes to the console, where the host finds "unreferenced object". */
static void check_leaks(void)
{
	const char *kmemleak = "/sys/kernel/debug/kmemleak";
	char *report;

	if (!leaks || access(kmemleak, F_OK))
		return;
	/* It reports nothing that is younger than five seconds. */
	write_file(kmemleak, "scan");
	sleep_ms(5500);
	write_file(kmemleak, "scan");
	report = slurp(kmemleak);
	if (report && *report)
		write_all(2, report, strlen(report));
	free(report);
}

/* A kernel that is to look for data races says in its log at how many accesses it did */
static void check_watchpoints(void)
{
	char *stats = slurp("/sys/kernel/debug/kcsan");
	const char *set_up;

	if (!stats)
		return;
	set_up = strstr(stats, "setup_watchpoints: ");
	fprintf(stderr, "init: KCSAN %.*s\n",
		set_up ? (int)strcspn(set_up, "\n") : 0, set_up ?: "");
	if (!strstr(stats, "enabled: 1"))
		fprintf(stderr, "BUG: KCSAN is not enabled\n");
	free(stats);
}

static void write_number(const char *path, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	write_file(path, text);
}

/*
 * What the kernel takes for a hang is a time limit, too; PATIENCE is for the
 * command's own. Only from here on may the host give up on us by its clock.
 */
static void set_pace(void)
{
	static const char hung[] = "/proc/sys/kernel/hung_task_timeout_secs";
	char text[16];

	pace = pace_measure();
	fprintf(stderr, "init: time limits are %u times as long here\n", pace);
	snprintf(text, sizeof(text), "%u", pace);
	setenv("PATIENCE", text, 1);
	if (!access(hung, F_OK))
		write_number(hung, HUNG_TASK_SECS * pace);
}

static void report(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) :
				       128 + WTERMSIG(status);

	drain(output_port);
	dprintf(verdict_port, "exit %d\n", code);
	drain(verdict_port);
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

int main(void)
{
	int status;

	mount_early();
	open_console();
	read_job();
	mount_root();
	switch_root();
	mount_late();
	name_disks();
	set_up_system();
	open_ports();
	set_pace();
	/* From here on the host must not boot another guest in our place. */
	dprintf(verdict_port, "pace %u\nstart\n", pace);
	drain(verdict_port);
	status = shell ? run_shell() : run_command();
	kill_rest();
	check_leaks();
	check_watchpoints();
	report(status);
	reboot(RB_AUTOBOOT);
	return 0;
}
