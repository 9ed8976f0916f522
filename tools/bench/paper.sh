# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# init defines what is used here
# The plan of part 2: the paper's microbenchmarks and file transfers, with
# fastsock off and on in turn, read by init.  From the kernel command line:
#   rounds=N links=veth,host tests=NAME,NAME... sizes=SIZE,SIZE...
# tests are those of bench, sizes the files that go by FTP.

words() {
	echo "$1" | tr , ' '
}

prepare_ftp() {
	mkdir -p /ftp/files /ftp/empty
	for size in $(words "$sizes"); do
		head -c "$size" /dev/zero > "/ftp/files/$size"
	done
	cat > /ftp/vsftpd.conf <<-END
	listen=NO
	anonymous_enable=YES
	local_enable=NO
	anon_root=/ftp/files
	secure_chroot_dir=/ftp/empty
	END
	for address in 10.9.0.2 127.0.0.1; do
		echo "$address:21 stream tcp nowait root /sbin/vsftpd vsftpd" \
			/ftp/vsftpd.conf > /ftp/inetd-$address
	done
}

carried() {
	in_ns client awk '$1 == "FskInBytes" { n = $2 } END { print n + 0 }' \
		/proc/net/fastsock_stat
}

# One session of an FTP client, which says at which rate each file came; the
# first transfer is not counted:  transfer SERVER-NETNS ADDRESS
transfer() {
	in_ns "$1" inetd -i "/ftp/inetd-$2" &
	inetd=$!
	usleep 300000
	total=1
	printf 'user ftp x@\nbinary\npreserve\nget 1 /dev/null\n' > /ftp/script
	for size in $(words "$sizes"); do
		total=$((total + size))
		echo "get $size /dev/null" >> /ftp/script
	done
	before=$(carried)
	in_ns client tnftp -n -v "$2" < /ftp/script > /ftp/output 2>&1
	fast=$(($(carried) - before))
	sed -n 's|^\([0-9]*\) bytes* received in .*(\([0-9.]* .*\)/s)|ftp:\1 \2|p' \
		/ftp/output
	grep -q '^[45][0-9][0-9] ' /ftp/output && cat /ftp/output
	case $((fast >= total))$((fast == 0)) in
	1?) echo "ftp-path fastsock" ;;
	01) echo "ftp-path tcp" ;;
	*) echo "ftp-path mixed" ;;
	esac
	kill $inetd
	wait $inetd
}

# Everything on one link: round LINK LABEL [SERVER-NETNS ADDRESS]
round() {
	link=$1
	echo "path $2"
	shift 2
	# shellcheck disable=SC2046	# one word for each test
	bench -b 1 "$link" any $(words "$tests") || fail "bench $link"
	[ $# -eq 0 ] || transfer "$@"
}

prepare_ftp
settle
round unix floor-host
round raw floor-veth
load_fastsock
i=0
while [ $i -lt "$rounds" ]; do
	i=$((i + 1))
	for mode in 0 1; do
		set_enable client $mode
		set_enable server $mode
		await_peers $mode
		settle
		for link in $(words "$links"); do
			case $link in
			veth) round veth "$mode-veth" server 10.9.0.2 ;;
			host) round host "$mode-host" client 127.0.0.1 ;;
			esac
		done
	done
done
