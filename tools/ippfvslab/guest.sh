#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The first program of a guest. It mounts a fast root whose writable parts vanish with the guest, loads
# the module, runs the job of the run folder, and writes the results there for the host.
#
# usage: guest.sh prepare|job RUN      on User-Mode Linux the kernel command line has ippfvs_run=RUN
# RUN holds this script and the files modules, module, job, marker and needed (a list of the folders that
# the job needs). The results are the files state, rc, out, dmesg, leaks, load and unload.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
unset nr_open virtme_hostname 2>/dev/null || true

# Rename the file into place: if the host saw an empty file, it would believe that the guest is not up.
set_state() { echo "$1" > "$RUN/state.part" && mv "$RUN/state.part" "$RUN/state"; }

# A tmpfs may hide needed folders, such as a clone of the source in /tmp. Mount these folders again:
# mount_needed ROOT COMMAND… calls COMMAND… with each folder that is hidden below ROOT.
mount_needed() {
	root=$1
	shift
	while read -r each; do
		[ -d "$root$each" ] || { mkdir -p "$root$each" && "$@" "$each"; }
	done < "$RUN/needed"
}
from_lower() { mount --bind "$top/lower$1" "$top/root$1"; }
from_host() { mount -t hostfs -o "$1" none "$1"; }

# QEMU: mount the host's files again, with a cache, below a writable tmpfs. virtme's own mount has no
# cache and requests every byte from the host, which makes Python start four times slower. The cache is
# safe, because nobody changes these files during the run.
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
	mount_needed $top/root from_lower
	mkdir -p "$top/root$RUN" && mount --bind "$RUN" "$top/root$RUN"
	exec chroot $top/root /bin/sh "$0" job "$RUN"
}

# User-Mode Linux: the root is the host's files, read-only. Only the run folder is writable.
prepare_uml() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	for each in /tmp /run /var/tmp /var/log /var/cache; do mount -t tmpfs tmpfs $each; done
	mkdir -p /dev/shm /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t debugfs debugfs /sys/kernel/debug
	mount_needed "" from_host
	from_host "$RUN"
}

# Take modules from the cache, also for the kernel's own requests. virtme has linked /lib/modules to the
# cache. User-Mode Linux, where this script is process 1, gets a helper program.
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

# Memory that nothing references after ippfvs is removed has leaked. kmemleak reports an object after two
# scans that found no reference to it.
find_leaks() {
	[ -e $leaks ] || return 0
	sleep 1
	if echo scan > $leaks && sleep 6 && echo scan > $leaks; then
		cat $leaks
	else
		echo "kmemleak cannot scan for leaks"
	fi > "$RUN/leaks" 2>&1
}

job() {
	/sbin/ip link set lo up
	use_modules
	dmesg -n 5
	cat "$RUN/marker" > /dev/kmsg
	set_state load
	if load > "$RUN/load" 2>&1; then
		[ ! -e $leaks ] || echo clear > $leaks
		set_state job
		/bin/sh "$RUN/job" > "$RUN/out" 2>&1 < /dev/null
		echo $? > "$RUN/rc"
		set_state unload
		[ ! -d /sys/module/ippfvs ] || /sbin/rmmod ippfvs 2> "$RUN/unload"
		find_leaks
	fi
	dmesg > "$RUN/dmesg.part" && mv "$RUN/dmesg.part" "$RUN/dmesg"
	set_state over
}

# User-Mode Linux passes unknown options of the command line to init as environment variables.
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
