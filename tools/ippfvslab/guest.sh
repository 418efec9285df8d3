#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The first program of a guest: gives it a root that is fast and harmless to write to, loads the
# module, runs the job of the run folder and leaves there what the host wants to know.
#
# usage: guest.sh prepare|job RUN      the kernel command line of User-Mode Linux gives RUN alone
# RUN holds: this script, modules, module, job, and in needed the folders that it leans on, a line
# each; it receives: stage rc out dmesg leaks load unload
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
unset nr_open virtme_hostname 2>/dev/null || true

# In one step: the host would take the moment in which it is empty for a guest that is not up.
stage() { echo "$1" > "$RUN/stage.part" && mv "$RUN/stage.part" "$RUN/stage"; }

# The needed folders that a tmpfs hides, say those of a clone in /tmp, are mounted again: show_them
# ROOT COMMAND… calls COMMAND… with each folder.
show_them() {
	root=$1
	shift
	while read -r each; do
		[ -d "$root$each" ] || { mkdir -p "$root$each" && "$@" "$each"; }
	done < "$RUN/needed"
}
from_lower() { mount --bind "$top/lower$1" "$top/root$1"; }
from_host() { mount -t hostfs -o "$1" none "$1"; }

# QEMU: the host's files again, but cached (nobody changes them under us), below a writable tmpfs.
# virtme's own mount asks the host for every byte, which makes Python four times slower to start.
prepare_qemu() {
	top=/run/ippfvs
	mkdir -p $top/lower $top/upper $top/root
	mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 lab $top/lower
	mount -t tmpfs tmpfs $top/upper
	mkdir -p $top/upper/files $top/upper/work
	mount -t overlay -o "lowerdir=$top/lower,upperdir=$top/upper/files,workdir=$top/upper/work" \
		overlay $top/root
	for each in proc sys dev; do mount --rbind /$each $top/root/$each; done
	mount -t tmpfs tmpfs $top/root/tmp
	mount -t tmpfs tmpfs $top/root/run
	show_them $top/root from_lower
	mkdir -p "$top/root$RUN" && mount --bind "$RUN" "$top/root$RUN"
	exec chroot $top/root /bin/sh "$0" job "$RUN"
}

# User-Mode Linux: the host's files, read-only; only the run folder is writable.
prepare_uml() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	for each in /tmp /run /var/tmp /var/log /var/cache; do mount -t tmpfs tmpfs $each; done
	mkdir -p /dev/shm /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t debugfs debugfs /sys/kernel/debug
	show_them "" from_host
	from_host "$RUN"
}

# Modules come from the cache. The kernel's own requests do too: virtme linked /lib/modules there,
# User-Mode Linux is given a helper (it would not find one inside QEMU's chroot).
use_modules() {
	modules=$(cat "$RUN/modules")
	export MODPROBE_OPTIONS="-d $modules"
	[ $$ = 1 ] || return 0
	printf '#!/bin/sh\nexec /sbin/modprobe -d %s "$@"\n' "$modules" > /run/ippfvs-modprobe
	chmod +x /run/ippfvs-modprobe
	echo /run/ippfvs-modprobe > /proc/sys/kernel/modprobe
}

load() {
	[ -s "$RUN/module" ] || return 0
	module=$(cat "$RUN/module")
	needs=$(/sbin/modinfo -F depends "$module" | tr ',' ' ')
	[ -z "$needs" ] || /sbin/modprobe -a $needs || return 1
	/sbin/insmod "$module"
}

leaks=/sys/kernel/debug/kmemleak

# What stays reachable from nowhere after ippfvs is gone has leaked. An object is reported by the
# second scan that misses it.
find_leaks() {
	[ -e $leaks ] || return 0
	sleep 1
	if echo scan > $leaks && sleep 6 && echo scan > $leaks; then
		cat $leaks
	else
		echo "kmemleak cannot look for leaks"
	fi > "$RUN/leaks" 2>&1
}

job() {
	/sbin/ip link set lo up
	use_modules
	dmesg -n 5
	echo "ippfvs lab: the job begins" > /dev/kmsg
	stage load
	if load > "$RUN/load" 2>&1; then
		[ ! -e $leaks ] || echo clear > $leaks
		stage job
		/bin/sh "$RUN/job" > "$RUN/out" 2>&1 < /dev/null
		echo $? > "$RUN/rc"
		stage unload
		[ ! -d /sys/module/ippfvs ] || /sbin/rmmod ippfvs 2> "$RUN/unload"
		find_leaks
	fi
	dmesg > "$RUN/dmesg.part" && mv "$RUN/dmesg.part" "$RUN/dmesg"
	stage over
}

# UML hands kernel words that it does not know to init as environment and its own as arguments.
if [ $$ = 1 ]; then
	RUN=$ippfvs_run
	prepare_uml
	job
	echo o > /proc/sysrq-trigger
	sleep 60
fi
RUN=$2
case $1 in
prepare) prepare_qemu ;;
job) job ;;
esac
