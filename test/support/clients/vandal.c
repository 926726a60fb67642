/* A program that turns on its daemon: it connects as libqb does, finds the shared files of its connection among its own mappings
 * and spoils them, or sends what is no request.
 *
 *   vandal header|data|truncate|requests|socket MS    for that time, or until the connection is gone
 */
#include <errno.h>
#include <pthread.h>
#include <qb/qbipcc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILES 16
#define NOISE_BYTES 512
#define MESSAGE_BYTES (1024 * 1024)

static struct { uint8_t *start; size_t length; char path[256]; } files[MAX_FILES];
static int file_count;

static void find_files(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps != NULL && file_count < MAX_FILES && fgets(line, sizeof line, maps) != NULL) {
		unsigned long from, to;
		char *path = strstr(line, "/dev/shm/qb");
		if (path == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
		path[strcspn(path, "\n")] = '\0';
		files[file_count].start = (uint8_t *)from;
		files[file_count].length = to - from;
		snprintf(files[file_count++].path, sizeof files[0].path, "%s", path);
	}
	if (maps != NULL) fclose(maps);
}

/* Of files whose name has this in it. */
static void scramble(const char *part)
{
	for (int i = 0; i < file_count; i++)
		if (strstr(files[i].path, part) != NULL)
			for (size_t at = 0; at < files[i].length; at += 1 + (size_t)rand() % 8) files[i].start[at] = (uint8_t)rand();
}

static void *scrambler(void *part)
{
	for (;;) scramble(part);
	return NULL;
}

static void truncate_all(void)
{
	for (int i = 0; i < file_count; i++)
		if (truncate(files[i].path, 0) != 0) perror(files[i].path);
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void noise(uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++) data[i] = (uint8_t)rand();
}

int main(int argc, char **argv)
{
	uint8_t data[NOISE_BYTES];
	pthread_t thread;
	int fd;
	if (argc != 3) return 2;
	const char *what = argv[1];
	signal(SIGPIPE, SIG_IGN);
	qb_ipcc_connection_t *connection = qb_ipcc_connect("cpg", MESSAGE_BYTES);
	if (connection == NULL) { perror("qb_ipcc_connect"); return 3; }
	qb_ipcc_fd_get(connection, &fd);
	srand((unsigned)getpid());
	find_files();
	if (file_count == 0) return 4;
	printf("READY %d\n", (int)getpid());
	fflush(stdout);
	if (!strcmp(what, "data")) pthread_create(&thread, NULL, scrambler, "request-cpg-data");
	double end = now_ms() + atof(argv[2]);
	while (now_ms() < end) {
		ssize_t rc = 0;
		if (!strcmp(what, "data") || !strcmp(what, "requests")) {
			noise(data, sizeof data);
			rc = qb_ipcc_send(connection, data, 16 + (size_t)rand() % (sizeof data - 16));
			if (rc < 0 && rc != -EAGAIN) break;
		} else {
			/* The daemon looks at the ring when the socket says so. */
			size_t length = strcmp(what, "socket") ? 1 : sizeof data;
			if (!strcmp(what, "header")) scramble("request-cpg-header");
			else if (!strcmp(what, "truncate")) truncate_all();
			noise(data, length);
			if (send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN) break;
		}
		usleep(200);
	}
	printf("DONE\n");
	fflush(stdout);
	_exit(0);
}
