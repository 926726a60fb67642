/* Line-driven client of libcpg (see lines.h). Calls every function of the library.
 *
 *   init [FLAGS]        model 1 with these flags; says its process id
 *   init-plain          cpg_initialize
 *   init-wait           the same until it works, and which results it gave before, each as often as it changed
 *   init-model N        any model number
 *   join G, leave G, members G, local, finalize, fd, context, flow, max
 *   mcast TEXT, mcast-sizes N...   one piece per number, filled with a pattern
 *   flood COUNT BYTES   numbered messages as fast as they are taken
 *   iter TYPE [G], iter-init TYPE [G], iter-next, iter-fin
 *   zcb-alloc N, zcb-mcast TEXT, zcb-free
 */
#include "lines.h"
#include <corosync/cpg.h>
#include <ctype.h>

#define SHORT_DATA 64
#define MAX_PIECES 16
/* A daemon that starts may be through with it in milliseconds. */
#define INIT_PAUSE_US 100

static cpg_handle_t handle;
static cpg_iteration_handle_t iteration;
static void *zero_copy;
static int fd = -1;

static void list(char *out, size_t room, const struct cpg_address *entries, size_t n)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < n && at < room; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%u:%u:%u", i ? "," : "", entries[i].nodeid, entries[i].pid, entries[i].reason);
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t nodeid, uint32_t pid, void *data, size_t length)
{
	int text = length <= SHORT_DATA;
	(void)h;
	for (size_t i = 0; text && i < length; i++) text = isprint(((const unsigned char *)data)[i]);
	if (text)
		say("DELIVER group=%.*s from=%u:%u len=%zu data=%.*s", (int)g->length, g->value, nodeid, pid, length, (int)length, (char *)data);
	else
		say("DELIVER group=%.*s from=%u:%u len=%zu sum=%08x", (int)g->length, g->value, nodeid, pid, length, checksum(data, length));
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
		       const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	static char members[8192], left[8192], joined[8192];
	(void)h;
	list(members, sizeof members, m, nm);
	list(left, sizeof left, l, nl);
	list(joined, sizeof joined, j, nj);
	say("CONFCHG group=%.*s members=[%s] left=[%s] joined=[%s]", (int)g->length, g->value, members, left, joined);
}

static void on_totem(cpg_handle_t h, struct cpg_ring_id ring, uint32_t n, const uint32_t *members)
{
	char text[4096];
	size_t at = 0;
	(void)h;
	text[0] = '\0';
	for (uint32_t i = 0; i < n; i++) at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", i ? "," : "", members[i]);
	say("TOTEM ring=%u.%" PRIu64 " members=[%s]", ring.nodeid, ring.seq, text);
}

static int descriptor(void) { return fd; }

static cs_error_t dispatch(cs_dispatch_flags_t flags) { return cpg_dispatch(handle, flags); }

static void initialized(cs_error_t rc)
{
	fd = -1;
	if (rc == CS_OK) cpg_fd_get(handle, &fd);
	say("INIT rc=%d pid=%d", rc, (int)getpid());
}

static void initialize_at_last(void)
{
	cpg_callbacks_t callbacks = {on_deliver, on_confchg};
	char codes[256];
	size_t at = 0;
	cs_error_t rc, last = 0;
	codes[0] = '\0';
	do {
		rc = cpg_initialize(&handle, &callbacks);
		if (rc != last && at < sizeof codes) at += (size_t)snprintf(codes + at, sizeof codes - at, "%s%d", at ? "," : "", rc);
		last = rc;
		if (rc != CS_OK) usleep(INIT_PAUSE_US);
	} while (rc != CS_OK);
	say("CODES %s", codes);
	initialized(rc);
}

static struct cpg_name group(int i)
{
	struct cpg_name name = {0};
	/* One more than the largest, so that a name too long can be shown to the library. */
	name.length = (uint32_t)word_length[i];
	memcpy(name.value, word[i], name.length < sizeof name.value ? name.length : sizeof name.value);
	return name;
}

