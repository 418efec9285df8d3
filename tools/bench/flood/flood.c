// SPDX-License-Identifier: GPL-2.0
/*
 * flood: feeds packets to the receive path of devices, in slices that alternate
 * between several streams, and measures each slice. It is for the benchmark only.
 *
 * User space writes streams (struct flood_add) and then a schedule (struct
 * flood_run) to /proc/flood, and reads one struct flood_result for each slice. The
 * write of a schedule returns when all of its slices are over. The layouts must
 * match those in tools/bench/flood.py.
 *
 * A packet is built as a network driver builds it: it is not shared and not
 * cloned, all headers are in the linear part, and the checksum is verified. A
 * stream with gso_size sends packets as GRO leaves them: the payload is in one
 * fragment, and the checksum is partial.
 */
#include <linux/etherdevice.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/time.h>
#include <linux/uaccess.h>
#include <net/checksum.h>
#include <net/net_namespace.h>
#include <asm/unistd.h>

#define STREAMS		64
#define STEPS		64
#define FIELDS		3
#define FRAME		128
#define BATCH		64	/* packets per section without softirqs, as in NAPI */
#define PAYLOAD_ORDER	4

enum { FLOOD_CLEAR, FLOOD_ADD, FLOOD_RUN };

/*
 * A part of the frame that differs from packet to packet. Its value is @first plus
 * a position below @count. The position moves by @stride with every packet or, if
 * @chained is set, whenever the previous field has returned to its first position.
 */
struct flood_field {
	__u16 at, size;
	__u32 first, count, stride, chained;
};

/* Offsets count from the start of the Ethernet header. The offset 0 means "none". */
struct flood_add {
	__u32 what, netns, cpu;
	char in[IFNAMSIZ], out[IFNAMSIZ];
	__u16 ip_check, l4_check, gso_size, len;
	__u32 payload;
	struct flood_field field[FIELDS];
	__u8 frame[FRAME];
};

/*
 * Every round runs the steps in their order. The streams of one step (a mask) run
 * at the same time, each on its CPU. A slice sends @packets or, if that is 0,
 * lasts @slice_us after @lead_us that are not measured. If @yield is set, other
 * tasks may run between batches. If @slowest is set, the slowest batch is measured.
 */
struct flood_run {
	__u32 what, rounds, lead_us, slice_us;
	__u32 packets, yield, steps, slowest;
	__u64 step[STEPS];
};

struct flood_result {
	__u32 stream, step;
	__u64 packets;	/* within @ns */
	__u64 ns;	/* CPU time of this kernel */
	__u64 wall_ns;
	__u64 sent;	/* packets sent, including those before the measurement */
	__u64 forwarded; /* packets that the stream's out device sent meanwhile */
	__u64 worst;	/* ns of the slowest batch, if @slowest is set */
};

struct stream {
	struct task_struct *task;
	struct completion over;
	struct flood_add spec;
	struct net_device *in, *out;
	u32 position[FIELDS];
	u64 out_before;
	struct flood_result *result;
	int err;
};

static DEFINE_MUTEX(lock);	/* protects all of the following */
static struct stream *streams[STREAMS];
static unsigned int stream_count;
static struct flood_result *results;
static size_t result_count;
static struct flood_run plan;
static struct page *payload;
static atomic_t not_started;	/* streams of the step that have not begun */

static u64 packets_sent(const struct stream *s)
{
	struct rtnl_link_stats64 stats;

	return dev_get_stats(s->out, &stats)->tx_packets;
}

static void replace(u8 *frame, u16 check, const u8 *from, const u8 *to, u16 size)
{
	__sum16 *sum = (__sum16 *)(frame + check);

	if (!check)
		return;
	if (size == 2)
		csum_replace2(sum, *(__be16 *)from, *(__be16 *)to);
	else
		csum_replace4(sum, *(__be32 *)from, *(__be32 *)to);
	if (!*sum)
		*sum = CSUM_MANGLED_0;
}

/* Both checksums cover addresses (size 4). Only the transport's checksum covers ports. */
static void set_field(const struct stream *s, u8 *frame, unsigned int number)
{
	const struct flood_field *field = &s->spec.field[number];
	u32 value = field->first + s->position[number];
	union { __be16 port; __be32 address; u8 bytes[4]; } new;

	if (field->size == 2)
		new.port = htons(value);
	else
		new.address = htonl(value);
	if (field->size == 4)
		replace(frame, s->spec.ip_check, frame + field->at, new.bytes, 4);
	replace(frame, s->spec.l4_check, frame + field->at, new.bytes, field->size);
	memcpy(frame + field->at, new.bytes, field->size);
}

static void advance(struct stream *s)
{
	const struct flood_field *field = s->spec.field;
	bool wrapped = true;
	unsigned int i;

	for (i = 0; i < FIELDS && field[i].count; i++) {
		if (field[i].chained && !wrapped)
			continue;
		s->position[i] += field[i].stride;
		if (s->position[i] >= field[i].count)
			s->position[i] -= field[i].count;
		wrapped = !s->position[i];
	}
}

