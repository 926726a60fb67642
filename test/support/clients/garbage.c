/* A program that sends a service what nobody expects, through libqb as it should, again and again until its time is over; it
 * connects anew whenever it is thrown out.
 *
 *   garbage SERVICE MODE MS
 *     requests   any numbers, any lengths, fields of any value; reads the answers
 *     unread     the same, and never reads one
 *     changing   the same as requests, while another thread changes the requests under the daemon's eyes
 *
 * Left out are requests that are anybody's right and would end nodes, reload files or change votes. It writes
 * DONE with the numbers of its requests and connections.
 */
#include <errno.h>
#include <pthread.h>
#include <qb/qbipcc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX (1 << 20)
/* Most requests are short; some are as long as they can be. */
#define SHORT_BYTES 700
#define LONG_BYTES 8192
#define NUMBERS 14
#define HEADER_BYTES ((uint32_t)sizeof(struct qb_ipc_request_header))
#define CHUNK_HEADER_WORDS 2
#define LINE_BYTES 512
/* Leaves the processors to the daemons: it is the changes that are to hurt. */
#define CHANGE_PAUSE_US 20

struct service {
	const char *name;
	uint32_t spared; /* bits of numbers that are not sent */
};

static const struct service services[] = {
	{"cmap", 0},
	{"cfg", 1 << 2 | 1 << 3 | 1 << 7 | 1 << 8},
	{"cpg", 0},
	{"quorum", 0},
	{"votequorum", 1 << 1 | 1 << 2},
};

static struct {
	struct qb_ipc_request_header header;
	uint32_t words[LONG_BYTES / 4];
} __attribute__((aligned(8))) request;
static char answer[MESSAGE_MAX];

/* For the thread that changes requests: where the latest one lies, and how much of it may be changed; mapped while locked. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *changing;
static uint32_t changing_bytes;
static unsigned long changes;
/* Of the request ring: its header, its data. */
static volatile uint32_t *ring_header;
static uint8_t *ring_data;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Small numbers pass more checks than large ones; those at a bound pass them wrongly. */
static uint32_t any_field(unsigned *seed)
{
	uint32_t r = (uint32_t)rand_r(seed);
	switch (r % 8) {
	case 0: return 0;
	case 1: return 1;
	case 2: return r >> 8 & 15;
	case 3: return r >> 8 & 255;
	case 4: return r >> 8 & 4095;
	case 5: return UINT32_MAX - (r >> 8 & 15);
	case 6: return 0x61616161 + (r >> 8 & 3);
	default: return r << 8 ^ r;
	}
}

static void *change(void *unused)
{
	unsigned seed = 5;
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&lock);
		for (int i = 0; i < 64 && changing_bytes >= 4; i++, changes++) {
			uint32_t value = any_field(&seed);
			memcpy(changing + ((uint32_t)rand_r(&seed) % (changing_bytes / 4)) * 4, &value, 4);
		}
		pthread_mutex_unlock(&lock);
		usleep(CHANGE_PAUSE_US);
	}
	return NULL;
}

static void change_this(uint8_t *at, uint32_t bytes)
{
	pthread_mutex_lock(&lock);
	changing = at;
	changing_bytes = bytes;
	pthread_mutex_unlock(&lock);
}

static void find_ring(void)
{
	char line[LINE_BYTES];
	FILE *maps = fopen("/proc/self/maps", "r");
	ring_header = NULL;
	ring_data = NULL;
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
		uint8_t *start = (uint8_t *)strtoul(line, NULL, 16);
		if (strstr(line, "/qb-request-") == NULL) continue;
		if (strstr(line, "-header") != NULL) ring_header = (volatile uint32_t *)start;
		else if (ring_data == NULL) ring_data = start;
	}
	if (maps != NULL) fclose(maps);
	if (ring_header == NULL || ring_data == NULL) {
		fprintf(stderr, "no ring\n");
		exit(4);
	}
}

static qb_ipcc_connection_t *open_connection(const char *name, double end)
{
	qb_ipcc_connection_t *c;
	while ((c = qb_ipcc_connect(name, MESSAGE_MAX)) == NULL && now_ms() < end) usleep(2000);
	return c;
}

int main(int argc, char **argv)
{
	const struct service *service = NULL;
	unsigned seed = (unsigned)getpid();
	unsigned long sent = 0, connections = 0;
	pthread_t thread;
	if (argc != 4) return 2;
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (!strcmp(services[i].name, argv[1])) service = &services[i];
	int unread = !strcmp(argv[2], "unread"), changed = !strcmp(argv[2], "changing");
	if (service == NULL || (!unread && !changed && strcmp(argv[2], "requests") != 0)) return 2;
	signal(SIGPIPE, SIG_IGN);
	double end = now_ms() + atof(argv[3]);
	qb_ipcc_connection_t *c = NULL;
	if (changed) pthread_create(&thread, NULL, change, NULL);
	while (now_ms() < end) {
		if (c == NULL) {
			if ((c = open_connection(service->name, end)) == NULL) break;
			connections++;
			if (changed) find_ring();
		}
		uint32_t limit = rand_r(&seed) % 16 == 0 ? LONG_BYTES : SHORT_BYTES;
		uint32_t bytes = (uint32_t)rand_r(&seed) % limit, words = (bytes + 3) / 4;
		int32_t id = rand_r(&seed) % 32 == 0 ? (int32_t)any_field(&seed) : rand_r(&seed) % NUMBERS;
		if (id >= 0 && id < 32 && (service->spared >> id & 1) != 0) continue;
		for (uint32_t i = 0; i < words; i++) request.words[i] = any_field(&seed);
		request.header.id = id;
		request.header.size = (int32_t)(HEADER_BYTES + bytes);
		if (changed) {
			/* The number stays where another one could end the node. */
			uint32_t kept = service->spared != 0 ? HEADER_BYTES : 0;
			change_this(ring_data + (ring_header[0] + CHUNK_HEADER_WORDS) * 4 + kept, HEADER_BYTES + bytes - kept);
		}
		ssize_t rc = qb_ipcc_send(c, &request, HEADER_BYTES + bytes);
		if (rc == -EAGAIN) usleep(200);
		else if (rc > 0) sent++;
		if (rc >= 0 && !unread)
			while ((rc = qb_ipcc_recv(c, answer, sizeof answer, 0)) > 0) {}
		while (rc >= 0 && qb_ipcc_event_recv(c, answer, sizeof answer, 0) > 0) {}
		if (rc >= 0 || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EINVAL || rc == -EMSGSIZE) continue;
		change_this(NULL, 0);
		qb_ipcc_disconnect(c);
		c = NULL;
	}
	printf("DONE requests=%lu connections=%lu changes=%lu\n", sent, connections, changes);
	fflush(stdout);
	_exit(0);
}
