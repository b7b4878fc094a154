// SPDX-License-Identifier: GPL-2.0
/*
 * A server that is a program of its own. See program.h.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "record.h"

#define LOG		"/tmp/program.log"
#define SETTLE_US	50000

static bool is_mounted(void)
{
	struct stat here, above;

	must(!stat(PROGRAM_MOUNT, &here) && !stat(PROGRAM_MOUNT "/..", &above));
	return here.st_dev != above.st_dev;
}

static void run(const char *const argv[], bool log)
{
	const char *args[PROGRAM_ARGS + 2];
	int fd, n = 0;

	while (argv[n] && n < PROGRAM_ARGS) {
		args[n] = argv[n];
		n++;
	}
	args[n++] = log ? "-d" : "-f";
	args[n] = NULL;
	fd = open(LOG, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execvp(args[0], (char *const *)args);
	_exit(1);
}

pid_t program_start(const char *const argv[], bool log)
{
	pid_t pid;

	mkdir(PROGRAM_MOUNT, 0755);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		run(argv, log);
	while (!is_mounted()) {
		must(!waitpid(pid, NULL, WNOHANG));
		usleep(SETTLE_US);
	}
	return pid;
}

void program_stop(pid_t pid)
{
	must(!umount2(PROGRAM_MOUNT, 0));
	must(waitpid(pid, NULL, 0) == pid);
}

unsigned int program_requests(const char *opcode)
{
	unsigned int count = 0;
	char line[512], text[64];
	FILE *log;

	snprintf(text, sizeof(text), ", opcode: %s", opcode ?: "");
	if (opcode)
		strcat(text, " (");
	/* nobody waits for the answer to some */
	usleep(SETTLE_US);
	log = fopen(LOG, "re");
	must(log);
	while (fgets(line, sizeof(line), log))
		count += !!strstr(line, text);
	fclose(log);
	return count;
}