static void iterate_next(void)
{
	struct cpg_iteration_description_t d;
	memset(&d, 0, sizeof d);
	cs_error_t rc = cpg_iteration_next(iteration, &d);
	if (rc == CS_OK) say("ITER %.*s %u:%u", (int)d.group.length, d.group.value, d.nodeid, d.pid);
	else say("ITER_END rc=%d", rc);
}

static cs_error_t iterate_init(void)
{
	struct cpg_name name;
	if (words > 2) name = group(2);
	cs_error_t rc = cpg_iteration_initialize(handle, (cpg_iteration_type_t)number(1), words > 2 ? &name : NULL, &iteration);
	say("ITER_INIT %s rc=%d", argument(1), rc);
	return rc;
}

static void iterate(void)
{
	struct cpg_iteration_description_t d;
	cs_error_t rc;
	if (iterate_init() != CS_OK) return;
	while ((rc = cpg_iteration_next(iteration, &d)) == CS_OK)
		say("ITER %.*s %u:%u", (int)d.group.length, d.group.value, d.nodeid, d.pid);
	say("ITER_END rc=%d", rc);
	say("ITER_FIN rc=%d", cpg_iteration_finalize(iteration));
}

static void fill(uint8_t *data, size_t length, size_t from)
{
	for (size_t i = 0; i < length; i++) data[i] = (uint8_t)((from + i) * 131 + 7);
}

static void mcast_sizes(void)
{
	struct iovec pieces[MAX_PIECES] = {{0}};
	size_t total = 0;
	int n = words - 1 < MAX_PIECES ? words - 1 : MAX_PIECES;
	for (int i = 0; i < n; i++) total += number(i + 1);
	uint8_t *data = malloc(total + 1);
	fill(data, total, 0);
	size_t at = 0;
	for (int i = 0; i < n; i++) {
		pieces[i] = (struct iovec){data + at, number(i + 1)};
		at += number(i + 1);
	}
	cs_error_t rc = cpg_mcast_joined(handle, CPG_TYPE_AGREED, pieces, (unsigned)n);
	say("MCAST_SIZES total=%zu sum=%08x rc=%d", total, checksum(data, total), rc);
	free(data);
}

static void flood(void)
{
	uint64_t count = number(1), sent = 0, again = 0;
	size_t bytes = number(2) < SHORT_DATA ? SHORT_DATA : number(2);
	char *data = calloc(1, bytes);
	cs_error_t rc = CS_OK;
	while (sent < count) {
		snprintf(data, bytes, "%" PRIu64, sent);
		struct iovec piece = {data, bytes};
		rc = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &piece, 1);
		if (rc == CS_OK) sent++;
		else if (rc == CS_ERR_TRY_AGAIN) { again++; usleep(200); }
		else break;
	}
	say("FLOOD sent=%" PRIu64 " again=%s rc=%d", sent, again > 0 ? "yes" : "no", rc);
	free(data);
}