static void make_gso(struct sk_buff *skb, const struct flood_add *spec)
{
	unsigned int at = spec->len - ETH_HLEN - sizeof(struct tcphdr);
	bool ipv4 = skb->protocol == htons(ETH_P_IP);

	get_page(payload);
	skb_add_rx_frag(skb, 0, payload, 0, spec->payload, spec->payload);
	skb_shinfo(skb)->gso_size = spec->gso_size;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(spec->payload, spec->gso_size);
	skb_shinfo(skb)->gso_type = ipv4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb_set_transport_header(skb, at);
	skb->csum_start = skb_headroom(skb) + at;
	skb->csum_offset = offsetof(struct tcphdr, check);
}

static struct sk_buff *make(struct stream *s)
{
	const struct flood_add *spec = &s->spec;
	struct sk_buff *skb = netdev_alloc_skb_ip_align(s->in, spec->len);
	unsigned int i;
	u8 *frame;

	if (!skb)
		return NULL;
	frame = skb_put_data(skb, spec->frame, spec->len);
	for (i = 0; i < FIELDS && spec->field[i].count; i++)
		set_field(s, frame, i);
	advance(s);
	skb->protocol = eth_type_trans(skb, s->in);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (spec->gso_size)
		make_gso(skb, spec);
	return skb;
}

static int send_batch(struct stream *s, unsigned int count)
{
	struct sk_buff *skb;
	int err = 0;

	local_bh_disable();
	while (count--) {
		skb = make(s);
		if (!skb) {
			err = -ENOMEM;
			break;
		}
		netif_receive_skb(skb);
	}
	local_bh_enable();
	return err;
}

/*
 * User-Mode Linux is a program, and only its host knows its CPU time. The time that
 * the host gives to other programs is not counted.
 */
static u64 cpu_time_ns(void)
{
#ifdef CONFIG_UML
	struct { s64 sec, nsec; } time;
	long err;

	asm volatile("syscall"
		     : "=a" (err)
		     : "0" (__NR_clock_gettime),
		       "D" (CLOCK_THREAD_CPUTIME_ID), "S" (&time)
		     : "rcx", "r11", "memory");
	return err ? 0 : time.sec * NSEC_PER_SEC + time.nsec;
#else
	return ktime_get_ns();
#endif
}

/* Send @packets or, if that is 0, send for @ns, and add the counts to the result. */
static int send(struct stream *s, u32 packets, u64 ns)
{
	struct flood_result *r = s->result;
	u64 began = ktime_get_ns(), worked = cpu_time_ns(), before = 0;
	u32 sent = 0, batch;

	do {
		batch = packets ? min_t(u32, BATCH, packets - sent) : BATCH;
		if (plan.slowest)
			before = cpu_time_ns();
		if (send_batch(s, batch))
			return -ENOMEM;
		if (plan.slowest)
			r->worst = max_t(u64, r->worst, cpu_time_ns() - before);
		sent += batch;
		if (plan.yield)
			cond_resched();
	} while (packets ? sent < packets : ktime_get_ns() - began < ns);

	r->ns = cpu_time_ns() - worked;
	r->wall_ns = ktime_get_ns() - began;
	r->packets = sent;
	r->sent += sent;
	return 0;
}

/*
 * This is a thread and not a work item, because the work items of one CPU run one after
 * another, but the streams of a step must run at the same time.
 */
static int run_slice(void *data)
{
	struct stream *s = data;

	atomic_dec(&not_started);
	while (atomic_read(&not_started))
		cpu_relax();
	if (!plan.packets && plan.lead_us)
		s->err = send(s, 0, plan.lead_us * NSEC_PER_USEC);
	s->result->worst = 0;
	if (!s->err)
		s->err = send(s, plan.packets, plan.slice_us * NSEC_PER_USEC);
	kthread_complete_and_exit(&s->over, 0);
}

/* Prepare the slice of @s, stream @number, in step @step. */
static int prepare_slice(struct stream *s, unsigned int number, unsigned int step)
{
	s->err = 0;
	s->result = &results[result_count++];
	s->result->stream = number;
	s->result->step = step;
	s->out_before = packets_sent(s);
	init_completion(&s->over);
	s->task = kthread_create_on_cpu(run_slice, s, s->spec.cpu, "flood/%u");
	return PTR_ERR_OR_ZERO(s->task);
}

static int run_step(unsigned int step)
{
	struct stream *chosen[STREAMS];
	unsigned int i, count = 0;
	int err = 0;

	for (i = 0; i < stream_count && !err; i++) {
		if (!(plan.step[step] & BIT_ULL(i)))
			continue;
		err = prepare_slice(streams[i], i, step);
		if (!err)
			chosen[count++] = streams[i];
	}
	if (err) {
		while (count)
			kthread_stop(chosen[--count]->task);
		return err;
	}

	atomic_set(&not_started, count);
	for (i = 0; i < count; i++)
		wake_up_process(chosen[i]->task);
	for (i = 0; i < count; i++)
		wait_for_completion(&chosen[i]->over);
	for (i = 0; i < count; i++) {
		chosen[i]->result->forwarded = packets_sent(chosen[i]) - chosen[i]->out_before;
		err = err ?: chosen[i]->err;
	}
	cond_resched();
	return err;
}

