/* A program linked with libqb, for the server of echoes (ipc-echo.ts): qb NAME COMMAND [ARGUMENT...]. It writes what came of
 * it on standard output and ends with 0, or says what went wrong and ends with 1.
 */
#include <errno.h>
#include <poll.h>
#include <qb/qbipcc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX (1 << 20)
enum { ECHO = 0, SILENT = 1, EVENTS = 2, COUNT = 3 };

static struct {
	struct qb_ipc_request_header header;
	unsigned char data[MESSAGE_MAX];
} __attribute__((aligned(8))) request;

static struct {
	struct qb_ipc_response_header header;
	unsigned char data[MESSAGE_MAX];
} __attribute__((aligned(8))) response;

static qb_ipcc_connection_t *connection;
static const char *name;

static double microseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void fail(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	exit(1);
}

static qb_ipcc_connection_t *open_connection(void)
{
	qb_ipcc_connection_t *opened = qb_ipcc_connect(name, MESSAGE_MAX);
	if (opened == NULL) {
		printf("refused %d\n", errno);
		exit(1);
	}
	return opened;
}

static struct iovec message(int id, size_t bytes)
{
	struct iovec part = { &request, sizeof request.header + bytes };
	request.header.id = id;
	request.header.size = part.iov_len;
	return part;
}

static ssize_t ask(qb_ipcc_connection_t *whom, int id, size_t bytes)
{
	struct iovec part = message(id, bytes);
	return qb_ipcc_sendv_recv(whom, &part, 1, &response, sizeof response, -1);
}

static void echo(qb_ipcc_connection_t *whom, size_t bytes, unsigned seed)
{
	ssize_t got;
	size_t i;
	for (i = 0; i < bytes; i++)
		request.data[i] = i * 7 + seed;
	/* The room of a request that was answered is given back a moment later. */
	while ((got = ask(whom, ECHO, bytes)) == -EAGAIN)
		usleep(10);
	if (got != (ssize_t)(sizeof response.header + bytes))
		fail("echo", got);
	if (memcmp(request.data, response.data, bytes) != 0)
		fail("other bytes, length", bytes);
}

static void ask_for_events(uint32_t count, uint32_t bytes)
{
	ssize_t got;
	memcpy(request.data, &count, 4);
	memcpy(request.data + 4, &bytes, 4);
	got = ask(connection, EVENTS, 8);
	if (got < 0)
		fail("asking for events", got);
}

static void take_event(uint32_t expected, uint32_t bytes)
{
	uint32_t number;
	ssize_t got = qb_ipcc_event_recv(connection, &response, sizeof response, 10000);
	if (got != (ssize_t)(sizeof response.header + bytes))
		fail("event", got);
	memcpy(&number, response.data, 4);
	if (number != expected)
		fail("event out of order", number);
}

static int readable(void)
{
	struct pollfd item = { -1, POLLIN, 0 };
	qb_ipcc_fd_get(connection, &item.fd);
	return poll(&item, 1, 20);
}

static int send_silent(int threshold)
{
	struct iovec part = message(SILENT, 4);
	qb_ipcc_fc_enable_max_set(connection, threshold);
	return qb_ipcc_sendv(connection, &part, 1);
}

static long number(int argc, char **argv, int at)
{
	return at < argc ? atol(argv[at]) : 0;
}

/* Stays where it is until it is killed. */
static void stay(const char *where)
{
	printf("%s\n", where);
	fflush(stdout);
	pause();
}

static void phase(const char *which)
{
	int i;
	uint32_t event;
	if (strcmp(which, "connected") == 0) {
		stay(which);
	} else if (strcmp(which, "requests") == 0) {
		for (i = 0; i < 20; i++)
			send_silent(2);
		stay(which);
	} else if (strcmp(which, "waiting") == 0) {
		printf("waiting\n");
		fflush(stdout);
		ask(connection, ECHO, 10);
	} else if (strcmp(which, "events") == 0) {
		ask_for_events(5000, 1000);
		for (event = 0; event < 1500; event++)
			take_event(event, 1000);
		stay(which);
	} else {
		fail("no such phase", 0);
	}
}