static int command(const char *verb)
{
	if (!strcmp(verb, "init")) {
		cpg_model_v1_data_t model = {CPG_MODEL_V1, on_deliver, on_confchg, on_totem, (unsigned)number(1)};
		initialized(cpg_model_initialize(&handle, CPG_MODEL_V1, (cpg_model_data_t *)&model, (void *)7));
	} else if (!strcmp(verb, "init-plain")) {
		cpg_callbacks_t callbacks = {on_deliver, on_confchg};
		initialized(cpg_initialize(&handle, &callbacks));
	} else if (!strcmp(verb, "init-wait")) {
		initialize_at_last();
	} else if (!strcmp(verb, "init-model")) {
		cpg_model_v1_data_t model = {(cpg_model_t)number(1), on_deliver, on_confchg, on_totem, 0};
		initialized(cpg_model_initialize(&handle, (cpg_model_t)number(1), (cpg_model_data_t *)&model, NULL));
	} else if (!strcmp(verb, "join")) {
		struct cpg_name name = group(1);
		say("JOIN %s rc=%d", argument(1), cpg_join(handle, &name));
	} else if (!strcmp(verb, "leave")) {
		struct cpg_name name = group(1);
		say("LEAVE %s rc=%d", argument(1), cpg_leave(handle, &name));
	} else if (!strcmp(verb, "mcast")) {
		struct iovec piece = {word[1], word_length[1]};
		say("MCAST %s rc=%d", argument(1), cpg_mcast_joined(handle, CPG_TYPE_AGREED, &piece, 1));
	} else if (!strcmp(verb, "mcast-sizes")) {
		mcast_sizes();
	} else if (!strcmp(verb, "flood")) {
		flood();
	} else if (!strcmp(verb, "members")) {
		static struct cpg_address entries[CPG_MEMBERS_MAX];
		static char text[8192];
		struct cpg_name name = group(1);
		int n = 0;
		cs_error_t rc = cpg_membership_get(handle, &name, entries, &n);
		list(text, sizeof text, entries, rc == CS_OK ? (size_t)n : 0);
		say("MEMBERS %s rc=%d n=%d [%s]", argument(1), rc, n, text);
	} else if (!strcmp(verb, "local")) {
		unsigned nodeid = 0;
		cs_error_t rc = cpg_local_get(handle, &nodeid);
		say("LOCAL rc=%d node=%u", rc, nodeid);
	} else if (!strcmp(verb, "iter")) {
		iterate();
	} else if (!strcmp(verb, "iter-init")) {
		iterate_init();
	} else if (!strcmp(verb, "iter-next")) {
		iterate_next();
	} else if (!strcmp(verb, "iter-fin")) {
		say("ITER_FIN rc=%d", cpg_iteration_finalize(iteration));
	} else if (!strcmp(verb, "finalize")) {
		fd = -1;
		say("FINALIZE rc=%d", cpg_finalize(handle));
	} else if (!strcmp(verb, "fd")) {
		int got = -1;
		cs_error_t rc = cpg_fd_get(handle, &got);
		say("FD rc=%d %s", rc, got >= 0 ? "open" : "none");
	} else if (!strcmp(verb, "context")) {
		void *was = NULL, *now = NULL;
		cs_error_t first = cpg_context_get(handle, &was);
		cs_error_t second = cpg_context_set(handle, (void *)(uintptr_t)number(1));
		cs_error_t third = cpg_context_get(handle, &now);
		say("CONTEXT rc=%d,%d,%d was=%" PRIuPTR " now=%" PRIuPTR, first, second, third, (uintptr_t)was, (uintptr_t)now);
	} else if (!strcmp(verb, "flow")) {
		cpg_flow_control_state_t state = CPG_FLOW_CONTROL_ENABLED;
		cs_error_t rc = cpg_flow_control_state_get(handle, &state);
		say("FLOW rc=%d %d", rc, state);
	} else if (!strcmp(verb, "max")) {
		uint32_t size = 0;
		cs_error_t rc = cpg_max_atomic_msgsize_get(handle, &size);
		say("MAX rc=%d %u", rc, size);
	} else if (!strcmp(verb, "zcb-alloc")) {
		zero_copy = NULL;
		cs_error_t rc = cpg_zcb_alloc(handle, number(1), &zero_copy);
		say("ZCB_ALLOC rc=%d", rc);
	} else if (!strcmp(verb, "zcb-mcast")) {
		if (zero_copy != NULL) memcpy(zero_copy, word[1], word_length[1]);
		cs_error_t rc = zero_copy == NULL ? CS_ERR_INVALID_PARAM
						  : cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, zero_copy, word_length[1]);
		say("ZCB_MCAST rc=%d", rc);
	} else if (!strcmp(verb, "zcb-free")) {
		cs_error_t rc = zero_copy == NULL ? CS_ERR_INVALID_PARAM : cpg_zcb_free(handle, zero_copy);
		zero_copy = NULL;
		say("ZCB_FREE rc=%d", rc);
	} else {
		return 0;
	}
	return 1;
}
