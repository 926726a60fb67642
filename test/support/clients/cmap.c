/* Line-driven client of libcmap (see lines.h). Calls every function of the library.
 *
 *   init [MAP]              without a map number: cmap_initialize
 *   set KEY TYPE VALUE      by the function of that type; binary values as the word's bytes
 *   set-raw KEY TYPE LENGTH BYTES   by cmap_set with any type number and length
 *   get KEY [TYPE]          by the function of that type, or by cmap_get
 *   get-room KEY BYTES      by cmap_get into a buffer of that size
 *   inc KEY, dec KEY, delete KEY
 *   iter [PREFIX], iter-init [PREFIX], iter-next, iter-fin
 *   track N KEY BITS        KEY % is no key; N names the tracker in notifications
 *   untrack N, context VALUE, fd, finalize
 */
#include "lines.h"
#include <corosync/cmap.h>

#define TRACKERS 16
#define ROOM 65536

static cmap_handle_t handle;
static cmap_iter_handle_t iteration;
static cmap_track_handle_t trackers[TRACKERS];
static int fd = -1;

static const char *const type_names[] = {"none", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "flt", "dbl", "str", "bin"};

static int type_of(const char *name)
{
	for (int i = 1; i <= CMAP_VALUETYPE_BINARY; i++)
		if (!strcmp(name, type_names[i])) return i;
	return 0;
}

static const char *type_name(int type) { return type >= 0 && type <= CMAP_VALUETYPE_BINARY ? type_names[type] : "?"; }

/* A value as text; strings without what follows their NUL, binary values as bytes in hexadecimal. */
static void show(char *out, size_t room, int type, const void *data, size_t length)
{
	int64_t i = 0;
	uint64_t u = 0;
	out[0] = '\0';
	if (data == NULL || length == 0) return;
	memcpy(&u, data, length < 8 ? length : 8);
	switch (type) {
	case CMAP_VALUETYPE_INT8: i = *(const int8_t *)data; snprintf(out, room, "%" PRId64, i); break;
	case CMAP_VALUETYPE_INT16: { int16_t v; memcpy(&v, data, 2); snprintf(out, room, "%d", v); break; }
	case CMAP_VALUETYPE_INT32: { int32_t v; memcpy(&v, data, 4); snprintf(out, room, "%d", v); break; }
	case CMAP_VALUETYPE_INT64: memcpy(&i, data, 8); snprintf(out, room, "%" PRId64, i); break;
	case CMAP_VALUETYPE_UINT8:
	case CMAP_VALUETYPE_UINT16:
	case CMAP_VALUETYPE_UINT32:
	case CMAP_VALUETYPE_UINT64: snprintf(out, room, "%" PRIu64, u); break;
	case CMAP_VALUETYPE_FLOAT: { float v; memcpy(&v, data, 4); snprintf(out, room, "%g", (double)v); break; }
	case CMAP_VALUETYPE_DOUBLE: { double v; memcpy(&v, data, 8); snprintf(out, room, "%g", v); break; }
	case CMAP_VALUETYPE_STRING: snprintf(out, room, "%.*s", (int)strnlen(data, length), (const char *)data); break;
	default:
		if (length > 64) {
			snprintf(out, room, "sum %08x", checksum(data, length));
			break;
		}
		for (size_t at = 0; at < length && 2 * at + 2 < room; at++) sprintf(out + 2 * at, "%02x", ((const uint8_t *)data)[at]);
	}
}

static void on_notify(cmap_handle_t h, cmap_track_handle_t tracker, int32_t event, const char *key, struct cmap_notify_value now,
		      struct cmap_notify_value was, void *cookie)
{
	static char new_text[1024], old_text[1024];
	uintptr_t n = (uintptr_t)cookie;
	(void)h;
	show(new_text, sizeof new_text, (int)now.type, now.data, now.len);
	show(old_text, sizeof old_text, (int)was.type, was.data, was.len);
	say("NOTIFY %" PRIuPTR "%s event=%d key=%s new=%s:%zu:%s old=%s:%zu:%s", n, n < TRACKERS && trackers[n] == tracker ? "" : "(other)",
	    event, key, type_name((int)now.type), now.len, new_text, type_name((int)was.type), was.len, old_text);
}

