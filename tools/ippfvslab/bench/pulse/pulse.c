// SPDX-License-Identifier: GPL-2.0
/*
 * The pulse: how long a softirq waits behind the interrupt that raised it. As
 * long would wait a packet that a network card has just announced, because somebody
 * holds softirqs off, say by a lock that packets take too.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/time.h>
#include <asm/unistd.h>

#define PERIOD_NS	(200 * NSEC_PER_USEC)

static unsigned long worst;
module_param(worst, ulong, 0644);
MODULE_PARM_DESC(worst, "nanoseconds of the longest wait since 0 was written here");

static unsigned long beats;
module_param(beats, ulong, 0444);
MODULE_PARM_DESC(beats, "waits measured");

/*
 * The time that this CPU has worked for us. User-Mode Linux is a program, and only
 * its host can tell: what the host gives to other programs meanwhile is not counted.
 */
static u64 worked_ns(void)
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

/* When the interrupt came that the softirq has still to answer, or 0. */
static u64 raised;

static void answer(struct tasklet_struct *unused)
{
	unsigned long wait = worked_ns() - READ_ONCE(raised);

	if (wait > READ_ONCE(worst))
		WRITE_ONCE(worst, wait);
	WRITE_ONCE(beats, beats + 1);
	WRITE_ONCE(raised, 0);
}

static DECLARE_TASKLET(softirq, answer);

static enum hrtimer_restart strike(struct hrtimer *timer)
{
	if (!READ_ONCE(raised)) {
		WRITE_ONCE(raised, worked_ns());
		tasklet_hi_schedule(&softirq);
	}
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

static struct hrtimer timer;

static int __init pulse_init(void)
{
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer.function = strike;
	hrtimer_start(&timer, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL);
	return 0;
}

static void __exit pulse_exit(void)
{
	hrtimer_cancel(&timer);
	tasklet_kill(&softirq);
}

module_init(pulse_init);
module_exit(pulse_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("How long softirqs wait: for measuring only");