static void bench(long rounds, size_t bytes)
{
	long i;
	double begun = microseconds();
	for (i = 0; i < rounds; i++)
		ask(connection, ECHO, bytes);
	printf("%.3f\n", (microseconds() - begun) / rounds);
}

static void bench_events(uint32_t count, uint32_t bytes)
{
	uint32_t i;
	double begun = microseconds();
	ask_for_events(count, bytes);
	for (i = 0; i < count; i++)
		take_event(i, bytes);
	printf("%.3f\n", (microseconds() - begun) / count);
}

static void bench_flood(long count)
{
	long i;
	double begun = microseconds();
	for (i = 0; i < count; i++)
		while (send_silent(1) == -EAGAIN)
			usleep(10);
	while (ask(connection, COUNT, 0) == -EAGAIN)
		usleep(10);
	printf("%.3f\n", (microseconds() - begun) / count);
}

int main(int argc, char **argv)
{
	long a = number(argc, argv, 3), b = number(argc, argv, 4), c = number(argc, argv, 5), i, refused = 0;
	uint32_t taken;
	size_t bytes;
	const char *command = argc > 2 ? argv[2] : "";
	name = argv[1];
	if (strcmp(command, "many") == 0) {
		qb_ipcc_connection_t **all = calloc(a, sizeof *all);
		for (i = 0; i < a; i++)
			all[i] = open_connection();
		for (i = 0; i < a; i++)
			echo(all[i], 1000, i);
		printf("%ld connections\n", a);
		for (i = 0; i < a; i++)
			qb_ipcc_disconnect(all[i]);
		return 0;
	}
	connection = open_connection();
	if (strcmp(command, "echo") == 0) {
		/* All lengths of messages, a times, so that chunks begin and end everywhere in the ring. */
		for (i = 0; i < a; i++)
			for (bytes = 0; bytes <= 48; bytes++)
				echo(connection, bytes, i);
		printf("echoed %ld\n", a * 49);
	} else if (strcmp(command, "large") == 0) {
		for (i = 0; i < b; i++)
			echo(connection, a - sizeof response.header - (i % 9), i);
		printf("echoed %ld\n", b);
	} else if (strcmp(command, "events") == 0) {
		/* c: microseconds before every thousandth. */
		ask_for_events(a, b);
		for (i = 0; i < a; i++) {
			if (c > 0 && i % 1000 == 0)
				usleep(c);
			take_event(i, b);
		}
		printf("%ld events, then %zd, readable %d\n", a, qb_ipcc_event_recv(connection, &response, sizeof response, 0),
		       readable());
	} else if (strcmp(command, "flood") == 0) {
		for (i = 0; i < a; i++) {
			int result;
			while ((result = send_silent(1)) == -EAGAIN) {
				refused++;
				usleep(100);
			}
			if (result < 0)
				fail("send", result);
		}
		while (ask(connection, COUNT, 0) == -EAGAIN)
			usleep(100);
		memcpy(&taken, response.data, sizeof taken);
		printf("%u taken, %s\n", taken, refused > 0 ? "with refusals" : "without refusals");
	} else if (strcmp(command, "flow") == 0) {
		/* What a program of threshold 1 and one of threshold 2 are told; a line whenever that changes. */
		int one = 1, two = 1;
		for (;;) {
			int now_one = send_silent(1), now_two = send_silent(2);
			if (now_one != one || now_two != two)
				printf("%d %d\n", now_one < 0 ? now_one : 0, now_two < 0 ? now_two : 0);
			fflush(stdout);
			one = now_one;
			two = now_two;
			usleep(2000);
		}
	} else if (strcmp(command, "phase") == 0) {
		phase(argc > 3 ? argv[3] : "");
	} else if (strcmp(command, "bench") == 0) {
		bench(a, b);
	} else if (strcmp(command, "bench-events") == 0) {
		bench_events(a, b);
	} else if (strcmp(command, "bench-flood") == 0) {
		bench_flood(a);
	} else {
		fail("no such command", 0);
	}
	qb_ipcc_disconnect(connection);
	return 0;
}