static int descriptor(void) { return fd; }

static cs_error_t dispatch(cs_dispatch_flags_t flags) { return cmap_dispatch(handle, flags); }

static cs_error_t set(const char *key, int type, const char *value, size_t length)
{
	switch (type) {
	case CMAP_VALUETYPE_INT8: return cmap_set_int8(handle, key, (int8_t)strtoll(value, NULL, 0));
	case CMAP_VALUETYPE_UINT8: return cmap_set_uint8(handle, key, (uint8_t)strtoull(value, NULL, 0));
	case CMAP_VALUETYPE_INT16: return cmap_set_int16(handle, key, (int16_t)strtoll(value, NULL, 0));
	case CMAP_VALUETYPE_UINT16: return cmap_set_uint16(handle, key, (uint16_t)strtoull(value, NULL, 0));
	case CMAP_VALUETYPE_INT32: return cmap_set_int32(handle, key, (int32_t)strtoll(value, NULL, 0));
	case CMAP_VALUETYPE_UINT32: return cmap_set_uint32(handle, key, (uint32_t)strtoull(value, NULL, 0));
	case CMAP_VALUETYPE_INT64: return cmap_set_int64(handle, key, strtoll(value, NULL, 0));
	case CMAP_VALUETYPE_UINT64: return cmap_set_uint64(handle, key, strtoull(value, NULL, 0));
	case CMAP_VALUETYPE_FLOAT: return cmap_set_float(handle, key, strtof(value, NULL));
	case CMAP_VALUETYPE_DOUBLE: return cmap_set_double(handle, key, strtod(value, NULL));
	case CMAP_VALUETYPE_STRING: return cmap_set_string(handle, key, value);
	default: return cmap_set(handle, key, value, length, (cmap_value_types_t)type);
	}
}

#define GET(function, ctype)                                                                                                     \
	do {                                                                                                                     \
		ctype v = 0;                                                                                                     \
		rc = function(handle, key, &v);                                                                                  \
		if (rc == CS_OK) show(text, sizeof text, type, &v, sizeof v);                                                    \
	} while (0)

static void get(const char *key, int type)
{
	static char text[ROOM], data[ROOM];
	cs_error_t rc = CS_OK;
	text[0] = '\0';
	switch (type) {
	case CMAP_VALUETYPE_INT8: GET(cmap_get_int8, int8_t); break;
	case CMAP_VALUETYPE_UINT8: GET(cmap_get_uint8, uint8_t); break;
	case CMAP_VALUETYPE_INT16: GET(cmap_get_int16, int16_t); break;
	case CMAP_VALUETYPE_UINT16: GET(cmap_get_uint16, uint16_t); break;
	case CMAP_VALUETYPE_INT32: GET(cmap_get_int32, int32_t); break;
	case CMAP_VALUETYPE_UINT32: GET(cmap_get_uint32, uint32_t); break;
	case CMAP_VALUETYPE_INT64: GET(cmap_get_int64, int64_t); break;
	case CMAP_VALUETYPE_UINT64: GET(cmap_get_uint64, uint64_t); break;
	case CMAP_VALUETYPE_FLOAT: GET(cmap_get_float, float); break;
	case CMAP_VALUETYPE_DOUBLE: GET(cmap_get_double, double); break;
	case CMAP_VALUETYPE_STRING: {
		char *value = NULL;
		rc = cmap_get_string(handle, key, &value);
		if (rc == CS_OK) snprintf(text, sizeof text, "%s", value);
		free(value);
		break;
	}
	default: {
		size_t length = 0;
		cmap_value_types_t found = 0;
		rc = cmap_get(handle, key, NULL, &length, &found);
		size_t whole = length;
		if (rc == CS_OK && length > 0) rc = cmap_get(handle, key, data, &length, &found);
		if (rc == CS_OK) show(text, sizeof text, (int)found, data, length);
		say("GET %s rc=%d %s:%zu:%s", key, rc, type_name((int)found), whole, text);
		return;
	}
	}
	say("GET %s %s rc=%d %s", key, type_name(type), rc, text);
}