/* The streams of a step busy-wait for each other, so each needs a CPU of its own. */
static bool valid_step(u64 step)
{
	unsigned int i, k;

	if (!step || fls64(step) > stream_count)
		return false;
	for (i = 0; i < stream_count; i++)
		for (k = 0; k < i; k++)
			if ((step & BIT_ULL(i)) && (step & BIT_ULL(k)) &&
			    streams[i]->spec.cpu == streams[k]->spec.cpu)
				return false;
	return true;
}

static int run(void)
{
	size_t slices = 0;
	unsigned int i, round;
	int err = 0;

	if (!plan.rounds || !plan.steps || plan.steps > STEPS ||
	    (!plan.packets && !plan.slice_us))
		return -EINVAL;
	for (i = 0; i < plan.steps; i++) {
		if (!valid_step(plan.step[i]))
			return -EINVAL;
		slices += hweight64(plan.step[i]);
	}
	kvfree(results);
	result_count = 0;
	results = kvcalloc(slices, array_size(plan.rounds, sizeof(*results)),
			   GFP_KERNEL);
	if (!results)
		return -ENOMEM;
	for (round = 0; round < plan.rounds && !err; round++)
		for (i = 0; i < plan.steps && !err; i++)
			err = signal_pending(current) ? -EINTR : run_step(i);
	return err;
}

static void free_stream(struct stream *s)
{
	dev_put(s->in);
	dev_put(s->out);
	kfree(s);
}

static void clear(void)
{
	while (stream_count)
		free_stream(streams[--stream_count]);
	kvfree(results);
	results = NULL;
	result_count = 0;
}

static bool valid_gso(const struct flood_add *spec)
{
	if (!spec->gso_size)
		return !spec->payload;
	return spec->payload && spec->payload <= PAGE_SIZE << PAYLOAD_ORDER &&
	       spec->len >= ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr);
}

static bool valid(const struct flood_add *spec)
{
	unsigned int i;

	if (spec->len < ETH_HLEN || spec->len > FRAME || spec->cpu >= nr_cpu_ids ||
	    !cpu_online(spec->cpu) || spec->ip_check > spec->len - 2 ||
	    spec->l4_check > spec->len - 2 || !valid_gso(spec))
		return false;
	for (i = 0; i < FIELDS; i++) {
		const struct flood_field *field = &spec->field[i];

		if (field->count &&
		    ((field->size != 2 && field->size != 4) ||
		     field->at + field->size > spec->len ||
		     field->stride > field->count))
			return false;
	}
	return true;
}

static int add(const struct flood_add *spec)
{
	struct stream *s;
	struct net *net;

	if (stream_count == STREAMS || !valid(spec))
		return -EINVAL;
	net = get_net_ns_by_fd(spec->netns);
	if (IS_ERR(net))
		return PTR_ERR(net);
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (s) {
		s->spec = *spec;
		s->in = dev_get_by_name(net, spec->in);
		s->out = dev_get_by_name(net, spec->out);
	}
	put_net(net);
	if (!s)
		return -ENOMEM;
	if (!s->in || !s->out) {
		free_stream(s);
		return -ENODEV;
	}
	streams[stream_count++] = s;
	return 0;
}

static int execute(const void *command, size_t size)
{
	switch (*(const __u32 *)command) {
	case FLOOD_CLEAR:
		clear();
		return 0;
	case FLOOD_ADD:
		return size == sizeof(struct flood_add) ? add(command) : -EINVAL;
	case FLOOD_RUN:
		if (size != sizeof(plan))
			return -EINVAL;
		memcpy(&plan, command, size);
		return run();
	}
	return -EINVAL;
}

static ssize_t flood_write(struct file *file, const char __user *from, size_t size,
			   loff_t *offset)
{
	void *command;
	int err;

	if (size < sizeof(__u32) || size > PAGE_SIZE)
		return -EINVAL;
	command = memdup_user(from, size);
	if (IS_ERR(command))
		return PTR_ERR(command);
	mutex_lock(&lock);
	err = execute(command, size);
	mutex_unlock(&lock);
	kfree(command);
	return err ?: size;
}

static ssize_t flood_read(struct file *file, char __user *to, size_t size,
			  loff_t *offset)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_read_from_buffer(to, size, offset, results,
				       result_count * sizeof(*results));
	mutex_unlock(&lock);
	return done;
}

static const struct proc_ops flood_ops = {
	.proc_read = flood_read,
	.proc_write = flood_write,
	.proc_lseek = default_llseek,
};

static int __init flood_init(void)
{
	payload = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_ZERO, PAYLOAD_ORDER);
	if (!payload)
		return -ENOMEM;
	if (!proc_create("flood", 0600, NULL, &flood_ops)) {
		put_page(payload);
		return -ENOMEM;
	}
	return 0;
}

static void __exit flood_exit(void)
{
	remove_proc_entry("flood", NULL);
	clear();
	put_page(payload);
}

module_init(flood_init);
module_exit(flood_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Feeds packets to devices in alternating slices, for benchmarks only");
