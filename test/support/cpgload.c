/* cpgload: a member of a closed process group through the stock C library libcpg; prints one JSON line when it ends.
 *
 *   cc -O2 -o cpgload cpgload.c -lcpg -lpthread
 *   cpgload flood  -s BYTES (-t SECONDS | -n COUNT) [-m MEMBERS] [-g GROUP]
 *       sends as fast as accepted and counts its own deliveries; -m waits until the group has that many members
 *   cpgload ping   -s BYTES -n COUNT [-g GROUP]
 *       sends one, waits until it is delivered back, repeats
 *   cpgload listen -t SECONDS [-n COUNT] [-z] [-g GROUP]
 *       receives only; ends after COUNT messages or after that time; -z: every sender must begin with sequence 0
 *
 * A message is u64 sequence, u32 checksum, u32 zero, body. A gap, a repetition or a wrong checksum is an error; the exit
 * status is 1 if there was any, 3 when the daemon could not be used.
 */
#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_SENDERS 256
#define HEADER 16
#define FULL_CHECKSUM_MAX 4096
#define DRAIN_SECONDS 60

static cpg_handle_t handle;
static uint32_t my_nodeid;
static atomic_ulong own_delivered, all_delivered, bytes_delivered, errors;
static atomic_int joined, group_members;
static struct { uint32_t nodeid, pid; uint64_t next; } senders[MAX_SENDERS];
static int sender_count, from_zero;

static double now_s(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static uint32_t checksum(const uint8_t *p, size_t n) {
	uint32_t h = 2166136261u;
	size_t step = n > FULL_CHECKSUM_MAX ? n / 512 : 1; /* samples big bodies, so that checking does not dominate */
	for (size_t i = 0; i < n; i += step) h = (h ^ p[i]) * 16777619u;
	return h;
}

static void fill(uint8_t *buf, size_t size, uint64_t seq) {
	for (size_t i = HEADER; i < size; i++) buf[i] = (uint8_t)((i - HEADER) * 131 + 7 + seq);
	uint32_t sum = checksum(buf + HEADER, size - HEADER);
	memcpy(buf, &seq, 8); memcpy(buf + 8, &sum, 4); memset(buf + 12, 0, 4);
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t nodeid, uint32_t pid, void *msg, size_t len) {
	(void)h; (void)g;
	uint64_t seq; uint32_t sum;
	if (len < HEADER) { atomic_fetch_add(&errors, 1); return; }
	memcpy(&seq, msg, 8); memcpy(&sum, (char *)msg + 8, 4);
	int good = checksum((uint8_t *)msg + HEADER, len - HEADER) == sum;
	if (!good) atomic_fetch_add(&errors, 1);
	int i;
	for (i = 0; i < sender_count; i++) if (senders[i].nodeid == nodeid && senders[i].pid == pid) break;
	if (i == sender_count && sender_count < MAX_SENDERS) {
		senders[i].nodeid = nodeid; senders[i].pid = pid; senders[i].next = from_zero ? 0 : seq; sender_count++;
	}
	if (i < MAX_SENDERS) { if (senders[i].next != seq) atomic_fetch_add(&errors, 1); senders[i].next = seq + 1; }
	atomic_fetch_add(&bytes_delivered, len);
	atomic_fetch_add(&all_delivered, 1);
	if (nodeid == my_nodeid && pid == (uint32_t)getpid()) atomic_fetch_add(&own_delivered, 1);
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
		       const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj) {
	(void)h; (void)g; (void)l; (void)nl;
	for (size_t i = 0; i < nj; i++) if (j[i].nodeid == my_nodeid && j[i].pid == (uint32_t)getpid()) atomic_store(&joined, 1);
	atomic_store(&group_members, (int)nm);
}

static cpg_model_v1_data_t model = { .cpg_deliver_fn = on_deliver, .cpg_confchg_fn = on_confchg };

static void *dispatcher(void *arg) { (void)arg; cpg_dispatch(handle, CS_DISPATCH_BLOCKING); return NULL; }

static cs_error_t dispatch_for(int ms) {
	int fd; cpg_fd_get(handle, &fd);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	if (poll(&p, 1, ms) <= 0) return CS_OK;
	return cpg_dispatch(handle, CS_DISPATCH_ALL);
}

static int cmp(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }

static int mode_flood(size_t size, double secs, long count, int members) {
	uint8_t *buf = malloc(size);
	fill(buf, size, 0);
	struct iovec iov = { buf, size };
	uint64_t seq = 0; unsigned long retries = 0;
	pthread_t th; pthread_create(&th, NULL, dispatcher, NULL);
	double give_up = now_s() + 30;
	while (atomic_load(&group_members) < members && now_s() < give_up) usleep(2000);
	if (atomic_load(&group_members) < members) { fprintf(stderr, "the group has %d members, not %d\n", atomic_load(&group_members), members); return 3; }
	double t0 = now_s();
	while (count > 0 ? seq < (uint64_t)count : now_s() - t0 < secs) {
		memcpy(buf, &seq, 8);
		cs_error_t r = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1);
		if (r == CS_OK) seq++;
		else if (r == CS_ERR_TRY_AGAIN) { retries++; usleep(50); }
		else { fprintf(stderr, "cpg_mcast_joined: error %d\n", r); return 3; }
	}
	unsigned long at_end = atomic_load(&own_delivered);
	double dt = now_s() - t0, drain = now_s() + DRAIN_SECONDS;
	while (atomic_load(&own_delivered) < seq && now_s() < drain) usleep(1000);
	if (count > 0) { at_end = atomic_load(&own_delivered); dt = now_s() - t0; }
	if (atomic_load(&own_delivered) != seq) atomic_fetch_add(&errors, 1);
	printf("{\"mode\":\"flood\",\"bytes\":%zu,\"seconds\":%.3f,\"sent\":%lu,\"delivered\":%lu,\"messages_per_s\":%.0f,\"MB_per_s\":%.2f,\"try_again\":%lu,\"errors\":%lu}\n",
	       size, dt, (unsigned long)seq, at_end, at_end / dt, at_end / dt * size / 1e6, retries, (unsigned long)errors);
	return errors ? 1 : 0;
}