static int iterate_next(const char *end)
{
	char key[CMAP_KEYNAME_MAXLEN + 1] = "";
	size_t length = 0;
	cmap_value_types_t type = 0;
	cs_error_t rc = cmap_iter_next(handle, iteration, key, &length, &type);
	if (rc != CS_OK) {
		say("%s rc=%d", end, rc);
		return 0;
	}
	say("ITER %s %s:%zu", key, type_name((int)type), length);
	return 1;
}

static cs_error_t iterate_init(void)
{
	cs_error_t rc = cmap_iter_init(handle, words > 1 ? word[1] : NULL, &iteration);
	say("ITER_INIT rc=%d", rc);
	return rc;
}

static int command(const char *verb)
{
	const char *key = argument(1);
	if (!strcmp(verb, "init")) {
		cs_error_t rc = words > 1 ? cmap_initialize_map(&handle, (cmap_map_t)number(1)) : cmap_initialize(&handle);
		fd = -1;
		if (rc == CS_OK) cmap_fd_get(handle, &fd);
		say("INIT rc=%d pid=%d", rc, (int)getpid());
	} else if (!strcmp(verb, "set")) {
		say("SET %s rc=%d", key, set(key, type_of(argument(2)), argument(3), words > 3 ? word_length[3] : 0));
	} else if (!strcmp(verb, "set-raw")) {
		say("SET_RAW %s rc=%d", key, cmap_set(handle, key, argument(4), number(3), (cmap_value_types_t)number(2)));
	} else if (!strcmp(verb, "get")) {
		get(key, type_of(argument(2)));
	} else if (!strcmp(verb, "get-room")) {
		static char data[ROOM];
		size_t length = number(2);
		cmap_value_types_t type = 0;
		cs_error_t rc = cmap_get(handle, key, data, &length, &type);
		say("GET_ROOM %s rc=%d", key, rc);
	} else if (!strcmp(verb, "inc")) {
		say("INC %s rc=%d", key, cmap_inc(handle, key));
	} else if (!strcmp(verb, "dec")) {
		say("DEC %s rc=%d", key, cmap_dec(handle, key));
	} else if (!strcmp(verb, "delete")) {
		say("DELETE %s rc=%d", key, cmap_delete(handle, key));
	} else if (!strcmp(verb, "iter")) {
		if (iterate_init() != CS_OK) return 1;
		while (iterate_next("ITER_END")) {}
		say("ITER_FIN rc=%d", cmap_iter_finalize(handle, iteration));
	} else if (!strcmp(verb, "iter-init")) {
		iterate_init();
	} else if (!strcmp(verb, "iter-next")) {
		iterate_next("ITER_NEXT");
	} else if (!strcmp(verb, "iter-fin")) {
		say("ITER_FIN rc=%d", cmap_iter_finalize(handle, iteration));
	} else if (!strcmp(verb, "track")) {
		uint64_t n = number(1) % TRACKERS;
		const char *tracked = word_length[2] > 0 ? word[2] : NULL;
		cs_error_t rc = cmap_track_add(handle, tracked, (int32_t)number(3), on_notify, (void *)(uintptr_t)n, &trackers[n]);
		say("TRACK %" PRIu64 " rc=%d", n, rc);
	} else if (!strcmp(verb, "untrack")) {
		say("UNTRACK %s rc=%d", key, cmap_track_delete(handle, trackers[number(1) % TRACKERS]));
	} else if (!strcmp(verb, "context")) {
		const void *was = NULL, *now = NULL;
		cs_error_t first = cmap_context_get(handle, &was);
		cs_error_t second = cmap_context_set(handle, (void *)(uintptr_t)number(1));
		cs_error_t third = cmap_context_get(handle, &now);
		say("CONTEXT rc=%d,%d,%d was=%" PRIuPTR " now=%" PRIuPTR, first, second, third, (uintptr_t)was, (uintptr_t)now);
	} else if (!strcmp(verb, "fd")) {
		int got = -1;
		cs_error_t rc = cmap_fd_get(handle, &got);
		say("FD rc=%d %s", rc, got >= 0 ? "open" : "none");
	} else if (!strcmp(verb, "finalize")) {
		fd = -1;
		say("FINALIZE rc=%d", cmap_finalize(handle));
	} else {
		return 0;
	}
	return 1;
}
