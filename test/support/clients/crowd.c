/* Many members of groups on one host, some of whom are killed all the time and replaced. Each member is a process; it sends
 * numbered messages at a steady rate and checks those of everyone: none missing, none twice, none out of order. Between a
 * message START and a message END the steady ones add every message and every change of members to a sum, so that all of a
 * group who saw the same in the same order have the same sum, on this host and on others.
 *
 *   crowd STEADY VICTIMS GROUPS RATE BYTES
 *
 * Commands on standard input, one a line:
 *   joined     says JOINED and the number of steady members that are in their group
 *   go         everyone may send
 *   start, end one member of each group sends that mark
 *   kill N MS  kills N victims at random moments of that time, also while they connect; then says KILLED and the number
 *   quiet      no more messages
 *   report     a line REPORT GROUP SUM DELIVERED ERRORS for each steady member that has seen END
 *   quit       ends everyone
 */
#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_MEMBERS 512
#define MAX_SENDERS 1024
#define MAX_BYTES 65536
#define NEW_VICTIM_MS 20

enum mark { MARK_NONE, MARK_START, MARK_END };

struct message {
	uint64_t number;
	uint32_t mark;
	uint32_t check;
};

struct slot {
	volatile int joined, done;
	volatile uint64_t sum, delivered, errors;
};

/* Between the members and who commands them. */
struct shared {
	volatile int go, quiet, quit;
	volatile int start, end;
	struct slot slots[MAX_MEMBERS];
};

static struct shared *shared;
static int steady, victims, groups, rate, bytes;
static pid_t pids[MAX_MEMBERS];

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* One member ------------------------------------------------------------------------------------------------------- */

static struct slot *own;
static uint32_t own_node;
static int counting;
static struct { uint32_t node, pid; uint64_t next; } senders[MAX_SENDERS];
static int sender_count;

static void add(const void *data, size_t length)
{
	const uint8_t *p = data;
	uint64_t h = own->sum;
	while (length-- > 0) h = (h ^ *p++) * 1099511628211u;
	own->sum = h;
}

static uint32_t check_of(const uint8_t *data, size_t length)
{
	uint32_t h = 2166136261u;
	for (size_t i = sizeof(struct message); i < length; i++) h = (h ^ data[i]) * 16777619u;
	return h;
}

static void forget(uint32_t node, uint32_t pid)
{
	for (int i = 0; i < sender_count; i++)
		if (senders[i].node == node && senders[i].pid == pid) {
			senders[i] = senders[--sender_count];
			return;
		}
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *data, size_t length)
{
	struct message m;
	int i;
	(void)h;
	(void)g;
	if (length < sizeof m) { own->errors++; return; }
	memcpy(&m, data, sizeof m);
	if (check_of(data, length) != m.check) own->errors++;
	if (m.mark == MARK_START) counting = 1;
	if (m.mark == MARK_NONE) {
		for (i = 0; i < sender_count && (senders[i].node != node || senders[i].pid != pid); i++) {}
		if (i == sender_count) {
			if (sender_count == MAX_SENDERS) { own->errors++; return; }
			senders[i].node = node;
			senders[i].pid = pid;
			senders[i].next = m.number;
			sender_count++;
		}
		if (senders[i].next != m.number) own->errors++;
		senders[i].next = m.number + 1;
	}
	if (counting) {
		uint32_t from[2] = {node, pid};
		add(from, sizeof from);
		add(&m, sizeof m);
		own->delivered++;
	}
	if (m.mark == MARK_END) { counting = 0; own->done = 1; }
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm, const struct cpg_address *l,
		       size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h;
	(void)g;
	for (size_t i = 0; i < nl; i++) forget(l[i].nodeid, l[i].pid);
	for (size_t i = 0; i < nj; i++)
		if (j[i].nodeid == own_node && j[i].pid == (uint32_t)getpid()) own->joined = 1;
	if (!counting) return;
	for (size_t i = 0; i < nm; i++) { uint32_t e[2] = {m[i].nodeid, m[i].pid}; add(e, sizeof e); }
	for (size_t i = 0; i < nl; i++) add(&l[i], sizeof l[i]);
	for (size_t i = 0; i < nj; i++) add(&j[i], sizeof j[i]);
}

static void send_mark(cpg_handle_t handle, uint32_t mark)
{
	uint8_t data[sizeof(struct message)];
	struct message m = {0, mark, check_of(data, sizeof data)};
	memcpy(data, &m, sizeof m);
	struct iovec piece = {data, sizeof data};
	while (cpg_mcast_joined(handle, CPG_TYPE_AGREED, &piece, 1) == CS_ERR_TRY_AGAIN) usleep(1000);
}

