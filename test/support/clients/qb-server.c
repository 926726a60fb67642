/* The server of echoes (ipc-echo.ts) on libqb itself, to measure ours against: qb-server NAME [socket]. */
#include <qb/qbdefs.h>
#include <qb/qbipcs.h>
#include <qb/qbloop.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (1 << 20)
enum { ECHO = 0, SILENT = 1, EVENTS = 2, COUNT = 3 };

static struct {
	struct qb_ipc_response_header header;
	unsigned char data[MESSAGE_MAX];
} __attribute__((aligned(8))) out;

static qb_loop_t *loop;
static uint32_t silent;
/* Events that found no room, as the C daemon keeps them: here only how many, and how large. */
static uint32_t next_event, events_left, event_bytes;

static int32_t accept_program(qb_ipcs_connection_t *c, uid_t uid, gid_t gid)
{
	(void)c, (void)uid, (void)gid;
	return 0;
}

static void created(qb_ipcs_connection_t *c)
{
	(void)c;
}

static int32_t closed(qb_ipcs_connection_t *c)
{
	(void)c;
	events_left = 0;
	return 0;
}

static void send_events(void *data)
{
	qb_ipcs_connection_t *c = data;
	while (events_left > 0) {
		out.header.id = 100;
		out.header.size = sizeof out.header + event_bytes;
		out.header.error = 1;
		memcpy(out.data, &next_event, 4);
		if (qb_ipcs_event_send(c, &out, out.header.size) < 0) {
			qb_loop_job_add(loop, QB_LOOP_HIGH, c, send_events);
			return;
		}
		next_event++;
		events_left--;
	}
}

static int32_t take(qb_ipcs_connection_t *c, void *data, size_t size)
{
	struct qb_ipc_request_header *request = data;
	size_t bytes = request->size - sizeof *request;
	(void)size;
	if (request->id == SILENT) {
		silent++;
		return 0;
	}
	if (request->id == ECHO) {
		memcpy(out.data, request + 1, bytes);
	} else if (request->id == COUNT) {
		bytes = sizeof silent;
		memcpy(out.data, &silent, bytes);
	} else if (request->id == EVENTS) {
		memcpy(&events_left, request + 1, 4);
		memcpy(&event_bytes, (char *)(request + 1) + 4, 4);
		next_event = 0;
		bytes = 0;
	}
	out.header.id = request->id;
	out.header.size = sizeof out.header + bytes;
	out.header.error = 1;
	qb_ipcs_response_send(c, &out, out.header.size);
	if (request->id == EVENTS)
		send_events(c);
	return 0;
}

static int32_t job_add(enum qb_loop_priority p, void *data, qb_loop_job_dispatch_fn fn)
{
	return qb_loop_job_add(loop, p, data, fn);
}

static int32_t dispatch_add(enum qb_loop_priority p, int32_t fd, int32_t events, void *data, qb_ipcs_dispatch_fn_t fn)
{
	return qb_loop_poll_add(loop, p, fd, events, data, fn);
}

static int32_t dispatch_mod(enum qb_loop_priority p, int32_t fd, int32_t events, void *data, qb_ipcs_dispatch_fn_t fn)
{
	return qb_loop_poll_mod(loop, p, fd, events, data, fn);
}

static int32_t dispatch_del(int32_t fd)
{
	return qb_loop_poll_del(loop, fd);
}

static int32_t stop(int32_t signal, void *data)
{
	(void)signal, (void)data;
	qb_loop_stop(loop);
	return -1;
}

int main(int argc, char **argv)
{
	struct qb_ipcs_service_handlers handlers = {
		.connection_accept = accept_program,
		.connection_created = created,
		.msg_process = take,
		.connection_closed = closed,
	};
	struct qb_ipcs_poll_handlers polls = {
		.job_add = job_add,
		.dispatch_add = dispatch_add,
		.dispatch_mod = dispatch_mod,
		.dispatch_del = dispatch_del,
	};
	enum qb_ipc_type type = argc > 2 && strcmp(argv[2], "socket") == 0 ? QB_IPC_SOCKET : QB_IPC_SHM;
	qb_ipcs_service_t *service;
	loop = qb_loop_create();
	service = qb_ipcs_create(argv[1], 0, type, &handlers);
	qb_ipcs_poll_handlers_set(service, &polls);
	qb_ipcs_request_rate_limit(service, QB_IPCS_RATE_FAST);
	qb_loop_signal_add(loop, QB_LOOP_HIGH, SIGTERM, NULL, stop, NULL);
	if (qb_ipcs_run(service) < 0) {
		printf("cannot listen\n");
		return 1;
	}
	printf("listening\n");
	fflush(stdout);
	qb_loop_run(loop);
	qb_ipcs_destroy(service);
	return 0;
}
