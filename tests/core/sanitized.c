// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the pure C code with the address and undefined behaviour sanitizers. Every
 * buffer has exactly the length that is passed to the code, so that an access to
 * one byte more ends the run. Packets are read from stdin as
 * <u32 length, host byte order><bytes>.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/csum.h"
#include "core/tcp_state.h"
#include "core/wire.h"
#include "sched/sched.h"

#define MUTATIONS	300
#define FARMS		400
#define PACKET_MAX	(1 << 17)
#define HEADERS_MAX	2048 /* no reader asks for a byte after these */

typedef int (*reader)(struct ippfvs_wire *wire, const u8 *data, u32 avail,
		      u32 total);

static const reader readers[] = { ippfvs_wire_read, ippfvs_wire_read_quoted };

static void expect(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "not true: %s\n", what);
	exit(1);
}

/* A xorshift generator, which returns the same numbers in every run. */
static u32 random_u32(void)
{
	static u32 x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void *exactly(const void *data, size_t size)
{
	void *copy = malloc(size);

	expect(copy, "there is memory");
	memcpy(copy, data, size);
	return copy;
}

static int read_exactly(reader read, const u8 *packet, u32 avail, u32 total)
{
	struct ippfvs_wire wire;
	u8 *data = exactly(packet, avail);
	int result = read(&wire, data, avail, total);

	expect(result <= (int)total, "it requests at most the whole packet");
	expect(result <= 0 || result > (int)avail, "it requests more bytes than it had");
	expect(result || wire.l4 + wire.l4_size <= (int)avail,
	       "the header that it returns was readable");
	free(data);
	return result;
}

static void read_in_every_way(const u8 *packet, u32 total)
{
	u32 avail;
	size_t i;

	for (i = 0; i < 2; i++)
		for (avail = 0; avail <= total && avail <= HEADERS_MAX; avail++)
			read_exactly(readers[i], packet, avail, total);
}

static void read_step_by_step(const u8 *packet, u32 total)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		int avail = 0;

		while (avail >= 0) {
			int n = read_exactly(readers[i], packet, avail, total);

			if (n <= 0)
				break;
			avail = n;
		}
	}
}

static void mutate(u8 *packet, u32 length)
{
	u32 changes = random_u32() % 6;

	if (length > HEADERS_MAX)
		length = HEADERS_MAX;
	while (changes--)
		packet[random_u32() % length] = (u8)random_u32();
}

static void try_packet(const u8 *packet, u32 length)
{
	u32 total;
	int i;

	for (total = 0; total <= length && total <= HEADERS_MAX; total++)
		read_in_every_way(packet, total);
	if (length > HEADERS_MAX)
		read_in_every_way(packet, length);
	for (i = 0; length && i < MUTATIONS; i++) {
		u8 *mutant = exactly(packet, length);

		mutate(mutant, length);
		read_step_by_step(mutant, length);
		read_step_by_step(mutant, random_u32() % (length + 1));
		free(mutant);
	}
}

static u32 try_packets(void)
{
	static u8 packet[PACKET_MAX];
	u32 count = 0;
	u32 length;

	while (fread(&length, sizeof(length), 1, stdin) == 1) {
		expect(length <= sizeof(packet), "the packet fits");
		expect(fread(packet, 1, length, stdin) == length, "it is whole");
		try_packet(packet, length);
		count++;
	}
	return count;
}

static void try_csum(void)
{
	static const u8 bytes[80];
	u32 length, offset;

	for (length = 0; length <= 64; length++) {
		for (offset = 0; offset < 8; offset++) {
			u8 *data = exactly(bytes, offset + length);
			const u8 *run = data + offset;

			ippfvs_csum(run, length);
			ippfvs_csum_update(0x1234, run, run, length & ~1u);
			free(data);
		}
	}
}

static void try_tcp_states(void)
{
	unsigned int state, side, flags;
	u16 position, seen;
	u8 next;

	for (state = 0; state < 256; state++) {
		for (flags = 0; flags < 256; flags++) {
			for (side = 0; side < IPPFVS_SIDES; side++) {
				next = ippfvs_tcp_next(state, side, flags);
				position = random_u32();
				seen = random_u32();
				ippfvs_tcp_follow(state, side, flags, position,
						  seen);
				ippfvs_tcp_counts(state, next, side, flags,
						  position, seen);
				ippfvs_tcp_reopens(state, side, flags,
						   seen & 1);
			}
		}
	}
}

static void exclude_some(struct ippfvs_excluded *excluded, u32 n)
{
	u32 count = random_u32() % 4 ? 0 : random_u32() % (IPPFVS_EXCLUDED_MAX + 1);
	u32 first = random_u32() % n;
	u32 i;

	excluded->n = 0;
	for (i = 0; i < min(count, n); i++)
		expect(ippfvs_exclude(excluded, (first + i) % n), "there is room");
}

static void try_farm(const struct ippfvs_scheduler *scheduler, u32 n,
		     u32 weight_max)
{
	struct ippfvs_sched_real *real = calloc(n, sizeof(*real));
	struct ippfvs_load *load = calloc(n, sizeof(*load));
	struct ippfvs_sched_view view = { .real = real, .n = n };
	struct ippfvs_tuple tuple = { 0 };
	struct ippfvs_flow flow = { .tuple = &tuple };
	struct ippfvs_excluded excluded;
	void *state = malloc(scheduler->state_size(n));
	u32 i;

	for (i = 0; i < n; i++) {
		real[i].load = &load[i];
		load[i].eligible = random_u32() % 8;
		real[i].weight = random_u32() % (weight_max + 1);
	}
	scheduler->init(&view, state, (u64)random_u32() << 32 | random_u32());
	excluded.n = 0;
	expect(n || scheduler->pick(&view, state, &flow, &excluded) < 0,
	       "nothing is picked from an empty farm");
	for (i = 0; n && i < 200; i++) {
		u32 index = random_u32() % n;
		int picked;

		exclude_some(&excluded, n);
		picked = scheduler->pick(&view, state, &flow, &excluded);
		if (picked >= 0) {
			expect((u32)picked < n, "a real server is picked");
			expect(real[picked].weight,
			       "the picked real server accepts connections");
			expect(ippfvs_sched_accepts(&view, (u32)picked, &excluded),
			       "it accepts this connection");
			load[picked].counts.value += random_u32();
			if (scheduler->by_load)
				scheduler->changed(&view, state, (u32)picked);
		}
		load[index].eligible = random_u32() % 2;
		scheduler->changed(&view, state, index);
	}
	free(state);
	free(load);
	free(real);
}

static void try_schedulers(void)
{
	const struct ippfvs_scheduler *const *each;
	u32 farm;

	for (each = ippfvs_schedulers; *each; each++) {
		for (farm = 0; farm < FARMS; farm++) {
			try_farm(*each, farm % 70, 1);
			try_farm(*each, farm % 70, 5);
			try_farm(*each, random_u32() % 300, IPPFVS_WEIGHT_MAX);
		}
		try_farm(*each, IPPFVS_REALS_MAX, IPPFVS_WEIGHT_MAX);
	}
}

int main(void)
{
	try_csum();
	try_tcp_states();
	try_schedulers();
	printf("%u packets\n", try_packets());
	return 0;
}