static int mode_ping(size_t size, long count) {
	uint8_t *buf = malloc(size);
	fill(buf, size, 0);
	struct iovec iov = { buf, size };
	double *lat = malloc(count * sizeof *lat);
	for (uint64_t seq = 0; seq < (uint64_t)count; seq++) {
		memcpy(buf, &seq, 8);
		double a = now_s(); cs_error_t r;
		while ((r = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1)) == CS_ERR_TRY_AGAIN) usleep(20);
		if (r != CS_OK) { fprintf(stderr, "cpg_mcast_joined: error %d\n", r); return 3; }
		while (atomic_load(&own_delivered) <= seq) { if (now_s() - a > 20) { fprintf(stderr, "message lost\n"); return 1; } dispatch_for(1000); }
		lat[seq] = (now_s() - a) * 1e6;
	}
	qsort(lat, count, sizeof *lat, cmp);
	printf("{\"mode\":\"ping\",\"bytes\":%zu,\"count\":%ld,\"us_min\":%.1f,\"us_p50\":%.1f,\"us_p99\":%.1f,\"us_max\":%.1f,\"errors\":%lu}\n",
	       size, count, lat[0], lat[count / 2], lat[(long)(count * .99)], lat[count - 1], (unsigned long)errors);
	return errors ? 1 : 0;
}

static int mode_listen(double secs, long count) {
	double t0 = now_s();
	while (now_s() - t0 < secs && (count <= 0 || atomic_load(&all_delivered) < (unsigned long)count))
		if (dispatch_for(50) != CS_OK) { fprintf(stderr, "the daemon is gone\n"); return 3; }
	printf("{\"mode\":\"listen\",\"seconds\":%.3f,\"senders\":%d,\"delivered\":%lu,\"MB\":%.2f,\"errors\":%lu}\n",
	       now_s() - t0, sender_count, (unsigned long)all_delivered, bytes_delivered / 1e6, (unsigned long)errors);
	return errors ? 1 : 0;
}

int main(int argc, char **argv) {
	size_t size = 64; double secs = 2; long count = 0; int members = 1;
	const char *group = "cpgload";
	if (argc < 2) { fprintf(stderr, "usage: cpgload flood|ping|listen [-s bytes] [-t seconds] [-n count] [-m members] [-z] [-g group]\n"); return 2; }
	const char *mode = argv[1];
	optind = 2;
	for (int c; (c = getopt(argc, argv, "s:t:n:g:m:z")) != -1;)
		switch (c) {
		case 's': size = strtoul(optarg, 0, 0); break;
		case 't': secs = atof(optarg); break;
		case 'n': count = atol(optarg); break;
		case 'g': group = optarg; break;
		case 'm': members = atoi(optarg); break;
		case 'z': from_zero = 1; break;
		default: return 2;
		}
	if (size < HEADER) size = HEADER;
	cs_error_t r;
	double give_up = now_s() + 20;
	while ((r = cpg_model_initialize(&handle, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL)) != CS_OK && now_s() < give_up) usleep(50000);
	if (r != CS_OK) { fprintf(stderr, "cpg_initialize: error %d\n", r); return 3; }
	cpg_local_get(handle, &my_nodeid);
	struct cpg_name name; name.length = strlen(group); memcpy(name.value, group, name.length);
	while ((r = cpg_join(handle, &name)) == CS_ERR_TRY_AGAIN && now_s() < give_up) usleep(10000);
	if (r != CS_OK) { fprintf(stderr, "cpg_join: error %d\n", r); return 3; }
	while (!atomic_load(&joined) && now_s() < give_up) dispatch_for(100);
	if (!joined) { fprintf(stderr, "no join confirmation within 20 s\n"); return 3; }
	int status = !strcmp(mode, "flood") ? mode_flood(size, secs, count, members)
		   : !strcmp(mode, "ping") ? mode_ping(size, count > 0 ? count : 1000)
		   : mode_listen(secs, count);
	fflush(stdout);
	_exit(status);
}