static void member(int index)
{
	static uint8_t data[MAX_BYTES];
	cpg_callbacks_t callbacks = {on_deliver, on_confchg};
	cpg_handle_t handle;
	struct cpg_name name;
	cs_error_t rc;
	int fd;
	own = &shared->slots[index];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srand((unsigned)getpid());
	while ((rc = cpg_initialize(&handle, &callbacks)) == CS_ERR_TRY_AGAIN) usleep(5000);
	if (rc != CS_OK) { fprintf(stderr, "member %d: initialize %d\n", index, rc); _exit(3); }
	cpg_local_get(handle, &own_node);
	name.length = (uint32_t)snprintf(name.value, sizeof name.value, "crowd%d", index % groups);
	while ((rc = cpg_join(handle, &name)) == CS_ERR_TRY_AGAIN) usleep(5000);
	if (rc != CS_OK) { fprintf(stderr, "member %d: join %d\n", index, rc); _exit(3); }
	cpg_fd_get(handle, &fd);
	for (int i = (int)sizeof(struct message); i < bytes; i++) data[i] = (uint8_t)rand();
	struct message m = {0, MARK_NONE, check_of(data, (size_t)bytes)};
	double next = now_ms() + rand() % 100;
	int leads = index < groups, started = 0, ended = 0;
	while (!shared->quit) {
		double wait = shared->quiet || !shared->go ? 20 : next - now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, wait < 0 ? 0 : wait > 20 ? 20 : (int)wait) > 0 && (rc = cpg_dispatch(handle, CS_DISPATCH_ALL)) != CS_OK) {
			fprintf(stderr, "member %d: dispatch %d\n", index, rc);
			_exit(3);
		}
		if (!own->joined) continue;
		if (leads && shared->start && !started) { started = 1; send_mark(handle, MARK_START); }
		if (leads && shared->end && !ended) { ended = 1; send_mark(handle, MARK_END); }
		if (shared->quiet || !shared->go || now_ms() < next) continue;
		memcpy(data, &m, sizeof m);
		struct iovec piece = {data, (size_t)bytes};
		rc = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &piece, 1);
		if (rc == CS_OK) m.number++;
		else if (rc != CS_ERR_TRY_AGAIN) { fprintf(stderr, "member %d: mcast %d\n", index, rc); _exit(3); }
		next += 1000.0 / rate;
		if (next < now_ms() - 100) next = now_ms();
	}
	_exit(0);
}

/* Who commands ----------------------------------------------------------------------------------------------------- */

static void start_member(int index)
{
	memset(&shared->slots[index], 0, sizeof(struct slot));
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) { perror("fork"); exit(3); }
	if (pid == 0) member(index);
	pids[index] = pid;
}

static void kill_victims(int count, double ms)
{
	double end = now_ms() + ms;
	int killed = 0, newest = -1;
	while (now_ms() < end || killed < count) {
		double left = end - now_ms();
		double wait = count > killed ? left / (count - killed) : left;
		/* The newest one is killed again soon: its connection may not be made yet. */
		if (newest >= 0 && rand() % 2) wait = rand() % NEW_VICTIM_MS;
		else newest = -1;
		if (wait > 0) usleep((useconds_t)(wait * 1000));
		if (killed == count) break;
		int victim = newest >= 0 ? newest : steady + rand() % victims;
		kill(pids[victim], SIGKILL);
		waitpid(pids[victim], NULL, 0);
		start_member(victim);
		newest = newest >= 0 ? -1 : victim;
		killed++;
	}
	printf("KILLED %d\n", killed);
}

int main(int argc, char **argv)
{
	char line[128];
	if (argc != 6) return 2;
	steady = atoi(argv[1]);
	victims = atoi(argv[2]);
	groups = atoi(argv[3]);
	rate = atoi(argv[4]);
	bytes = atoi(argv[5]);
	if (steady + victims > MAX_MEMBERS || groups < 1 || bytes < (int)sizeof(struct message) || bytes > MAX_BYTES) return 2;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) return 3;
	for (int i = 0; i < steady + victims; i++) start_member(i);
	while (fgets(line, sizeof line, stdin) != NULL) {
		int count, joined = 0;
		double ms;
		if (sscanf(line, "kill %d %lf", &count, &ms) == 2) kill_victims(count, ms);
		else if (!strcmp(line, "go\n")) shared->go = 1;
		else if (!strcmp(line, "start\n")) shared->start = 1;
		else if (!strcmp(line, "end\n")) shared->end = 1;
		else if (!strcmp(line, "quiet\n")) shared->quiet = 1;
		else if (!strcmp(line, "joined\n")) {
			for (int i = 0; i < steady; i++) joined += shared->slots[i].joined;
			printf("JOINED %d\n", joined);
		} else if (!strcmp(line, "report\n")) {
			for (int i = 0; i < steady; i++)
				if (shared->slots[i].done)
					printf("REPORT %d %016llx %llu %llu\n", i % groups, (unsigned long long)shared->slots[i].sum,
					       (unsigned long long)shared->slots[i].delivered, (unsigned long long)shared->slots[i].errors);
			printf("REPORTED\n");
		} else if (!strcmp(line, "quit\n")) break;
		fflush(stdout);
	}
	shared->quit = 1;
	for (int i = steady; i < steady + victims; i++) kill(pids[i], SIGKILL);
	while (wait(NULL) > 0) {}
	return 0;
}
